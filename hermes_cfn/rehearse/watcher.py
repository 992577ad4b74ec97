"""What an outsider sees of the fleet while somebody else deploys: samples of it over time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from hermes_cfn.aws.session import Doors
from hermes_cfn.deciders.observed import Target
from hermes_cfn.errors import HermesError

EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Glimpse:
    """At ``at`` (epoch seconds) each instance stood so: lifecycle and target health in words."""

    at: float
    instances: Mapping[str, str]
    serving: int


class Watcher:
    """Looks at a group every fifth of a second until told to stop."""

    def __init__(self, doors: Doors, group: str) -> None:
        self._doors = doors
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

    def time_line(self) -> dict[str, list[tuple[float, str]]]:
        """Instance to its changes: (epoch seconds, how it stood from then on)."""
        lines: dict[str, list[tuple[float, str]]] = {}
        for glimpse in self.glimpses:
            for instance, stands in glimpse.instances.items():
                line = lines.setdefault(instance, [])
                if not line or line[-1][1] != stands:
                    line.append((glimpse.at, stands))
        return lines

    def capacity(self) -> list[tuple[float, int]]:
        """(epoch seconds, instances that serve), one row a change."""
        rows: list[tuple[float, int]] = []
        for glimpse in self.glimpses:
            if not rows or rows[-1][1] != glimpse.serving:
                rows.append((glimpse.at, glimpse.serving))
        return rows
