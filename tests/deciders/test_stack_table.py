"""The stack decider over every status that CloudFormation documents."""

from __future__ import annotations

import itertools
from dataclasses import replace
from graphlib import TopologicalSorter

import pytest

from hermes_cfn.cfn import statuses
from hermes_cfn.deciders import stack
from hermes_cfn.deciders.actions import (
    ContinueRollback,
    CreateChangeSet,
    DeleteChangeSet,
    DeleteStack,
    Done,
    ExecuteChangeSet,
    Follow,
    RollBack,
    Stop,
)
from hermes_cfn.deciders.observed import ChangeSetSeen, StackSeen

CALL = {
    CreateChangeSet: "CreateChangeSet",
    ContinueRollback: "ContinueUpdateRollback",
    RollBack: "RollbackStack",
    DeleteStack: "DeleteStack",
}
WANTED = stack.Goal(True, "s")
UNWANTED = stack.Goal(False, "s")


def test_the_table_has_every_documented_status_and_no_other() -> None:
    assert set(statuses.STACK) == stack.STATUSES


def test_every_status_stands_in_one_class() -> None:
    classes = (
        *(stack.REVIEW, stack.BUSY, stack.STEADY, stack.DEAD),
        *(stack.UNSURE, stack.PAUSED, stack.STUCK, stack.UNDELETED, stack.GONE),
    )
    for one, other in itertools.combinations(classes, 2):
        assert not one & other


@pytest.mark.parametrize("status", [None, *sorted(stack.STATUSES)])
@pytest.mark.parametrize("goal", [WANTED, UNWANTED], ids=["deployed", "absent"])
def test_no_status_is_without_a_step_that_cloudformation_accepts(status: str | None, goal: stack.Goal) -> None:
    step = stack.decide(StackSeen(status), goal)
    if goal.deployed and status in stack.UNSURE:
        assert isinstance(step, Stop)
        assert step.finding.next
        return
    assert not isinstance(step, Stop)
    facts = statuses.STACK.get(status or "")
    if facts is not None and type(step) in CALL and status != "DELETE_COMPLETE":
        assert CALL[type(step)] in facts.calls, f"{status}: {step}"
    if facts is not None and facts.in_progress:
        assert isinstance(step, Follow)


CHANGE_SETS = [
    None,
    *(
        ChangeSetSeen(status, execution, "because", empty)
        for status in statuses.CHANGE_SET
        for execution in statuses.CHANGE_SET_EXECUTION
        for empty in (False, True)
        if not empty or status == "FAILED"
    ),
]


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS", *sorted(stack.STEADY)])
def test_every_state_of_our_change_set_has_a_step(status: str | None) -> None:
    for seen in CHANGE_SETS:
        step = stack.decide(StackSeen(status, change_set=seen), WANTED)
        if seen is None:
            assert isinstance(step, CreateChangeSet)
        elif seen.empty:
            assert step == Done("unchanged")
        elif seen.status == "CREATE_COMPLETE" and seen.execution == "AVAILABLE":
            assert isinstance(step, ExecuteChangeSet)
        else:
            assert isinstance(step, Follow | Stop | DeleteChangeSet | CreateChangeSet), (seen, step)


def test_a_failed_change_set_of_ours_is_told_and_one_that_was_left_is_made_anew() -> None:
    seen = StackSeen("CREATE_COMPLETE", change_set=ChangeSetSeen("FAILED", "UNAVAILABLE", "no such role"))
    assert isinstance(stack.decide(seen, WANTED), DeleteChangeSet)
    stopped = stack.decide(seen, WANTED, stack.Tried(creates=1))
    assert isinstance(stopped, Stop)
    assert stopped.finding.evidence == "no such role"


def test_a_stack_that_was_never_whole_is_deleted_and_created_anew() -> None:
    step = stack.decide(StackSeen("ROLLBACK_COMPLETE"), WANTED)
    assert isinstance(step, DeleteStack)
    assert "anew" in step.why
    assert stack.decide(StackSeen(None), WANTED, stack.Tried(deletes=1)) == CreateChangeSet("CREATE")


def test_a_stuck_rollback_is_continued_once_then_said() -> None:
    seen = StackSeen("UPDATE_ROLLBACK_FAILED", reason="subnet in use")
    assert isinstance(stack.decide(seen, WANTED), ContinueRollback)
    again = stack.decide(seen, WANTED, stack.Tried(continues=1))
    assert isinstance(again, Stop)
    assert again.finding.code == "stack-rollback-stuck"
    assert again.finding.evidence == "subnet in use"
    assert isinstance(
        stack.decide(StackSeen("UPDATE_ROLLBACK_COMPLETE"), WANTED, stack.Tried(continues=1)), CreateChangeSet
    )


def test_an_update_that_stopped_where_it_failed_is_rolled_back_before_anything_else() -> None:
    """Whatever change set is there: CloudFormation executes none on it."""
    ready = ChangeSetSeen("CREATE_COMPLETE", "AVAILABLE")
    for change_set in (None, ready):
        assert isinstance(stack.decide(StackSeen("UPDATE_FAILED", change_set=change_set), WANTED), RollBack)
    again = stack.decide(StackSeen("UPDATE_FAILED"), WANTED, stack.Tried(rollbacks=1))
    assert isinstance(again, Stop)
    assert "rollback-stack" in str(again.finding.next)


def test_what_we_executed_ends_well_or_is_told() -> None:
    tried = stack.Tried(executes=1)
    assert isinstance(stack.decide(StackSeen("UPDATE_COMPLETE", begun=False), WANTED, tried), Follow)
    assert isinstance(stack.decide(StackSeen("UPDATE_COMPLETE"), WANTED, tried), Done)
    failed = stack.decide(StackSeen("UPDATE_ROLLBACK_COMPLETE"), WANTED, tried)
    assert isinstance(failed, Stop)
    assert failed.finding.code == "stack-failed"


def test_protection_is_turned_off_only_when_told() -> None:
    seen = StackSeen("CREATE_COMPLETE", protected=True)
    stopped = stack.decide(seen, UNWANTED)
    assert isinstance(stopped, Stop)
    assert stopped.finding.code == "stack-protected"
    assert isinstance(stack.decide(seen, stack.Goal(False, "s", unprotect=True)), DeleteStack)


def test_a_stack_that_cannot_be_deleted_is_not_tried_for_ever() -> None:
    stopped = stack.decide(StackSeen("DELETE_FAILED"), UNWANTED, stack.Tried(deletes=2))
    assert isinstance(stopped, Stop)
    assert stopped.finding.code == "stack-undeletable"


def test_a_status_that_nobody_documented_stops() -> None:
    stopped = stack.decide(StackSeen("MELTED"), WANTED)
    assert isinstance(stopped, Stop)
    assert stopped.finding.code == "stack-status-unknown"


ENDS = {
    "CREATE_IN_PROGRESS": ("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS"),
    "ROLLBACK_IN_PROGRESS": ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
    "UPDATE_IN_PROGRESS": ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS"),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ("UPDATE_COMPLETE",),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": ("UPDATE_ROLLBACK_COMPLETE",),
    "DELETE_IN_PROGRESS": (None, "DELETE_FAILED"),
    "IMPORT_IN_PROGRESS": ("IMPORT_COMPLETE", "IMPORT_ROLLBACK_IN_PROGRESS"),
    "IMPORT_ROLLBACK_IN_PROGRESS": ("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
}
"""What each operation may end in (CloudFormation user guide, "Stack status codes")."""

MADE = (
    ChangeSetSeen("CREATE_COMPLETE", "AVAILABLE"),
    ChangeSetSeen("FAILED", "UNAVAILABLE", "because"),
    ChangeSetSeen("FAILED", "UNAVAILABLE", "", True),
)
"""What making a change set may end in."""

BEING_MADE = ChangeSetSeen("CREATE_IN_PROGRESS", "UNAVAILABLE")


def after(seen: StackSeen, step: object, tried: stack.Tried) -> list[tuple[StackSeen, stack.Tried]]:
    """Every state that CloudFormation may be in when a step was done."""
    match step:
        case CreateChangeSet():
            status = seen.status or "REVIEW_IN_PROGRESS"
            status = "REVIEW_IN_PROGRESS" if status == "DELETE_COMPLETE" else status
            return [(StackSeen(status, change_set=BEING_MADE), replace(tried, creates=tried.creates + 1))]
        case DeleteChangeSet():
            return [(StackSeen(seen.status), tried)]
        case ExecuteChangeSet():
            busy = "CREATE_IN_PROGRESS" if seen.status == "REVIEW_IN_PROGRESS" else "UPDATE_IN_PROGRESS"
            more = replace(tried, executes=tried.executes + 1)
            return [(StackSeen(busy), more), (StackSeen(seen.status, begun=False), more)]
        case DeleteStack():
            return [(StackSeen("DELETE_IN_PROGRESS"), replace(tried, deletes=tried.deletes + 1))]
        case ContinueRollback():
            return [(StackSeen("UPDATE_ROLLBACK_IN_PROGRESS"), replace(tried, continues=tried.continues + 1))]
        case RollBack():
            return [(StackSeen("UPDATE_ROLLBACK_IN_PROGRESS"), replace(tried, rollbacks=tried.rollbacks + 1))]
        case Follow() if seen.status in ENDS:
            return [(StackSeen(end, change_set=seen.change_set), tried) for end in ENDS[seen.status]]
        case Follow() if not seen.begun:
            busy = "CREATE_IN_PROGRESS" if seen.status == "REVIEW_IN_PROGRESS" else "UPDATE_IN_PROGRESS"
            return [(StackSeen(busy), tried)]
        case Follow():
            return [(StackSeen(seen.status, change_set=made), tried) for made in (*MADE, None)]
    raise AssertionError(step)


@pytest.mark.parametrize("goal", [WANTED, UNWANTED], ids=["deployed", "absent"])
def test_from_every_state_every_way_ends(goal: stack.Goal, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is reachable from every status with every change set; no way goes in a circle."""
    begin = [StackSeen(status, change_set=seen) for status in (None, *sorted(stack.STATUSES)) for seen in CHANGE_SETS]
    ways: dict[object, list[object]] = {}
    left = [(seen, stack.Tried()) for seen in begin]
    while left:
        state = left.pop()
        if _key(state) in ways:
            continue
        step = stack.decide(state[0], goal, state[1])
        found = [] if isinstance(step, Done | Stop) else after(state[0], step, state[1])
        ways[_key(state)] = [_key(one) for one in found]
        left += found
    TopologicalSorter(ways).prepare()  # raises CycleError
    with capsys.disabled():
        print(f" {len(ways)} states of a stack", end="")
    assert len(ways) > len(begin)


def _key(state: tuple[StackSeen, stack.Tried]) -> object:
    seen, tried = state
    return seen.status, seen.change_set, seen.begun, tried
