"""Names that are taken: bucket names are global."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity


def buckets(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``bucket-taken``: somebody else's; ``bucket-retained``: ours, left by an earlier deployment."""
    for name, state in facts.buckets.items():
        if state == "taken":
            yield Finding(
                "bucket-taken",
                name,
                "another account has a bucket of this name",
                why="bucket names are global",
                next="change [application] name or [environment] name",
            )
        elif state == "ours":
            yield Finding(
                "bucket-retained",
                name,
                "the bucket is there already, from an earlier deployment; it is taken up again",
                severity=Severity.INFO,
            )
