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


LEAST_WEB_MIB = 64
"""What the web container gets at least, as ``instance/scripts/processes.py`` reckons."""

_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}
_BURSTABLE_MIB = {"nano": 512, "micro": 1024, "small": 2048, "medium": 4096, "large": 8192}


def memory_mib(instance_type: str) -> int | None:
    """MiB of memory of a type; None where its name does not tell.

    c, m and r have 2, 4 and 8 GiB a vCPU, a ``medium`` has one vCPU, and t has 16 GiB at ``xlarge`` and half at each size below
    (Amazon EC2 instance types guide, "Specifications for Amazon EC2 general purpose instances" and its siblings).
    """
    family, _, size = instance_type.partition(".")
    if family[0] == "t":
        return _BURSTABLE_MIB.get(size) or (vcpus_of(instance_type) * 4096 if _LARGER.fullmatch(size) else None)
    each = _GIB_PER_VCPU.get(family[0]) if family[1:2].isdigit() else None
    if each is None or size.startswith("metal"):
        return None
    return each * 1024 * (1 if size == "medium" else vcpus_of(instance_type))


def memory(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``memory-claimed``: the containers of an instance may use more memory together than four fifths of what it has."""
    whole = memory_mib(settings.compute.instance_type)
    claimed = settings.processes_mib
    if not claimed or whole is None:
        return
    room = whole - whole // 5
    web = settings.application.memory_mib or LEAST_WEB_MIB
    if claimed + web > room:
        yield Finding(
            "memory-claimed",
            settings.compute.instance_type,
            f"its processes may use {claimed} MiB and the web process {web}, and the containers of an instance get {room}",
            why="a fifth of the memory is left to the system; what does not fit ends without a word",
            next="less for processes.NAME.memory_mib or count; or a larger compute.instance_type",
        )
