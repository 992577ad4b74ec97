"""Every state of a deployer that sees each part of the world (group, targets, reports, document runs) as of any of its last.

Without faults it neither stops a good release nor ends what serves, and comes to the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from hermes_cfn.deciders.actions import (
    Action,
    Done,
    Ending,
    EnterStandby,
    ExitStandby,
    Resume,
    Stop,
    Suspend,
    Terminate,
    Wait,
)
from hermes_cfn.deciders.observed import Fleet, Group, Lifecycle, Target
from hermes_cfn.deciders.own import Own
from hermes_cfn.deciders.rollout import decide, decide_prepared
from tests.deciders.world import (
    NEW,
    NOW,
    Broken,
    Case,
    One,
    World,
    instance,
    moves,
    name,
    perform,
    rank,
    start,
    trimmed,
    want,
)


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
    together = [([trimmed(one, 1) for one in column], own[at]) for at, column in enumerate(columns)]
    together = [pair for pair in together if any(one.lifecycle != Lifecycle.GONE for one in pair[0])]
    together.sort(key=lambda pair: (-len(pair[0]), [rank(one) for one in pair[0]], str(pair[1])))
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
"""(case, how many states each part of a look may be taken from); all but the smallest take seconds."""


@pytest.mark.parametrize(
    ("case", "depth"),
    [pytest.param(*late, marks=pytest.mark.slow) if late[0].size * late[1] > 3 else late for late in LATE],
    ids=name,
)
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
