"""Quotas: addresses and vCPUs that a deployment needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity

_LARGER = re.compile(r"([0-9]*)xlarge")


def vcpus_of(instance_type: str) -> int:
    """vCPUs of a type: four for each ``xlarge``, two below, for bare metal not known and taken as 96.

    So for t, m, c and r (Amazon EC2 user guide, "Instance types"; a ``medium`` of m6g and c6g has one).
    """
    _, _, size = instance_type.partition(".")
    if size.startswith("metal"):
        return 96
    larger = _LARGER.fullmatch(size)
    return 4 * int(larger[1] or 1) if larger else 2


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
    """``quota-vcpus``: vCPUs of standard instances (quota L-1216C47A) do not suffice for what is more than now.

    A rollout by surge holds the surplus beside all of them; a replaced instance goes before its successor comes.
    """
    if facts.vcpus is None or facts.vcpus_quota is None:
        return
    each = vcpus_of(settings.compute.instance_type)
    count, kind = facts.fleet or (0, settings.compute.instance_type)
    surplus = settings.release.surge if settings.release.strategy == "surge" or not count else 0
    most = settings.scaling.most if settings.scaling.on else settings.compute.count
    needed = max(0, (most + surplus) * each - count * vcpus_of(kind))
    if needed and facts.vcpus + needed > facts.vcpus_quota:
        yield Finding(
            "quota-vcpus",
            facts.region,
            f"{facts.vcpus} vCPUs run, about {needed} more needed, {facts.vcpus_quota:g} allowed",
            next="Service Quotas, EC2, L-1216C47A; or fewer or smaller instances",
        )


def connections(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """``database-connections``: the pools of all instances at the maximum, with a rollout's surplus, are too many.

    By ``[planning]``, which says how many the database admits; a fixed group is ``analysis sizing``'s.
    """
    plan, scaling, release = settings.planning, settings.scaling, settings.release
    if not scaling.on:
        return
    most = scaling.most + (release.surge if release.strategy == "surge" else 0)
    free = plan.database_connections - plan.database_reserved
    if most * plan.pool_size > free:
        yield Finding(
            "database-connections",
            "scaling.maximum",
            f"{most} instances of {plan.pool_size} connections are {most * plan.pool_size}, and the database admits {free}",
            why="planning.pool_size, planning.database_connections and planning.database_reserved say so",
            next="a smaller maximum or pool, a pooler, or what is true under [planning]",
            severity=Severity.WARNING,
        )
