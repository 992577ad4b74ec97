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

*Going back.*  A release that has migrated the database goes back by itself only when it is
marked compatible with the previous one; otherwise the rollout holds where it is, the healthy
instances go on serving, and both choices are said.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def aftermath(*, previous: str | None, goal: str, touched: bool, migrated: bool, compatible: bool) -> Aftermath:
    """What follows a stopped rollout.

    ``touched``: an instance left service or runs the goal; ``migrated``: this release has
    changed the schema; ``compatible``: it is marked so that the previous one still runs on it.
    """
    if migrated and not compatible:
        return Aftermath.HOLD
    if previous is None or previous == goal:
        return Aftermath.HOLD if touched else Aftermath.NOTHING
    return Aftermath.ROLL_BACK
