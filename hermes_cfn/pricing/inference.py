"""Prices believed of a region because a neighbour has them, each step named with its spread.

eu-south-2 is taken to be eu-west-1's, and eu-west-1 us-east-1's, where nothing better is
known.  The spread of a step is how far apart the two regions' prices are wherever the book
has both, so it is measured and not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from hermes_cfn.pricing.prices import Price, Step
from hermes_cfn.pricing.regions import prefixed

CHAIN: tuple[tuple[str, str], ...] = (("eu-west-1", "us-east-1"), ("eu-south-2", "eu-west-1"))
"""(region, origin), in the order in which they are filled."""

ELSEWHERE = {
    "eu-south-2": "also 7 of 7 T types equal; of 118 OpenSearch classes 87 equal, c7i 5 % dearer",
    "eu-west-1": "",
}
"""Evidence that the book itself does not carry (SkyPilot's and Karpenter's catalogues, ec2-instances-info)."""

ABSENT: dict[str, tuple[str, ...]] = {"eu-south-2": ("BoxUsage:t2.", "BoxUsage:t3a.", "CPUCredits:t3a")}
"""What a region does not have, so that nothing is inferred for it (instance types that EC2 offers there)."""


def spread(prices: Iterable[Price], region: str, origin: str) -> Step:
    """How far the prices of ``region`` were seen from those of ``origin``, over all pairs that are known."""
    here: dict[tuple[str, str, str], Price] = {}
    there: dict[tuple[str, str, str], Price] = {}
    for price in prices:
        side = here if price.region == region else there if price.region == origin else None
        if side is not None and not price.steps and price.first:
            side[(price.service_code, price.stem, price.operation)] = price
    ratios = {key: here[key].first / there[key].first for key in here.keys() & there.keys()}
    if not ratios:
        return Step(region, origin, Decimal(1), Decimal(1), "no pair of prices to compare")
    equal = sum(1 for ratio in ratios.values() if ratio == 1)
    furthest = max(sorted(ratios), key=lambda key: abs(ratios[key] - 1))
    said = f"{equal} of {len(ratios)} known pairs equal, the furthest {furthest[0]} {furthest[1]}"
    more = ELSEWHERE.get(region, "")
    low, high = min(Decimal(1), *ratios.values()), max(Decimal(1), *ratios.values())
    return Step(region, origin, low, high, said + (f"; {more}" if more else ""))


TWINS: tuple[tuple[str, str, str], ...] = (
    ("NatGateway", "RegionalNatGateway", "hours equal in us-east-1 and eu-west-1, gigabytes in eu-west-1"),
)
"""(operation and beginning of its usage types, its twin's, evidence): charges that are equal wherever both are known."""


def _twins(known: Iterable[Price]) -> Iterator[Price]:
    prices = {price.key: price for price in known if not price.steps}
    for price in prices.values():
        for name, twin, evidence in TWINS:
            if price.operation != name or not price.stem.startswith(f"{name}-"):
                continue
            there = price.stem.replace(name, twin, 1)
            if (price.service_code, price.region, there, twin) not in prices:
                usage_type = prefixed(there, price.region, price.service_code)
                step = Step(price.region, price.stem, Decimal(1), Decimal(1), evidence)
                yield replace(price.at(price.region, usage_type, step), operation=twin)


MACHINES = ("BoxUsage:", "NodeUsage:cache.", "InstanceUsage:db.", "Multi-AZUsage:db.")
"""How the usage types of machines, caches and databases begin, before their family and size."""


def _family(price: Price) -> str:
    """``t4g`` behind what its usage type begins with, and the operation; empty for what has no sizes."""
    start = next((start for start in MACHINES if price.stem.startswith(start)), "")
    return f"{start}{price.stem.removeprefix(start).partition('.')[0]} {price.operation}" if start else ""


def _kin(known: Iterable[Price], region: str, origin: str, other: Step) -> dict[str, Step]:
    """Family of machines, caches or databases -> how much dearer its sizes are in ``region``, by those that are known in both.

    A family's sizes cost in proportion everywhere, up to rounding, so the dearest says it best.  One size alone
    shows no spread: then it is that of the ``other`` step, which would be taken without it.
    """
    pairs: dict[str, dict[str, dict[str, Decimal]]] = {}
    for price in known:
        if price.region in (region, origin) and _family(price) and (not price.steps or price.region == origin):
            pairs.setdefault(_family(price), {}).setdefault(price.stem, {})[price.region] = price.first
    found = {}
    for family, sizes in pairs.items():
        both = sorted((there[origin], there[region] / there[origin]) for there in sizes.values() if len(there) == 2)
        if both:
            ratio = both[-1][1]
            ratios = [one for _, one in both] if len(both) > 1 else [ratio, other.low, other.high]
            name = family.partition(":")[2].partition(" ")[0]
            said = f"{(ratio - 1) * 100:+.1f} % as {len(both)} other size{'s' if len(both) > 1 else ''} of {name}"
            found[family] = Step(region, origin, min(ratios) / ratio, max(ratios) / ratio, said, ratio)
    return found


def fill(prices: Iterable[Price]) -> tuple[Price, ...]:
    """``prices`` and, after them, those inferred along :data:`CHAIN`, and then from :data:`TWINS`."""
    known = list(prices)
    published = tuple(known)
    for region, origin in CHAIN:
        step = spread(known, region, origin)
        have = {(price.service_code, price.stem, price.operation) for price in known if price.region == region}
        have |= {(service, stem, "") for service, stem, _ in have}
        kin = _kin(known, region, origin, step)
        known += [
            price.at(region, prefixed(price.stem, region, price.service_code), kin.get(_family(price), step))
            for price in known
            if price.region == origin
            and (price.service_code, price.stem, price.operation) not in have
            and not price.stem.startswith(ABSENT.get(region, ()))
        ]
    keys = {price.key for price in known}
    return (*known, *(price for price in _twins(published) if price.key not in keys))
