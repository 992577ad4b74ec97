"""What another deployment, or another team, has made: looked up anew whenever it is needed."""

from __future__ import annotations

from hermes_cfn.deployment import FromLookup, FromSetting, Source
from hermes_cfn.errors import Advice, ExitCode, Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext

LOOKUPS = frozenset({"output", "balancer"})


def resolve(context: DeployContext, source: FromLookup) -> str:
    """The value.  Raises HermesError ``shared-missing`` where there is none."""
    if source.lookup == "output":
        stack, _, name = source.argument.partition(":")
        value = context.clients.cloudformation(context.region).observe(stack).outputs.get(name, "")
        next_: str | Advice = hermes("deploy") + " of the environment that is shared, first"
    else:
        listener, _, wanted = source.argument.partition(" ")
        value = context.clients.elb.of_listener(listener).get(wanted, "")
        next_ = "the ARN of an HTTPS listener of this account and region in ingress.listener_arn"
    if not value:
        raise HermesError(
            Finding("shared-missing", source.argument, "there is nothing of that name to share", next=next_),
            exit_code=ExitCode.REFUSED,
        )
    return value


def found(context: DeployContext, source: Source) -> str:
    """What a source of that kind says now; empty where nobody knows it."""
    match source:
        case FromSetting(value):
            return value
        case FromLookup(lookup, _) if lookup in LOOKUPS:
            try:
                return resolve(context, source)
            except HermesError:
                return ""
    return ""
