"""Names that are taken: bucket names are global, roles and identity providers are the account's."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity
from hermes_cfn.names import clash


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


def roles(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``role-taken``: a role that a stack would create is there already."""
    for name in facts.roles:
        yield Finding(
            "role-taken",
            name,
            "there is a role of this name already, and no stack of this deployment has it",
            why="its creation would fail with 'already exists' and the stack would roll back",
            next="change [application] name or [environment] name, or delete that role",
        )


def environments(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``names-clash``: permissions on ``hermes-production-*`` would mean what another deployment has, or the other way round."""
    for one in settings.family:
        mine = f"{one.application.name}-{one.environment.name}"
        for theirs in facts.neighbours:
            if clash(mine, theirs):
                yield Finding(
                    "names-clash",
                    mine,
                    f"the account has a deployment whose names begin with {theirs}",
                    why=f"permissions on {min(mine, theirs, key=len)}-* would mean both",
                    next="change [application] name or [environment] name to one of which neither begins the other",
                )


def provider(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``provider-taken``: an account has GitHub's identity provider at most once, and it is there."""
    if facts.provider:
        yield Finding(
            "provider-taken",
            "hermes.toml [account] github_provider",
            "the account has GitHub's identity provider already",
            why=f"github_provider is {settings.account.github_provider!r}, and there can be only one",
            next='[account] github_provider = "existing"',
        )


def records(_settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``record-taken``: a name has a record that this project did not make."""
    for name, key, kinds in facts.records:
        yield Finding(
            "record-taken",
            f"hermes.toml {key}",
            f"{name} has a record already: {', '.join(kinds)}",
            why="no stack of this deployment made it; creating ours would fail, and the stack would roll back",
            next="delete it in Route 53 when the switch may happen"
            + (', or dns = "manual" and change it by hand' if key.startswith("[edge]") else ", or choose another name"),
        )
