"""An emergency rollback, the deployer killed before and after each of its calls: whoever comes next ends it, and nothing stays
suspended."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hermes_cfn.deciders.actions import Done, EnterStandby, ExitStandby, Resume, Send, Stop, Suspend, Wait
from hermes_cfn.deciders.emergency import IN_AN_EMERGENCY, decide_emergency
from hermes_cfn.deciders.observed import Attempt, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide
from hermes_cfn.deciders.view import RolloutTarget, Strategy

IN, OUT = Lifecycle.IN_SERVICE, Lifecycle.STANDBY
WANT = RolloutTarget("old", 2, 1, 2, "1", Strategy(), back=True)


def fleet(*instances: Instance) -> Fleet:
    serving = sum(i.lifecycle is IN for i in instances)
    return Fleet(datetime(2026, 1, 1, tzinfo=UTC), Group("g", 1, 3, serving), instances)


def one(name: str, lifecycle: Lifecycle = IN, release: str = "new", armed: int = 0) -> Instance:
    return Instance(name, lifecycle, Target.HEALTHY if lifecycle is IN else Target.ABSENT, release, "1", 0, armed)


def done(seen: Fleet, action: object, fails: bool = False) -> Fleet:
    """The fleet after a call, and after what it began has ended."""
    group, instances = seen.group, {i.id: i for i in seen.instances}
    match action:
        case Suspend(processes):
            group = replace(group, suspended=group.suspended | set(processes), marked=group.marked | set(processes))
        case Resume(processes):
            group = replace(group, suspended=group.suspended - set(processes), marked=frozenset())
        case EnterStandby(names) | ExitStandby(names):
            out = isinstance(action, EnterStandby)
            for name in names:
                state = (OUT, Target.ABSENT) if out else (IN, Target.HEALTHY)
                instances[name] = replace(instances[name], lifecycle=state[0], target=state[1])
            group = replace(group, desired=group.desired + (-len(names) if out else len(names)))
        case Send(task, names, _, goal, token):
            for name in names:
                progress = Progress.FAILED if fails and task == "rollback" else Progress.OK
                after = replace(instances[name], attempts=(Attempt(task, goal, token, progress),))
                if task in {"rollback", "deploy"} and not fails:
                    after = replace(after, release="old", armed=goal if task == "deploy" else 0)
                if task == "confirm":
                    after = replace(after, armed=0)
                instances[name] = replace(after, prepared=goal) if task == "prepare" else after
        case _:
            raise AssertionError(action)
    return replace(seen, group=group, instances=tuple(instances.values()))


def run(decider, seen: Fleet, token: int, die_at: int | None = None, fails: bool = False):
    """(fleet, how it ended, calls made): until the end, or until the deployer dies before its call of that number."""
    calls = itertools.count()
    for _ in range(100):
        actions = decider(seen, replace(WANT, token=token))
        if isinstance(actions[0], Done | Stop):
            return seen, actions[0], next(calls)
        assert not isinstance(actions[0], Wait), (actions, seen)
        for action in actions:
            if next(calls) == die_at:
                return seen, None, die_at
            seen = done(seen, action, fails)
    raise AssertionError(f"no end: {seen}")


FLEETS = {
    "both serve": fleet(one("a"), one("b")),
    "one is out": fleet(one("a"), one("b", OUT)),
    "one waits for its confirmation": fleet(one("a", armed=1), one("b", release="old")),
}


@pytest.mark.parametrize("what", FLEETS)
@pytest.mark.parametrize("then", [decide_emergency, decide], ids=["again", "release --resume"])
def test_killed_at_any_call_the_next_run_ends_it(what, then) -> None:
    _, end, calls = run(decide_emergency, FLEETS[what], 1)
    assert isinstance(end, Done) and calls >= 3
    for die_at in range(calls):
        left, end, _ = run(decide_emergency, FLEETS[what], 1, die_at)
        assert end is None and left.group.suspended == left.group.marked
        seen, end, _ = run(then, left, 2)
        assert isinstance(end, Done)
        assert not seen.group.suspended and all(i.up and i.release == "old" and not i.armed for i in seen.instances)


def test_only_processes_that_it_marks_are_suspended_and_a_document_that_fails_stops_it() -> None:
    seen, end, _ = run(decide_emergency, FLEETS["both serve"], 1, fails=True)
    assert isinstance(end, Stop) and set(end.instances) == {"a", "b"}
    assert seen.group.suspended == seen.group.marked == set(IN_AN_EMERGENCY)
