"""Every status of stacks, resources and change sets, and what may be done in it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (status codes)
"""

from __future__ import annotations

from dataclasses import dataclass

STACK_CALLS = frozenset(
    {"CreateChangeSet", "UpdateStack", "DeleteStack", "ContinueUpdateRollback", "RollbackStack", "CancelUpdateStack"}
)
_UPDATABLE = frozenset({"CreateChangeSet", "UpdateStack", "DeleteStack"})
_ONLY_DELETE = frozenset({"DeleteStack"})


@dataclass(frozen=True, slots=True)
class Status:
    """One status; exactly one of ``in_progress`` and ``terminal`` holds.

    ``failed`` says that what was asked for did not happen.  ``calls`` are the calls that
    CloudFormation accepts on a stack in this status, of those in ``STACK_CALLS``.
    """

    name: str
    in_progress: bool
    failed: bool = False
    calls: frozenset[str] = frozenset()

    @property
    def terminal(self) -> bool:
        return not self.in_progress

    @property
    def updatable(self) -> bool:
        return "UpdateStack" in self.calls


def standing(status: str) -> str:
    """What a plan rests on of a stack's status: whether it is there, going, or in need of a repair first.

    Empty where there is no stack; the status itself for one that nobody documented.
    """
    if status in ("", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        return ""
    found = STACK.get(status)
    if found is None or status.startswith("DELETE"):
        return status
    if found.in_progress or found.updatable:
        return "there"
    return status


def _table(*rows: Status) -> dict[str, Status]:
    return {row.name: row for row in rows}


STACK = _table(
    Status("REVIEW_IN_PROGRESS", False, calls=frozenset({"CreateChangeSet", "DeleteStack"})),
    Status("CREATE_IN_PROGRESS", True, calls=_ONLY_DELETE),
    Status("CREATE_COMPLETE", False, calls=_UPDATABLE),
    Status("CREATE_FAILED", False, True, frozenset({*_UPDATABLE, "RollbackStack"})),
    Status("ROLLBACK_IN_PROGRESS", True, True, _ONLY_DELETE),
    Status("ROLLBACK_COMPLETE", False, True, _ONLY_DELETE),
    Status("ROLLBACK_FAILED", False, True, _ONLY_DELETE),
    Status("UPDATE_IN_PROGRESS", True, calls=frozenset({"CancelUpdateStack"})),
    Status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True),
    Status("UPDATE_COMPLETE", False, calls=_UPDATABLE),
    Status("UPDATE_FAILED", False, True, frozenset({*_UPDATABLE, "RollbackStack"})),
    Status("UPDATE_ROLLBACK_IN_PROGRESS", True, True),
    Status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", True, True),
    Status("UPDATE_ROLLBACK_COMPLETE", False, True, _UPDATABLE),
    Status("UPDATE_ROLLBACK_FAILED", False, True, frozenset({"ContinueUpdateRollback", "DeleteStack"})),
    Status("DELETE_IN_PROGRESS", True, calls=_ONLY_DELETE),
    Status("DELETE_COMPLETE", False),
    Status("DELETE_FAILED", False, True, _ONLY_DELETE),
    Status("IMPORT_IN_PROGRESS", True),
    Status("IMPORT_COMPLETE", False, calls=_UPDATABLE),
    Status("IMPORT_ROLLBACK_IN_PROGRESS", True, True),
    Status("IMPORT_ROLLBACK_COMPLETE", False, True, _UPDATABLE),
    Status("IMPORT_ROLLBACK_FAILED", False, True, _ONLY_DELETE),
)

DRIFT_CHECKED = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
"""Only a stack in one of these can be asked for its drift.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html (detect drift on an entire stack)
"""

RESOURCE = _table(
    *(Status(f"{verb}_IN_PROGRESS", True) for verb in ("CREATE", "UPDATE", "DELETE", "IMPORT", "ROLLBACK")),
    *(Status(f"{verb}_COMPLETE", False) for verb in ("CREATE", "UPDATE", "DELETE", "IMPORT", "ROLLBACK")),
    *(Status(f"{verb}_FAILED", False, True) for verb in ("CREATE", "UPDATE", "DELETE", "IMPORT", "ROLLBACK")),
    Status("DELETE_SKIPPED", False),
    Status("UPDATE_ROLLBACK_IN_PROGRESS", True, True),
    Status("UPDATE_ROLLBACK_COMPLETE", False, True),
    Status("UPDATE_ROLLBACK_FAILED", False, True),
    Status("IMPORT_ROLLBACK_IN_PROGRESS", True, True),
    Status("IMPORT_ROLLBACK_COMPLETE", False, True),
    Status("IMPORT_ROLLBACK_FAILED", False, True),
)

CHANGE_SET = _table(
    Status("CREATE_PENDING", True),
    Status("CREATE_IN_PROGRESS", True),
    Status("CREATE_COMPLETE", False),
    Status("DELETE_PENDING", True),
    Status("DELETE_IN_PROGRESS", True),
    Status("DELETE_COMPLETE", False),
    Status("DELETE_FAILED", False, True),
    Status("FAILED", False, True),
)

CHANGE_SET_EXECUTION = _table(
    Status("UNAVAILABLE", False),
    Status("AVAILABLE", False),
    Status("EXECUTE_IN_PROGRESS", True),
    Status("EXECUTE_COMPLETE", False),
    Status("EXECUTE_FAILED", False, True),
    Status("OBSOLETE", False),
)

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set.",
    "No updates are to be performed.",
)
"""How CloudFormation says that a change set is empty; both are in use."""


def is_empty_change_set(status: str, reason: str) -> bool:
    """Whether a change set failed only because there is nothing to change."""
    return status == "FAILED" and any(words.rstrip(".") in reason for words in NO_CHANGES)
