"""Permissions, by IAM's own simulation where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Advice, Finding, Severity, hermes


def denied(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``permission-missing``: the simulation says that a call will be denied."""
    for action, decision in (facts.denied or {}).items():
        yield Finding(
            "permission-missing",
            action,
            f"by IAM's simulation {decision}",
            why="conditions on tags are not simulated, so this may be wrong",
            next=hermes("whoami"),
            severity=Severity.WARNING,
        )


def role(name: str, missing: Sequence[tuple[str, str, str]], mended_by: str | Advice) -> Iterator[Finding]:
    """``role-narrow``: what a role of ours needs and may not do, as (action, resource, reason)."""
    if missing:
        reasons = "; ".join(dict.fromkeys(reason for _, _, reason in missing))
        yield Finding(
            "role-narrow",
            name,
            f"may not {', '.join(dict.fromkeys(action for action, _, _ in missing))}",
            why=f"needed because it: {reasons}",
            evidence="\n".join(
                f"{action} on {resource}: denied by IAM's simulation" for action, resource, _ in missing
            ),
            next=mended_by,
        )
