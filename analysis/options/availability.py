"""How much of a month it answers: k of n instances, behind what is single, from published commitments."""

from __future__ import annotations

import math
from functools import cache

from analysis.data import rows
from analysis.latency.places import Probed
from analysis.sizing.credits import Machine
from analysis.sizing.fleet import stations
from hermes_cfn.config.planning import Planning


@cache
def commitments() -> dict[str, float]:
    """Published monthly commitments (and the few assumptions) by key, fractions of 1."""
    return {row["key"]: float(row["availability"]) for row in rows("sla.csv")}


def k_of_n(k: int, n: int, each: float) -> float:
    """At least ``k`` of ``n`` independent ones are there."""
    return sum(math.comb(n, up) * each**up * (1 - each) ** (n - up) for up in range(k, n + 1))


def needed(planning: Planning, kind: Machine, region: str, probed: Probed = None) -> int:
    """Instances below which a station saturates."""
    one = stations(planning, kind, 1, region, probed)
    return max(1, math.floor(max(station.utilisation for station in one)) + 1)


def of_fleet(
    planning: Planning,
    kind: Machine,
    count: int,
    region: str,
    *in_line: str,
    instance: str = "instance",
    probed: Probed = None,
) -> float:
    """Fraction of a month: instances k of n, times every single thing ``in_line``; 0 when ``count`` is too few."""
    least = needed(planning, kind, region, probed)
    found = k_of_n(least, count, commitments()[instance]) if count >= least else 0.0
    return found * math.prod(commitments()[key] for key in in_line)


EGRESS = {
    "nat-gateway": "nat-gateway",
    "nat-gateway-regional": "nat-gateway",
    "nat-instance": "nat-instance",
    "public-subnets": "public",
    "ipv6": "public",
}
"""What an instance needs to reach the database, for each way out; a gateway in every zone is ``per_zone``."""


def way_out(egress: str, zones: int) -> float:
    """Fraction of a month in which at least one zone has a way to the database."""
    if egress == "nat-gateway-per-zone":
        return k_of_n(1, zones, commitments()["nat-gateway"])
    return commitments()[EGRESS[egress]]
