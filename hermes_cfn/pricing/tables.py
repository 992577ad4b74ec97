"""Price books as CSV files: one row a tier, with everything a price must carry."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from decimal import Decimal
from io import StringIO
from pathlib import Path

from hermes_cfn.pricing.prices import Basis, Price, Tier

COLUMNS = (
    "region",
    "service_code",
    "usage_type",
    "operation",
    "unit",
    "from",
    "to",
    "usd",
    "effective",
    "published",
    "basis",
    "sku",
    "source",
)


def read(path: Path) -> tuple[Price, ...]:
    """The prices of a file; tiers of one price are rows that differ only in ``from`` and ``to``."""
    with path.open(encoding="utf-8", newline="") as file:
        return parse(csv.DictReader(file))


def parse(rows: Iterable[Mapping[str, str]]) -> tuple[Price, ...]:
    """Prices from rows with :data:`COLUMNS`."""
    tiers: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("region", "service_code", "usage_type", "operation", "sku"))
        tiers.setdefault(key, []).append(row)
    return tuple(_price(group) for group in tiers.values())


def _price(rows: list[Mapping[str, str]]) -> Price:
    first = rows[0]
    tiers = sorted(
        (
            Tier(Decimal(row["from"]), None if row["to"] == "Inf" else Decimal(row["to"]), Decimal(row["usd"]))
            for row in rows
        ),
        key=lambda tier: tier.start,
    )
    return Price(
        service_code=first["service_code"],
        usage_type=first["usage_type"],
        operation=first["operation"],
        region=first["region"],
        unit=first["unit"],
        tiers=tuple(tiers),
        basis=Basis(first["basis"]),
        source=first["source"],
        effective=first["effective"],
        published=first["published"],
        sku=first["sku"],
    )


def as_data(price: Price) -> dict[str, object]:
    """Everything that a price carries, amounts as text with all digits."""
    return {
        "region": price.region,
        "service_code": price.service_code,
        "usage_type": price.usage_type,
        "operation": price.operation,
        "unit": price.unit,
        "currency": price.currency,
        "tiers": [
            {
                "from": f"{tier.start:f}",
                "to": "Inf" if tier.end is None else f"{tier.end:f}",
                "price": f"{tier.price:f}",
            }
            for tier in price.tiers
        ],
        "effective": price.effective,
        "published": price.published,
        "sku": price.sku,
        "basis": str(price.basis),
        "source": price.source,
        "steps": [str(step) for step in price.steps],
    }


def write(prices: Iterable[Price], inferred: bool = False) -> str:
    """The prices as CSV, in the order given; for reading, which infers them again, without the inferred ones."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for price in prices:
        if price.steps and not inferred:
            continue
        for tier in price.tiers:
            writer.writerow(
                (
                    price.region,
                    price.service_code,
                    price.usage_type,
                    price.operation,
                    price.unit,
                    format(tier.start.normalize(), "f"),
                    "Inf" if tier.end is None else format(tier.end.normalize(), "f"),
                    format(tier.price.normalize(), "f"),
                    price.effective,
                    price.published,
                    str(price.basis),
                    price.sku,
                    price.source,
                )
            )
    return out.getvalue()
