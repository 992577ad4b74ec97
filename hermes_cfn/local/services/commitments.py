"""Savings plans and spot prices of the embedded cloud: those of the price book that it is given.

Actions and shapes as in botocore's service models (``savingsplans`` 2019-06-28, ``ec2`` 2016-11-15).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from hermes_cfn.local.wire import CALL, ServiceError, unsupported
from hermes_cfn.pricing import commitments
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.pricing.regions import PLACES, prefixed

PAGE = 1000
"""``maxResults`` at most and by default, of both calls (their API references)."""
FILTERS = ("region", "instanceFamily", "instanceType", "productDescription", "tenancy")


class SavingsPlans:
    """``DescribeSavingsPlansOfferingRates`` for shared Linux instances."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def handle(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one call.  Raises :class:`ServiceError`."""
        if action != "DescribeSavingsPlansOfferingRates":
            raise unsupported("savingsplans", action)
        for part in params.get("filters", ()):
            if part["name"] not in FILTERS:
                raise unsupported("savingsplans", f"a filter by {part['name']}")
        found = [rate for rate in self._rates if _asked(rate, params)]
        start = params.get("nextToken") or "0"
        if not start.isdigit():
            raise ServiceError("ValidationException", "The pagination token is invalid.")
        end = int(start) + (params.get("maxResults") or PAGE)
        return {"searchResults": found[int(start) : end]} | ({"nextToken": str(end)} if end < len(found) else {})

    @cached_property
    def _rates(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            _rate(offer)
            for instance_type, region in _machines(self._book)
            for offer in commitments.for_instance(instance_type, region, self._book)
            if offer.name.startswith(commitments.SAVINGS_PLANS)
        )


def _machines(book: PriceBook) -> Iterator[tuple[str, str]]:
    for price in book:
        if price.stem.startswith("BoxUsage:") and price.operation == "RunInstances" and price.region not in PLACES:
            yield price.stem.removeprefix("BoxUsage:"), price.region


def _rate(offer: commitments.Offer) -> dict[str, Any]:
    plan = offer.name.split(" ")[0]
    payment = next(name for name in commitments.UPFRONT if offer.name.endswith(name.lower()))
    offering = {
        "offeringId": str(uuid.uuid5(uuid.NAMESPACE_URL, offer.name)),
        "paymentOption": payment,
        "planType": plan,
        "durationSeconds": offer.years * 365 * 24 * 3600,
        "currency": "USD",
        "planDescription": f"{offer.years} year {payment} {plan} Savings Plan",
    }
    family = offer.instance_type.partition(".")[0]
    values = (offer.region, family, offer.instance_type, "Linux/UNIX", "shared")
    return {
        "savingsPlanOffering": offering,
        "rate": f"{offer.effective:.5f}",
        "unit": "Hrs",
        "productType": "EC2",
        "serviceCode": "AmazonEC2",
        "usageType": prefixed(f"BoxUsage:{offer.instance_type}", offer.region, "AmazonEC2"),
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in zip(FILTERS, values, strict=True)],
    }


def _asked(rate: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    offering = rate["savingsPlanOffering"]
    properties = {part["name"]: part["value"] for part in rate["properties"]}
    lists = {
        "savingsPlanOfferingIds": offering["offeringId"],
        "savingsPlanPaymentOptions": offering["paymentOption"],
        "savingsPlanTypes": offering["planType"],
        "products": rate["productType"],
        "serviceCodes": rate["serviceCode"],
        "usageTypes": rate["usageType"],
        "operations": rate["operation"],
    }
    return all(not params.get(name) or value in params[name] for name, value in lists.items()) and all(
        properties[part["name"]] in part["values"] for part in params.get("filters", ())
    )


class SpotPrices:
    """``DescribeSpotPriceHistory`` of EC2: the spot prices that were seen and are carried, and no others."""

    def __init__(self, book: PriceBook, now: Callable[[], datetime]) -> None:
        self._book = book
        self._now = now

    def handle(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one call; raises :class:`ServiceError` if none of the types was ever seen."""
        region = CALL.get().region
        types = params.get("InstanceTypes", [])
        seen = [
            offer
            for offer in (*self._book.offers, *commitments.snapshot())
            if commitments.is_spot(offer) and offer.region == region and (not types or offer.instance_type in types)
        ]
        if not seen:
            raise unsupported("ec2", f"spot prices of {', '.join(types) or 'any type'} in {region}")
        history = [
            {
                "AvailabilityZone": f"{region}{'ab'[offer.name.startswith('spot, high')]}",
                "InstanceType": offer.instance_type,
                "ProductDescription": "Linux/UNIX",
                "SpotPrice": f"{offer.hourly:f}",
                "Timestamp": self._now(),
            }
            for offer in seen
        ]
        start = params.get("NextToken") or "0"
        if not start.isdigit():
            raise ServiceError("InvalidParameterValue", f"Invalid value '{start}' for nextToken.")
        end = int(start) + (params.get("MaxResults") or PAGE)
        return {"SpotPriceHistory": history[int(start) : end]} | ({"NextToken": str(end)} if end < len(history) else {})
