"""Only a machine's fault replaces a machine, on the way forward too; what serves goes only while another serves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hermes_cfn.deciders.actions import Ending, Launch, Stop, Terminate
from hermes_cfn.deciders.observed import Attempt, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide, decide_prepared
from hermes_cfn.deciders.view import RolloutTarget, Strategy
from hermes_cfn.instance.report import Fault

HELD = frozenset({"AZRebalance"})
BOTH = pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])


def one(name: str, task: str = "", fault: Fault = Fault.MACHINE, **more: object) -> Instance:
    """An instance that serves the old release; with ``task`` it failed at that."""
    tried = (Attempt(task, 1, 1, Progress.FAILED, fault=fault),) if task else ()
    given = Instance(name, Lifecycle.IN_SERVICE, Target.HEALTHY, "old", "1", prepared=0 if tried else 1, attempts=tried)
    return replace(given, **more)


def out(name: str, fault: Fault) -> Instance:
    return one(name, "deploy", fault, lifecycle=Lifecycle.STANDBY, target=Target.ABSENT)


def fleet(*instances: Instance, maximum: int = 4, **more: object) -> Fleet:
    live = sum(i.lifecycle in (Lifecycle.IN_SERVICE, Lifecycle.PENDING) for i in instances)
    return Fleet(
        datetime(2026, 1, 1, tzinfo=UTC), Group("g", 0, maximum, live, HELD, HELD), instances, boots="old", **more
    )


def want(size: int, back: bool = False, kind: str = "in-place") -> RolloutTarget:
    return RolloutTarget("new", 1, 1, size, "1", Strategy(kind), back=back)


@BOTH
def test_a_bad_machine_out_of_service_is_replaced(back: bool) -> None:
    assert decide(fleet(one("i-1"), out("i-2", Fault.MACHINE)), want(2, back)) == (
        Terminate("i-2", False, Ending.FAILED, "deploy failed"),
    )


@pytest.mark.parametrize("asked", [decide_prepared, decide])
def test_a_bad_machine_that_serves_beside_another_is_replaced_in_its_turn(asked) -> None:
    (action,) = asked(fleet(one("i-1"), one("i-2", "prepare")), want(2))
    assert action == Terminate("i-2", False, Ending.FAILED, "prepare failed")


@BOTH
@pytest.mark.parametrize("kind", ["in-place", "surge"])
def test_a_bad_machine_that_serves_alone_goes_when_its_replacement_serves(kind: str, back: bool) -> None:
    alone = one("i-1", "prepare")
    assert Launch(2) in decide(fleet(alone), want(1, back, kind))
    starts = one("i-2", lifecycle=Lifecycle.PENDING, target=Target.ABSENT, release=None)
    for early in (starts, one("i-2", target=Target.INITIAL)):
        actions = decide(fleet(alone, early), want(1, back, kind))
        assert not any(isinstance(action, Terminate | Launch | Stop) for action in actions), actions
    (action,) = decide(fleet(alone, one("i-2")), want(1, back, kind))
    assert isinstance(action, Terminate)
    assert (action.instance, action.rule) == ("i-1", Ending.FAILED)


def test_in_the_first_part_too_the_replacement_comes_first() -> None:
    assert decide_prepared(fleet(one("i-1", "prepare")), want(1)) == (Launch(2),)


@BOTH
def test_where_the_group_may_have_no_more_it_stops_and_nobody_is_ended(back: bool) -> None:
    (action,) = decide(fleet(one("i-1", "prepare"), maximum=1), want(1, back))
    assert isinstance(action, Stop)


@pytest.mark.parametrize("fault", [Fault.RELEASE, Fault.DEPENDENCY, Fault.UNCLEAR])
def test_forward_any_other_fault_stops(fault: Fault) -> None:
    for failing in (out("i-2", fault), one("i-2", "prepare", fault)):
        (action,) = decide(fleet(one("i-1"), failing), want(2))
        assert isinstance(action, Stop)


def test_what_fails_everywhere_at_once_is_no_machines_fault() -> None:
    (action,) = decide_prepared(fleet(one("i-1", "prepare"), one("i-2", "prepare")), want(2))
    assert isinstance(action, Stop)
    assert action.instances == ("i-1", "i-2")


@pytest.mark.parametrize(("back", "most"), [(False, 2), (True, 4)])
def test_more_than_so_many_do_not_fail_by_chance(back: bool, most: int) -> None:
    there = (one("i-1"), one("i-2"), one("i-3"), out("i-4", Fault.MACHINE))
    (action,) = decide(fleet(*there, replaced=most - 1), want(4, back))
    assert isinstance(action, Terminate)
    (action,) = decide(fleet(*there, replaced=most), want(4, back))
    assert isinstance(action, Stop)


def test_an_alarm_stops_before_anything_is_ended() -> None:
    (action,) = decide(fleet(one("i-1"), out("i-2", Fault.MACHINE), alarms=("5xx",)), want(2))
    assert isinstance(action, Stop)
    assert action.finding.code == "rollout-alarm"
