"""Faults: what happens, and at which line of the deployer's report it happens.

``NAME`` strikes when the update begins; ``NAME@WHEN`` when the deployer reports that point,
one of :data:`MOMENTS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hermes_cfn.errors import ExitCode, Finding, HermesError

if TYPE_CHECKING:
    from hermes_cfn.rehearse.sandbox import Sandbox

KILL_EVERYWHERE = "kill-everywhere"

KINDS: dict[str, str] = {
    "instance-dies": "the instance ends as if its host had failed",
    "boots-slowly": "new containers answer only after 20 s of service time",
    "never-boots": "new containers never answer",
    "turns-unhealthy": "new containers answer, and fail their health check 15 s of service time later",
    "registry-throttles": "pulling an image is refused for a while",
    "ssm-throttles": "Systems Manager answers ThrottlingException for a while",
    "answer-lost": "one call is carried out and its answer does not arrive",
    "zone-gone": "every instance of one zone ends, and none can be launched there",
    "disk-full": "no image can be unpacked on the instance",
    "migration-fails": "the migration command ends with 1",
    "database-gone": "the external database refuses connections",
    "database-slow": "each exchange with the database takes a second longer",
    "database-full": "the database has no connection left",
    "deployer-dies": "the deployer is killed, and run again",
}

MOMENTS: dict[str, str] = {
    "begin": "",
    "prepared": "prepare",
    "leaving": "standby",
    "deploying": "deploy",
    "back": "back in service",
}
"""Moment -> what the deployer's report says then."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its moment."""

    kind: str
    moment: str = "begin"

    def __str__(self) -> str:
        return f"{self.kind}@{self.moment}"

    def due(self, line: str) -> bool:
        """Whether the deployer's line is this fault's moment."""
        wanted = MOMENTS[self.moment]
        return not wanted or wanted in line.lower()

    def strike(self, sandbox: Sandbox, line: str) -> None:
        """Make it happen, on the instance that the line speaks of where there is one."""
        sandbox.fault(self.kind, _instance(line))


def _instance(line: str) -> str:
    try:
        return str(json.loads(line).get("instance_id", ""))
    except ValueError:
        return ""


def parse(text: str) -> Fault:
    """A fault from ``NAME`` or ``NAME@WHEN``.  Raises HermesError ``fault-unknown``."""
    kind, _, moment = text.partition("@")
    moment = moment or "begin"
    for what, given, known in (("fault", kind, KINDS), ("moment", moment, MOMENTS)):
        if given not in known:
            raise HermesError(
                Finding("fault-unknown", "--fault", f"there is no {what} {given!r}", next=f"one of {', '.join(known)}"),
                exit_code=ExitCode.USAGE,
            )
    return Fault(kind, moment)


def listing() -> Iterator[tuple[str, str]]:
    """Name and meaning of every fault and moment."""
    yield from KINDS.items()
    yield KILL_EVERYWHERE, "the update again and again, the deployer killed at each step in turn"
    for moment, said in MOMENTS.items():
        yield f"…@{moment}", f"when the deployer reports {said!r}" if said else "as soon as the update begins (default)"
