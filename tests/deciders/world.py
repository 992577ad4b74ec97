"""The world of a rollout as transitions between small states: group, load balancer, registry, secrets, schema, documents.

Instances are kept sorted: what they are called does not matter.  Faults and deaths are counted and limited, everything
else is not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from hermes_cfn.deciders.actions import (
    Ending,
    EnterStandby,
    ExitStandby,
    Launch,
    Register,
    Resize,
    Resume,
    Send,
    Suspend,
    Terminate,
    WriteStable,
)
from hermes_cfn.deciders.observed import Attempt, Canary, Counts, Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import WHILE_SCALED, WHILE_WORKING
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
    ``loops``: releases whose containers end again and again; ``away``: registry and Systems Manager give nothing for now; ``barred``: the schema was changed, and the release
    before does not run on it; of a group that scales by itself: ``sizes`` it may have now, ``size`` that this run began with,
    ``started`` how many it started beyond."""

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
    loops: frozenset[str] = frozenset()
    away: bool = False
    barred: bool = False
    sizes: tuple[int, int] = (0, 0)
    size: int = 0
    started: int = 0


class Case(NamedTuple):
    """``dependencies``: registry, secrets and schema fail too; ``first``: the release before never answered anywhere;
    ``most``: the group scales by itself, from ``size`` to so many, and every step of that is one of the faults."""

    size: int
    kind: str
    batch: int
    renewed: bool
    canary: int = 0
    dependencies: bool = False
    first: bool = False
    most: int = 0

    @property
    def scaled(self) -> bool:
        return self.most > 0

    @property
    def minimum(self) -> int:
        return max(0, self.size - self.batch)

    @property
    def maximum(self) -> int:
        return (self.most or self.size) + self.batch

    @property
    def floor(self) -> int:
        return self.size if self.kind == "surge" else self.size - self.batch

    @property
    def template(self) -> str:
        return "2" if self.renewed else "1"


def rank(one: One) -> tuple[object, ...]:
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
    return state._replace(ones=tuple(sorted(left, key=rank)))


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
def want(case: Case, back: bool, size: int = 0) -> RolloutTarget:
    return RolloutTarget(
        release=OLD if back else NEW,
        goal_version=2 if back else 1,
        token=2,
        size=size or case.size,
        scaled=case.scaled,
        least=case.size,
        most=case.most,
        template=case.template,
        strategy=Strategy(case.kind, case.batch, canary=case.canary),
        back=back,
        proven=not case.first,
        patience_s=900,
    )


def fleet(case: Case, state: World, still: float = 0.0) -> Fleet:
    every = WHILE_SCALED if case.scaled else WHILE_WORKING
    held = frozenset(every) if state.suspended else frozenset()
    group = Group("g", *limits(case, state), state.desired, held, held)
    seen = tuple(instance(at, one) for at, one in enumerate(state.ones))
    return Fleet(NOW, group, seen, canary=COUNTS[state.canary], still_s=still, boots=state.boots, started=state.started)


def limits(case: Case, state: World) -> tuple[int, int]:
    """Minimum and maximum of the group."""
    return state.sizes if case.scaled else (case.minimum, case.maximum)


def moves(case: Case, state: World) -> list[tuple[str, World]]:
    """What the world may do by itself; every instance keeps its place."""
    found: list[tuple[str, World]] = []
    low, high = limits(case, state)

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
                if one.lifecycle == OUT and desired < high:
                    back = back._replace(lifecycle=IN, target=Target.INITIAL)
                    desired += 1
                found.append(("returned by its timer", with_one(at, back, desired, faults=1)))
    live = sum(one.lifecycle in (IN, PENDING) for one in state.ones)
    if live < state.desired:
        new = One(PENDING, Target.ABSENT, None, case.template, 0, 0)
        found.append(("launch", state._replace(ones=(*state.ones, new))))
    if case.scaled and live > state.desired:
        going = {one: at for at, one in enumerate(state.ones) if one.lifecycle == IN}
        found += [("ended by the group", with_one(at, None)) for at in going.values()]
    if case.scaled and state.faults:
        scaled = [size for size in (state.desired - 1, state.desired + 1) if low <= size <= high]
        left = state._replace(faults=state.faults - 1)
        found += [(f"scaled to {size}", left._replace(desired=size)) for size in scaled]
    if case.canary and state.canary == "baking" and any(one.release == NEW and one.up for one in state.ones):
        found.append(("the canary is good", state._replace(canary="good")))
        if state.faults:
            found.append(("the canary is bad", state._replace(canary="bad", faults=state.faults - 1)))
    if state.away:
        found.append(("the dependency is back", state._replace(away=False)))
    if case.dependencies and state.faults:
        left = state._replace(faults=state.faults - 1)
        found += [(f"{name} is deleted", left._replace(gone=state.gone | {name})) for name in {OLD, NEW} - state.gone]
        if NEW not in state.loops:
            found.append(("the release begins to crash", left._replace(loops=state.loops | {NEW})))
        if not state.away:
            found.append(("the dependency is away", left._replace(away=True)))
        if not (state.preparing or state.back or state.barred):
            found.append(("the schema does not serve the release before", left._replace(barred=True)))
    return found


def ends(state: World, run: tuple[str, int, bool, str]) -> list[tuple[str, int]]:
    """How a run may end, and how many faults that takes: what is not there cannot be fetched, whoever asks."""
    task, goal = run[0], run[1]
    if task == "confirm" and RELEASE_OF[goal] in state.loops:
        return [(Fault.RELEASE, 0)]
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
    (low, high), started = limits(case, state), state.started
    match action:
        case Suspend():
            suspended = True
        case Resume():
            suspended = False
        case EnterStandby(instances):
            for name in instances:
                at = names[name]
                if ones[at].lifecycle != IN or desired <= low:
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
                if ones[at].lifecycle == OUT and desired < high:
                    ones[at] = ones[at]._replace(lifecycle=IN, target=Target.INITIAL)
                    desired += 1
        case Register(instances):
            for name in instances:
                if ones[names[name]].lifecycle == IN and ones[names[name]].target == Target.ABSENT:
                    ones[names[name]] = ones[names[name]]._replace(target=Target.INITIAL)
        case Resize(minimum, maximum):
            low, high = minimum, maximum
            desired = min(max(desired, low), high)
        case Launch(wanted, floor, surplus):
            if promised and wanted > high:
                raise Broken(f"{wanted} instances are wanted, {high} are allowed")
            if case.scaled and floor is None:
                raise Broken("a plain number would end what a policy has just started")
            desired = min(wanted, high) if floor is None else max(desired, min(wanted, high))
            started = max(started, surplus)
        case WriteStable(release):
            boots = release
        case Terminate(name, decrement, rule, _):
            at = names[name]
            gone = ones[at]
            if gone.lifecycle == Lifecycle.GONE:
                return state
            assert_may_end(state, gone, rule, promised)
            ones[at] = gone._replace(lifecycle=Lifecycle.GONE)
            if decrement and gone.lifecycle == IN:
                desired = max(desired - 1, low)
            started = max(0, started - decrement)
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
    floor = (state.size if case.scaled else case.size) - (0 if case.kind == "surge" else case.batch)
    if promised and after < before and after < floor:
        raise Broken(f"{action}: {after} in service, {floor} promised, in {state}")
    if sum(one.lifecycle in (IN, PENDING) for one in ones) > case.maximum:
        raise Broken(f"{action}: more instances than the group may have")
    sizes = (low, high) if case.scaled else (0, 0)
    return state._replace(
        ones=tuple(ones), desired=desired, suspended=suspended, boots=boots, sizes=sizes, started=started
    )


def assert_may_end(state: World, one: One, rule: Ending, promised: bool) -> None:
    """What serves is ended in its turn, as surplus, or for its machine's fault alone, and then beside another that serves."""
    machine = any(run[3] == Fault.MACHINE for run in one.runs)
    if one.up and rule not in {Ending.SURPLUS, Ending.OUTDATED} and not (rule is Ending.FAILED and machine):
        raise Broken(f"{one} serves and is ended, {rule}, in {state}")
    if promised and one.up and rule is Ending.FAILED and sum(other.up for other in state.ones) < 2:
        raise Broken(f"{one} serves alone and is ended, {rule}, in {state}")


def not_so_any_more(one: One, run: tuple[str, int, bool]) -> bool:
    """What a document has done and a hand or a timer has undone since: then it runs again under the same operation id."""
    task, goal, _ = run
    if (*run, "ok") not in one.runs:
        return False
    return one.prepared != goal if task == "prepare" else task == "deploy" and one.release != RELEASE_OF[goal]


def tidy(state: World) -> World:
    """Sorted, and without records that no decision looks at any more."""
    goal = 2 if state.back else 1
    return sort(state._replace(ones=tuple(trimmed(one, goal) for one in state.ones)))


def trimmed(one: One, goal: int) -> One:
    here = one.release == RELEASE_OF[goal]
    runs = tuple(r for r in one.runs if r[3] == "running" or _matters(r, one.armed, goal))
    return one._replace(runs=runs, prepared=one.prepared if one.prepared == goal and not here else 0)


def _matters(run: tuple[str, int, bool, str], armed: int, goal: int) -> bool:
    return run[2] and (run[1] == armed if run[0] == "confirm" else run[1] in (goal, armed))


def dead(state: World, case: Case | None = None) -> World:
    """The deployer dies and runs again: its token is new, what it sent is the old one's, and what it began with is there."""
    ones = [
        one._replace(runs=tuple((t, g, False, p) for t, g, _, p in one.runs if p == "running")) for one in state.ones
    ]
    state = state._replace(ones=tuple(ones), deaths=state.deaths - 1, preparing=not state.back)
    return sort(begun(case, state) if case and case.scaled else state)


def begun(case: Case, state: World) -> World:
    """What a run knows at its begin of a group that scales by itself."""
    out = sum(one.lifecycle in (LEAVING, OUT) for one in state.ones)
    return state._replace(size=min(max(state.desired + out, case.size), case.most), started=0)


def ended_well(case: Case, state: World) -> World:
    """Who ends a rollout gives policies and range back."""
    return state._replace(suspended=False, sizes=(case.size, case.most)) if case.scaled else state


def name(value: object) -> str:
    """``2-surge-1-renewed``: size, kind, batch and what else there is of a case."""
    if not isinstance(value, Case):
        return str(value)
    rest = [word for word in ("renewed", "canary", "dependencies", "first") if getattr(value, word)]
    scaled = [f"to-{value.most}"] if value.scaled else []
    return "-".join([str(value.size), value.kind, str(value.batch), *scaled, *rest])


def start(case: Case, faults: int, deaths: int) -> World:
    one = One(IN, Target.HEALTHY, OLD, "1", 0, 0)
    if case.first:
        one = One(PENDING, Target.ABSENT, None, case.template, 0, 0)
    gone = frozenset({OLD}) if case.first else frozenset()
    sizes = (case.size, case.most) if case.scaled else (0, 0)
    size = case.size if case.scaled else 0
    return World((one,) * case.size, case.size, False, False, faults, deaths, gone=gone, sizes=sizes, size=size)
