"""The instances that a story may speak to."""

from __future__ import annotations

from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet.observer import group, not_deployed


def members(context: DeployContext) -> tuple[str, ...]:
    """Ids of the group's instances but those that are ending.

    Raises HermesError ``service-missing`` or ``fleet-empty``.
    """
    seen = group(context)
    if seen is None:
        raise not_deployed(context)
    staying = tuple(member.id for member in seen.members if member.lifecycle is not Lifecycle.GONE)
    if not staying:
        raise HermesError(
            Finding("fleet-empty", context.names.auto_scaling_group, "has no instance", next=hermes("wake")),
            exit_code=ExitCode.REFUSED,
        )
    return staying


def one(context: DeployContext, given: str | None) -> str:
    """``given`` if it is a member, the first member if nothing is given.

    Raises HermesError ``instance-unknown``.
    """
    ids = members(context)
    if given is None:
        return ids[0]
    if given not in ids:
        raise HermesError(
            Finding(
                "instance-unknown",
                given,
                f"is no instance of {context.names.auto_scaling_group}",
                next=f"one of {', '.join(ids)}",
            ),
            exit_code=ExitCode.USAGE,
        )
    return given
