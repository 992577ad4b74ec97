"""``maintenance``: the load balancer's own page, on and off, without a release and without what else the file says.

The switch is a parameter of the service stack, and the page's rules have it as their condition: nothing drifts, ``plan`` knows it,
and a deployment leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hermes_cfn.deployment import FromSetting, StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.stacks.deployer import COMMIT, StackDeployer
from hermes_cfn.names import MAINTENANCE

ON, OFF = "on", "off"


def now(context: DeployContext) -> str:
    """``on`` or ``off``, as deployed; nothing where the deployed stack has no such page."""
    spec = context.deployment.stack("service")
    return context.clients.cloudformation(spec.region).observe(spec.name).parameters.get(MAINTENANCE, "")


def turn(context: DeployContext, wanted: str) -> Story[None]:
    """Moves the switch of what is deployed.

    Raises HermesError ``maintenance-missing`` where no page is deployed.
    """
    with LeaseHolder(context, f"maintenance {wanted}") as held:
        spec, commit, before = _deployed(context)
        yield StageStarted(context.now, "maintenance", f"{before} → {wanted}")
        if before != wanted:
            moved = replace(spec, parameters={**spec.parameters, MAINTENANCE: FromSetting(wanted)})
            yield from StackDeployer(replace(context, commit=commit), [moved], role=context.names.service_role_arn).run(
                held.guard
            )
        yield StageEnded(context.now, "maintenance", wanted)


def _deployed(context: DeployContext) -> tuple[StackSpec, str, str]:
    """The service stack as it is deployed, the commit it came from, and how the switch stands."""
    spec = context.deployment.stack("service")
    door = context.clients.cloudformation(spec.region)
    seen, template = door.observe(spec.name), door.template(spec.name)
    if not isinstance(template, Mapping) or MAINTENANCE not in seen.parameters:
        raise HermesError(
            Finding(
                "maintenance-missing",
                spec.name,
                "the stack that is deployed has no maintenance page",
                next=(
                    "[ingress] maintenance = true in hermes.toml, then "
                    + hermes("deploy")
                    + ": the page waits from then on"
                ),
            ),
            exit_code=ExitCode.REFUSED,
        )
    tags = {key: value for key, value in seen.tags.items() if key != COMMIT}
    same = replace(
        spec,
        template=template,
        parameters={name: FromSetting(value) for name, value in seen.parameters.items()},
        tags=tags,
        follows=(),
        gates=(),
    )
    return same, seen.tags.get(COMMIT, ""), seen.parameters[MAINTENANCE]
