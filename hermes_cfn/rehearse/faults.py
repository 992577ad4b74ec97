"""Faults: what happens, and at which line of the deployer's report it happens.

``NAME`` strikes when the update begins; ``NAME@WHEN`` when the deployer reports that point,
one of :data:`MOMENTS`; ``NAME@every`` is one update for each of them.  ``NAME=SECONDS`` says for how long what passes by
itself lasts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.local.options import OUTAGE_S

if TYPE_CHECKING:
    from hermes_cfn.rehearse.sandbox import Sandbox

KILL_EVERYWHERE = "kill-everywhere"
DEPLOYER_DIES = "deployer-dies"
EVERY = "every"
FIRST_BAD = "first-release-bad"
BARRED = "way-back-barred"

KINDS: dict[str, str] = {
    "instance-dies": "the instance ends as if its host had failed",
    "boots-slowly": "the new release answers only after 20 s of service time",
    "never-boots": "the new release never answers",
    "turns-unhealthy": "the new release answers, and fails its health check 15 s of service time later",
    "ends-by-itself": "the new release answers, and ends with 0 after 30 s of service time, again and again",
    "idle-short": "the new release closes a connection on which nobody asks after 5 s of service time",
    FIRST_BAD: "the very first release crashed, and the update is the good one after it",
    BARRED: "the new release never answers, and the image of the release before is deleted in the registry",
    "password-rotated": "the provider changes the database's password, and nobody has set the secret",
    "image-gone": "the image that the update goes to is deleted in the registry",
    "secret-gone": "a secret that every release names is deleted",
    "registry-throttles": "pulling an image is refused for 40 s of service time",
    "registry-times-out": "pulling an image ends in a timeout for 40 s of service time",
    "ssm-throttles": "Systems Manager answers ThrottlingException for 40 s of service time",
    "ssm-times-out": "three calls of Systems Manager are carried out, and answer nothing after 20 s of service time",
    "answer-lost": "of each kind of call that changes something one is carried out, CloudFormation's too, and its answer does not arrive",
    "zone-gone": "every instance of one zone ends, and none can be launched there",
    "disk-full": "no image can be unpacked on the instance",
    "migration-fails": "the migration command ends with 1",
    "database-gone": "the external database refuses connections",
    "database-outage": "the external database is gone for ten minutes, and /health depends on it",
    "database-slow": "each exchange with the database takes a second longer",
    "database-far": "each exchange with the database takes 200 ms",
    "database-full": "the database has no connection left",
    DEPLOYER_DIES: "the deployer is killed, and run again (never with --never-again)",
}

MOMENTS: dict[str, str] = {
    "begin": "",
    "prepared": "prepare (",
    "leaving": "leaves the load balancer",
    "deploying": "deploy (",
    "back": "goes back in service",
}
"""Moment -> what the deployer's report says then."""

LASTING = frozenset({"registry-throttles", "registry-times-out", "ssm-throttles", "database-outage"})
"""Faults that pass by themselves, after as many seconds of service time as are asked for."""

BY_CALLS = frozenset({"image-gone", "secret-gone", BARRED})
"""Faults that somebody with credentials makes, whom no cloud is needed for."""

BARS_BACK = BY_CALLS | {"password-rotated"}
"""Faults after which there may be no way back."""

DEADLY = frozenset({"instance-dies", "zone-gone"})
"""Faults that end instances."""

OWN_HARM = frozenset({"ends-by-itself", "idle-short"})
"""Faults by which a release fails requests of its own, wherever it serves; they are excused, and counted."""

OUTAGES: dict[str, float] = {"database-outage": OUTAGE_S}
"""Faults that pass by themselves and take what needs them away: seconds of service time.

Meanwhile the load asks for pages that need the database, too, and only those are excused.
Nothing but these, :data:`OWN_HARM` and :data:`DEADLY` excuses a failed request.
"""

ENDS_NOBODY = frozenset(kind for kind in KINDS if kind.startswith("database-"))
"""Faults for which no instance may be ended: what is wrong is elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its moment."""

    kind: str
    moment: str = "begin"
    lasts_s: float | None = None

    def __str__(self) -> str:
        lasts = "" if self.lasts_s is None else f"={self.lasts_s:g}"
        return f"{self.kind}{lasts}@{self.moment}"

    def due(self, line: str) -> bool:
        """Whether the deployer's line is this fault's moment."""
        wanted = MOMENTS[self.moment]
        return not wanted or wanted in line.lower()

    def strike(self, sandbox: Sandbox, line: str, release: str, before: str = "") -> bool:
        """Make it happen, on the instance that the line speaks of where there is one, to the new ``release`` or the one before.

        True when it is the deployer that has to die.
        """
        if self.kind == DEPLOYER_DIES:
            return True
        if self.kind == "image-gone":
            sandbox.delete_image(release)
        elif self.kind == "secret-gone":
            sandbox.delete_secret()
        elif self.kind == BARRED:
            sandbox.fault("never-boots", release=release)
            sandbox.delete_image(before)
        elif self.kind != FIRST_BAD:  # that one has struck already, when the fresh cloud was deployed
            sandbox.fault(self.kind, _instance(line), release, self.lasts_s)
        return False


def _instance(line: str) -> str:
    try:
        return str(json.loads(line).get("instance_id", ""))
    except ValueError:
        return ""


def parse(text: str) -> Fault:
    """A fault from ``NAME`` or ``NAME@WHEN``.  Raises HermesError ``fault-unknown``."""
    said, _, moment = text.partition("@")
    kind, lasts, seconds = said.partition("=")
    moment = moment or "begin"
    for what, given, known in (("fault", kind, KINDS), ("moment", moment, (*MOMENTS, EVERY))):
        if given not in known:
            raise HermesError(
                Finding("fault-unknown", "--fault", f"there is no {what} {given!r}", next=f"one of {', '.join(known)}"),
                exit_code=ExitCode.USAGE,
            )
    if not lasts:
        return Fault(kind, moment)
    if kind not in LASTING or not seconds.isdigit() or not 1 <= int(seconds) <= 3600:
        raise HermesError(
            Finding(
                "fault-unknown",
                "--fault",
                f"{said!r}: {kind} lasts for no number of seconds that is said so",
                next=f"one of {', '.join(sorted(LASTING))}, and 1 to 3600 seconds: registry-throttles=300@prepared",
            ),
            exit_code=ExitCode.USAGE,
        )
    return Fault(kind, moment, float(seconds))


def steps(text: str) -> tuple[int, int] | None:
    """The first and the last step of ``kill-everywhere@FIRST-LAST``; None without.  Raises HermesError ``fault-unknown``."""
    _, given, wanted = text.partition("@")
    if not given:
        return None
    first, _, last = wanted.partition("-")
    if first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    raise HermesError(
        Finding("fault-unknown", "--fault", f"{wanted!r} are no steps", next=f"{KILL_EVERYWHERE}@1-14"),
        exit_code=ExitCode.USAGE,
    )


def turns(faults: tuple[Fault, ...]) -> list[tuple[Fault, ...]]:
    """The faults of each update: one, or one a moment when a fault comes at every moment."""
    if not any(fault.moment == EVERY for fault in faults):
        return [faults]
    return [tuple(replace(f, moment=moment) if f.moment == EVERY else f for f in faults) for moment in MOMENTS]


def listing() -> Iterator[tuple[str, str]]:
    """Name and meaning of every fault and moment."""
    yield from KINDS.items()
    yield KILL_EVERYWHERE, "the update again and again, the deployer killed at each step in turn"
    yield f"{KILL_EVERYWHERE}@FIRST-LAST", "at these steps alone"
    for moment, said in MOMENTS.items():
        yield f"…@{moment}", f"when the deployer reports {said!r}" if said else "as soon as the update begins (default)"
    yield "…=SECONDS", f"for so long: {', '.join(sorted(LASTING))}"
    yield f"…@{EVERY}", "one update for each of these moments"
