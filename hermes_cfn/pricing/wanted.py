"""Which products a book of one region needs: what every rule of the bill may ask for.

Found by service code, region, usage type and operation, never by description.
"""

from __future__ import annotations

from dataclasses import dataclass

from hermes_cfn.pricing.books import snapshot
from hermes_cfn.pricing.prices import Price
from hermes_cfn.pricing.regions import PLACES, PREFIXES


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product to ask for; ``usage_types`` are its possible spellings, the likeliest first."""

    service_code: str
    region: str
    usage_types: tuple[str, ...]
    operation: str
    stem: str


def spellings(price: Price, region: str) -> tuple[str, ...]:
    """How the usage type of ``price`` may be spelled in ``region``."""
    if price.service_code == "awskms":
        return (f"{region}-{price.stem}",)
    prefixes = sorted(PREFIXES.get(region, ("",)), key=bool, reverse=price.service_code != "AmazonEC2")
    return tuple(f"{prefix}-{price.stem}" if prefix else price.stem for prefix in prefixes)


def wanted(region: str) -> tuple[Wanted, ...]:
    """What the book of ``region`` should have: everything the snapshot knows of any region."""
    found: dict[tuple[str, str, str, str], Wanted] = {}
    for price in snapshot():
        where = price.region if price.region in PLACES else region
        key = (price.service_code, where, price.stem, price.operation)
        found.setdefault(key, Wanted(price.service_code, where, spellings(price, where), price.operation, price.stem))
    return tuple(found[key] for key in sorted(found))
