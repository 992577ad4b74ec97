"""How much of a month it answers: k of n instances, behind what is single, from published commitments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from hermes_cfn.config.planning import Planning

from ..data import rows
from ..latency.places import Probed
from ..sizing.credits import Machine
from ..sizing.fleet import stations


@dataclass(frozen=True, slots=True)
class Commitment:
    """A monthly commitment (``published``, or an ``assumption``), a fraction of 1."""

    name: str
    availability: float
    basis: str


@cache
def commitments() -> dict[str, Commitment]:
    """By key."""
    return {row["key"]: Commitment(row["name"], float(row["availability"]), row["basis"]) for row in rows("sla.csv")}


@dataclass(frozen=True, slots=True)
class Part:
    """At least ``k`` of ``n`` independent things of a commitment; 0 when ``n`` is too few."""

    key: str
    k: int = 1
    n: int = 1

    @property
    def value(self) -> float:
        """Fraction of a month."""
        each = commitments()[self.key].availability
        return sum(math.comb(self.n, up) * each**up * (1 - each) ** (self.n - up) for up in range(self.k, self.n + 1))

    def __str__(self) -> str:
        known = commitments()[self.key]
        many = f"{self.k} of {self.n} x " if self.n > 1 else ""
        return f"{many}{known.name} {known.availability:.2%}{' (assumption)' if known.basis == 'assumption' else ''}"


def there(parts: Iterable[Part]) -> float:
    """Fraction of a month in which all parts are there."""
    return math.prod(part.value for part in parts)


def needed(planning: Planning, kind: Machine, region: str, probed: Probed = None) -> int:
    """Instances below which a station saturates."""
    one = stations(planning, kind, 1, region, probed)
    return max(1, math.floor(max(station.utilisation for station in one)) + 1)


EGRESS = {
    "nat-gateway": "nat-gateway",
    "nat-gateway-regional": "nat-gateway",
    "nat-instance": "nat-instance",
    "public-subnets": "public",
    "ipv6": "public",
}
"""What an instance needs to reach the database, for each way out; a gateway in every zone is one of them each."""


def way_out(egress: str, zones: int) -> Part:
    """At least one zone has a way to the database."""
    return Part("nat-gateway", 1, zones) if egress == "nat-gateway-per-zone" else Part(EGRESS[egress])
