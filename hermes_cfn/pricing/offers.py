"""AWS's own forms of a price: ``GetProducts`` items, and the bulk offer files as a stream.

Item: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html#reading-pl;
each is a JSON text inside the JSON answer.  Offer file:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.pricing.prices import Basis, Price, Tier


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserved instance's terms: USD ``upfront`` once and ``hourly``, for ``years``."""

    instance_type: str
    region: str
    years: int
    payment: str
    offering: str
    upfront: Decimal
    hourly: Decimal
    sku: str


def broken(where: str, why: str) -> HermesError:
    """A price list that cannot be read."""
    return HermesError(
        Finding("price-list-broken", where, why, why="the old book stays in use", next=hermes("prices", "refresh"))
    )


def item(text: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """One ``PriceList`` item, decoded.  Raises :class:`HermesError` ``price-list-broken``."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise broken("GetProducts", f"an item is no JSON: {error}") from error
    if not isinstance(value, Mapping) or "product" not in value or "terms" not in value:
        raise broken("GetProducts", "an item has no product or no terms")
    return value


def place(attributes: Mapping[str, str], service_code: str) -> str:
    """The region of a product: its own, that from which data is transferred, CloudFront's edges, or ``global``."""
    if service_code == "AmazonCloudFront":
        where = attributes.get("fromLocation") or attributes.get("location") or ""
        return {"Europe": "europe", "United States": "united-states"}.get(
            where, attributes.get("regionCode") or "europe"
        )
    return attributes.get("regionCode") or attributes.get("fromRegionCode") or "global"


def prices(products: Iterable[str | Mapping[str, Any]], source: str = "AWS Pricing API") -> Iterator[Price]:
    """The on-demand prices of ``GetProducts`` items, in the order given."""
    for text in products:
        value = item(text)
        try:
            yield from _on_demand(value, source)
        except (KeyError, TypeError, ArithmeticError) as error:
            raise broken("GetProducts", f"an item has not the form it should have: {error!r}") from error


def _on_demand(value: Mapping[str, Any], source: str) -> Iterator[Price]:
    product = value["product"]
    attributes = product.get("attributes", {})
    service = value.get("serviceCode") or attributes.get("servicecode", "")
    for term in value["terms"].get("OnDemand", {}).values():
        yield _price(
            service,
            attributes,
            product["sku"],
            term["priceDimensions"].values(),
            term.get("effectiveDate", "")[:10],
            str(value.get("publicationDate", ""))[:10],
            f"{source}, {service} {value.get('version', '')}".strip(),
        )


def _price(
    service: str,
    attributes: Mapping[str, str],
    sku: str,
    dimensions: Iterable[Mapping[str, Any]],
    effective: str,
    published: str,
    source: str,
) -> Price:
    parts = list(dimensions)
    tiers = sorted(
        (
            Tier(
                Decimal(part["beginRange"]),
                None if part["endRange"] == "Inf" else Decimal(part["endRange"]),
                Decimal(part["pricePerUnit"]["USD"]),
            )
            for part in parts
        ),
        key=lambda tier: tier.start,
    )
    return Price(
        service_code=service,
        usage_type=attributes.get("usagetype", ""),
        operation=attributes.get("operation", ""),
        region=place(attributes, service),
        unit=parts[0]["unit"],
        tiers=tuple(tiers),
        basis=Basis.PUBLISHED,
        source=source,
        effective=effective,
        published=published,
        sku=sku,
    )


def reserved(products: Iterable[str | Mapping[str, Any]]) -> Iterator[Reserved]:
    """The reserved terms of ``GetProducts`` items: 1 and 3 years, three payments, two classes."""
    for text in products:
        value = item(text)
        attributes = value["product"].get("attributes", {})
        for term in value["terms"].get("Reserved", {}).values():
            terms = term["termAttributes"]
            upfront = hourly = Decimal(0)
            for part in term["priceDimensions"].values():
                amount = Decimal(part["pricePerUnit"]["USD"])
                if part["unit"] == "Quantity":
                    upfront += amount
                else:
                    hourly += amount
            yield Reserved(
                attributes.get("instanceType", ""),
                attributes.get("regionCode", ""),
                int(terms["LeaseContractLength"].removesuffix("yr")),
                terms["PurchaseOption"],
                terms.get("OfferingClass", "standard"),
                upfront,
                hourly,
                term["sku"],
            )


def bulk(
    lines: Iterable[str], keep: Callable[[str, str], bool], source: str = "AWS bulk price list"
) -> Iterator[Price]:
    """The on-demand prices of a CSV offer file, read line by line, where ``keep(usage type, operation)``.

    Memory is that of the kept rows alone, whatever the size of the file.  Raises
    :class:`HermesError` ``price-list-broken`` for a file without its heading.
    """
    meta: dict[str, str] = {}
    stream = iter(lines)
    header: list[str] = []
    for cells in csv.reader(stream):
        if cells and cells[0] == "SKU":
            header = cells
            break
        if len(cells) == 2:
            meta[cells[0]] = cells[1]
    if not header:
        raise broken(source, "it has no heading that begins with SKU")
    index = {name: position for position, name in enumerate(header)}
    try:
        usage, term, operation = index["usageType"], index["TermType"], index["operation"]
    except KeyError as error:
        raise broken(source, f"it has no column {error}") from error
    kept: dict[tuple[str, str], list[dict[str, str]]] = {}
    for cells in csv.reader(stream):
        if len(cells) == len(header) and cells[term] == "OnDemand" and keep(cells[usage], cells[operation]):
            kept.setdefault((cells[0], cells[usage]), []).append(dict(zip(header, cells, strict=True)))
    for rows in kept.values():
        yield _from_rows(rows, meta, source)


def _from_rows(rows: list[dict[str, str]], meta: Mapping[str, str], source: str) -> Price:
    first = rows[0]
    service = first.get("serviceCode") or meta.get("OfferCode", "")
    attributes = {
        "usagetype": first["usageType"],
        "operation": first.get("operation", ""),
        "regionCode": first.get("Region Code") or first.get("regionCode", ""),
        "fromRegionCode": first.get("From Region Code", ""),
        "fromLocation": first.get("From Location", ""),
    }
    dimensions = [
        {
            "beginRange": row["StartingRange"] or "0",
            "endRange": row["EndingRange"] or "Inf",
            "unit": row["Unit"],
            "pricePerUnit": {"USD": row["PricePerUnit"]},
        }
        for row in rows
    ]
    return _price(
        service,
        attributes,
        first["SKU"],
        dimensions,
        first.get("EffectiveDate", "")[:10],
        meta.get("Publication Date", "")[:10],
        f"{source}, {service} {meta.get('Version', '')}".strip(),
    )
