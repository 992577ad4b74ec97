"""The rolling update of an Auto Scaling group, as its UpdatePolicy asks for it.

AWS CloudFormation template reference, ``aws-attribute-updatepolicy``, "AutoScalingRollingUpdate":
instances that do not fit the new template are terminated in batches of MaxBatchSize, keeping
MinInstancesInService, for which the group is enlarged meanwhile; after each batch CloudFormation
waits for PauseTime, or for a signal of each new instance within PauseTime.  It does not look at
target health.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hermes_cfn.local.providers.base import Failure, boolean, whole

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


@dataclass(frozen=True)
class Policy:
    """``pause_s`` in seconds of service time; ``percent`` of the new instances must signal success."""

    batch: int = 1
    minimum: int = 0
    percent: float = 100.0
    pause_s: float = 0.0
    signals: bool = False
    suspend: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Policy:
        """Raises Failure for what CloudFormation does not know, and for a PauseTime above an hour."""
        known = {"MaxBatchSize", "MinInstancesInService", "MinSuccessfulInstancesPercent", "PauseTime",
                 "SuspendProcesses", "WaitOnResourceSignals", "MinActiveInstancesPercent"}  # fmt: skip
        for name in sorted(set(given) - known):
            raise Failure(f"Encountered unsupported property {name} in AutoScalingRollingUpdate")
        if "MinActiveInstancesPercent" in given:
            raise Failure("The embedded cloud does not support MinActiveInstancesPercent of a rolling update")
        waits = boolean(given.get("WaitOnResourceSignals", False))
        text = str(given.get("PauseTime", "PT5M" if waits else "PT0S"))
        match = _DURATION.fullmatch(text)
        hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (2, 0, 0)
        pause_s = 3600 * hours + 60 * minutes + seconds
        if pause_s > 3600:
            raise Failure(f"PauseTime {text} must be an ISO 8601 duration of at most one hour, such as PT5M")
        return cls(
            whole(given.get("MaxBatchSize", 1)), whole(given.get("MinInstancesInService", 0)),
            float(given.get("MinSuccessfulInstancesPercent", 100)), pause_s, waits,
            tuple(given.get("SuspendProcesses") or ()),
        )  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A group as it is: instance to lifecycle state, those that do not fit, and its sizes."""

    instances: Mapping[str, str]
    stale: frozenset[str]
    minimum: int
    maximum: int
    desired: int
    signals: Mapping[str, str]
    now: datetime


@dataclass
class Rolling:
    """One rolling update; ``sizes`` are minimum and desired capacity to which it returns.

    ``heard`` are the signals, ``known`` the instances that were there before it.
    """

    policy: Policy
    sizes: tuple[int, int]
    heard: frozenset[str]
    known: frozenset[str] = frozenset()
    waiting: dict[str, datetime] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    total: int = 0

    def room(self, seen: Seen) -> int:
        """The desired capacity that leaves room for a batch beside the minimum in service.

        Raises Failure when there is none.
        """
        if self.policy.minimum >= seen.maximum:
            raise Failure("MinInstancesInService must be less than the autoscaling group's MaxSize")
        self.total = self.total or len(seen.stale)
        batch = min(self.policy.batch, len(seen.stale))
        return max(seen.desired, min(seen.maximum, self.policy.minimum + batch))

    def next(self, seen: Seen) -> list[str] | None:
        """The instances to terminate now; empty for waiting, None when everything fits and is confirmed.

        Raises Failure when too few of the new instances signal success in time.
        """
        self._listen(seen)
        serving = [name for name, state in seen.instances.items() if state == "InService"]
        if self.waiting or len(serving) < seen.desired:
            return []
        stale = [name for name in serving if name in seen.stale]
        if not stale:
            return None if not seen.stale & set(seen.instances) else []
        return stale[: max(0, min(self.policy.batch, len(serving) - self.policy.minimum))]

    def _listen(self, seen: Seen) -> None:
        for name, state in seen.instances.items():
            fresh = name not in seen.stale | self.known | self.passed | self.failed
            if fresh and (self.policy.signals or state == "InService"):
                self.waiting.setdefault(name, seen.now)
        answers = {name: status for name, status in seen.signals.items() if name not in self.heard}
        for name, since in list(self.waiting.items()):
            late = seen.now - since >= timedelta(seconds=self.policy.pause_s)
            if name not in seen.instances:
                del self.waiting[name]
            elif self.policy.signals and (name in answers or late):
                del self.waiting[name]
                (self.passed if answers.get(name) == "SUCCESS" else self.failed).add(name)
            elif not self.policy.signals and late:
                del self.waiting[name]
                self.passed.add(name)
        if len(self.failed) > (1 - self.policy.percent / 100) * self.total + 1e-9:
            raise Failure(
                f"Received {len(self.passed)} SUCCESS signal(s) out of {self.total}.  Unable to satisfy "
                f"{self.policy.percent:g}% MinSuccessfulInstancesPercent requirement"
            )
