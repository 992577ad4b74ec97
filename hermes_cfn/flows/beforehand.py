"""What an account says before there is anything of ours in it: ``init`` asks, and writes what it hears into the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.machines import Machines
from hermes_cfn.aws.session import Doors
from hermes_cfn.aws.zones import Zones
from hermes_cfn.checks.certificate import covers
from hermes_cfn.config import Settings
from hermes_cfn.flows.ground import unreached
from hermes_cfn.names import GITHUB

ZONES = 3
"""Zones that a new VPC spans where the region has as many."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: a line for people, and what it sets (section, key, value), if anything."""

    line: str
    sets: tuple[tuple[str, str, Any], ...] = ()


def ask(doors: Doors, settings: Settings) -> Iterator[Heard]:
    """Each answer as it comes; what may not be asked is said and left as it is.

    Raises HermesError when the account cannot be asked at all.
    """
    try:
        who = doors.account.identity()
    except AwsError as error:
        yield from (Heard(f"nothing was looked up: {finding}") for finding in unreached(doors, error))
        return
    yield Heard(f"account {who.account}, as {who.name}", (("account", "id", who.account),))
    for subject, question in (
        ("region", _region),
        ("zones", _zones),
        ("GitHub's identity provider", _provider),
        ("certificates", _certificate),
        ("VPCs", _networks),
    ):
        try:
            yield from question(doors, settings)
        except AwsError as error:
            yield Heard(f"{subject}: not looked up, {error.code or error.findings[0].what}")


def _region(doors: Doors, settings: Settings) -> Iterator[Heard]:
    region = settings.account.region
    if Machines(doors.calls("ec2")).region_enabled(region):
        yield Heard(f"region {region} is enabled")


def _zones(doors: Doors, settings: Settings) -> Iterator[Heard]:
    found = sorted(doors.ec2.zones())
    if len(found) >= 2 and not set(settings.network.zones) <= set(found):
        yield Heard(f"zones {', '.join(found[:ZONES])}", (("network", "zones", tuple(found[:ZONES])),))


def _provider(doors: Doors, settings: Settings) -> Iterator[Heard]:
    if settings.account.github_provider == "create" and doors.account.has_provider(GITHUB):
        line = "the account has GitHub's identity provider already"
        yield Heard(line, (("account", "github_provider", "existing"),))


def _certificate(doors: Doors, settings: Settings) -> Iterator[Heard]:
    """A certificate that is issued, else the zone in which one can be validated."""
    domain = settings.certificate.domain
    if domain.endswith("yourdomain.com"):
        return
    fitting = [arn for arn, names in Certificates(doors.calls("acm")).issued().items() if _covers(names, domain)]
    if fitting:
        yield Heard(f"a certificate for {domain} is issued: {fitting[0]}", (("certificate", "arn", fitting[0]),))
        return
    zone = Zones(doors.calls("route53")).of(domain)
    if zone:
        yield Heard(
            f'{domain} lies in the hosted zone {zone}: its certificate validates itself; edge.dns = "alias" points it too',
            (("certificate", "validation", "route53"), ("certificate", "hosted_zone_id", zone)),
        )
    else:
        yield Heard(f"no hosted zone for {domain} in this account: deploy shows the records to create")


def _networks(doors: Doors, settings: Settings) -> Iterator[Heard]:
    """Two VPCs with the same addresses can never be peered (Amazon VPC, "VPC peering limitations")."""
    mine = ipaddress.ip_network(settings.network.cidr)
    taken = {ipaddress.ip_network(cidr): vpc for vpc, cidr in doors.ec2.networks()}
    overlapping = sorted(f"{vpc} ({network})" for network, vpc in taken.items() if network.overlaps(mine))
    if not overlapping:
        return
    free = next((one for one in _candidates(mine.prefixlen) if not any(one.overlaps(other) for other in taken)), None)
    line = f"{mine} overlaps {', '.join(overlapping)}"
    if free is None:
        yield Heard(f"{line}; the two cannot be peered")
    else:
        yield Heard(f"{line}: {free} instead", (("network", "cidr", str(free)),))


def _candidates(prefix: int) -> Iterator[ipaddress.IPv4Network]:
    return ipaddress.IPv4Network("10.0.0.0/8").subnets(new_prefix=prefix)


def _covers(names: tuple[str, ...], domain: str) -> bool:
    return any(covers(name, domain) for name in names)
