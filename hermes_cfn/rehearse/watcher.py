"""What an outsider sees of the fleet while somebody else deploys: samples of it over time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.deciders.observed import Lifecycle, Target
from hermes_cfn.errors import HermesError

EVERY_S = 0.2
SERVES = f"{Lifecycle.IN_SERVICE.value}, {Target.HEALTHY.value}"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """At ``at`` (epoch seconds) each instance stood so: lifecycle and target health in words."""

    at: float
    instances: Mapping[str, str]
    serving: int

    def whole(self, size: int) -> bool:
        """Exactly ``size`` instances, all of which serve."""
        return len(self.instances) == self.serving == size and set(self.instances.values()) == {SERVES}


GONE = "gone"


def time_line(glimpses: Sequence[Glimpse]) -> dict[str, list[tuple[float, str]]]:
    """Instance to its changes: (epoch seconds, how it stood from then on); ``gone`` once the group has it no more."""
    lines: dict[str, list[tuple[float, str]]] = {}
    for glimpse in glimpses:
        for instance in [*lines, *(name for name in glimpse.instances if name not in lines)]:
            stands = glimpse.instances.get(instance, GONE)
            line = lines.setdefault(instance, [])
            if not line or line[-1][1] != stands:
                line.append((glimpse.at, stands))
    return lines


class Watcher:
    """Looks at a group every fifth of a second until told to stop."""

    def __init__(self, clients: AwsClients, group: str) -> None:
        self._doors = clients
        self._group = group
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.glimpses: list[Glimpse] = []

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.glimpses.append(self._look())
            except HermesError:
                continue

    def _look(self) -> Glimpse:
        at = time.time()
        seen = self._doors.auto_scaling.observe(self._group)
        if seen is None:
            return Glimpse(at, {}, 0)
        health = {
            target: found.health for arn in seen.target_groups for target, found in self._doors.elb.health(arn).items()
        }
        stands = {
            member.id: f"{member.lifecycle.value}, {health.get(member.id, Target.ABSENT).value}"
            for member in seen.members
        }
        serving = sum(1 for found in health.values() if found is Target.HEALTHY)
        return Glimpse(at, stands, serving)

    def await_whole(self, size: int, limit_s: float) -> bool:
        """Waits until ``size`` instances are in service and healthy and none is anywhere else; False after ``limit_s``."""
        until = time.time() + limit_s
        asked = time.time()
        while time.time() < until:
            last = self.glimpses[-1] if self.glimpses else None
            if last is not None and last.at >= asked and last.whole(size):
                return True
            time.sleep(EVERY_S / 2)
        return False

    def time_line(self) -> dict[str, list[tuple[float, str]]]:
        """Instance to its changes: (epoch seconds, how it stood from then on)."""
        return time_line(self.glimpses)

    def capacity(self) -> list[tuple[float, int]]:
        """(epoch seconds, instances that serve), one row a change."""
        rows: list[tuple[float, int]] = []
        for glimpse in self.glimpses:
            if not rows or rows[-1][1] != glimpse.serving:
                rows.append((glimpse.at, glimpse.serving))
        return rows
