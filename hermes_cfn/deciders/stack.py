"""One stack: from (stack status, change set, what we want) to the next step.

Theory
------
CloudFormation documents 23 stack statuses; each stands in exactly one class below, and each
class has one answer for *deployed* and one for *absent*.  A step is asked for again after every
look, so any interruption ends in a state that has a row here.

==================  ===============================================  ==========================
class               wanted: deployed                                 wanted: absent
==================  ===============================================  ==========================
none                change set of kind CREATE                        done
review              change set of kind CREATE, or execute ours       delete
busy                follow                                           follow
steady              change set of kind UPDATE, or execute ours       delete
dead                delete, then create anew                         delete
unsure              stop: it may hold a stack that was whole         delete
paused              roll back, then go on                            delete
stuck               continue the rollback, then go on                delete
undeleted           delete again, once                               delete again, once
==================  ===============================================  ==========================

Whatever the class: what does not show yet what this run has asked for (``begun``) is followed.  DescribeStacks may
be older than our own call, and a status from before it is no outcome.

Drift is no class: a drifted stack stands in one of these, and only its template's changes reach AWS.
Termination protection stops a deletion that nobody agreed to, whatever the class.
"""

from __future__ import annotations

from dataclasses import dataclass

from hermes_cfn.deciders.actions import (
    ContinueRollback,
    CreateChangeSet,
    DeleteChangeSet,
    DeleteStack,
    Done,
    ExecuteChangeSet,
    Follow,
    RollBack,
    StackStep,
    Stop,
)
from hermes_cfn.deciders.observed import ChangeSetSeen, StackSeen
from hermes_cfn.errors import Advice, Finding, hermes

REVIEW = frozenset({"REVIEW_IN_PROGRESS"})
BUSY = frozenset(
    {
        "CREATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_ROLLBACK_IN_PROGRESS",
    }
)
STEADY = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
DEAD = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
"""Only a creation ends in these, so nothing that served is lost with the stack."""

UNSURE = frozenset({"IMPORT_ROLLBACK_FAILED"})
"""Somebody's import into a stack that may have been whole before; this project imports in creations only."""

PAUSED = frozenset({"UPDATE_FAILED"})
"""An update with rollback disabled, as the console offers it: CloudFormation executes no change set on it, unless
with rollback disabled again (ExecuteChangeSet: "This stack is currently in a non-terminal [UPDATE_FAILED] state")."""

STUCK = frozenset({"UPDATE_ROLLBACK_FAILED"})
UNDELETED = frozenset({"DELETE_FAILED"})
GONE = frozenset({"DELETE_COMPLETE"})

STATUSES = REVIEW | BUSY | STEADY | DEAD | UNSURE | PAUSED | STUCK | UNDELETED | GONE

UNREADY = frozenset({"CREATE_PENDING", "CREATE_IN_PROGRESS", "DELETE_PENDING", "DELETE_IN_PROGRESS"})
"""Change set statuses that pass by themselves."""


MOST_CREATES = 3
"""How often a run makes its change set before it says that somebody takes it away."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What this run has already done to the stack; counts, so that nothing repeats for ever."""

    creates: int = 0
    deletes: int = 0
    continues: int = 0
    rollbacks: int = 0
    executes: int = 0


@dataclass(frozen=True, slots=True)
class Goal:
    """``deployed`` or absent; what may be given up on the way there."""

    deployed: bool
    name: str
    unprotect: bool = False


def decide(seen: StackSeen, goal: Goal, tried: Tried = Tried()) -> StackStep:
    """The next step for one stack.  A status that AWS has not documented stops."""
    status = seen.status
    if status is not None and status not in STATUSES:
        return _stop(
            "stack-status-unknown", goal, f"status {status} is not known", "", "look at the stack in the console"
        )
    if not seen.begun:
        return Follow("what was asked for does not show yet")
    return _deployed(seen, goal, tried) if goal.deployed else _absent(seen, goal, tried)


def _deployed(seen: StackSeen, goal: Goal, tried: Tried) -> StackStep:
    status = seen.status
    if status is None or status in GONE:
        return _through_change_set(seen.change_set, "CREATE", goal, tried)
    if status in BUSY:
        return Follow("an operation is in progress, ours or somebody else's")
    if tried.executes:
        return _outcome(seen, goal)
    if status in REVIEW:
        return _through_change_set(seen.change_set, "CREATE", goal, tried)
    if status in STEADY:
        return _through_change_set(seen.change_set, "UPDATE", goal, tried)
    if status in DEAD or status in UNDELETED:
        return _delete(seen, goal, tried, f"{status}: it was never whole and can only be created anew")
    if status in UNSURE:
        return _stop(
            "stack-import-failed",
            goal,
            f"{status}: somebody's import failed, and the stack may have been whole before",
            seen.reason,
            f"aws cloudformation describe-stack-events --stack-name {goal.name}; delete the stack yourself "
            "if it holds nothing that serves",
        )
    if status in PAUSED and not tried.rollbacks:
        return RollBack()
    if status in PAUSED or tried.continues:
        return _stop(
            "stack-rollback-stuck",
            goal,
            f"{status} again after {'rolling it back' if status in PAUSED else 'continuing the rollback'}",
            seen.reason,
            f"aws cloudformation rollback-stack --stack-name {goal.name}"
            if status in PAUSED
            else (
                f"aws cloudformation continue-update-rollback --stack-name {goal.name} --force-rollback, which skips what cannot go back; then "
                + hermes("deploy")
                + ", and "
                + hermes("doctor")
                + " for what differs from the template"
            ),
        )
    return ContinueRollback()


def _outcome(seen: StackSeen, goal: Goal) -> StackStep:
    """Our change set was executed and the stack rests: well, or not."""
    if seen.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        return Done(str(seen.status))
    return _stop(
        "stack-failed", goal, f"ended in {seen.status}", seen.reason, "mend the cause below, then deploy again"
    )


def _through_change_set(change_set: ChangeSetSeen | None, kind: str, goal: Goal, tried: Tried) -> StackStep:
    if change_set is None or change_set.status in {"DELETE_COMPLETE"}:
        if tried.creates >= MOST_CREATES:
            return _stop(
                "change-set-lost",
                goal,
                f"the change set was made {tried.creates} times and is gone each time",
                "",
                "somebody else deletes it or works on the stack; the same command when they are done",
            )
        return CreateChangeSet(kind)
    if change_set.status in UNREADY:
        return Follow("the change set is being made")
    if change_set.empty:
        return Done("unchanged")
    if change_set.status == "CREATE_COMPLETE" and change_set.execution == "AVAILABLE":
        return ExecuteChangeSet()
    if change_set.execution in {"EXECUTE_IN_PROGRESS", "UNAVAILABLE"} and change_set.status == "CREATE_COMPLETE":
        return Follow("the change set waits for its execution")
    if change_set.execution in {"OBSOLETE", "EXECUTE_COMPLETE", "EXECUTE_FAILED"}:
        return DeleteChangeSet(f"it is {change_set.execution.lower().replace('_', ' ')}")
    if not tried.creates:
        return DeleteChangeSet("an earlier run left it failed")
    return _stop(
        "change-set-failed",
        goal,
        f"the change set is {change_set.status}",
        change_set.reason,
        "mend the template or the parameter",
    )


def _absent(seen: StackSeen, goal: Goal, tried: Tried) -> StackStep:
    status = seen.status
    if status is None or status in GONE:
        return Done("gone")
    if status in BUSY:
        return Follow("an operation is in progress, ours or somebody else's")
    return _delete(seen, goal, tried, "it was asked for")


def _delete(seen: StackSeen, goal: Goal, tried: Tried, why: str) -> StackStep:
    if seen.protected and not goal.unprotect:
        return _stop(
            "stack-protected",
            goal,
            "termination protection is on",
            seen.reason,
            "run the command again with --unprotect if you mean it",
        )
    if tried.deletes >= 2:
        return _stop(
            "stack-undeletable",
            goal,
            f"{seen.status} after {tried.deletes} deletions",
            seen.reason,
            "mend the cause below, then again",
        )
    return DeleteStack(why)


def _stop(code: str, goal: Goal, what: str, evidence: str, after: str | Advice) -> Stop:
    return Stop(Finding(code, goal.name, what, evidence=evidence, next=after))
