"""Prices believed of a region because a neighbour has them, each step named with its spread.

A region's missing price is its origin's times the ratio at which kindred charges of the two
regions are known: the sizes of one family of machines first, then the same kind of charge
(disks, logs, Fargate ...), then the service, then everything.  The spread of a step is what
the ratios of that kind were seen to differ by, widened by how far such guesses missed when
regions whose prices are known were left out (``tests/pricing/test_inference.py``).

Of a region of which nobody has read a price, each is the base's times the middle of the ratios of all regions that are
known, and its spread is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from statistics import median_low

from hermes_cfn.pricing.prices import Price, PriceBook, Step
from hermes_cfn.pricing.regions import prefixed

ORIGINS: dict[str, str] = {
    "eu-south-2": "eu-west-1",
    "eu-west-3": "eu-west-2",
    "eu-west-2": "eu-west-1",
    "eu-central-1": "eu-west-1",
    "eu-north-1": "eu-west-1",
    "eu-south-1": "eu-west-1",
}
"""Region -> the region whose prices are nearest to it; us-east-1 for every other one."""

BASE = "us-east-1"

PARTITION = "aws"
"""Of this partition are the regions whose prices say something of each other."""

ABSENT: dict[str, tuple[str, ...]] = {
    "eu-south-2": ("t2", "t3a", "m6a", "m6i", "c6a", "c6i", "r6i", "cache.t4g", "cache.m6g", "cache.r6g"),
    "eu-north-1": ("t2", "t3a", "m6a", "c6a"),
    "eu-south-1": ("t2", "m7a", "m7g", "m8g", "c6a", "c7i", "r8g"),
    "eu-west-3": ("m7a", "c6a", "c8g", "r8g"),
    **dict.fromkeys(("eu-west-2", "ap-southeast-1", "ap-south-1", "ca-central-1", "sa-east-1", "us-west-1"), ("m7a",)),
}
"""Families of machines that a region did not have when its prices were read, so that nothing is inferred for them."""

NO_IO2 = frozenset({"eu-west-3", "eu-south-1", "sa-east-1", "eu-south-2"})

CONSTANT = frozenset(
    {
        ("AWSDataTransfer", "DataTransfer-Regional-Bytes"),
        ("AmazonECR", "TimedStorage-ByteHrs"),
        ("AWSSecretsManager", "AWSSecretsManager-Secrets"),
        ("AWSSecretsManager", "AWSSecretsManagerAPIRequest"),
        ("AWSQueueService", "Requests-Tier1"),
        ("AWSCloudMap", "Cloud-Map-Resources"),
        ("AWSELB", "LCUUsage"),
    }
)
"""Charges that cost the same, or nearly, in every region in which they are known."""

MACHINES = ("BoxUsage:", "DedicatedUsage:", "NodeUsage:cache.", "InstanceUsage:db.", "Multi-AZUsage:db.")
"""How the usage types of machines, caches and databases begin, before their family and size."""

WIDER = {"family": Decimal("0.04"), "kind": Decimal("0.15"), "service": Decimal("0.35"), "all": Decimal("0.5")}
"""By how much the spread of each level is widened: so far did 99 of 100 guesses of known prices miss at most."""

BEYOND = Decimal("0.35")
"""By how much more a region of which nothing is known may lie outside of all that are: the cheapest (Mumbai) and the dearest
(São Paulo) lay so far outside of the others when each was left out."""

FEW = 4
"""A kind of which fewer ratios are known is no surer than its service."""

SAME = (Decimal("0.9"), Decimal("1.35"))
"""The spread of :data:`CONSTANT`: an alarm costs 0.10 in all regions but one, and 35 % more there; an LCU up to 10 % more."""

TWINS: tuple[tuple[str, str, str], ...] = (
    ("NatGateway", "RegionalNatGateway", "hours equal in us-east-1 and eu-west-1, gigabytes in eu-west-1"),
)
"""(operation and beginning of its usage types, its twin's, evidence): charges that are equal wherever both are known."""

Published = Callable[[str], Iterable[Price]]
"""The prices of a region that somebody has read."""


def origin(region: str) -> str:
    """The region whose prices stand in for those that ``region`` lacks; empty for the base."""
    return "" if region == BASE else ORIGINS.get(region, BASE)


def family(price: Price) -> str:
    """``BoxUsage:t4g RunInstances``; empty for what has no sizes."""
    start = next((start for start in MACHINES if price.stem.startswith(start)), "")
    return f"{start}{price.stem.removeprefix(start).partition('.')[0]} {price.operation}" if start else ""


def kind(price: Price) -> str:
    """The kind of charge whose ratio between regions is nearly one: machines of one processor, disks, logs, Fargate."""
    return _kind(price.service_code, price.stem)


@cache
def _kind(service_code: str, stem: str) -> str:
    start = next((start for start in MACHINES if stem.startswith(start)), "")
    if start:
        name = stem.removeprefix(start).partition(".")[0]
        processor = re.sub(r"^[a-z]+\d+", "", name)[:1]
        return start + ("t" if name.startswith("t") else "") + (processor if processor in "ag" else "")
    if ("Storage" in stem and stem.startswith(("RDS:", "EBS:Volume"))) or stem.startswith("EBS:Volume"):
        return "disks"
    if stem.startswith(("RDS:PIOPS", "RDS:GP3", "RDS:Multi-AZ-PIOPS", "RDS:Multi-AZ-GP")):
        return "disks"
    if stem == "LoadBalancerUsage":
        return "load balancers"
    return f"{service_code} {re.split('[-:.]', stem)[0]}"


KIN = {"load balancers": "AmazonDynamoDB"}
"""Kind -> the service whose ratio comes nearest to it where none of its own is known (0.9 to 1.07 over 12 regions)."""


def _ratios(here: Iterable[Price], there: Iterable[Price]) -> Iterator[tuple[tuple[str, str], Decimal]]:
    """(level and name, ratio) of each charge that both have."""
    base = {(p.service_code, p.stem, p.operation): p for p in there if not p.steps and p.first}
    for price in here:
        other = base.get((price.service_code, price.stem, price.operation))
        if other is None or not price.first:
            continue
        ratio = price.first / other.first
        keys: tuple[tuple[str, str], ...] = (
            ("family", family(price)),
            ("kind", kind(price)),
            ("service", price.service_code),
            ("all", "any"),
        )
        yield from ((key, ratio) for key in keys if key[1])


def _sorted(pairs: Iterable[tuple[tuple[str, str], Decimal]]) -> dict[tuple[str, str], tuple[Decimal, ...]]:
    seen: dict[tuple[str, str], list[Decimal]] = {}
    for key, ratio in pairs:
        seen.setdefault(key, []).append(ratio)
    return {key: tuple(sorted(ratios)) for key, ratios in seen.items()}


@dataclass(frozen=True, slots=True)
class Ratios:
    """How prices of ``region`` relate to those of its origin, by level and name."""

    region: str
    origin: str
    by: dict[tuple[str, str], tuple[Decimal, ...]]
    pooled: bool = False

    @classmethod
    def of(cls, region: str, here: Iterable[Price], there: Iterable[Price]) -> Ratios:
        return cls(region, origin(region), _sorted(_ratios(here, there)))

    @classmethod
    def of_all(cls, region: str, published: Published, others: Iterable[str]) -> Ratios:
        """How prices of all ``others`` relate to the base's: for a region of which none is known."""
        there = tuple(published(BASE))
        return cls(
            region,
            BASE,
            _sorted(pair for other in others if other != BASE for pair in _ratios(published(other), there)),
            True,
        )

    def step(self, price: Price) -> Step:
        """The step from the origin's ``price`` to this region's."""
        if (price.service_code, price.stem) in CONSTANT:
            return Step(self.region, self.origin, *SAME, "equal, or nearly, in every region in which it is known")
        levels: list[tuple[str, str]] = [
            ("family", family(price)),
            ("kind", kind(price)),
            ("service", price.service_code),
            ("service", KIN.get(kind(price), "")),
            ("all", "any"),
        ]
        for level in levels:
            ratios = self.by.get(level)
            if not ratios:
                continue
            middle = median_low(ratios)
            wide = WIDER["service" if level[0] == "kind" and len(ratios) < FEW else level[0]]
            wide += BEYOND if self.pooled else 0
            named = ("all regions" if self.pooled else "the region") if level[0] == "all" else level[1].strip()
            said = (
                f"{(middle - 1) * 100:+.1f} % as {len(ratios)} known price{'s' if len(ratios) > 1 else ''} of {named}"
            )
            said += " in other regions" if self.pooled and level[0] != "all" else ""
            return Step(
                self.region,
                self.origin,
                ratios[0] / middle * max(1 - wide, Decimal(0)),
                ratios[-1] / middle * (1 + wide),
                said,
                middle,
            )
        return Step(self.region, self.origin, 1 - WIDER["all"], 1 + WIDER["all"], "no pair of prices to compare")


def fill(region: str, published: Published, others: Iterable[str] = ()) -> tuple[Price, ...]:
    """The published prices of ``region`` and, after them, those inferred from its origin and from :data:`TWINS`.

    Where none is published, they follow from how the ``others`` differ from the base; none without others.
    """
    known = tuple(published(region))
    start = origin(region)
    others = tuple(others)
    if not known and start and not others:
        return ()
    inferred: list[Price] = []
    if start:
        ratios = Ratios.of(region, known, published(start)) if known else Ratios.of_all(region, published, others)
        have = {(price.service_code, price.stem, price.operation) for price in known}
        have |= {(service, stem, "") for service, stem, _ in have}
        inferred = [
            price.at(region, prefixed(price.stem, region, price.service_code), ratios.step(price))
            for price in fill(start, published)
            if (price.service_code, price.stem, price.operation) not in have and not absent(price, region)
        ]
    keys = {price.key for price in (*known, *inferred)}
    return (*known, *inferred, *(price for price in _twins(known) if price.key not in keys))


def absent(price: Price, region: str) -> bool:
    """Whether ``region`` did not sell what ``price`` is for when its prices were read."""
    if ".io2" in price.stem and region in NO_IO2:
        return True
    name = price.stem.partition(":")[2]
    if price.stem.startswith("CPUCredits:"):
        return name in ABSENT.get(region, ())
    return price.stem.startswith(MACHINES) and name.startswith(tuple(f"{one}." for one in ABSENT.get(region, ())))


SIZES = {"nano": Decimal("0.5"), "micro": Decimal(1), "small": Decimal(2), "medium": Decimal(4), "large": Decimal(8)}
"""Size of a machine -> its weight; ``xlarge`` is 16 and every further one as many times as it says."""

EXACT = (Decimal(1), Decimal(1))
NEAR = (Decimal("0.95"), Decimal("1.06"))

EQUAL = {
    "CreateDBInstance:0018": "CreateDBInstance:0002",
    "CreateDBInstance:0016": "CreateDBInstance:0021",
    "CreateDBInstance:0021": "CreateDBInstance:0016",
    "CreateCacheCluster:0001": "CreateCacheCluster:0002",
}
"""Engine -> the engine whose classes cost the same wherever both are known: MariaDB as MySQL, Aurora's two, Memcached as Redis."""


def weight(size: str) -> Decimal | None:
    """How many times a ``micro`` a size is; None for one that is no multiple (``metal``)."""
    if size in SIZES:
        return SIZES[size]
    times = size.removesuffix("xlarge")
    return 16 * Decimal(times or 1) if size.endswith("xlarge") and (times.isdigit() or not times) else None


def _relatives(
    stem: str, operation: str | None
) -> Iterator[tuple[str, str | None, Decimal, tuple[Decimal, Decimal], str]]:
    """(usage type, operation, factor, spread, evidence) of charges from which one that is not known follows."""
    if stem.startswith("Multi-AZUsage:"):
        yield (
            stem.replace("Multi-AZUsage", "InstanceUsage"),
            operation,
            Decimal(2),
            NEAR,
            "two zones cost twice as much",
        )
    if stem.startswith("RDS:Multi-AZ-"):
        yield stem.replace("Multi-AZ-", ""), operation, Decimal(2), EXACT, "two zones cost twice as much"
    if stem.startswith("InstanceUsageIOOptimized:"):
        other = stem.replace("IOOptimized", "")
        yield other, operation, Decimal("1.3"), NEAR, "I/O-optimised instances cost 30 % more, as capacity units do"
    if stem.startswith("DedicatedUsage:"):
        other = stem.replace("Dedicated", "Box")
        yield other, operation, Decimal("1.0625"), (Decimal("0.95"), Decimal("1.1")), "as m5.large; m3.medium 10 % more"
    if operation in EQUAL:
        yield stem, EQUAL[operation], Decimal(1), EXACT, "equal wherever both are known"
    if operation == "CreateCacheCluster:Valkey":
        yield (
            stem,
            "CreateCacheCluster:0002",
            Decimal("0.8"),
            NEAR,
            "nodes of Valkey cost 20 % less than those of Redis",
        )


def derive(
    book: PriceBook, service: str, stem: str, region: str, operation: str | None, depth: int = 2
) -> Price | None:
    """A charge that no book has, from one it follows from: a size of the same family, two zones from one, an equal engine."""
    for other, their, factor, spread, evidence in _relatives(stem, operation):
        found = book.candidates(service, other, region, their)
        base = found[0] if len(found) == 1 else None
        if base is None and not found and depth:
            base = derive(book, service, other, region, their, depth - 1)
        if base is not None:
            step = Step(region, base.stem, *spread, evidence, factor)
            return replace(
                base.at(region, prefixed(stem, region, service), step), operation=operation or base.operation
            )
    return _by_size(book, service, stem, region, operation)


def _by_size(book: PriceBook, service: str, stem: str, region: str, operation: str | None) -> Price | None:
    start = next((start for start in (*MACHINES, "ESInstance:", "Kafka.") if stem.startswith(start)), "")
    name, _, size = stem.removeprefix(start).partition(".")
    wanted = weight(size)
    if not start or wanted is None:
        return None
    nearest: tuple[Decimal, Price] | None = None
    for price in book.beginning(service, region, f"{start}{name}."):
        theirs = weight(price.stem.rpartition(".")[2])
        if theirs is None or (operation is not None and price.operation != operation):
            continue
        apart = max(theirs / wanted, wanted / theirs)
        if nearest is None or apart < nearest[0]:
            nearest = apart, price
    if nearest is None:
        return None
    base = nearest[1]
    factor = wanted / (weight(base.stem.rpartition(".")[2]) or wanted)
    step = Step(region, base.stem, *NEAR, "sizes of a family cost in proportion", factor)
    return base.at(region, prefixed(stem, region, service), step)


def _twins(known: Iterable[Price]) -> Iterator[Price]:
    prices = {price.key: price for price in known}
    for price in prices.values():
        for name, twin, evidence in TWINS:
            if price.operation != name or not price.stem.startswith(f"{name}-"):
                continue
            there = price.stem.replace(name, twin, 1)
            if (price.service_code, price.region, there, twin) not in prices:
                usage_type = prefixed(there, price.region, price.service_code)
                step = Step(price.region, price.stem, Decimal(1), Decimal(1), evidence)
                yield replace(price.at(price.region, usage_type, step), operation=twin)
