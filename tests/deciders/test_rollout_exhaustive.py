"""Every state that the rollout can reach, with every fault and a crash at every step.

The world below is the Auto Scaling group, the load balancer and the instances' documents as
transitions between small states.  Instances are kept sorted: what they are called does not
matter.  At each state the deployer may act, die, be overtaken, or the world may move; faults and
deaths are counted and limited, everything else is not.  A run begins with the first part alone (``decide_prepared``, which
suspends processes too), after which a migration may fail; so does every run on the way forward that follows a death.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import pytest

from hermes_cfn.deciders.actions import (
    Done,
    EnterStandby,
    ExitStandby,
    Launch,
    Register,
    Resume,
    Send,
    Stop,
    Suspend,
    Terminate,
    Wait,
)
from hermes_cfn.deciders.observed import Attempt, Canary, Counts, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import UNREGISTERED_S, RolloutTarget, Strategy, decide, decide_prepared

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = "old", "new"
RELEASE_OF = {1: NEW, 2: OLD}
PERIODS = (Counts(1000, 0),) * 3
COUNTS = {
    "baking": Canary(),
    "good": Canary(PERIODS, PERIODS),
    "bad": Canary((Counts(1000, 500),), PERIODS),
}
IN, PENDING, LEAVING, OUT = (
    Lifecycle.IN_SERVICE,
    Lifecycle.PENDING,
    Lifecycle.ENTERING_STANDBY,
    Lifecycle.STANDBY,
)


class One(NamedTuple):
    """An instance.  ``runs``: (task, goal version, of this token, progress), in order."""

    lifecycle: str
    target: str
    release: str | None
    template: str
    prepared: int
    armed: int
    runs: tuple[tuple[str, int, bool, str], ...] = ()
    ended: bool = False

    @property
    def up(self) -> bool:
        return self.lifecycle == IN and self.target == Target.HEALTHY


class World(NamedTuple):
    ones: tuple[One, ...]
    desired: int
    suspended: bool
    back: bool
    faults: int
    deaths: int
    ended: str = ""
    canary: str = "baking"
    preparing: bool = True


class Case(NamedTuple):
    size: int
    kind: str
    batch: int
    renewed: bool
    canary: int = 0

    @property
    def minimum(self) -> int:
        return max(0, self.size - self.batch)

    @property
    def maximum(self) -> int:
        return self.size + self.batch

    @property
    def floor(self) -> int:
        return self.size if self.kind == "surge" else self.size - self.batch

    @property
    def template(self) -> str:
        return "2" if self.renewed else "1"


def _rank(one: One) -> tuple[object, ...]:
    return (one.lifecycle, one.target, one.release or "", one.template, one.prepared, one.armed, one.runs, one.ended)


def sort(state: World) -> World:
    """Instances in order, without those that are gone: what they are called does not matter."""
    left = [one for one in state.ones if one.lifecycle != Lifecycle.GONE]
    return state._replace(ones=tuple(sorted(left, key=_rank)))


@cache
def instance(at: int, one: One) -> Instance:
    return Instance(
        id=f"i-{at}",
        lifecycle=Lifecycle(one.lifecycle),
        target=Target(one.target),
        release=one.release,
        template=one.template,
        prepared=one.prepared,
        armed=one.armed,
        ended=one.ended and one.lifecycle != IN,
        attempts=tuple(Attempt(t, g, 2 if mine else 1, Progress(p)) for t, g, mine, p in one.runs),
    )


@cache
def want(case: Case, back: bool) -> RolloutTarget:
    return RolloutTarget(
        release=OLD if back else NEW,
        goal_version=2 if back else 1,
        token=2,
        size=case.size,
        template=case.template,
        strategy=Strategy(case.kind, case.batch, canary=case.canary),
        back=back,
        patience_s=900,
    )


def fleet(case: Case, state: World, still: float = 0.0) -> Fleet:
    held = frozenset({"AZRebalance"}) if state.suspended else frozenset()
    group = Group("g", case.minimum, case.maximum, state.desired, held, held)
    seen = tuple(instance(at, one) for at, one in enumerate(state.ones))
    return Fleet(NOW, group, seen, canary=COUNTS[state.canary], still_s=still)


def moves(case: Case, state: World) -> list[tuple[str, World]]:
    """What the world may do by itself."""
    found = []

    def with_one(at: int, one: One | None, desired: int | None = None, faults: int = 0) -> World:
        ones = [o for k, o in enumerate(state.ones) if k != at] + ([one] if one else [])
        desired = state.desired if desired is None else desired
        return sort(state._replace(ones=tuple(ones), desired=desired, faults=state.faults - faults))

    for at, one in enumerate(state.ones):
        if at and one == state.ones[at - 1]:
            continue
        if one.ended and one.lifecycle == IN:
            found.append(("replaced by the group", with_one(at, None)))
            continue
        if one.lifecycle == LEAVING:
            found.append(("drained", with_one(at, one._replace(lifecycle=OUT, target=Target.ABSENT))))
        if one.lifecycle == PENDING:
            born = one._replace(lifecycle=IN, target=Target.INITIAL, release=OLD, template=case.template)
            found.append(("born", with_one(at, born)))
        if one.lifecycle == IN and one.target == Target.INITIAL:
            found.append(("healthy", with_one(at, one._replace(target=Target.HEALTHY))))
        if one.ended:
            continue
        running = next((k for k, run in enumerate(one.runs) if run[3] == "running"), None)
        if running is not None:
            task, goal, mine, _ = one.runs[running]
            for good in (True, False):
                if not good and not state.faults:
                    continue
                runs = list(one.runs)
                runs[running] = (task, goal, mine, "ok" if good else "failed")
                after = one._replace(runs=tuple(runs))
                if good and task == "prepare":
                    after = after._replace(prepared=goal)
                if task == "deploy":
                    left = tuple(run for run in runs if run[0] != "confirm")
                    after = after._replace(armed=goal, prepared=0, runs=left)
                    after = after._replace(release=RELEASE_OF[goal]) if good else after
                if good and task == "confirm" and one.armed == goal:
                    after = after._replace(armed=0)
                found.append((f"{task} {'ends' if good else 'fails'}", with_one(at, after, faults=not good)))
                if not good and task == "deploy":
                    unknown = after._replace(release=None)
                    found.append(("deploy is cut off", with_one(at, unknown, faults=1)))
        if state.faults:
            if one.lifecycle == PENDING:
                found.append(("killed", with_one(at, None, faults=1)))
            else:
                target = Target.UNHEALTHY if one.lifecycle == IN else one.target
                found.append(("killed", with_one(at, one._replace(ended=True, target=target), faults=1)))
            if one.lifecycle == IN and one.target == Target.INITIAL and one.armed:
                found.append(("unhealthy", with_one(at, one._replace(target=Target.UNHEALTHY), faults=1)))
            if one.up:
                found.append(("deregistered by hand", with_one(at, one._replace(target=Target.ABSENT), faults=1)))
            if one.up and one.release:
                found.append(("its container is changed by hand", with_one(at, one._replace(release=None), faults=1)))
            if one.armed and running is None:
                back = one._replace(armed=0, release=OLD)
                desired = state.desired
                if one.lifecycle == OUT and desired < case.maximum:
                    back = back._replace(lifecycle=IN, target=Target.INITIAL)
                    desired += 1
                found.append(("returned by its timer", with_one(at, back, desired, faults=1)))
    live = sum(one.lifecycle in (IN, PENDING) for one in state.ones)
    if live < state.desired:
        new = One(PENDING, Target.ABSENT, None, case.template, 0, 0)
        found.append(("launch", sort(state._replace(ones=(*state.ones, new)))))
    if case.canary and state.canary == "baking" and any(one.release == NEW and one.up for one in state.ones):
        found.append(("the canary is good", state._replace(canary="good")))
        if state.faults:
            found.append(("the canary is bad", state._replace(canary="bad", faults=state.faults - 1)))
    return found


class Broken(AssertionError):
    pass


def perform(case: Case, state: World, action, promised: bool = True) -> World:
    """One action on the world; ``promised``: it was decided on this very state."""
    ones = list(state.ones)
    desired, suspended = state.desired, state.suspended
    names = {f"i-{at}": at for at in range(len(ones))}
    before = sum(one.up for one in ones)
    match action:
        case Suspend():
            suspended = True
        case Resume():
            suspended = False
        case EnterStandby(instances):
            for name in instances:
                at = names[name]
                if ones[at].lifecycle != IN or desired <= case.minimum:
                    continue
                ones[at] = ones[at]._replace(lifecycle=LEAVING, target=Target.DRAINING)
                desired -= 1
        case ExitStandby(instances):
            for name in instances:
                at = names[name]
                if promised and ones[at].release != want(case, state.back).release:
                    raise Broken(f"{ones[at]} returns without passing its checks")
                if promised and any(r[0] == "deploy" and r[3] == "running" for r in ones[at].runs):
                    raise Broken(f"{ones[at]} returns while its container is being replaced")
                if ones[at].lifecycle == OUT and desired < case.maximum:
                    ones[at] = ones[at]._replace(lifecycle=IN, target=Target.INITIAL)
                    desired += 1
        case Register(instances):
            for name in instances:
                if ones[names[name]].lifecycle == IN and ones[names[name]].target == Target.ABSENT:
                    ones[names[name]] = ones[names[name]]._replace(target=Target.INITIAL)
        case Launch(wanted):
            if promised and wanted > case.maximum:
                raise Broken(f"{wanted} instances are wanted, {case.maximum} are allowed")
            desired = min(wanted, case.maximum)
        case Terminate(name, decrement, _, _):
            at = names[name]
            gone = ones[at]
            ones[at] = gone._replace(lifecycle=Lifecycle.GONE)
            if decrement and gone.lifecycle == IN:
                desired = max(desired - 1, case.minimum)
        case Send(task, instances, _, goal, _):
            for name in instances:
                at = names[name]
                run = (task, goal, True)
                if any(r[:3] == run for r in ones[at].runs):
                    if promised and any(r[:3] == run and r[3] == "running" for r in ones[at].runs):
                        raise Broken(f"{task} is sent again while it runs on {ones[at]}")
                    continue
                if promised and task == "deploy" and ones[at].lifecycle != OUT:
                    raise Broken(f"{ones[at]} is deployed to while it serves")
                ones[at] = ones[at]._replace(runs=(*ones[at].runs, (*run, "running")))
    after = sum(one.up for one in ones)
    if promised and after < before and after < case.floor:
        raise Broken(f"{action}: {after} in service, {case.floor} promised, in {state}")
    if sum(one.lifecycle in (IN, PENDING) for one in ones) > case.maximum:
        raise Broken(f"{action}: more instances than the group may have")
    return state._replace(ones=tuple(ones), desired=desired, suspended=suspended)


def tidy(state: World) -> World:
    """Sorted, and without records that no decision looks at any more."""
    goal = 2 if state.back else 1
    ones = [
        one._replace(
            runs=tuple(r for r in one.runs if r[3] == "running" or (r[2] and r[1] in (goal, one.armed))),
            prepared=one.prepared if one.prepared == goal else 0,
        )
        for one in state.ones
    ]
    return sort(state._replace(ones=tuple(ones)))


def dead(state: World) -> World:
    """The deployer dies and runs again: its token is new, what it sent is the old one's."""
    ones = [
        one._replace(runs=tuple((t, g, False, p) for t, g, _, p in one.runs if p == "running")) for one in state.ones
    ]
    return sort(state._replace(ones=tuple(ones), deaths=state.deaths - 1, preparing=not state.back))


def unmigrated(state: World) -> World:
    """The migration fails: what was suspended is resumed, and no instance was touched by this run."""
    return state._replace(ended="unmigrated", suspended=False, faults=state.faults - 1)


def steps(case: Case, state: World) -> tuple[list[World], list[World]]:
    """(successors without a fault, successors by a fault or a death)."""
    if state.ended:
        return [], []
    free = [tidy(s) for what, s in moves(case, state) if s.faults == state.faults]
    hurt = [tidy(s) for what, s in moves(case, state) if s.faults != state.faults]
    asked = decide_prepared if state.preparing else decide
    for still in (0.0, UNREGISTERED_S + 1, 1e6):
        actions = asked(fleet(case, state, still), want(case, state.back))
        if free or not isinstance(actions[0], Wait):
            break
    else:
        raise Broken(f"nothing will ever happen in {state}")
    match actions[0]:
        case Done() if state.preparing:
            if state.faults and not state.back:
                hurt.append(unmigrated(state))
            if state.deaths:
                hurt.append(dead(state))
            return [*free, tidy(state._replace(preparing=False))], hurt
        case Done():
            goal = want(case, state.back).release
            if not (
                len(state.ones) == case.size
                and all(o.up and o.release == goal and not o.armed and o.template == case.template for o in state.ones)
                and not state.suspended
            ):
                raise Broken(f"done, but {state}")
            return [state._replace(ended="done")], hurt
        case Stop():
            if state.back:
                return [state._replace(ended="stopped")], hurt
            return [tidy(state._replace(back=True, preparing=False))], hurt
        case Wait():
            pass
        case _:
            after = state
            prefix = [state]
            for action in actions:
                after = perform(case, after, action)
                prefix.append(after)
            free.append(tidy(after))
            if state.deaths:
                hurt += [dead(tidy(part)) for part in prefix[1:]]
                for _, moved in moves(case, state):
                    if len(moved.ones) == len(state.ones):
                        hurt.append(dead(tidy(perform(case, moved, actions[0], promised=False))))
    if state.deaths:
        hurt.append(dead(state))
    if state.faults and not state.back:
        alarmed = asked(replace(fleet(case, state), alarms=("5xx",)), want(case, False))
        if not isinstance(alarmed[0], Stop):
            raise Broken(f"an alarm does not stop {state}")
        hurt.append(tidy(state._replace(back=True, preparing=False, faults=state.faults - 1)))
    return free, hurt


def start(case: Case, faults: int, deaths: int) -> World:
    one = One(IN, Target.HEALTHY, OLD, "1", 0, 0)
    return World((one,) * case.size, case.size, False, False, faults, deaths)


def explore(case: Case, faults: int, deaths: int) -> tuple[dict[World, list[World]], int]:
    first = start(case, faults, deaths)
    graph: dict[World, list[World]] = {}
    todo = [first]
    while todo:
        state = todo.pop()
        if state in graph:
            continue
        free, hurt = steps(case, state)
        graph[state] = free
        todo += [s for s in itertools.chain(free, hurt) if s not in graph]
    return graph, len(graph)


def assert_ends(graph: dict[World, list[World]]) -> None:
    """Without further faults nothing goes round in a circle, and every way leads to an end."""
    colour: dict[World, int] = {}
    for root in graph:
        if root in colour:
            continue
        stack = [(root, iter(graph[root]))]
        colour[root] = 1
        while stack:
            state, after = stack[-1]
            for nxt in after:
                if nxt == state:
                    continue
                if colour.get(nxt) == 1:
                    raise Broken(f"round in a circle: {state} -> {nxt}")
                if nxt not in colour:
                    colour[nxt] = 1
                    stack.append((nxt, iter(graph[nxt])))
                    break
            else:
                if not state.ended and not [n for n in graph[state] if n != state]:
                    raise Broken(f"stuck in {state}")
                colour[state] = 2
                stack.pop()


CASES = [
    (Case(1, "in-place", 1, False), 2, 1),
    (Case(2, "in-place", 1, False), 2, 1),
    (Case(3, "in-place", 1, False), 1, 1),
    (Case(3, "in-place", 2, False), 1, 1),
    (Case(4, "in-place", 1, False), 1, 1),
    (Case(2, "in-place", 1, False, canary=1), 1, 1),
    (Case(3, "in-place", 1, False, canary=1), 1, 1),
    (Case(3, "surge", 1, False, canary=1), 1, 0),
    (Case(1, "surge", 1, False), 1, 1),
    (Case(2, "surge", 1, False), 1, 1),
    (Case(3, "surge", 1, False), 1, 1),
    (Case(4, "surge", 1, False), 1, 1),
    (Case(1, "in-place", 1, True), 1, 1),
    (Case(2, "in-place", 1, True), 1, 1),
    (Case(1, "surge", 1, True), 1, 1),
    (Case(2, "surge", 1, True), 1, 1),
    (Case(3, "surge", 1, True), 1, 0),
]


@pytest.mark.parametrize(("case", "faults", "deaths"), CASES, ids=lambda value: str(value))
def test_every_reachable_state_keeps_the_promises_and_ends(
    case: Case, faults: int, deaths: int, record_property
) -> None:
    graph, count = explore(case, faults, deaths)
    record_property("states", count)
    print(f"{case}, {faults} faults, {deaths} deaths: {count} states")
    assert_ends(graph)
    assert any(state.ended == "done" and not state.back for state in graph)
    if faults:
        assert any(state.ended == "done" and state.back for state in graph)
