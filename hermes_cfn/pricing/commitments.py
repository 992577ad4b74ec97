"""What a commitment saves: reserved instances, savings plans, spot.

Effective price, money up front, and the month in which it has paid for itself.  A term's
year has 8,760 hours, a month 730.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from hermes_cfn.pricing.offers import Reserved, reserved

HOURS_A_YEAR = 8760


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to pay for one instance: USD ``upfront`` once, and ``hourly`` for ``years``."""

    name: str
    instance_type: str
    region: str
    years: int
    upfront: Decimal
    hourly: Decimal
    source: str

    @property
    def effective(self) -> Decimal:
        """USD an hour over the whole term."""
        return self.hourly + (self.upfront / (self.years * HOURS_A_YEAR) if self.years else Decimal(0))

    def saves(self, on_demand: Decimal) -> Decimal:
        """The share of the on-demand price that it saves, 0 to 1; below zero if it costs more."""
        return 1 - self.effective / on_demand

    def break_even_months(self, on_demand: Decimal) -> Decimal | None:
        """Months of running until it costs less than on demand would have; None if never.

        The whole term is owed: without money up front that is the share of the term that
        the instance must run.
        """
        owed = self.upfront + self.hourly * self.years * HOURS_A_YEAR
        months = owed / (on_demand * 730)
        return months if months < self.years * 12 else None


def of_reserved(term: Reserved, source: str) -> Offer:
    """A reserved term as an offer."""
    name = f"reserved {term.years} year{'s' if term.years > 1 else ''}, {term.payment.lower()}, {term.offering}"
    return Offer(name, term.instance_type, term.region, term.years, term.upfront, term.hourly, source)


@cache
def _carried() -> Mapping[str, Any]:
    said: Mapping[str, Any] = json.loads((files("hermes_cfn.pricing") / "commitments.json").read_text(encoding="utf-8"))
    return said


def reserved_terms(sku: str) -> Mapping[str, Any]:
    """The reserved terms that the package carries of a product, as ``GetProducts`` gives them; empty if none."""
    found = (item["terms"]["Reserved"] for item in _carried()["reserved"] if item["product"]["sku"] == sku)
    return next(found, {})


@cache
def snapshot() -> tuple[Offer, ...]:
    """The commitments that the package carries: t3.medium's twelve reserved terms, two single terms, spot."""
    said = _carried()
    offers = [of_reserved(term, said["reserved_source"]) for term in reserved(said["reserved"])]
    offers += [
        Offer(
            row["name"],
            row["instance_type"],
            row["region"],
            row["years"],
            Decimal(row["upfront"]),
            Decimal(row["hourly"]),
            row["source"],
        )
        for row in said["others"]
    ]
    return tuple(sorted(offers, key=lambda offer: (offer.instance_type, offer.region, offer.years, offer.name)))


def for_instance(instance_type: str, region: str, offers: Iterable[Offer] | None = None) -> tuple[Offer, ...]:
    """The offers for one instance type in one region, the cheapest an hour first."""
    known = snapshot() if offers is None else offers
    fitting = [offer for offer in known if (offer.instance_type, offer.region) == (instance_type, region)]
    return tuple(sorted(fitting, key=lambda offer: (offer.effective, offer.name)))


SAVINGS_PLANS = ("Compute", "EC2Instance")
"""Plan types, as ``savingsplans:DescribeSavingsPlansOfferingRates`` names them."""


UPFRONT = {"No Upfront": Decimal(0), "Partial Upfront": Decimal("0.5"), "All Upfront": Decimal(1)}
"""Payment option -> the share of a savings plan that is paid at once."""


def of_savings_plan(rate: Mapping[str, Any], region: str) -> Offer:
    """A rate of that call as an offer: ``rate`` is USD an hour of the instance under the plan, however it is paid.

    A plan without money up front is owed by the hour, one with all up front at once, and partial is half and half
    (https://docs.aws.amazon.com/savingsplans/latest/userguide/what-is-savings-plans.html).
    """
    offering = rate["savingsPlanOffering"]
    properties = {part["name"]: part["value"] for part in rate.get("properties", ())}
    years = round(int(offering["durationSeconds"]) / (365 * 24 * 3600))
    hourly, share = Decimal(str(rate["rate"])), UPFRONT[str(offering["paymentOption"])]
    return Offer(
        f"{offering['planType']} savings plan {years} year{'s' if years > 1 else ''}, "
        f"{str(offering['paymentOption']).lower()}",
        str(properties.get("instanceType", rate.get("usageType", ""))),
        region,
        years,
        hourly * share * years * HOURS_A_YEAR,
        hourly * (1 - share),
        "DescribeSavingsPlansOfferingRates",
    )
