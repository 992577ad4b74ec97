"""What a rehearsal has shown, as data and as a screen of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hermes_cfn.errors import ExitCode
from hermes_cfn.rehearse.tally import Second, Tally, Window
from hermes_cfn.units import duration

AT_GOAL = "at the goal"
ROLLED_BACK = "rolled back"
UNTOUCHED = "refused before any instance was touched"
HELD = "held where it was, the way back barred, every instance in service"
RESTORED = "deployer killed for good, every instance back in service"
NOT_CONVERGED = "NOT converged"

BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rehearsal.  Times are real seconds, counted from the beginning of the load.

    ``lower_bound_s`` is what the update takes physically: drain, stop, start and health checks of
    each batch.  ``unexcused`` are failures that no fault explains: outside of the time in which the
    load balancer must notice an instance that a fault has ended.  ``floor``: instances that the
    strategy keeps in service; none means that it interrupts, for ``planned_s`` by the plan's formula.
    ``killed_at``: the line of its report at which the
    deployer was killed.  ``first_unexcused``: some of them, as appointed second, latency, kind and outcome; ``missed``: faults
    whose moment did not come.  ``ended``: instances that the group has no more, beside a surge's surplus; ``spared``: the faults are no reason to end any.
    ``back_s``: from the end of an outage to the first good answer of what needs the database, which
    must not take longer than one health check, ``check_s``; None without an outage or an answer.
    ``begun_s`` and ``ended_s``: the update's; ``seconds``: the load second by second; ``spoken``: what the deployer told, and when.
    """

    seed: int
    faults: tuple[str, ...]
    sent: int
    failed: int
    failed_by_reason: Mapping[str, int]
    unexcused: int
    reconnected: int
    interruption_s: float
    planned_s: float
    duration_s: float
    lower_bound_s: float
    floor: int
    ends: str
    release: str
    exit_code: int
    runs: int
    steps: int
    before: Window
    during: Window
    after: Window
    killed_at: int | None = None
    missed: tuple[str, ...] = ()
    first_unexcused: Sequence[tuple[float, float, str, str]] = ()
    ended: int = 0
    spared: bool = False
    back_s: float | None = None
    check_s: float = 0.0
    capacity: Sequence[tuple[float, int]] = ()
    time_line: Mapping[str, Sequence[tuple[float, str]]] = field(default_factory=dict)
    told: Sequence[str] = ()
    begun_s: float = 0.0
    ended_s: float = 0.0
    seconds: Sequence[Second] = ()
    spoken: Sequence[tuple[float, str]] = ()

    @property
    def converged(self) -> bool:
        """The whole fleet serves one release, and it is the one that the deployer spoke of."""
        return self.ends != NOT_CONVERGED

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "converged": self.converged}


def ends(exit_code: int, whole: bool, one: bool, at_goal: bool, barred: bool = False, held: bool = False) -> str:
    """How an update ended; ``whole``: every instance serves; ``one``: a single release answers; ``barred``: there may be no
    way back, so that two releases may serve; ``held``: the deployer said that it holds what serves."""
    if whole and exit_code < 0:
        return RESTORED
    if whole and barred and exit_code == ExitCode.FAILED and (held or not one):
        return HELD
    if not (whole and one) or at_goal != (exit_code == ExitCode.OK):
        return NOT_CONVERGED
    return AT_GOAL if at_goal else ROLLED_BACK if exit_code == ExitCode.ROLLED_BACK else UNTOUCHED


def good(verdict: Verdict) -> bool:
    """Nothing was lost that no fault explains, and without a fault the update reached its goal.

    With no other instance in service an interruption is no surprise, and :attr:`Verdict.floor` says so.
    """
    lost = verdict.unexcused and verdict.floor > 0
    if (verdict.spared and verdict.ended) or (verdict.back_s is not None and verdict.back_s > verdict.check_s):
        return False
    return verdict.converged and not lost and (bool(verdict.faults) or verdict.ends in (AT_GOAL, RESTORED))


def final_release(tally: Tally, since: float) -> tuple[bool, str]:
    """Whether all good answers since an epoch second come from one release, and which (the most frequent)."""
    answers: dict[str, int] = {}
    for at, _, _, outcome, release in tally.samples:
        if at >= since and outcome == "ok":
            answers[release] = answers.get(release, 0) + 1
    if not answers:
        return False, ""
    return len(answers) == 1, max(answers, key=lambda name: answers[name])


def picture(capacity: Sequence[tuple[float, int]], until: float, width: int = 60) -> str:
    """Serving instances over time as a row of blocks."""
    if not capacity:
        return ""
    begin, most = capacity[0][0], max(1, max(count for _, count in capacity))
    cells = []
    for column in range(width):
        at = begin + (until - begin) * column / width
        count = next((rows for when, rows in reversed(capacity) if when <= at), capacity[0][1])
        cells.append(BLOCKS[round(count / most * (len(BLOCKS) - 1))])
    return "".join(cells)


def screen(verdict: Verdict) -> Iterator[str]:
    """The verdict as lines of text."""
    yield f"requests       {verdict.sent} sent, {verdict.failed} failed, {verdict.reconnected} WebSockets reconnected"
    for reason, count in verdict.failed_by_reason.items():
        yield f"               {count} x {reason}"
    planned = f", planned {duration(verdict.planned_s)}" if verdict.planned_s else ""
    yield f"interruption   {duration(verdict.interruption_s)}{planned}"
    for name, window in (("before", verdict.before), ("during", verdict.during), ("after", verdict.after)):
        yield (
            f"{name:<14} p50 {window.p50_s * 1000:.1f} ms, p99 {window.p99_s * 1000:.1f} ms, "
            f"max {window.max_s * 1000:.1f} ms ({window.sent} requests)"
        )
    bound = f", lower bound {duration(verdict.lower_bound_s)}" if verdict.lower_bound_s else ""
    yield f"update took    {duration(verdict.duration_s)}{bound}"
    if verdict.capacity:
        yield f"capacity       {picture(verdict.capacity, verdict.capacity[-1][0] + 1)}"
    for instance, line in verdict.time_line.items():
        yield f"{instance}"
        for at, stands in line:
            yield f"  {at:6.1f} s  {stands}"
    if verdict.faults:
        yield f"faults         {', '.join(verdict.faults)}; {verdict.unexcused} failed requests that they do not explain"
    if verdict.ended:
        yield f"ended          {verdict.ended} instances{', for which there is no reason' if verdict.spared else ''}"
    if verdict.back_s is not None:
        yield f"outage         over for {duration(verdict.back_s)} when the first page that needs it was answered"
    if verdict.missed:
        yield f"missed         {', '.join(verdict.missed)}: that moment did not come"
    again = f" after {verdict.runs} runs" if verdict.runs > 1 else ""
    yield f"{verdict.ends}, on {verdict.release or 'nothing'}{again}, exit code {verdict.exit_code}, seed {verdict.seed}"
