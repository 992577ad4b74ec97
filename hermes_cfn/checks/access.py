"""Permissions, by IAM's own simulation where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity


def denied(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``permission-missing``: the simulation says that a call will be denied."""
    for action, decision in (facts.denied or {}).items():
        yield Finding(
            "permission-missing",
            action,
            f"by IAM's simulation {decision}",
            why="conditions on tags are not simulated, so this may be wrong",
            next="hermes-cfn whoami",
            severity=Severity.WARNING,
        )
