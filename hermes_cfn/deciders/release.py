"""Releases: whether a canary is good, and what to do when a rollout stopped.

Theory
------
*Canary.*  A canary and the instances on the old release answer the same traffic, so their
failures are compared as two proportions, on counts of whole periods, after at least
``periods`` of them and ``requests`` on the canary's side; with fewer the verdict is ``TOO_LITTLE``,
never good.  It is bad when its share of failures is above the others' by more than
``tolerance`` and the difference is more than chance: a one-sided two-proportion z test
(NIST/SEMATECH e-Handbook of Statistical Methods, 7.3.3) with z above ``z``.  Where the others tell of
too few requests, because their log is another, its share is held against ``tolerance`` alone (7.2.4).

*Going back.*  The schema is a matter of the whole way: a release may go back to another only when every release that
has changed the schema since that one ran last is marked compatible; otherwise the rollout holds where it is, the healthy
instances go on serving, and both choices are said.  A migration that does not tell the schema's number may have
changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt

from hermes_cfn.deciders.observed import Canary, Counts


@dataclass(frozen=True, slots=True)
class CanaryRules:
    """Periods in seconds; ``tolerance`` a share of requests; ``z`` standard deviations."""

    period_s: float = 60.0
    periods: int = 3
    requests: int = 300
    tolerance: float = 0.005
    z: float = 2.33


COMPARABLE = 0.1
"""Share of the requests that a canary needs which the others must have answered to be compared with."""

MOST_PERIODS = 9
"""Periods after which a canary with too little traffic is given up."""


class Verdict(StrEnum):
    """What the counts say of a canary."""

    BAKING = "baking"
    TOO_LITTLE = "too little traffic"
    GOOD = "good"
    BAD = "bad"


def _sum(counts: tuple[Counts, ...]) -> Counts:
    return Counts(sum(c.requests for c in counts), sum(c.errors for c in counts))


def judge(canary: Canary, rules: CanaryRules) -> tuple[Verdict, str]:
    """The verdict, and the counts that it rests on in words."""
    mine, theirs = _sum(canary.canary), _sum(canary.others)
    evidence = (
        f"{mine.errors} of {mine.requests} failed on the canary, {theirs.errors} of {theirs.requests} elsewhere, "
        f"{len(canary.canary)} of {rules.periods} periods"
    )
    if mine.requests and _worse(mine, theirs, rules):
        return Verdict.BAD, evidence
    if len(canary.canary) < rules.periods:
        return Verdict.BAKING, evidence
    if mine.requests < rules.requests:
        return Verdict.TOO_LITTLE, f"{evidence}; {rules.requests} requests are needed"
    return Verdict.GOOD, evidence


def _worse(mine: Counts, theirs: Counts, rules: CanaryRules) -> bool:
    share = mine.errors / mine.requests
    if theirs.requests < rules.requests * COMPARABLE:
        chance = sqrt(rules.tolerance * (1 - rules.tolerance) / mine.requests)
        return share - rules.tolerance > rules.z * chance
    usual = theirs.errors / theirs.requests
    if share - usual <= rules.tolerance:
        return False
    pooled = (mine.errors + theirs.errors) / (mine.requests + theirs.requests)
    spread = sqrt(pooled * (1 - pooled) * (1 / mine.requests + 1 / theirs.requests))
    return share - usual > rules.z * spread


class Aftermath(StrEnum):
    """What to do with a rollout that stopped."""

    ROLL_BACK = "roll back"
    HOLD = "hold"
    NOTHING = "nothing"


def aftermath(*, previous: str | None, goal: str, touched: bool, barred: bool) -> Aftermath:
    """What follows a stopped rollout.

    ``touched``: an instance left service or runs the goal; ``barred``: something bars the way to ``previous``.
    """
    if previous is None or previous == goal or barred:
        return Aftermath.HOLD if touched or barred else Aftermath.NOTHING
    return Aftermath.ROLL_BACK


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """A migration that ran: when (ISO time), of which release, between which schema numbers where it told them.

    ``changed`` is None where nobody knows; ``compatible``: the release before still runs on the new schema.
    """

    at: str
    release: str
    before: str | None
    after: str | None
    changed: bool | None
    compatible: bool


def schema_between(steps: Iterable[SchemaStep], ran_last: str, target: str) -> list[SchemaStep]:
    """The steps that bar the way back to ``target``, which ran last at ``ran_last`` (ISO time; "" is never)."""
    since = datetime.fromisoformat(ran_last) if ran_last else None
    return [
        step
        for step in sorted(steps, key=lambda step: datetime.fromisoformat(step.at))
        if step.release != target
        and step.changed is not False
        and not step.compatible
        and (since is None or datetime.fromisoformat(step.at) > since)
    ]
