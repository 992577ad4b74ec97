"""What an account says before there is anything of ours in it: ``init`` asks, and writes what it hears into the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.aws.zones import Zones
from hermes_cfn.checks.certificate import covers
from hermes_cfn.config import Settings
from hermes_cfn.flows.base.context import unreached
from hermes_cfn.names import GITHUB

ZONES = 3
"""Zones that a new VPC spans where the region has as many."""


@dataclass(frozen=True, slots=True)
class AccountFact:
    """One answer: a line for people, and what it sets (section, key, value), if anything."""

    line: str
    sets: tuple[tuple[str, str, Any], ...] = ()


def ask(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    """Each answer as it comes; what may not be asked is said and left as it is.

    Raises HermesError when the account cannot be asked at all.
    """
    try:
        who = clients.account.identity()
    except AwsError as error:
        yield from (AccountFact(f"nothing was looked up: {finding}") for finding in unreached(clients, error))
        return
    yield AccountFact(f"account {who.account}, as {who.name}", (("account", "id", who.account),))
    for subject, question in (
        ("region", _region),
        ("zones", _zones),
        ("GitHub's identity provider", _provider),
        ("certificates", _certificate),
        ("VPCs", _networks),
    ):
        try:
            yield from question(clients, settings)
        except AwsError as error:
            yield AccountFact(f"{subject}: not looked up, {error.code or error.findings[0].what}")


def _region(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    region = settings.account.region
    if clients.ec2.region_enabled(region):
        yield AccountFact(f"region {region} is enabled")


def _zones(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    found = sorted(clients.ec2.zones())
    if len(found) >= 2 and not set(settings.network.zones) <= set(found):
        yield AccountFact(f"zones {', '.join(found[:ZONES])}", (("network", "zones", tuple(found[:ZONES])),))


def _provider(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    if settings.account.github_provider == "create" and clients.account.has_provider(GITHUB):
        line = "the account has GitHub's identity provider already"
        yield AccountFact(line, (("account", "github_provider", "existing"),))


def _certificate(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    """A certificate that is issued, else the zone in which one can be validated."""
    domain = settings.certificate.domain
    if domain.endswith("yourdomain.com"):
        return
    fitting = [arn for arn, names in Certificates(clients.calls("acm")).issued().items() if _covers(names, domain)]
    if fitting:
        yield AccountFact(f"a certificate for {domain} is issued: {fitting[0]}", (("certificate", "arn", fitting[0]),))
        return
    zone = Zones(clients.calls("route53")).of(domain)
    if zone:
        yield AccountFact(
            f'{domain} lies in the hosted zone {zone}: its certificate validates itself; edge.dns = "alias" points it too',
            (("certificate", "validation", "route53"), ("certificate", "hosted_zone_id", zone)),
        )
    else:
        yield AccountFact(f"no hosted zone for {domain} in this account: deploy shows the records to create")


def _networks(clients: AwsClients, settings: Settings) -> Iterator[AccountFact]:
    """Two VPCs with the same addresses can never be peered (Amazon VPC, "VPC peering limitations")."""
    mine = ipaddress.ip_network(settings.network.cidr)
    taken = {ipaddress.ip_network(cidr): vpc for vpc, cidr in clients.ec2.networks()}
    overlapping = sorted(f"{vpc} ({network})" for network, vpc in taken.items() if network.overlaps(mine))
    if not overlapping:
        return
    free = next((one for one in _candidates(mine.prefixlen) if not any(one.overlaps(other) for other in taken)), None)
    line = f"{mine} overlaps {', '.join(overlapping)}"
    if free is None:
        yield AccountFact(f"{line}; the two cannot be peered")
    else:
        yield AccountFact(f"{line}: {free} instead", (("network", "cidr", str(free)),))


def _candidates(prefix: int) -> Iterator[ipaddress.IPv4Network]:
    return ipaddress.IPv4Network("10.0.0.0/8").subnets(new_prefix=prefix)


def _covers(names: tuple[str, ...], domain: str) -> bool:
    return any(covers(name, domain) for name in names)
