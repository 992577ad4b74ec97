"""Secrets that a release needs."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity, hermes


def missing(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``secret-missing``: a warning before the first deployment, which waits for it; an error after."""
    for name in facts.missing_secrets:
        yield Finding(
            "secret-missing",
            name,
            f"secret {name} is not set",
            why="no instance can start the application without it",
            next=hermes("secrets", "set", name),
            severity=Severity.WARNING if facts.first else Severity.ERROR,
        )
