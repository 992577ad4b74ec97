"""What a commitment saves: reserved instances, savings plans, spot.

Effective price, money up front, and the month in which it has paid for itself.  A term's
year has 8,760 hours, a month 730.  What AWS was not asked for and nobody published is
inferred, as the other prices are, with the step named and its spread measured.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

from hermes_cfn.pricing.offers import Reserved, reserved
from hermes_cfn.pricing.prices import FINEST, Basis, Price, PriceBook
from hermes_cfn.units import rounded

HOURS_A_YEAR = 8760
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to pay for one instance: USD ``upfront`` once, and ``hourly`` for ``years``.

    ``low`` and ``high`` are factors by which the real price may differ: 1 unless it is inferred.
    """

    name: str
    instance_type: str
    region: str
    years: int
    upfront: Decimal
    hourly: Decimal
    source: str
    basis: Basis = Basis.PUBLISHED
    low: Decimal = ONE
    high: Decimal = ONE

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


COLUMNS = tuple(field.name for field in fields(Offer))
AMOUNTS = ("upfront", "hourly", "low", "high")


def write(offers: Iterable[Offer]) -> str:
    """Offers as CSV."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(offer, name) for name in COLUMNS] for offer in offers)
    return out.getvalue()


def parse(rows: Iterable[Mapping[str, Any]]) -> tuple[Offer, ...]:
    """Offers from rows of some of :data:`COLUMNS`; raises what a damaged row raises."""
    return tuple(
        Offer(
            **{
                **row,
                "years": int(row["years"]),
                "basis": Basis(row["basis"]),
                **{name: Decimal(row[name]) for name in AMOUNTS if name in row},
            }
        )
        for row in rows
    )


def of_reserved(term: Reserved, source: str) -> Offer:
    """A reserved term as an offer."""
    name = f"reserved {_years(term.years)}, {term.payment.lower()}, {term.offering}"
    return Offer(name, term.instance_type, term.region, term.years, term.upfront, term.hourly, source)


def _years(years: int) -> str:
    return f"{years} year{'s' if years > 1 else ''}"


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
    """The commitments that the package carries: t3.medium's twelve reserved terms, single terms of others, spot."""
    said = _carried()
    offers = [of_reserved(term, said["reserved_source"]) for term in reserved(said["reserved"])]
    offers += parse(said["others"])
    return tuple(sorted(offers, key=lambda offer: (offer.instance_type, offer.region, offer.years, offer.name)))


def for_instance(instance_type: str, region: str, book: PriceBook, asked: Iterable[Offer] = ()) -> tuple[Offer, ...]:
    """The offers for one instance type in one region, the cheapest an hour first; each name once.

    What was ``asked`` just now comes first, then what the book fetched, what the package carries, what is inferred.
    """
    found: dict[str, Offer] = {}
    for source in (asked, book.offers, snapshot(), inferred(instance_type, region, book)):
        own = {offer.name: offer for offer in source if (offer.instance_type, offer.region) == (instance_type, region)}
        found = own | found
    return tuple(sorted(found.values(), key=lambda offer: (offer.effective, offer.name)))


REFERENCE = ("t3.medium", "us-east-1")
"""The instance type whose reserved terms are all published."""

PLANS = {"EC2Instance": "standard", "Compute": "convertible"}
"""Plan type, as ``savingsplans:DescribeSavingsPlansOfferingRates`` names it -> the class of reserved instances that saves
as much (https://aws.amazon.com/blogs/aws/new-savings-plans-for-aws-compute-services/)."""

SAVINGS_PLANS = tuple(PLANS)

UPFRONT = {"No Upfront": Decimal(0), "Partial Upfront": Decimal("0.5"), "All Upfront": Decimal(1)}
"""Payment option -> the share of a savings plan that is paid at once."""


def inferred(instance_type: str, region: str, book: PriceBook) -> tuple[Offer, ...]:
    """Reserved terms, savings plans and spot of a type that nobody published, from its on-demand price.

    A term takes from the on-demand price the share that t3.medium's takes in us-east-1.  Its spread is how far
    that share was seen from those of other types (of T types for a T type), times the on-demand price's own.
    """
    here = _on_demand(book, instance_type, region)
    base = _on_demand(book, *REFERENCE)
    if here is None or base is None:
        return ()
    terms = {offer.name: offer for offer in snapshot() if (offer.instance_type, offer.region) == REFERENCE}
    wanted = terms | {plan.name: plan for term in terms.values() for plan in _plans(term)}
    low, high, pairs = _spread(instance_type, wanted, base.first, book)
    least, most = here.spread()
    said = f"the share of the on-demand price as {REFERENCE[0]} in {REFERENCE[1]} ({pairs} known pairs {_percent(low)} to {_percent(high)})"
    factor = here.first / base.first
    made = [
        replace(
            offer,
            instance_type=instance_type,
            region=region,
            upfront=rounded(offer.upfront * factor, Decimal("0.01")),
            hourly=rounded(offer.hourly * factor, FINEST),
            source=f"{said}; {offer.source}" if name not in terms else said,
            basis=Basis.INFERRED,
            low=low * least,
            high=high * most,
        )
        for name, offer in wanted.items()
    ]
    return (*made, *_spot(instance_type, region, here, book))


def _percent(factor: Decimal) -> str:
    return f"{(factor - 1) * 100:+.1f} %"


def _on_demand(book: PriceBook, instance_type: str, region: str) -> Price | None:
    found = book.candidates("AmazonEC2", f"BoxUsage:{instance_type}", region, "RunInstances")
    return found[0] if len(found) == 1 else None


def _plans(term: Offer) -> Iterator[Offer]:
    """The savings plan that saves as much as a reserved term."""
    kind = next((plan for plan, offering in PLANS.items() if term.name.endswith(f", {offering}")), None)
    share = next((part for payment, part in UPFRONT.items() if f", {payment.lower()}," in term.name), None)
    if kind is None or share is None:
        return
    payment = term.name.split(", ")[1]
    name = f"{kind} savings plan {_years(term.years)}, {payment}"
    owed, rate = term.effective * share * term.years * HOURS_A_YEAR, term.effective * (1 - share)
    yield replace(term, name=name, upfront=owed, hourly=rate, source=f"as {PLANS[kind]} reserved instances")


def _spread(
    instance_type: str, terms: Mapping[str, Offer], base: Decimal, book: PriceBook
) -> tuple[Decimal, Decimal, int]:
    """(lowest, highest, number): other types' shares of their on-demand price over the reference's."""
    burstable = instance_type.startswith("t")
    ratios = [ONE]
    for offer in snapshot():
        on_demand = _on_demand(book, offer.instance_type, offer.region)
        of_its_kind = offer.instance_type.startswith("t") or not burstable
        if offer.name in terms and on_demand and of_its_kind and (offer.instance_type, offer.region) != REFERENCE:
            ratios.append(offer.effective / on_demand.first / (terms[offer.name].effective / base))
    return min(ratios), max(ratios), len(ratios) - 1


def is_spot(offer: Offer) -> bool:
    return offer.years == 0


def _spot(instance_type: str, region: str, here: Price, book: PriceBook) -> Iterator[Offer]:
    """Both ends of what spot took of the on-demand price, over every type that was seen."""
    seen = sorted(
        (offer.effective / price.first, offer.instance_type)
        for offer in snapshot()
        if is_spot(offer) and (price := _on_demand(book, offer.instance_type, offer.region)) is not None
    )
    if seen:
        for side, (share, kind) in (("low", seen[0]), ("high", seen[-1])):
            yield Offer(
                f"spot, {side} end of what was seen",
                instance_type,
                region,
                0,
                Decimal(0),
                rounded(here.first * share, FINEST),
                f"the share of the on-demand price as {kind}'s, of the types that were seen",
                Basis.INFERRED,
            )


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
        f"{offering['planType']} savings plan {_years(years)}, {str(offering['paymentOption']).lower()}",
        str(properties.get("instanceType", rate.get("usageType", ""))),
        region,
        years,
        hourly * share * years * HOURS_A_YEAR,
        hourly * (1 - share),
        "DescribeSavingsPlansOfferingRates",
    )
