"""How long it takes: the stacks' critical path, and the rollout's bounds.  Pure formulas.

The durations of resource types are published ones (``cfn/kinds.csv`` with their source).  Deletion
has none: it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_cfn.config import Settings

BOOT_S = 90.0
"""Seconds from launch to a local answer: an estimate, of packages and image on a small instance."""

START_S = 8.0
"""Seconds from ``docker run`` to a local answer: an estimate for a Phoenix release."""

STOP_S = 2.0
"""Seconds that a container takes to stop once it is drained: an estimate."""

PULL_S = 25.0
"""Seconds to pull an image before anything leaves: an estimate; it is no time out of service."""

CALL_S = 1.0
"""Seconds from a call to what it sets going: an estimate."""

BACK_S = 5.0
"""Seconds that the group takes from ExitStandby to ``InService``, through ``Pending``: an estimate."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What one instance needs, in seconds."""

    drain_s: float
    stop_s: float
    start_s: float
    health_s: float
    boot_s: float = BOOT_S
    pull_s: float = PULL_S
    steady_s: float = 0.0

    @classmethod
    def of(cls, settings: Settings, stop_s: float = STOP_S, start_s: float = START_S) -> Pace:
        """From the settings: one health check, and it comes within an interval of registration.

        "After your target is registered, it must pass one health check to be considered healthy"
        (Elastic Load Balancing, "Health checks for Application Load Balancer target groups"); the
        healthy threshold counts for a target that had become unhealthy.
        """
        service = settings.service
        return cls(
            drain_s=float(service.deregistration_delay_s),
            stop_s=stop_s,
            start_s=start_s,
            health_s=float(service.health_interval_s),
            steady_s=float(settings.release.steady_s),
        )

    @property
    def away_s(self) -> float:
        """Seconds from leaving the load balancer to being healthy again."""
        return self.drain_s + self.stop_s + self.start_s + self.steady_s + self.health_s


@dataclass(frozen=True, slots=True)
class RolloutTime:
    """``bound_s``: what no deployer can beat.  ``interruption_s``: with nobody in service, as it is expected."""

    bound_s: float
    estimate_s: float
    interruption_s: float
    batches: int


def rollout(
    pace: Pace,
    instances: int,
    kind: str = "in-place",
    batch: int = 1,
    replaced: bool = False,
    canary: int = 0,
    bake_s: float = 0.0,
) -> RolloutTime:
    """Bound and estimate of a rollout.

    ``bound = batches * (drain + stop + start + steady + health)``, with surge one boot more, and with a canary
    beside others its own batches and ``bake_s`` seconds under traffic; the
    estimate adds the pull, which takes nobody out, and a call for each step of a batch.  A
    surge of at least ``instances`` still visits each of them.  With ``replaced`` (a new launch
    template version) a machine boots in place of stop and start.  The interruption of a batch that
    leaves nobody in service is its part of the bound, the calls that deploy to it and put it back
    (draining begins with the first), and the group's own way back.
    """
    if instances <= 0:
        return RolloutTime(0.0, 0.0, 0.0, 0)
    batch = max(1, min(batch, instances))
    first = canary if 0 < canary < instances and bake_s else 0
    batches = ceil(first / batch) + ceil((instances - first) / batch)
    away = pace.drain_s + pace.boot_s + pace.health_s if replaced else pace.away_s
    bound = batches * away + (bake_s if first else 0.0)
    if kind == "surge":
        bound += pace.boot_s + pace.health_s
    interruption = away + 2 * CALL_S + BACK_S if kind == "in-place" and batch >= instances else 0.0
    return RolloutTime(bound, bound + pace.pull_s + batches * (4 * CALL_S + BACK_S), interruption, batches)


def critical_path(durations: Mapping[str, float], precursors: Mapping[str, Iterable[str]]) -> float:
    """The longest way through a graph, in seconds.  Names without a duration take none.

    Raises :class:`ValueError` when they wait for each other.
    """
    return max(finishes(durations, precursors).values(), default=0.0)


def finishes(durations: Mapping[str, float], precursors: Mapping[str, Iterable[str]]) -> dict[str, float]:
    """When each name is done, in seconds, if everything starts as soon as it can."""
    done: dict[str, float] = {}
    left = {name: frozenset(precursors.get(name, ())) & frozenset(durations) for name in durations}
    while left:
        ready = [name for name, before in left.items() if before <= done.keys()]
        if not ready:
            raise ValueError(f"these wait for each other: {', '.join(sorted(left))}")
        for name in ready:
            done[name] = durations[name] + max((done[before] for before in left.pop(name)), default=0.0)
    return done
