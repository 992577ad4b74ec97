"""The exhaustive model finds the faults that the decider once had: each is put back in, and must be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest

from hermes_cfn.deciders import failures, rollout
from hermes_cfn.deciders.actions import Done, Wait
from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.deciders.view import View
from hermes_cfn.instance.report import Fault
from tests.deciders import test_rollout_exhaustive as exhaustive
from tests.deciders.world import Broken, Case, World, start

DEPENDENT = Case(1, "in-place", 1, False, dependencies=True)


def walked(case: Case, faults: int, deaths: int) -> None:
    """What the model does with a case, as its own test does."""
    graph = exhaustive.explore(case, [start(case, faults, deaths)])
    exhaustive.assert_ends(graph)
    following = [*{exhaustive.anew(case, state) for state in graph}]
    exhaustive.assert_ends(exhaustive.explore(case._replace(first=False), following, without_stop=True))


def as_before(*changed: tuple[Fault, bool]) -> Mapping[tuple[Fault, bool], failures.Verdict]:
    return MappingProxyType({**failures.VERDICTS, **dict.fromkeys(changed, failures.Verdict.REPLACE)})


@pytest.mark.parametrize("fault", [Fault.RELEASE, Fault.DEPENDENCY])
def test_whoever_ends_what_serves_for_anothers_fault_is_found(monkeypatch, fault: Fault) -> None:
    """Kind A: a pull that failed, or an image that was gone, ended the instance that served."""
    monkeypatch.setattr(failures, "VERDICTS", as_before((fault, True), (fault, False)))
    with pytest.raises(Broken, match="and is ended"):
        walked(DEPENDENT, 2, 0)


def test_whoever_waits_for_what_cannot_start_is_found(monkeypatch) -> None:
    """Kind B: preparing waited for instances that start the release which is to be replaced, and it cannot start."""
    real = exhaustive.decide_prepared

    def waits(fleet, want):
        actions = real(fleet, want)
        starts = any(one.lifecycle is Lifecycle.PENDING for one in View(fleet, want).members)
        stops = rollout.stalled(View(fleet, want))
        return stops or ((Wait("an instance starts"),) if starts and isinstance(actions[0], Done) else actions)

    monkeypatch.setattr(exhaustive, "decide_prepared", waits)
    monkeypatch.setattr(rollout, "_anchor", lambda _view: ())
    monkeypatch.setattr(rollout, "WORK", tuple(rule for rule in rollout.WORK if rule.__name__ != "_anchor"))
    with pytest.raises(Broken, match=r"stops in|stuck in|nothing will ever happen"):
        walked(DEPENDENT, 2, 0)


def test_the_world_fails_for_ever_and_for_a_while_and_in_both_directions() -> None:
    """Registry, secrets, schema and first release are parts of the world that is walked."""
    seen = {*states(DEPENDENT, 2)}
    for back in (False, True):
        there = [state for state in seen if state.back is back]
        assert any(state.gone for state in there), "an image or a secret version is gone for ever"
        assert any(state.away for state in there), "the registry gives nothing for a while"
        assert any(state.loops for state in there), "a release crashes again and again"
    assert any(state.barred for state in seen), "the schema bars the way back"
    assert any(case.first for case, *_ in exhaustive.QUICK), "a first release that never answered"


def states(case: Case, faults: int) -> Iterator[World]:
    yield from exhaustive.explore(case, [start(case, faults, 0)])
