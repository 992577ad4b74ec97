"""Account, zones and key pair: whether this is the right place, and has what is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, hermes


def account(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``account-wrong``: the credentials belong to another account than the file names."""
    if settings.account.id and facts.account and settings.account.id != facts.account:
        yield Finding(
            "account-wrong",
            "hermes.toml [account] id",
            f"the credentials belong to {facts.account}, the file names {settings.account.id}",
            next=hermes("--profile", "NAME", "…"),
        )


def zones(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``type-not-offered``: a zone in use does not offer the instance type."""
    if facts.offered is None:
        return
    wanted = settings.network.zones if settings.own_network else facts.zones
    missing = [zone for zone in wanted if zone not in facts.offered]
    if missing:
        yield Finding(
            "type-not-offered",
            "hermes.toml [compute] instance_type",
            f"{settings.compute.instance_type} is not offered in {', '.join(missing)}",
            why="the group could not launch there",
            evidence=f"offered in: {', '.join(sorted(facts.offered)) or 'no zone of the region'}",
            next="choose another type, or other zones in [network]",
        )


def key_pair(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``key-pair-missing``: the region has no key pair of that name."""
    if facts.key_pair is False:
        yield Finding(
            "key-pair-missing",
            "hermes.toml [compute] key_name",
            f"there is no key pair {settings.compute.key_name} in {facts.region}",
            next=(
                f"aws ec2 create-key-pair --key-name {settings.compute.key_name}, or leave key_name empty: "
                + hermes("shell")
                + " needs none"
            ),
        )
