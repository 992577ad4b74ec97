"""The instances that a story may speak to."""

from __future__ import annotations

from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.flows.fleet import group, not_deployed
from hermes_cfn.flows.ground import Ground


def members(ground: Ground) -> tuple[str, ...]:
    """Ids of the group's instances but those that are ending.

    Raises HermesError ``service-missing`` or ``fleet-empty``.
    """
    seen = group(ground)
    if seen is None:
        raise not_deployed(ground)
    staying = tuple(member.id for member in seen.members if member.lifecycle is not Lifecycle.GONE)
    if not staying:
        raise HermesError(
            Finding("fleet-empty", ground.names.auto_scaling_group, "has no instance", next="hermes-cfn wake"),
            exit_code=ExitCode.REFUSED,
        )
    return staying


def one(ground: Ground, given: str | None) -> str:
    """``given`` if it is a member, the first member if nothing is given.

    Raises HermesError ``instance-unknown``.
    """
    ids = members(ground)
    if given is None:
        return ids[0]
    if given not in ids:
        raise HermesError(
            Finding(
                "instance-unknown",
                given,
                f"is no instance of {ground.names.auto_scaling_group}",
                next=f"one of {', '.join(ids)}",
            ),
            exit_code=ExitCode.USAGE,
        )
    return given
