"""Every state that the rollout can reach, with every fault and a crash at every step.

The world (:mod:`tests.deciders.world`) moves by itself; at each state the deployer may act, die, be overtaken, or the world
may move.  A run begins with the first part alone (``decide_prepared``, which suspends processes too), after which a
migration may fail; so does every run on the way forward that follows a death.

Besides the promises of capacity, two things are shown of every reachable state:

* *What serves is not ended* for its release's or a dependency's fault, nor where it is unclear whose it is; for its
  machine's only while another serves.
* *Progress.*  With faults over, from every reachable state a new good release reaches every instance on every path: no stop.

Cases ``N-…-to-M`` are groups that scale by themselves: at every step one more is wanted, or one less, which the group
then starts or ends by itself, whatever serves.

What is seen late is :mod:`tests.deciders.test_rollout_late`.  Most cases take seconds, and are marked slow.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from hermes_cfn.deciders.actions import (
    Done,
    Stop,
    Wait,
)
from hermes_cfn.deciders.rollout import UNREGISTERED_S, decide, decide_prepared
from tests.deciders.world import (
    OLD,
    Broken,
    Case,
    World,
    begun,
    dead,
    ended_well,
    fleet,
    moves,
    name,
    perform,
    sort,
    start,
    tidy,
    want,
)


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
        actions = asked(fleet(case, state, still), want(case, state.back, state.size))
        if free or not isinstance(actions[0], Wait):
            break
    else:
        raise Broken(f"nothing will ever happen in {state}")
    match actions[0]:
        case Done() if state.preparing:
            if state.faults and not state.back:
                hurt.append(unmigrated(state))
            if state.deaths:
                hurt.append(dead(state, case))
            return [*free, tidy(state._replace(preparing=False))], hurt
        case Done():
            goal = want(case, state.back).release
            enough = case.size <= len(state.ones) <= case.most if case.scaled else len(state.ones) == case.size
            state = ended_well(case, state)
            if not (
                enough
                and len(state.ones) >= state.size
                and all(o.up and o.release == goal and not o.armed and o.template == case.template for o in state.ones)
                and not state.suspended
            ):
                raise Broken(f"done, but {state}")
            return [state._replace(ended="done")], hurt
        case Stop():
            if state.back or state.barred or case.first or OLD in state.gone:
                return [ended_well(case, state)._replace(ended="stopped", suspended=False)], hurt
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
                hurt += [dead(tidy(part), case) for part in prefix[1:]]
                for _, moved in moves(case, state):
                    if len(moved.ones) == len(state.ones):
                        hurt.append(dead(tidy(perform(case, moved, actions[0], promised=False)), case))
    if state.deaths:
        hurt.append(dead(state, case))
    if state.faults and not state.back and not state.barred:
        alarmed = asked(replace(fleet(case, state), alarms=("5xx",)), want(case, False, state.size))
        if not isinstance(alarmed[0], Stop):
            raise Broken(f"an alarm does not stop {state}")
        hurt.append(tidy(state._replace(back=True, preparing=False, faults=state.faults - 1)))
    return free, hurt


def anew(case: Case, state: World) -> World:
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
    loops = frozenset({OLD}) if state.loops else frozenset()
    new = World(
        tuple(ones), state.desired, state.suspended, False, 0, 0, boots=OLD, gone=gone, loops=loops, sizes=state.sizes
    )
    return sort(begun(case, new) if case.scaled else new)


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


QUICK = [
    (Case(2, "in-place", 1, False), 1, 0),
    (Case(1, "in-place", 1, False), 2, 1),
    (Case(1, "surge", 1, False), 1, 1),
    (Case(1, "in-place", 1, True), 1, 1),
    (Case(1, "in-place", 1, False, dependencies=True), 2, 1),
    (Case(1, "in-place", 1, False, first=True), 2, 1),
    (Case(2, "in-place", 1, False, first=True), 1, 1),
    (Case(2, "surge", 1, False, first=True), 1, 0),
    (Case(2, "in-place", 1, False, most=3), 1, 0),
    (Case(1, "surge", 1, False, most=2), 1, 0),
]
LARGE = [
    (Case(2, "in-place", 1, False), 1, 1),
    (Case(3, "in-place", 1, False), 1, 1),
    (Case(3, "in-place", 2, False), 1, 0),
    (Case(4, "in-place", 1, False), 1, 0),
    (Case(2, "in-place", 1, False, canary=1), 1, 1),
    (Case(3, "in-place", 1, False, canary=1), 1, 0),
    (Case(3, "surge", 1, False, canary=1), 1, 0),
    (Case(2, "surge", 1, False), 1, 1),
    (Case(3, "surge", 1, False), 1, 0),
    (Case(2, "in-place", 1, True), 1, 1),
    (Case(1, "surge", 1, True), 1, 1),
    (Case(2, "surge", 1, True), 1, 0),
    (Case(2, "in-place", 1, False, dependencies=True), 1, 1),
    (Case(1, "surge", 1, False, dependencies=True), 2, 0),
    (Case(2, "surge", 1, False, dependencies=True), 1, 0),
    (Case(1, "in-place", 1, True, dependencies=True), 2, 0),
    (Case(2, "in-place", 1, False, most=3), 1, 1),
    (Case(1, "surge", 1, False, most=2), 1, 1),
    (Case(1, "surge", 1, True, most=2), 1, 0),
    (Case(2, "in-place", 1, True, most=3), 1, 0),
    (Case(2, "in-place", 1, True, dependencies=True), 1, 0),
]
"""(case, faults at most, deaths at most); the large ones take seconds each."""

CASES = [*QUICK, *(pytest.param(*large, marks=pytest.mark.slow) for large in LARGE)]


@pytest.mark.parametrize(("case", "faults", "deaths"), CASES, ids=name)
def test_every_reachable_state_keeps_the_promises_and_ends(
    case: Case, faults: int, deaths: int, record_property
) -> None:
    graph = explore(case, [start(case, faults, deaths)])
    assert_ends(graph)
    after = explore(case._replace(first=False), [*{anew(case, state) for state in graph}], without_stop=True)
    assert_ends(after)
    record_property("states", len(graph))
    print(f"{case}, {faults} faults, {deaths} deaths: {len(graph)} states, {len(after)} more with a new release")
    assert any(state.ended == "done" and not state.back for state in graph)
    if case.scaled:
        assert {len(state.ones) for state in graph if state.ended == "done"} == {case.size, case.most}
    if faults and not case.first:
        assert any(state.ended == "done" and state.back for state in graph)
    assert all(state.ended in {"", "done"} for state in after)
