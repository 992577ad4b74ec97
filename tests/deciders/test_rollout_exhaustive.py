"""Every state that the rollout can reach, with every fault and a crash at every step.

The world below is the Auto Scaling group, the load balancer, the registry, the secrets, the schema and the instances' documents as
transitions between small states.  Instances are kept sorted: what they are called does not
matter.  At each state the deployer may act, die, be overtaken, or the world may move; faults and
deaths are counted and limited, everything else is not.  A run begins with the first part alone (``decide_prepared``, which
suspends processes too), after which a migration may fail; so does every run on the way forward that follows a death.

Besides the promises of capacity, three things are shown of every reachable state:

* *What serves is not ended* for its release's or a dependency's fault, nor where it is unclear whose it is.
* *Progress.*  With faults over, from every reachable state a new good release reaches every instance on every path: no stop.
* *Lag.*  Without faults, a deployer that sees each part of the world (group, targets, reports, document runs) as of any of its last
  states neither stops a good release nor ends what serves, and comes to the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import pytest

from hermes_cfn.deciders.actions import (
    Action,
    Done,
    Ending,
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
    WriteStable,
)
from hermes_cfn.deciders.observed import Attempt, Canary, Counts, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.own import Own
from hermes_cfn.deciders.rollout import UNREGISTERED_S, decide, decide_prepared
from hermes_cfn.deciders.view import RolloutTarget, Strategy
from hermes_cfn.instance.report import Fault

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


FAULTS = frozenset(Fault)


class One(NamedTuple):
    """An instance.  ``runs``: (task, goal version, of this token, progress or whose fault it was), in order.

    ``unbooted``: it could not start what new instances start with, and is tried again and again.
    """

    lifecycle: str
    target: str
    release: str | None
    template: str
    prepared: int
    armed: int
    runs: tuple[tuple[str, int, bool, str], ...] = ()
    ended: bool = False
    unbooted: str = ""

    @property
    def up(self) -> bool:
        return self.lifecycle == IN and self.target == Target.HEALTHY


class World(NamedTuple):
    """``boots``: what new instances start with; ``gone``: releases whose image or secret is not there any more;
    ``away``: registry and Systems Manager give nothing for now; ``barred``: the schema was changed, and the release
    before does not run on it."""

    ones: tuple[One, ...]
    desired: int
    suspended: bool
    back: bool
    faults: int
    deaths: int
    ended: str = ""
    canary: str = "baking"
    preparing: bool = True
    boots: str = OLD
    gone: frozenset[str] = frozenset()
    away: bool = False
    barred: bool = False


class Case(NamedTuple):
    """``dependencies``: registry, secrets and schema fail too; ``first``: the release before never answered anywhere."""

    size: int
    kind: str
    batch: int
    renewed: bool
    canary: int = 0
    dependencies: bool = False
    first: bool = False

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
    return (
        one.lifecycle,
        one.target,
        one.release or "",
        one.template,
        one.prepared,
        one.armed,
        one.runs,
        one.ended,
        one.unbooted,
    )


def sort(state: World) -> World:
    """Instances in order, without those that are gone: what they are called does not matter."""
    left = [one for one in state.ones if one.lifecycle != Lifecycle.GONE]
    return state._replace(ones=tuple(sorted(left, key=_rank)))


@cache
def instance(at: int, one: One, behind: bool = False) -> Instance:
    return Instance(
        id=f"i-{at}",
        lifecycle=Lifecycle(one.lifecycle),
        target=Target(one.target),
        release=one.release,
        template=one.template,
        prepared=one.prepared,
        armed=one.armed,
        ended=one.ended and one.lifecycle != IN,
        behind=behind,
        unbooted=Fault(one.unbooted) if one.unbooted else None,
        attempts=tuple(
            Attempt(t, g, 2 if mine else 1, Progress.FAILED, fault=Fault(p))
            if p in FAULTS
            else Attempt(t, g, 2 if mine else 1, Progress(p))
            for t, g, mine, p in one.runs
        ),
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
        proven=not case.first,
        patience_s=900,
    )


def fleet(case: Case, state: World, still: float = 0.0) -> Fleet:
    held = frozenset({"AZRebalance"}) if state.suspended else frozenset()
    group = Group("g", case.minimum, case.maximum, state.desired, held, held)
    seen = tuple(instance(at, one) for at, one in enumerate(state.ones))
    return Fleet(NOW, group, seen, canary=COUNTS[state.canary], still_s=still, boots=state.boots)


def moves(case: Case, state: World) -> list[tuple[str, World]]:
    """What the world may do by itself; every instance keeps its place."""
    found: list[tuple[str, World]] = []

    def with_one(at: int, one: One | None, desired: int | None = None, faults: int = 0) -> World:
        ones = list(state.ones)
        ones[at] = one or ones[at]._replace(lifecycle=Lifecycle.GONE)
        desired = state.desired if desired is None else desired
        return state._replace(ones=tuple(ones), desired=desired, faults=state.faults - faults)

    known = set()
    for at, one in enumerate(state.ones):
        if one in known or one.lifecycle == Lifecycle.GONE:
            continue
        known.add(one)
        if one.ended and one.lifecycle == IN:
            found.append(("replaced by the group", with_one(at, None)))
            continue
        if one.lifecycle == LEAVING:
            found.append(("drained", with_one(at, one._replace(lifecycle=OUT, target=Target.ABSENT))))
        if one.lifecycle == PENDING and state.boots in state.gone:
            if not one.unbooted:
                found.append(("cannot start", with_one(at, one._replace(unbooted=Fault.RELEASE))))
        elif one.lifecycle == PENDING and not state.away:
            born = one._replace(
                lifecycle=IN, target=Target.INITIAL, release=state.boots, template=case.template, unbooted=""
            )
            found.append(("born", with_one(at, born)))
        if one.lifecycle == IN and one.target == Target.INITIAL:
            found.append(("healthy", with_one(at, one._replace(target=Target.HEALTHY))))
        if one.ended:
            continue
        running = next((k for k, run in enumerate(one.runs) if run[3] == "running"), None)
        if running is not None:
            for progress, cost in ends(state, one.runs[running]):
                after = ended(one, running, progress)
                task = one.runs[running][0]
                found.append((f"{task} ends: {progress}", with_one(at, after, faults=cost)))
                if progress == Fault.UNCLEAR and task == "deploy":
                    found.append(("deploy is cut off", with_one(at, after._replace(release=None), faults=cost)))
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
        found.append(("launch", state._replace(ones=(*state.ones, new))))
    if case.canary and state.canary == "baking" and any(one.release == NEW and one.up for one in state.ones):
        found.append(("the canary is good", state._replace(canary="good")))
        if state.faults:
            found.append(("the canary is bad", state._replace(canary="bad", faults=state.faults - 1)))
    if state.away:
        found.append(("the dependency is back", state._replace(away=False)))
    if case.dependencies and state.faults:
        left = state._replace(faults=state.faults - 1)
        found += [(f"{name} is deleted", left._replace(gone=state.gone | {name})) for name in {OLD, NEW} - state.gone]
        if not state.away:
            found.append(("the dependency is away", left._replace(away=True)))
        if not (state.preparing or state.back or state.barred):
            found.append(("the schema does not serve the release before", left._replace(barred=True)))
    return found


def ends(state: World, run: tuple[str, int, bool, str]) -> list[tuple[str, int]]:
    """How a run may end, and how many faults that takes: what is not there cannot be fetched, whoever asks."""
    task, goal = run[0], run[1]
    if task != "confirm" and RELEASE_OF[goal] in state.gone:
        return [(Fault.RELEASE, 0)]
    if task != "confirm" and state.away:
        return [(Fault.DEPENDENCY, 0)]
    return [("ok", 0), *([(Fault.MACHINE, 1), (Fault.UNCLEAR, 1)] if state.faults else [])]


def ended(one: One, running: int, progress: str) -> One:
    """An instance whose run has ended; a deployment that fetched nothing has stopped nothing."""
    task, goal, mine, _ = one.runs[running]
    good = progress == "ok"
    runs = list(one.runs)
    runs[running] = (task, goal, mine, progress)
    after = one._replace(runs=tuple(runs))
    if good and task == "prepare":
        after = after._replace(prepared=goal)
    if task == "deploy" and progress not in {Fault.RELEASE, Fault.DEPENDENCY}:
        left = tuple(run for run in runs if run[0] != "confirm")
        after = after._replace(armed=goal, prepared=0, runs=left)
        after = after._replace(release=RELEASE_OF[goal]) if good else after
    if good and task == "confirm" and one.armed == goal:
        after = after._replace(armed=0)
    return after


class Broken(AssertionError):
    pass


def perform(case: Case, state: World, action, promised: bool = True) -> World:
    """One action on the world; ``promised``: it was decided on this very state."""
    ones = list(state.ones)
    desired, suspended, boots = state.desired, state.suspended, state.boots
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
        case WriteStable(release):
            boots = release
        case Terminate(name, decrement, rule, _):
            at = names[name]
            gone = ones[at]
            if gone.lifecycle == Lifecycle.GONE:
                return state
            assert_may_end(state, gone, rule)
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
                    if not_so_any_more(ones[at], run):
                        runs = tuple(r for r in ones[at].runs if r[:3] != run)
                        ones[at] = ones[at]._replace(runs=(*runs, (*run, "running")))
                    continue
                if task == "deploy" and ones[at].lifecycle != OUT:
                    if not promised:
                        continue
                    raise Broken(f"{ones[at]} is deployed to while it serves")
                ones[at] = ones[at]._replace(runs=(*ones[at].runs, (*run, "running")))
    after = sum(one.up for one in ones)
    if promised and after < before and after < case.floor:
        raise Broken(f"{action}: {after} in service, {case.floor} promised, in {state}")
    if sum(one.lifecycle in (IN, PENDING) for one in ones) > case.maximum:
        raise Broken(f"{action}: more instances than the group may have")
    return state._replace(ones=tuple(ones), desired=desired, suspended=suspended, boots=boots)


def assert_may_end(state: World, one: One, rule: Ending) -> None:
    """What serves is ended in its turn, as surplus, or for its machine's fault alone."""
    machine = any(run[3] == Fault.MACHINE for run in one.runs)
    if one.up and rule not in {Ending.SURPLUS, Ending.OUTDATED} and not (rule is Ending.FAILED and machine):
        raise Broken(f"{one} serves and is ended, {rule}, in {state}")


def not_so_any_more(one: One, run: tuple[str, int, bool]) -> bool:
    """What a document has done and a hand or a timer has undone since: then it runs again under the same operation id."""
    task, goal, _ = run
    if (*run, "ok") not in one.runs:
        return False
    return one.prepared != goal if task == "prepare" else task == "deploy" and one.release != RELEASE_OF[goal]


def tidy(state: World) -> World:
    """Sorted, and without records that no decision looks at any more."""
    goal = 2 if state.back else 1
    return sort(state._replace(ones=tuple(_tidy(one, goal) for one in state.ones)))


def _tidy(one: One, goal: int) -> One:
    here = one.release == RELEASE_OF[goal]
    runs = tuple(r for r in one.runs if r[3] == "running" or _matters(r, one.armed, goal))
    return one._replace(runs=runs, prepared=one.prepared if one.prepared == goal and not here else 0)


def _matters(run: tuple[str, int, bool, str], armed: int, goal: int) -> bool:
    return run[2] and (run[1] == armed if run[0] == "confirm" else run[1] in (goal, armed))


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
            if state.back or state.barred or case.first or OLD in state.gone:
                return [state._replace(ended="stopped", suspended=False)], hurt
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
    if state.faults and not state.back and not state.barred:
        alarmed = asked(replace(fleet(case, state), alarms=("5xx",)), want(case, False))
        if not isinstance(alarmed[0], Stop):
            raise Broken(f"an alarm does not stop {state}")
        hurt.append(tidy(state._replace(back=True, preparing=False, faults=state.faults - 1)))
    return free, hurt


def start(case: Case, faults: int, deaths: int) -> World:
    one = One(IN, Target.HEALTHY, OLD, "1", 0, 0)
    if case.first:
        one = One(PENDING, Target.ABSENT, None, case.template, 0, 0)
    gone = frozenset({OLD}) if case.first else frozenset()
    return World((one,) * case.size, case.size, False, False, faults, deaths, gone=gone)


def anew(state: World) -> World:
    """Faults are over, and somebody releases something new that is good: whatever was there is the release before."""
    ones = [
        one._replace(
            release=one.release and OLD,
            prepared=0,
            armed=2 if one.armed else 0,
            runs=tuple((task, 2, False, progress) for task, _, _, progress in one.runs if progress == "running"),
        )
        for one in state.ones
    ]
    gone = frozenset({OLD}) if state.boots in state.gone else frozenset()
    return sort(World(tuple(ones), state.desired, state.suspended, False, 0, 0, boots=OLD, gone=gone))


def explore(case: Case, starts: list[World], without_stop: bool = False) -> dict[World, list[World]]:
    graph: dict[World, list[World]] = {}
    todo = list(starts)
    while todo:
        state = todo.pop()
        if state in graph:
            continue
        free, hurt = steps(case, state)
        if without_stop and any(after.back or after.ended == "stopped" for after in free):
            raise Broken(f"a good release stops in {state}")
        graph[state] = free
        todo += [s for s in itertools.chain(free, hurt) if s not in graph]
    return graph


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
    (Case(2, "in-place", 1, False), 1, 1),
    (Case(3, "in-place", 1, False), 1, 1),
    (Case(3, "in-place", 2, False), 1, 0),
    (Case(4, "in-place", 1, False), 1, 0),
    (Case(2, "in-place", 1, False, canary=1), 1, 1),
    (Case(3, "in-place", 1, False, canary=1), 1, 0),
    (Case(3, "surge", 1, False, canary=1), 1, 0),
    (Case(1, "surge", 1, False), 1, 1),
    (Case(2, "surge", 1, False), 1, 1),
    (Case(3, "surge", 1, False), 1, 0),
    (Case(1, "in-place", 1, True), 1, 1),
    (Case(2, "in-place", 1, True), 1, 1),
    (Case(1, "surge", 1, True), 1, 1),
    (Case(2, "surge", 1, True), 1, 0),
    (Case(1, "in-place", 1, False, dependencies=True), 2, 1),
    (Case(2, "in-place", 1, False, dependencies=True), 1, 1),
    (Case(1, "surge", 1, False, dependencies=True), 2, 0),
    (Case(2, "surge", 1, False, dependencies=True), 1, 0),
    (Case(1, "in-place", 1, True, dependencies=True), 2, 0),
    (Case(2, "in-place", 1, True, dependencies=True), 1, 0),
    (Case(1, "in-place", 1, False, first=True), 2, 1),
    (Case(2, "in-place", 1, False, first=True), 1, 1),
    (Case(2, "surge", 1, False, first=True), 1, 0),
]
"""(case, faults at most, deaths at most)."""


def name(value: object) -> str:
    """``2-surge-1-renewed``: size, kind, batch and what else there is of a case."""
    if not isinstance(value, Case):
        return str(value)
    rest = [word for word in ("renewed", "canary", "dependencies", "first") if getattr(value, word)]
    return "-".join([str(value.size), value.kind, str(value.batch), *rest])


@pytest.mark.parametrize(("case", "faults", "deaths"), CASES, ids=name)
def test_every_reachable_state_keeps_the_promises_and_ends(
    case: Case, faults: int, deaths: int, record_property
) -> None:
    graph = explore(case, [start(case, faults, deaths)])
    assert_ends(graph)
    after = explore(case._replace(first=False), [*{anew(state) for state in graph}], without_stop=True)
    assert_ends(after)
    record_property("states", len(graph))
    print(f"{case}, {faults} faults, {deaths} deaths: {len(graph)} states, {len(after)} more with a new release")
    assert any(state.ended == "done" and not state.back for state in graph)
    if faults and not case.first:
        assert any(state.ended == "done" and state.back for state in graph)
    assert all(state.ended in {"", "done"} for state in after)


class Lag(NamedTuple):
    """The world as it is, and as it was; every part is seen as of any of these, and may go back at the next look.

    ``own``: the last that the deployer has done to the instance at each place, and to the group's processes.
    """

    states: tuple[World, ...]
    own: tuple[type[Action] | None, ...] = ()
    processes: type[Action] | None = None


PARTS = ("group", "targets", "reports", "runs")


def seen(case: Case, states: tuple[World, ...], of: tuple[int, ...], still: float) -> Fleet:
    """What a look shows that reads each part (:data:`PARTS`) as of one of these states, the last being the newest."""
    group, targets, reports, runs = (states[at] for at in of)
    instances = []
    for at, one in enumerate(group.ones):
        target, told, ran = (state.ones[at] if at < len(state.ones) else None for state in (targets, reports, runs))
        told = told or one._replace(release=None, prepared=0, runs=())
        newest = told if of[2] > of[3] or ran is None else ran
        behind = any(
            run[3] == "ok" and (*run[:3], "ok") not in told.runs and run[0] in ("prepare", "deploy")
            for run in newest.runs
        )
        mixed = one._replace(
            target=target.target if target else Target.ABSENT,
            release=told.release,
            prepared=told.prepared,
            armed=newest.armed,
            runs=newest.runs,
            unbooted=told.unbooted,
        )
        instances.append(instance(at, mixed, behind))
    held = frozenset({"AZRebalance"}) if group.suspended else frozenset()
    return Fleet(
        NOW,
        Group("g", case.minimum, case.maximum, group.desired, held, held),
        tuple(instances),
        still_s=still,
        boots=states[-1].boots,
    )


def late_steps(case: Case, lag: Lag, depth: int) -> Iterator[Lag]:
    """What follows: the world moves, or the deployer acts on what it sees, whatever that is."""
    now = lag.states[-1]
    if now.ended:
        return
    for _, moved in moves(case, now):
        yield lag._replace(states=(*lag.states[1 - depth :], moved))
    asked = decide_prepared if now.preparing else decide
    kept = range(len(lag.states))
    known = set()
    for of in itertools.product(kept, repeat=len(PARTS)):
        look = mine(lag).shown(seen(case, lag.states, of, 0.0))
        if (look.instances, look.group) in known:
            continue
        known.add((look.instances, look.group))
        actions = asked(look, want(case, False))
        own = lag
        match actions[0]:
            case Stop(finding):
                raise Broken(f"a good release stops: {finding.what}, seen {of} of {lag}")
            case Done():
                after = now._replace(preparing=False) if now.preparing else now._replace(ended="done", suspended=False)
                if after.ended and not all(one.release == NEW and one.up for one in living(now)):
                    raise Broken(f"done, seen {of} of {lag}")
            case Wait():
                continue
            case _:
                after = now
                for action in actions:
                    after = perform(case, after, action, promised=False)
                    own = done_to(own, action)
                if sum(one.up for one in after.ones) < min(case.floor, sum(one.up for one in now.ones)):
                    raise Broken(f"{actions}: fewer serve than were promised, seen {of} of {lag}")
        if after != now or own != lag:
            yield own._replace(states=(*lag.states[1 - depth :], after))


def done_to(lag: Lag, action: Action) -> Lag:
    if isinstance(action, Suspend | Resume):
        return lag._replace(processes=type(action))
    if not isinstance(action, EnterStandby | ExitStandby | Terminate):
        return lag
    names = {action.instance} if isinstance(action, Terminate) else set(action.instances)
    places = max(len(state.ones) for state in lag.states)
    own = (*lag.own, *[None] * (places - len(lag.own)))
    return lag._replace(own=tuple(type(action) if f"i-{at}" in names else was for at, was in enumerate(own)))


def mine(lag: Lag) -> Own:
    """What the deployer remembers; all of it is fresh, for the window is shorter than it remembers."""
    own = Own()
    for at, kind in enumerate(lag.own):
        if kind is Terminate:
            own = own.did(Terminate(f"i-{at}", False, Ending.OUTDATED), NOW)
        elif kind is not None:
            own = own.did(kind((f"i-{at}",)), NOW)
    return own.did(lag.processes(("AZRebalance",)), NOW) if lag.processes else own


def living(state: World) -> list[One]:
    return [one for one in state.ones if one.lifecycle != Lifecycle.GONE]


def canonical(lag: Lag) -> Lag:
    """The same places in every state, without those that are gone in all, in an order that names do not matter to.

    Who was launched last comes last: earlier states do not have it.
    """
    places = range(max(len(state.ones) for state in lag.states))
    columns = [[state.ones[at] for state in lag.states if at < len(state.ones)] for at in places]
    own = (*lag.own, *[None] * (len(columns) - len(lag.own)))
    together = [([_tidy(one, 1) for one in column], own[at]) for at, column in enumerate(columns)]
    together = [pair for pair in together if any(one.lifecycle != Lifecycle.GONE for one in pair[0])]
    together.sort(key=lambda pair: (-len(pair[0]), [_rank(one) for one in pair[0]], str(pair[1])))
    columns = [column for column, _ in together]
    size = len(lag.states)
    ones = [
        tuple(column[at - size + len(column)] for column in columns if at - size + len(column) >= 0)
        for at in range(size)
    ]
    states = tuple(state._replace(ones=each) for state, each in zip(lag.states, ones, strict=True))
    return Lag(states, tuple(kind for _, kind in together), lag.processes)


LATE = [
    (Case(1, "in-place", 1, False), 3),
    (Case(2, "in-place", 1, False), 3),
    (Case(3, "in-place", 2, False), 2),
    (Case(1, "surge", 1, False), 3),
    (Case(2, "surge", 1, False), 2),
    (Case(1, "surge", 1, True), 3),
    (Case(2, "surge", 1, True), 2),
    (Case(1, "in-place", 1, True), 3),
    (Case(2, "in-place", 1, True), 2),
]
"""(case, how many states each part of a look may be taken from)."""


@pytest.mark.parametrize(("case", "depth"), LATE, ids=name)
def test_whatever_is_seen_late_a_good_release_gets_there_and_nothing_that_serves_is_ended(
    case: Case, depth: int, record_property
) -> None:
    graph: dict[Lag, list[Lag]] = {}
    todo = [canonical(Lag((start(case, 0, 0),) * depth))]
    while todo:
        lag = todo.pop()
        if lag in graph:
            continue
        graph[lag] = [canonical(after) for after in late_steps(case, lag, depth)]
        todo += graph[lag]
    record_property("states", len(graph))
    print(f"{case}, {depth} states seen: {len(graph)} states")
    assert any(lag.states[-1].ended for lag in graph)
    assert all(after for lag, after in graph.items() if not lag.states[-1].ended), "stuck"
