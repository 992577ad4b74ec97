"""Prices from AWS: ``GetProducts``, savings plans, spot, and the public offer files.

The Pricing API has endpoints in three regions only, whatever region is asked about
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html).
The policy ``prices`` that these calls need: ``pricing:GetProducts``,
``savingsplans:DescribeSavingsPlansOfferingRates`` and ``ec2:DescribeSpotPriceHistory``.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hermes_cfn.aws.calls import Calls
from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.pricing import commitments, offers
from hermes_cfn.pricing.prices import Price
from hermes_cfn.pricing.wanted import FAMILIES, Wanted, fitting, machines, region_filter, settle, sieve, wanted

if TYPE_CHECKING:
    from hermes_cfn.aws.clients import AwsClients

ENDPOINT = "us-east-1"
OFFERS = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
SAVINGS_PLANS = "us-east-1"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: prices, commitments, and findings on what was missing, not single or refused."""

    prices: tuple[Price, ...]
    findings: tuple[Finding, ...] = ()
    offers: tuple[commitments.Offer, ...] = ()


class Prices:
    """The calls for prices; ``products`` and ``reserved`` are one."""

    def __init__(
        self, pricing: Calls, savings_plans: Calls, ec2: Callable[[str], Calls], now: Callable[[], datetime]
    ) -> None:
        self._pricing = pricing
        self._savings_plans = savings_plans
        self._ec2 = ec2
        self._now = now

    @classmethod
    def of(cls, clients: AwsClients) -> Prices:
        """Through these clients."""
        plans = clients.calls("savingsplans", SAVINGS_PLANS)
        return cls(clients.calls("pricing", ENDPOINT), plans, lambda region: clients.calls("ec2", region), clients.now)

    def products(self, service_code: str, **filters: str) -> Iterator[Price]:
        """Every on-demand price of a service's products whose attributes are ``filters``, over all pages.

        Raises :class:`HermesError`: ``throttled`` after every retry, ``credentials-expired``,
        ``price-list-broken``.
        """
        return offers.prices(self._items(service_code, **filters))

    def _items(self, service_code: str, **filters: str) -> Iterator[str]:
        return self._pricing.whole_pages(
            "get_products",
            "PriceList",
            ServiceCode=service_code,
            FormatVersion="aws_v1",
            Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()],
        )

    def product(self, want: Wanted) -> tuple[Price, ...]:
        """The prices of one wanted product, its usage type in the first spelling that exists."""
        for usage_type in want.usage_types:
            filters = {"usagetype": usage_type, **region_filter(want.service_code, want.region)}
            if want.operation:
                filters["operation"] = want.operation
            found = fitting(want, self.products(want.service_code, **filters))
            if found:
                return found
        return ()

    def fetch(self, region: str) -> Fetched:
        """The whole book of one region: exactly one product each, the rest told as findings."""
        came: list[Price] = []
        for family in FAMILIES:
            came += self.products(
                family.service_code, **region_filter(family.service_code, region), **dict(family.filters)
            )
        for want in wanted(region):
            came += self.product(want)
        prices, findings = settle(region, came)
        offers, refused = self.committed(machines(), region)
        return Fetched(prices, (*findings, *refused), offers)

    def committed(
        self, instance_types: Sequence[str], region: str
    ) -> tuple[tuple[commitments.Offer, ...], tuple[Finding, ...]]:
        """Reserved terms, savings plans and spot of some instance types; a call that is refused alone is a finding."""
        found: list[commitments.Offer] = []
        refused: list[Finding] = []
        for ask in (self.reserved, self.savings_plans, self.spot):
            try:
                found += ask(instance_types, region)
            except HermesError as error:
                if error.findings[0].code not in ("aws-refused", "permission-denied"):
                    raise
                refused.append(replace(error.findings[0], severity=Severity.WARNING))
        return tuple(found), tuple(refused)

    def reserved(self, instance_types: Sequence[str], region: str) -> tuple[commitments.Offer, ...]:
        """The reserved terms of shared Linux instances: 1 and 3 years, three payments, standard and convertible."""
        machine = FAMILIES[0]
        filters = {**region_filter(machine.service_code, region), **machine.filters}
        if len(instance_types) == 1:
            filters["instanceType"] = instance_types[0]
        terms = offers.reserved(self._items(machine.service_code, **filters))
        return tuple(
            commitments.of_reserved(term, "AWS Pricing API") for term in terms if term.instance_type in instance_types
        )

    def savings_plans(self, instance_types: Sequence[str], region: str) -> tuple[commitments.Offer, ...]:
        """Compute and EC2 instance savings plans for shared Linux instances."""
        filters = {
            "region": [region],
            "instanceType": list(instance_types),
            "tenancy": ["shared"],
            "productDescription": ["Linux/UNIX"],
        }
        asked: dict[str, Any] = {
            "savingsPlanTypes": list(commitments.SAVINGS_PLANS),
            "serviceCodes": ["AmazonEC2"],
            "products": ["EC2"],
            "filters": [{"name": name, "values": values} for name, values in filters.items()],
        }
        found: list[commitments.Offer] = []
        while True:
            answer = self._savings_plans.describe_savings_plans_offering_rates(**asked)
            found += (commitments.of_savings_plan(rate, region) for rate in answer["searchResults"])
            if not answer.get("nextToken"):
                return tuple(found)
            asked["nextToken"] = answer["nextToken"]

    def spot(self, instance_types: Sequence[str], region: str, days: int = 7) -> tuple[commitments.Offer, ...]:
        """The lowest and the highest spot price of the last days of each type, over the region's zones."""
        history = self._ec2(region).pages(
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=list(instance_types),
            ProductDescriptions=["Linux/UNIX"],
            StartTime=self._now() - timedelta(days=days),
        )
        seen: dict[str, list[Decimal]] = {}
        for item in history:
            seen.setdefault(item["InstanceType"], []).append(Decimal(item["SpotPrice"]))
        return tuple(
            commitments.Offer(
                f"spot, {side} end of what was seen",
                kind,
                region,
                0,
                Decimal(0),
                price,
                f"DescribeSpotPriceHistory, {days} days, {len(prices)} prices",
            )
            for kind, prices in sorted(seen.items())
            for side, price in (("low", min(prices)), ("high", max(prices)))
        )


def bulk(region: str, base: str = OFFERS) -> Fetched:
    """The book of a region from the public offer files, for who has no account: streamed and filtered.

    Raises :class:`HermesError` ``aws-unreachable`` or ``price-list-broken``.
    """
    places = {(want.service_code, want.region) for want in wanted(region)}
    places |= {(family.service_code, region) for family in FAMILIES}
    came: list[Price] = []
    for service, where in sorted(places):
        part = f"{where}/" if where == region else ""
        came += _offer(f"{base}/{service}/current/{part}index.csv", service, region)
    return Fetched(*settle(region, came))


def _offer(url: str, service: str, region: str) -> Iterator[Price]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - AWS's price list, or the one that an argument names
            lines = io.TextIOWrapper(answer, encoding="utf-8", newline="")
            yield from offers.bulk(lines, sieve(region, service), "AWS bulk price list")
    except (urllib.error.URLError, OSError) as error:
        raise HermesError(
            Finding("aws-unreachable", url, str(error), why="the old book stays in use", next="check the network")
        ) from error
