"""Quotas: addresses and vCPUs that a first deployment needs."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity

VCPUS_OF_A_SMALL = 2
"""vCPUs of every t3, t4g, m, c and r type up to large (EC2 instance types)."""


def addresses(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``quota-addresses``: Elastic IP addresses (quota L-0263D0A3) do not suffice."""
    if facts.addresses is None or facts.addresses_quota is None:
        return
    each = {"nat-gateway": 1, "nat-instance": 1, "nat-gateway-per-zone": len(settings.network.zones)}
    needed = each.get(settings.network.egress, 0)
    if facts.addresses + needed > facts.addresses_quota:
        yield Finding(
            "quota-addresses",
            facts.region,
            f"{facts.addresses} Elastic IP addresses are in use, {needed} more needed, {facts.addresses_quota:g} allowed",
            next="Service Quotas, EC2, L-0263D0A3; or release one that is not used",
        )


def nat_gateways(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``quota-nat-gateways``: NAT gateways of a zone (quota L-FE5A380F) do not suffice.

    The quota counts by zone; those of all zones together are compared, so this warns and never stops.
    """
    if facts.nat_gateways is None or facts.nat_gateways_quota is None:
        return
    if settings.network.egress.startswith("nat-gateway") and facts.nat_gateways + 1 > facts.nat_gateways_quota:
        yield Finding(
            "quota-nat-gateways",
            facts.region,
            f"{facts.nat_gateways} NAT gateways are in use in the region, {facts.nat_gateways_quota:g} allowed in a zone",
            next="Service Quotas, VPC, L-FE5A380F; or delete one that is not used",
            severity=Severity.WARNING,
        )


def vcpus(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``quota-vcpus``: vCPUs of standard instances (quota L-1216C47A) do not suffice."""
    if facts.vcpus is None or facts.vcpus_quota is None:
        return
    needed = (settings.compute.count + settings.release.surge) * VCPUS_OF_A_SMALL
    if facts.vcpus + needed > facts.vcpus_quota:
        yield Finding(
            "quota-vcpus",
            facts.region,
            f"{facts.vcpus} vCPUs run, about {needed} more needed, {facts.vcpus_quota:g} allowed",
            next="Service Quotas, EC2, L-1216C47A",
        )
