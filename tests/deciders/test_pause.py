"""A rollout that is paused rests, and goes on."""

from dataclasses import replace
from datetime import UTC, datetime

from hermes_cfn.deciders.actions import Done, EnterStandby, Resume, Suspend
from hermes_cfn.deciders.observed import Fleet, Group, Instance, Lifecycle, Target
from hermes_cfn.deciders.rollout import Strategy, Want, decide

HELD = frozenset({"AZRebalance"})
DONE = Instance("i-1", Lifecycle.IN_SERVICE, Target.HEALTHY, "new", "1")
NEXT = Instance("i-2", Lifecycle.IN_SERVICE, Target.HEALTHY, "old", "1", prepared=1)
WANT = Want("new", 1, 1, 2, "1", Strategy(), paused_at=1)


def fleet(*instances: Instance, held: bool = True) -> Fleet:
    processes = HELD if held else frozenset()
    group = Group("g", 1, 3, len(instances), processes, processes)
    return Fleet(datetime(2026, 1, 1, tzinfo=UTC), group, instances)


def test_what_is_on_the_line_is_finished_before_it_rests() -> None:
    armed = replace(DONE, armed=1)
    (action,) = decide(fleet(armed, NEXT), WANT)
    assert action.task == "confirm"


def test_at_rest_nothing_stays_suspended_and_the_deployer_may_go() -> None:
    assert decide(fleet(DONE, NEXT), WANT) == (Resume(("AZRebalance",)),)
    (action,) = decide(fleet(DONE, NEXT, held=False), WANT)
    assert isinstance(action, Done)
    assert action.paused
    assert action.what == "paused with 1 of 2 instances on new"


def test_without_the_pause_it_goes_on() -> None:
    want = replace(WANT, paused_at=None)
    assert decide(fleet(DONE, NEXT, held=False), want) == (Suspend(("AZRebalance",)),)
    assert decide(fleet(DONE, NEXT), want) == (EnterStandby(("i-2",)),)


def test_a_pause_at_the_last_instance_is_the_end() -> None:
    other = replace(DONE, id="i-2")
    (action,) = decide(fleet(DONE, other, held=False), replace(WANT, paused_at=2))
    assert isinstance(action, Done)
    assert not action.paused
