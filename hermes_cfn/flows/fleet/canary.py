"""A canary under real traffic: its counts and the others', period by period.

The load balancer has no metrics per target, so each instance counts what its own container logged
within the last period (the diagnose document); both sides are asked at the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hermes_cfn.deciders.observed import Canary, Counts, Fleet, Instance, Progress
from hermes_cfn.deciders.release import MOST_PERIODS
from hermes_cfn.deciders.view import RolloutTarget
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.fleet import diagnosis

OTHERS = 5
"""Instances on the old release that are asked at most: enough to compare with, few calls in a large fleet."""


@dataclass
class Baking:
    """Counts the periods of a canary since it was whole; a deployer that is run again counts anew."""

    context: DeployContext
    held: LeaseHolder
    counted: Canary = field(default_factory=Canary)
    _since: datetime | None = None

    def look(self, fleet: Fleet, want: RolloutTarget) -> Fleet:
        """The fleet with what its canary has answered until now."""
        strategy = want.strategy
        members = [i for i in fleet.instances if i.member]
        done = [i for i in members if i.release == want.release and i.up and not i.armed]
        others = [i for i in members if i.release != want.release and i.up]
        if want.back or not 0 < strategy.canary <= len(done) or not others or len(self.counted.canary) >= MOST_PERIODS:
            return replace(fleet, canary=self.counted)
        self._since = self._since or fleet.now
        if (fleet.now - self._since).total_seconds() >= strategy.rules.period_s:
            self._since = fleet.now
            mine, theirs = self._counts(done), self._counts(others[:OTHERS])
            self.counted = Canary((*self.counted.canary, mine), (*self.counted.others, theirs))
        return replace(fleet, canary=self.counted)

    def _counts(self, instances: Sequence[Instance]) -> Counts:
        """What these answered within the last period; one that says nothing counts for nothing."""
        answered = failed = 0
        told = diagnosis.several(self.context, self.held, [i.id for i in instances])
        for progress, out, _ in told.values():
            said = diagnosis.last_line(out).get("requests") if progress is Progress.OK else None
            if isinstance(said, dict):
                answered, failed = answered + said["answered"], failed + said["failed"]
        return Counts(answered, failed)
