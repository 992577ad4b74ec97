"""Ways of buying instances, as factors on their on-demand hours: from the commitments that the price book knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing import commitments
from hermes_cfn.pricing.commitments import Offer
from hermes_cfn.pricing.prices import Basis, PriceBook

ONE = Decimal(1)
SPOT = "spot, {} end of what was seen"
NAMES: Mapping[str, tuple[str, ...]] = {
    "on-demand": (),
    "reserved-1y": ("reserved 1 year, no upfront, standard",),
    "reserved-1y-upfront": ("reserved 1 year, all upfront, standard",),
    "savings-plan-1y": ("Compute savings plan 1 year, no upfront",),
    "spot": (SPOT.format("low"), SPOT.format("high")),
}
"""Way of buying -> the offers that are it; of two, what is paid lies between them."""
WAYS = tuple(NAMES)
WORDS = {
    "on-demand": "on demand",
    "reserved-1y": "reserved for a year",
    "reserved-1y-upfront": "reserved for a year and paid at once",
    "savings-plan-1y": "by a compute savings plan of a year",
    "spot": "spot",
}
"""Way of buying -> how a sentence says it."""


@dataclass(frozen=True, slots=True)
class Way:
    """``factor`` on the on-demand hours, and the ``low`` and ``high`` that it may be.

    ``upfront`` in USD an instance; ``hourly`` is what an hour costs over the whole term; ``break_even`` in months,
    None where nothing is committed or it never comes.
    """

    name: str
    factor: Decimal
    low: Decimal
    high: Decimal
    basis: Basis
    source: str
    hourly: Decimal
    upfront: Decimal = Decimal(0)
    break_even: Decimal | None = None

    def __str__(self) -> str:
        """What a commitment costs, in words; empty on demand."""
        if self.factor == 1:
            return ""
        start = f", {self.upfront:,.2f} USD at the start" if self.upfront else ""
        month = "" if self.break_even is None else f", break-even in month {self.break_even:.1f}"
        return f"{self.hourly.normalize():f} USD an hour of an instance ({self.basis}){start}{month}"


ON_DEMAND = Way("on demand", ONE, ONE, ONE, Basis.PUBLISHED, "", Decimal(0))


def ways(instance_type: str, region: str, book: PriceBook) -> dict[str, Way]:
    """Every way of buying that the book can price for a type in a region, on demand first.

    Raises :class:`HermesError` ``price-missing`` for a type without a price on demand, or a book without offers.
    """
    price = book.find("AmazonEC2", f"BoxUsage:{instance_type}", region, "RunInstances")
    known = {offer.name: offer for offer in commitments.for_instance(instance_type, region, book)}
    found = {"on-demand": Way("on demand", ONE, ONE, ONE, price.basis, price.source, price.first)}
    for key, names in NAMES.items():
        offers = [known[name] for name in names if name in known]
        if offers:
            found[key] = _way(offers, price.first)
        elif names:
            where = f"{instance_type} in {region}"
            raise HermesError(
                Finding("price-missing", where, f"the book {book.name} has no offer {names[0]}", next="another book")
            )
    return found


def _way(offers: list[Offer], on_demand: Decimal) -> Way:
    hourly = sum((offer.effective for offer in offers), Decimal(0)) / len(offers)
    first = offers[0]
    return Way(
        first.name.partition(",")[0] if commitments.is_spot(first) else first.name,
        hourly / on_demand,
        min(offer.effective * offer.low for offer in offers) / on_demand,
        max(offer.effective * offer.high for offer in offers) / on_demand,
        max((offer.basis for offer in offers), key=list(Basis).index),
        first.source,
        hourly.quantize(Decimal("0.00001")),
        first.upfront,
        None if commitments.is_spot(first) else first.break_even_months(on_demand),
    )
