"""What is known of a stack already, and whether an answer about it is older than that.

DescribeStacks is eventually consistent: it can show a stack as it was before an operation that another answer
has shown already (aws/aws-cdk-cli#1803 and #1848), and say that one "does not exist" that is there.  Within one
operation ``LastUpdatedTime`` stays and statuses go forward only; between operations it grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hermes_cfn.deciders.observed import StackSeen

_PHASES: tuple[frozenset[str], ...] = (
    frozenset({"REVIEW_IN_PROGRESS"}),
    frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}),
    frozenset({"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}),
    frozenset(
        {"CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"},
    ),
    frozenset({"ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS"}),
    frozenset({"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"}),
    frozenset(
        {
            *("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
            *("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
        }
    ),
    frozenset({"DELETE_IN_PROGRESS"}),
    frozenset({"DELETE_FAILED"}),
    frozenset({"DELETE_COMPLETE"}),
)
"""Statuses in the order in which one operation, and the deletion after it, goes through them."""


def phase(status: str) -> int:
    """Where a status stands in the course of an operation; the last place for one that nobody documented."""
    return next((n for n, statuses in enumerate(_PHASES) if status in statuses), len(_PHASES))


@dataclass(frozen=True, slots=True)
class StackFloor:
    """The newest that is known of the stack of one name; ``gone`` are IDs of stacks that were seen to be deleted."""

    status: str | None = None
    stack_id: str = ""
    updated: str = ""
    gone: frozenset[str] = frozenset()

    def older(self, seen: StackSeen) -> bool:
        """Whether the answer shows what was before what is known."""
        if seen.status is None:
            return self.status is not None and not self.status.startswith("DELETE") and not self._passes
        if seen.stack_id in self.gone or (self.updated and seen.updated < self.updated):
            return True
        same = seen.stack_id == self.stack_id and (not self.updated or seen.updated == self.updated)
        return same and self.status is not None and phase(seen.status) < phase(self.status)

    @property
    def _passes(self) -> bool:
        """It was on its way when it was last seen: it may be gone since."""
        return str(self.status).endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def seen(self, found: StackSeen) -> StackFloor:
        """With one look more, which is taken for true."""
        if found.status is None:
            return StackFloor(gone=self.gone | {self.stack_id} - {""})
        return StackFloor(found.status, found.stack_id, found.updated, self.gone - {found.stack_id})

    def asked(self) -> StackFloor:
        """After an operation of ours was accepted on the stack as it is: its status goes on from anywhere."""
        return replace(self, status=None if self.status is None else "REVIEW_IN_PROGRESS")
