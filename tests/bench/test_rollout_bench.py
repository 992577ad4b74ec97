"""A decision takes no longer than the fleet is larger: ratios, never seconds."""

import time
from datetime import UTC, datetime

import pytest

from hermes_cfn.deciders.observed import Attempt, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide
from hermes_cfn.deciders.view import RolloutTarget, Strategy

pytestmark = pytest.mark.bench

SIZES = (2, 20, 200, 2000)
NOISE = 2.0
ROUNDS = 9


def middle(size: int) -> tuple[Fleet, RolloutTarget]:
    """Half of a fleet is done, a tenth of it is on its way."""

    def one(at: int) -> Instance:
        done, away = at < size // 2, size // 2 <= at < size // 2 + size // 10
        return Instance(
            f"i-{at:017x}",
            Lifecycle.STANDBY if away else Lifecycle.IN_SERVICE,
            Target.ABSENT if away else Target.HEALTHY,
            "new" if done else "old",
            "1",
            prepared=0 if done else 1,
            attempts=tuple(Attempt(task, 1, 1, Progress.OK) for task in ("prepare", "deploy", "confirm") if done),
        )

    group = Group("g", 0, size, size - size // 10, frozenset({"AZRebalance"}), frozenset({"AZRebalance"}))
    fleet = Fleet(datetime(2026, 1, 1, tzinfo=UTC), group, tuple(one(at) for at in range(size)))
    return fleet, RolloutTarget("new", 1, 1, size, "1", Strategy(batch=size // 10))


def fastest(size: int) -> float:
    fleet, want = middle(size)
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(2000 // size):
            decide(fleet, want)
        taken.append((time.process_time() - begun) / (2000 // size))
    return min(taken)


def test_a_decision_takes_no_longer_than_the_fleet_is_larger() -> None:
    taken = [fastest(size) for size in SIZES]
    for (small, before), (large, after) in zip(
        zip(SIZES, taken, strict=True), list(zip(SIZES, taken, strict=True))[1:], strict=False
    ):
        print(f"{large} instances take {after / before:.1f} times as long as {small}")
        assert after / before < large / small * NOISE
