"""A rollout that is paused rests, and goes on."""

from dataclasses import replace
from datetime import UTC, datetime

from hermes_cfn.deciders.actions import Done, EnterStandby, Resume, Suspend, Wait
from hermes_cfn.deciders.observed import Attempt, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide
from hermes_cfn.deciders.view import RolloutTarget, Strategy

HELD = frozenset({"AZRebalance"})
DONE = Instance("i-1", Lifecycle.IN_SERVICE, Target.HEALTHY, "new", "1")
NEXT = Instance("i-2", Lifecycle.IN_SERVICE, Target.HEALTHY, "old", "1", prepared=1)
WANT = RolloutTarget("new", 1, 1, 2, "1", Strategy(), paused_at=1)


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
    assert decide(fleet(DONE, NEXT, held=False), want) == (Suspend(("AZRebalance",)), EnterStandby(("i-2",)))
    assert decide(fleet(DONE, NEXT), want) == (EnterStandby(("i-2",)),)


def test_nobody_is_taken_before_the_last_one_is_confirmed() -> None:
    want = replace(WANT, paused_at=None)
    (first,) = decide(fleet(replace(DONE, armed=1), NEXT), want)
    assert first.task == "confirm"
    confirming = replace(DONE, armed=1, attempts=(Attempt("confirm", 1, 1, Progress.RUNNING),))
    assert isinstance(decide(fleet(confirming, NEXT), want)[0], Wait)
    unknown = replace(DONE, armed=1, release=None)
    assert not any(isinstance(action, EnterStandby) for action in decide(fleet(unknown, NEXT), want))


def test_it_does_not_rest_before_the_return_timer_is_disarmed() -> None:
    confirming = replace(DONE, armed=1, attempts=(Attempt("confirm", 1, 1, Progress.RUNNING),))
    (action,) = decide(fleet(confirming, NEXT), WANT)
    assert isinstance(action, Wait)


def test_the_last_confirmation_and_the_end_of_suspension_go_side_by_side() -> None:
    last = replace(DONE, id="i-2", armed=1)
    confirm, resume = decide(fleet(DONE, last), replace(WANT, paused_at=None))
    assert (confirm.task, confirm.instances, resume) == ("confirm", ("i-2",), Resume(("AZRebalance",)))
    confirming = replace(last, attempts=(Attempt("confirm", 1, 1, Progress.RUNNING),))
    (action,) = decide(fleet(DONE, confirming, held=False), replace(WANT, paused_at=None))
    assert isinstance(action, Wait)


def test_a_pause_at_the_last_instance_is_the_end() -> None:
    other = replace(DONE, id="i-2")
    (action,) = decide(fleet(DONE, other, held=False), replace(WANT, paused_at=2))
    assert isinstance(action, Done)
    assert not action.paused
