"""A stack is never seen older than it was: every pair of looks along every course that CloudFormation takes."""

from __future__ import annotations

import itertools

import pytest

from hermes_cfn.aws.floors import StackFloor, phase
from hermes_cfn.cfn import statuses
from hermes_cfn.deciders.observed import StackSeen

COURSES = (
    ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
    ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"),
    ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "DELETE_IN_PROGRESS"),
    ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
    (
        *("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        "UPDATE_ROLLBACK_COMPLETE",
    ),
    ("UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
    ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"),
    ("IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"),
    ("DELETE_IN_PROGRESS", "DELETE_FAILED"),
)


def seen(status: str | None, updated: str = "2026-11-30 10:00:00+00:00", stack_id: str = "arn:1") -> StackSeen:
    return StackSeen(None) if status is None else StackSeen(status, stack_id=stack_id, updated=updated)


def test_every_documented_status_stands_in_the_order() -> None:
    assert all(phase(status) < phase("NOBODY_KNOWS") for status in statuses.STACK)
    assert all(set(course) <= set(statuses.STACK) for course in COURSES)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course[-1])
def test_an_answer_from_earlier_in_the_same_operation_is_old_and_one_from_later_is_not(course: tuple[str, ...]) -> None:
    for earlier, later in itertools.combinations(course, 2):
        assert StackFloor().seen(seen(later)).older(seen(earlier)), (earlier, later)
        assert not StackFloor().seen(seen(earlier)).older(seen(later)), (earlier, later)
        assert not StackFloor().seen(seen(later)).older(seen(later))


@pytest.mark.parametrize("status", sorted(statuses.STACK))
def test_an_operation_that_began_earlier_is_old_whatever_its_status(status: str) -> None:
    floor = StackFloor().seen(seen("UPDATE_IN_PROGRESS", "2026-11-30 10:00:00.500000+00:00"))
    assert floor.older(seen(status, "2026-11-30 10:00:00+00:00"))
    assert not floor.older(seen(status, "2026-11-30 10:00:01+00:00"))


@pytest.mark.parametrize("status", sorted(set(statuses.STACK) - {"DELETE_COMPLETE"}))
def test_not_there_is_old_where_a_stack_rests_and_believed_where_it_was_on_its_way(status: str) -> None:
    floor = StackFloor().seen(seen(status))
    passes = status.startswith("DELETE") or (status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS")
    assert floor.older(seen(None)) != passes


def test_a_stack_that_was_seen_to_be_gone_does_not_come_back_and_a_new_one_of_its_name_does() -> None:
    floor = StackFloor().seen(seen("DELETE_IN_PROGRESS")).seen(seen(None))
    assert floor.older(seen("ROLLBACK_COMPLETE"))
    assert not floor.older(seen("REVIEW_IN_PROGRESS", "2026-11-30 10:05:00+00:00", "arn:2"))
    assert not floor.older(seen(None))


def test_after_an_operation_of_ours_any_status_may_come_but_not_none() -> None:
    floor = StackFloor().seen(seen("UPDATE_ROLLBACK_FAILED")).asked()
    assert not floor.older(seen("UPDATE_ROLLBACK_IN_PROGRESS"))
    assert floor.older(seen(None))
