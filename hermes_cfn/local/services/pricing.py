"""The Pricing API of the embedded cloud: it serves the price book that it is given.

Actions and shapes as in botocore's service model (``pricing``, 2017-10-15).  For tests it
throttles, lets the token expire or breaks its JSON, as often as it is told to.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from hermes_cfn.local.wire import ServiceError, unsupported
from hermes_cfn.pricing import commitments
from hermes_cfn.pricing.prices import Price, PriceBook, Tier

Fault = Literal["throttle", "expired", "broken-json"]
PAGE = 100
"""``MaxResults`` at most and by default (API reference, GetProducts)."""


AREAS = {"europe": "Europe", "united-states": "United States"}
"""CloudFront's areas as its price list names them."""


class Pricing:
    """``GetProducts``, ``DescribeServices`` and ``GetAttributeValues`` over a book."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._laid_out: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self._terms: dict[str, Mapping[str, Any]] = {}
        self._version = f"embedded {book.name} {book.as_of}".strip()
        self._faults: deque[Fault] = deque()

    @cached_property
    def _prices(self) -> tuple[Price, ...]:
        """Every price of every region, and what stands beside them; read when somebody first asks."""
        own = tuple(price for price in self._book if not price.stem.startswith("FlatRatePlan:"))
        return (*own, *_decoys(own))

    def fail(self, fault: Fault, times: int = 1) -> None:
        """The next ``times`` calls fail in that way."""
        self._faults.extend([fault] * times)

    def handle(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one call.  Raises :class:`ServiceError`."""
        fault = self._faults.popleft() if self._faults else None
        if fault == "throttle":
            raise ServiceError("ThrottlingException", "Rate exceeded")
        if fault == "expired":
            raise ServiceError("ExpiredTokenException", "The security token included in the request is expired")
        if action == "GetProducts":
            return self._get_products(params, broken=fault == "broken-json")
        if action == "DescribeServices":
            return self._describe_services(params)
        if action == "GetAttributeValues":
            return self._attribute_values(params)
        raise unsupported("pricing", action)

    def _get_products(self, params: Mapping[str, Any], broken: bool) -> dict[str, Any]:
        service = params.get("ServiceCode")
        wanted = [(part["Field"], part["Value"], part.get("Type", "TERM_MATCH")) for part in params.get("Filters", ())]
        for _, _, kind in wanted:
            if kind != "TERM_MATCH":
                raise ServiceError("InvalidParameterException", f"Filter type {kind} is not served here.")
        found = [
            item
            for item in self._of_service(str(service))
            if all(_attribute(item, field) == value for field, value, _ in wanted)
        ]
        page, token = _page(found, params)
        texts = [json.dumps(item) for item in page]
        if broken and texts:
            texts[-1] = texts[-1][: len(texts[-1]) // 2]
        return {"FormatVersion": "aws_v1", "PriceList": texts, **token}

    def _of_service(self, service: str) -> list[dict[str, Any]]:
        """A service's products, laid out once for as long as the prices stay."""
        key = (id(self._prices), service)
        if key not in self._laid_out:
            self._laid_out[key] = [self._item(price) for price in self._prices if price.service_code == service]
        return self._laid_out[key]

    def _item(self, price: Price) -> dict[str, Any]:
        sku = price.sku or f"{price.service_code}.{price.usage_type}.{price.operation}"
        term = f"{sku}.JRTCKXETXF"
        reserved = self._reserved(price, sku)
        attributes = {
            "servicecode": price.service_code,
            "usagetype": price.usage_type,
            "operation": price.operation,
        }
        if price.service_code == "AmazonCloudFront":
            attributes["fromLocation"] = AREAS.get(price.region, price.region)
        elif price.region != "global":
            transfer = price.service_code == "AWSDataTransfer"
            attributes["fromRegionCode" if transfer else "regionCode"] = price.region
        family, more = _kind(price)
        attributes |= more
        dimensions = {
            f"{term}.{index}": {
                "rateCode": f"{term}.{index}",
                "beginRange": f"{tier.start:f}",
                "endRange": "Inf" if tier.end is None else f"{tier.end:f}",
                "unit": price.unit,
                "pricePerUnit": {"USD": f"{tier.price:.10f}"},
                "description": price.source,
                "appliesTo": [],
            }
            for index, tier in enumerate(price.tiers)
        }
        return {
            "product": {"sku": sku, "productFamily": family, "attributes": attributes},
            "serviceCode": price.service_code,
            "terms": {"OnDemand": {term: _term(sku, price, dimensions)}} | ({"Reserved": reserved} if reserved else {}),
            "version": self._version,
            "publicationDate": price.published,
        }

    def _reserved(self, price: Price, sku: str) -> Mapping[str, Any]:
        """The reserved terms of a machine, as AWS lays them out; empty for every other product."""
        if not price.stem.startswith("BoxUsage:") or price.operation != "RunInstances":
            return {}
        if sku not in self._terms:
            kind = price.stem.removeprefix("BoxUsage:")
            known = commitments.for_instance(kind, price.region, self._book)
            self._terms[sku] = commitments.reserved_terms(sku) or dict(
                _reserved_term(sku, offer) for offer in known if offer.name.startswith("reserved")
            )
        return self._terms[sku]

    def _describe_services(self, params: Mapping[str, Any]) -> dict[str, Any]:
        names = sorted({price.service_code for price in self._prices})
        asked = params.get("ServiceCode")
        services = [
            {"ServiceCode": name, "AttributeNames": ["operation", "regionCode", "servicecode", "usagetype"]}
            for name in names
            if asked in (None, name)
        ]
        page, token = _page(services, params)
        return {"Services": page, "FormatVersion": "aws_v1", **token}

    def _attribute_values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        name = params["AttributeName"]
        values = {
            item["product"]["attributes"].get(name)
            for item in map(self._item, self._prices)
            if item["serviceCode"] == params["ServiceCode"]
        }
        page, token = _page([{"Value": value} for value in sorted(filter(None, values))], params)
        return {"AttributeValues": page, **token}


def _decoys(prices: Iterable[Price]) -> Iterator[Price]:
    """What AWS lists beside a price with the same operation and unit: a load balancer's units on Outposts cost nothing."""
    for price in prices:
        if price.service_code == "AWSELB" and price.stem == "LCUUsage":
            usage_type = price.usage_type.replace("LCUUsage", "Outposts-LCUUsage")
            nothing = (Tier(Decimal(0), None, Decimal(0)),)
            yield replace(price, usage_type=usage_type, tiers=nothing, sku=f"{price.sku or price.usage_type}.outposts")


def _attribute(item: Mapping[str, Any], field: str) -> Any:
    product = item["product"]
    return product["productFamily"] if field == "productFamily" else product["attributes"].get(field)


def _kind(price: Price) -> tuple[str, dict[str, str]]:
    """The product family of a machine, a database or a cache, and what a client filters it by; empty for others."""
    name, _, size = price.stem.partition(":")
    if name == "BoxUsage":
        machine = {"tenancy": "Shared", "capacitystatus": "Used", "operatingSystem": "Linux", "instanceType": size}
        return "Compute Instance", machine
    if price.service_code == "AmazonRDS" and name in ("InstanceUsage", "Multi-AZUsage"):
        return "Database Instance", {"instanceType": size}
    if name == "NodeUsage":
        return "Cache Instance", {"instanceType": size}
    return "", {}


def _term(sku: str, price: Price, dimensions: dict[str, Any]) -> dict[str, Any]:
    return {
        "offerTermCode": "JRTCKXETXF",
        "sku": sku,
        "effectiveDate": price.effective or price.published,
        "priceDimensions": dimensions,
        "termAttributes": {},
    }


def _reserved_term(sku: str, offer: commitments.Offer) -> tuple[str, dict[str, Any]]:
    """(its key, the term): money at the start by the ``Quantity``, the rest by the hour."""
    payment, offering = offer.name.split(", ")[1:]
    code = f"{sku}.{offer.years}{payment.title().replace(' ', '')}{offering.title()}"
    amounts = (("Quantity", offer.upfront), ("Hrs", offer.hourly))
    return code, {
        "sku": sku,
        "effectiveDate": "",
        "offerTermCode": code.partition(".")[2],
        "termAttributes": {
            "LeaseContractLength": f"{offer.years}yr",
            "OfferingClass": offering,
            "PurchaseOption": payment.title(),
        },
        "priceDimensions": {
            f"{code}.{unit}": {"rateCode": f"{code}.{unit}", "unit": unit, "pricePerUnit": {"USD": f"{amount:f}"}}
            for unit, amount in amounts
            if amount or unit == "Hrs"
        },
    }


def _page(items: list[Any], params: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    start = params.get("NextToken", "0")
    if not str(start).isdigit():
        raise ServiceError("InvalidNextTokenException", "The pagination token is invalid. Try again without one.")
    end = int(start) + min(PAGE, int(params.get("MaxResults", PAGE)))
    return items[int(start) : end], {"NextToken": str(end)} if end < len(items) else {}
