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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hermes_cfn.aws.calls import Calls
from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.pricing import commitments, offers
from hermes_cfn.pricing.prices import Price
from hermes_cfn.pricing.wanted import Wanted, wanted

if TYPE_CHECKING:
    from hermes_cfn.aws.session import Doors

ENDPOINT = "us-east-1"
OFFERS = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
SAVINGS_PLANS = "us-east-1"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: prices, and findings on products that were missing or not single."""

    prices: tuple[Price, ...]
    findings: tuple[Finding, ...] = field(default_factory=tuple)


class Prices:
    """The three calls for prices."""

    def __init__(self, pricing: Calls, savings_plans: Calls, ec2: Calls, now: Callable[[], datetime]) -> None:
        self._pricing = pricing
        self._savings_plans = savings_plans
        self._ec2 = ec2
        self._now = now

    @classmethod
    def of(cls, doors: Doors) -> Prices:
        """Through these doors; spot prices are those of the doors' region."""
        plans = doors.calls("savingsplans", SAVINGS_PLANS)
        return cls(doors.calls("pricing", ENDPOINT), plans, doors.calls("ec2"), doors.now)

    def products(self, want: Wanted) -> tuple[Price, ...]:
        """Every on-demand price of one wanted product, over all pages; its usage type in the first spelling that exists.

        Raises :class:`HermesError`: ``throttled`` after every retry, ``credentials-expired``,
        ``price-list-broken``.
        """
        for usage_type in want.usage_types:
            filters = {"usagetype": usage_type, **({"operation": want.operation} if want.operation else {})}
            items = self._pricing.pages(
                "get_products",
                "PriceList",
                ServiceCode=want.service_code,
                FormatVersion="aws_v1",
                Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()],
            )
            found = [price for price in offers.prices(items) if price.operation == want.operation]
            if found:
                return tuple(found)
        return ()

    def fetch(self, region: str) -> Fetched:
        """The whole book of one region: exactly one product each, the rest told as findings."""
        prices: list[Price] = []
        findings: list[Finding] = []
        for want in wanted(region):
            found = self.products(want)
            if len(found) == 1:
                prices.append(found[0])
                continue
            where = f"{want.service_code} {want.usage_types[0]} in {want.region}"
            said = "AWS offers no such product" if not found else f"{len(found)} products match, and exactly one must"
            evidence = "\n".join(f"{price.describe()} {price.first} {price.sku}" for price in found)
            findings.append(Finding("price-not-single", where, said, evidence=evidence, severity=Severity.WARNING))
        return Fetched(tuple(prices), tuple(findings))

    def savings_plans(self, instance_type: str, region: str) -> tuple[commitments.Offer, ...]:
        """Compute and EC2 instance savings plans for a shared Linux instance."""
        filters = {
            "region": region,
            "instanceType": instance_type,
            "tenancy": "shared",
            "productDescription": "Linux/UNIX",
        }
        answer = self._savings_plans.describe_savings_plans_offering_rates(
            savingsPlanTypes=list(commitments.SAVINGS_PLANS),
            serviceCodes=["AmazonEC2"],
            products=["EC2"],
            filters=[{"name": name, "values": [value]} for name, value in filters.items()],
        )
        return tuple(commitments.of_savings_plan(rate, region) for rate in answer["searchResults"])

    def spot(self, instance_type: str, region: str, days: int = 7) -> tuple[commitments.Offer, ...]:
        """The lowest and the highest spot price of the last days, over the region's zones."""
        history = self._ec2.pages(
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=[instance_type],
            ProductDescriptions=["Linux/UNIX"],
            StartTime=self._now() - timedelta(days=days),
        )
        seen = sorted(Decimal(item["SpotPrice"]) for item in history)
        if not seen:
            return ()
        source = f"DescribeSpotPriceHistory, {days} days, {len(seen)} prices"
        ends = (("low", seen[0]), ("high", seen[-1]))
        return tuple(
            commitments.Offer(f"spot, {side} end of what was seen", instance_type, region, 0, Decimal(0), price, source)
            for side, price in ends
        )


def bulk(region: str, base: str = OFFERS) -> Iterator[Price]:
    """The book of a region from the public offer files, for who has no account: streamed and filtered.

    Raises :class:`HermesError` ``aws-unreachable`` or ``price-list-broken``.
    """
    names: dict[tuple[str, str], set[str]] = {}
    for want in wanted(region):
        names.setdefault((want.service_code, want.region), set()).update(want.usage_types)
    for (service, where), usage_types in sorted(names.items()):
        part = f"{where}/" if where == region else ""
        yield from _offer(f"{base}/{service}/current/{part}index.csv", frozenset(usage_types))


def _offer(url: str, usage_types: frozenset[str]) -> Iterator[Price]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            lines = io.TextIOWrapper(answer, encoding="utf-8", newline="")
            yield from offers.bulk(lines, usage_types, "AWS bulk price list")
    except (urllib.error.URLError, OSError) as error:
        raise HermesError(
            Finding("aws-unreachable", url, str(error), why="the old book stays in use", next="check the network")
        ) from error
