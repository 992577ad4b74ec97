"""Stacks that stand in a state which a deployment has to leave first."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity, hermes


def stacks(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``stack-busy``, ``stack-dead``, ``stack-stuck`` and ``stack-paused``: what will be done about each."""
    for key, status in facts.stacks.items():
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            yield Finding("stack-busy", key, f"{status}: deploy will follow it first", severity=Severity.WARNING)
        elif status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
            yield Finding(
                "stack-dead", key, f"{status}: deploy will delete it and create it anew", severity=Severity.WARNING
            )
        elif status == "UPDATE_ROLLBACK_FAILED":
            yield Finding(
                "stack-stuck", key, f"{status}: deploy will continue the rollback first", severity=Severity.WARNING
            )
        elif status == "UPDATE_FAILED":
            yield Finding(
                "stack-paused",
                key,
                f"{status}: somebody updated it without rollback; deploy will roll it back first",
                why="what follows is compared with the update that failed; the plan of the next run is exact",
                severity=Severity.WARNING,
            )


def drifted(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``stack-drifted``: AWS's last look found resources that somebody changed by hand."""
    for key in facts.drifted:
        yield Finding(
            "stack-drifted",
            key,
            "somebody changed it by hand since it was deployed",
            why="a deployment overwrites only what its template changes",
            next=hermes("plan", "--drift")
            + " names what differs; "
            + hermes("deploy", "--revert-drift")
            + " puts it back",
            severity=Severity.WARNING,
        )


def parameters(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``parameter-stale``: a stack was given an output that has changed since."""
    for key, name, given, fed in facts.stale:
        yield Finding(
            "parameter-stale",
            f"{key}/{name}",
            f"it was given {given}, the stack that feeds it says {fed} now",
            next=hermes("deploy") + " passes the new value on",
            severity=Severity.WARNING,
        )
