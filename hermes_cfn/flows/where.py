"""Where a story acts: the doors, the names that it uses, and what should be there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hermes_cfn.aws.session import Doors
from hermes_cfn.config import Settings
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.names import Names


@dataclass(frozen=True, slots=True)
class Where:
    """One environment of one application, and the way to it."""

    doors: Doors
    names: Names
    settings: Settings
    deployment: Deployment

    @property
    def now(self) -> datetime:
        """Service time."""
        return self.doors.now()

    def members(self) -> tuple[str, ...]:
        """Ids of the group's instances that can be spoken to.  Raises HermesError ``fleet-empty``."""
        seen = self.doors.auto_scaling.observe(self.names.auto_scaling_group)
        ids = tuple(member.id for member in seen.members) if seen else ()
        if not ids:
            raise HermesError(
                Finding(
                    "fleet-empty",
                    self.names.auto_scaling_group,
                    "has no instance" if seen else "there is no such Auto Scaling group",
                    next="hermes-cfn wake" if seen else "hermes-cfn deploy",
                ),
                exit_code=ExitCode.REFUSED,
            )
        return ids

    def instance(self, given: str | None) -> str:
        """``given`` if it is a member, the first member if nothing is given.

        Raises HermesError ``instance-unknown``.
        """
        ids = self.members()
        if given is None:
            return ids[0]
        if given not in ids:
            raise HermesError(
                Finding(
                    "instance-unknown",
                    given,
                    f"is no instance of {self.names.auto_scaling_group}",
                    next=f"one of {', '.join(ids)}",
                ),
                exit_code=ExitCode.USAGE,
            )
        return given
