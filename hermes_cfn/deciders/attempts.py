"""What became of each release: one record for each attempt, and the four figures of DORA from them.

Source: dora.dev, "DORA's software delivery performance metrics": deployment frequency, lead time for changes, change
failure rate, failed deployment recovery time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import Any


class Outcome(StrEnum):
    """How an attempt ended."""

    STABLE = "stable"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    PAUSED = "paused"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rollout of a release.

    ``start`` and ``end`` are service times, ``end`` None while it is open; ``restored_by`` is the release to which a
    failed one went back.  ``digest`` is the image's.
    """

    release: str
    by: str
    commit: str
    digest: str
    start: datetime
    end: datetime | None
    outcome: Outcome
    restored_by: str = ""
    back: bool = False
    """Whether it is the way back to a release that had run before."""

    @property
    def failed(self) -> bool:
        return self.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK)

    def as_dict(self) -> dict[str, Any]:
        """As JSON carries it: ISO times, seconds."""
        return {
            "release": self.release,
            "by": self.by,
            "commit": self.commit,
            "digest": self.digest,
            "start": self.start.isoformat(),
            "end": self.end.isoformat() if self.end else None,
            "seconds": (self.end - self.start).total_seconds() if self.end else None,
            "outcome": self.outcome.value,
            "rolled_back_to": self.restored_by or None,
            "way_back": self.back,
        }


ENDS: Mapping[str, Outcome] = {
    "stable": Outcome.STABLE,
    "failed": Outcome.FAILED,
    "rolled back": Outcome.ROLLED_BACK,
    "paused": Outcome.PAUSED,
}
"""Line of a release's history -> how the attempt ended by it."""
STARTS: Mapping[str, bool] = {"requested": False, "going back to it": True}
"""Line that begins an attempt -> whether it is a way back."""


def of_history(
    release: str, by: str, commit: str, image: str, history: Iterable[Mapping[str, Any]]
) -> tuple[Attempt, ...]:
    """The attempts in one release's history, oldest first; lines of other kinds say nothing of how it ended."""
    found: list[Attempt] = []
    digest = image.partition("@")[2]
    for line in history:
        what, at = str(line.get("what")), datetime.fromisoformat(str(line["at"]))
        detail = str(line.get("detail") or "")
        if what in STARTS:
            back = STARTS[what]
            who = detail or by if not back else by
            if found and found[-1].outcome is Outcome.OPEN and found[-1].back == back:
                continue  # the same attempt, taken up again
            found.append(Attempt(release, who, commit, digest, at, None, Outcome.OPEN, back=back))
        elif what in ENDS and found:
            last = found[-1]
            if last.outcome in (Outcome.STABLE, Outcome.ROLLED_BACK):
                continue
            to = detail if ENDS[what] is Outcome.ROLLED_BACK else last.restored_by
            found[-1] = Attempt(
                last.release, last.by, last.commit, last.digest, last.start, at, ENDS[what], to, last.back
            )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Dora:
    """The four figures from ``since`` on.

    ``a_day`` counts releases that became stable; ``lead_s`` is the median from commit to stable where the commit's time is
    known, ``rollout_s`` that from the request on; ``failure_rate`` a share of the attempts that ended; ``restore_s`` the
    median from the start of a failed attempt to the next stable one.  None where nothing tells it.
    """

    since: datetime
    until: datetime
    attempts: int
    a_day: float
    lead_s: float | None
    rollout_s: float | None
    failure_rate: float | None
    restore_s: float | None


def dora(
    attempts: Sequence[Attempt], since: datetime, until: datetime, committed: Mapping[str, datetime] | None = None
) -> Dora:
    """The figures of what began between two times.  ``committed`` has the times of commits that are known."""
    ordered = sorted(attempts, key=lambda one: one.start)
    here = [one for one in ordered if since <= one.start <= until]
    forward = [one for one in here if not one.back]
    ended = [one for one in forward if one.outcome is Outcome.STABLE or one.failed]
    stable = [one for one in forward if one.outcome is Outcome.STABLE and one.end]
    lead = [
        (one.end - committed[one.commit]).total_seconds()
        for one in stable
        if committed and one.commit in committed and one.end
    ]
    rollout = [(one.end - one.start).total_seconds() for one in stable if one.end]
    restore = []
    for one in ended:
        if not one.failed:
            continue
        known = [
            other.end for other in ordered if other.outcome is Outcome.STABLE and other.end and other.end >= one.start
        ]
        if one.outcome is Outcome.ROLLED_BACK and one.end:
            known.append(one.end)
        if known:
            restore.append((min(known) - one.start).total_seconds())
    days = max((until - since).total_seconds() / 86_400, 1e-9)
    return Dora(
        since,
        until,
        len(here),
        len(stable) / days,
        median(lead) if lead else None,
        median(rollout) if rollout else None,
        sum(one.failed for one in ended) / len(ended) if ended else None,
        median(restore) if restore else None,
    )
