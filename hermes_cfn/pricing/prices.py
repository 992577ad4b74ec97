"""A price with everything it needs to be believed, and a book of them.

Amounts are US dollars per ``unit``; tiers are in units a month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.pricing.regions import stem
from hermes_cfn.units import rounded

if TYPE_CHECKING:
    from hermes_cfn.pricing.commitments import Offer

ZERO = Decimal(0)
FINEST = Decimal("0.00001")
"""How fine AWS's prices of machines are, USD an hour."""


class Basis(StrEnum):
    """Where a price comes from, the surest first."""

    PUBLISHED = "published"
    BILLED = "billed"
    INFERRED = "inferred"
    GUIDE = "guide"


@dataclass(frozen=True, slots=True)
class Tier:
    """``price`` a unit from ``start`` up to ``end`` units a month; ``None`` is without end."""

    start: Decimal
    end: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an inference: taken from ``origin`` for ``region``, with how far such prices were seen apart.

    ``low`` and ``high`` are factors: 1.00 and 1.06 mean equal to 6 % dearer.  ``factor`` is by how
    much the price was changed, before that spread.
    """

    region: str
    origin: str
    low: Decimal
    high: Decimal
    evidence: str
    factor: Decimal = Decimal(1)

    def __str__(self) -> str:
        spread = f"{(self.low - 1) * 100:+.0f} to {(self.high - 1) * 100:+.0f} %"
        return f"{self.region} ← {self.origin} ({spread}: {self.evidence})"


@dataclass(frozen=True, slots=True)
class Price:
    """A price dimension of one product in one region."""

    service_code: str
    usage_type: str
    operation: str
    region: str
    unit: str
    tiers: tuple[Tier, ...]
    basis: Basis
    source: str
    currency: str = "USD"
    effective: str = ""
    published: str = ""
    sku: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def stem(self) -> str:
        """The usage type without its region's prefix."""
        return stem(self.usage_type, self.region)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.service_code, self.region, self.stem, self.operation)

    @property
    def first(self) -> Decimal:
        """The price of the first paid unit."""
        return next((tier.price for tier in self.tiers if tier.price), self.tiers[0].price)

    @property
    def flat(self) -> bool:
        return len(self.tiers) == 1 and self.tiers[0].start == 0

    def cost(self, quantity: Decimal) -> Decimal:
        """USD for ``quantity`` units in a month, through the tiers.

        Beyond the last tier that the book knows its price goes on: nothing becomes free.
        """
        total = ZERO
        last = self.tiers[-1]
        for tier in self.tiers:
            if quantity <= tier.start:
                break
            top = quantity if tier.end is None or tier is last else min(quantity, tier.end)
            total += (top - tier.start) * tier.price
        return total

    def marginal(self, quantity: Decimal) -> Decimal:
        """USD for one more unit after ``quantity``."""
        for tier in self.tiers:
            if tier.end is None or quantity < tier.end:
                return tier.price
        return self.tiers[-1].price

    def blended(self, quantity: Decimal) -> Decimal:
        """USD a unit on average over ``quantity`` units."""
        return self.cost(quantity) / quantity if quantity else self.first

    def spread(self) -> tuple[Decimal, Decimal]:
        """Factors by which the real price may differ: (1, 1) unless it is inferred."""
        low = high = Decimal(1)
        for step in self.steps:
            low *= step.low
            high *= step.high
        return low, high

    def describe(self) -> str:
        said = f"{self.service_code} {self.usage_type}"
        return said + (f" ({self.operation})" if self.operation else "")

    def at(self, region: str, usage_type: str, step: Step) -> Price:
        """The same price, times the step's factor, believed of another region, and so inferred."""
        tiers = self.tiers
        if step.factor != 1:
            tiers = tuple(replace(tier, price=rounded(tier.price * step.factor, FINEST)) for tier in tiers)
        steps = (*self.steps, step)
        return replace(
            self, region=region, usage_type=usage_type, tiers=tiers, basis=Basis.INFERRED, sku="", steps=steps
        )


class PriceBook:
    """Prices, found by service code, usage type, operation and region: exactly one, or an error.

    ``prices`` are there at once; those of ``places`` are read through ``of``, region by region, when first asked
    for; ``unread`` are regions of which nobody has read a price: ``of`` guesses them when one is asked for, and they are
    not among ``regions``.  ``derive`` makes a price that none of them is from one it follows from.  ``name`` tells where
    they come from, ``as_of`` their newest date, ``note`` anything a report must say of the book as a whole.  ``offers`` gives the commitments that were fetched; it
    is called when they are first asked for.
    """

    def __init__(
        self,
        name: str,
        prices: Iterable[Price] = (),
        as_of: str = "",
        fetched: datetime | None = None,
        note: str = "",
        offers: Callable[[], tuple[Offer, ...]] = tuple,
        of: Callable[[str], Iterable[Price]] | None = None,
        places: tuple[str, ...] = (),
        unread: tuple[str, ...] = (),
        derive: Callable[[PriceBook, str, str, str, str | None], Price | None] | None = None,
    ) -> None:
        self._offers = offers
        self.name = name
        self.as_of = as_of
        self.fetched = fetched
        self.note = note
        self._prices: dict[tuple[str, str, str], dict[str, list[Price]]] = {}
        self._of, self._places, self._derive = of, frozenset(places), derive
        self.unread = frozenset(unread)
        self._waiting = set(places) if of else set()
        self._guesses = set(unread) if of else set()
        self._add(prices)

    def _add(self, prices: Iterable[Price]) -> None:
        for price in prices:
            place = self._prices.setdefault((price.service_code, price.region, price.stem), {})
            place.setdefault(price.operation, []).append(price)

    def _fetch(self, *regions: str) -> None:
        """Read the regions that nobody has asked for yet."""
        for region in sorted((self._waiting | self._guesses).intersection(regions)):
            self._waiting.discard(region)
            self._guesses.discard(region)
            if self._of is not None:
                self._add(self._of(region))

    def __iter__(self) -> Iterator[Price]:
        """Every price that somebody has read, or inferred of a region where somebody has read some."""
        self._fetch(*self._waiting)
        for key in sorted(self._prices, key=lambda key: key[1]):
            if key[1] not in self.unread:
                for prices in self._prices[key].values():
                    yield from prices

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """What AWS was asked for: reserved terms, savings plans and spot; empty for a book that nobody fetched."""
        return self._offers()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Whether there is any price, as far as is known without reading the regions that nobody has asked for."""
        return bool(self._prices or self._waiting)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions with prices, whatever was asked for before: no guessed one."""
        return tuple(sorted((self._places | {region for _, region, _ in self._prices}) - self.unread))

    def candidates(self, service_code: str, usage_type: str, region: str, operation: str | None = None) -> list[Price]:
        """Every price that matches; ``operation`` None is any, empty the product without one or else any."""
        self._fetch(region)
        operations = self._prices.get((service_code, region, stem(usage_type, region)), {})
        if operation is None or (not operation and "" not in operations):
            return [price for prices in operations.values() for price in prices]
        return list(operations.get(operation, []))

    def beginning(self, service_code: str, region: str, start: str) -> list[Price]:
        """Every price of a service in a region whose usage type begins so."""
        self._fetch(region)
        return [
            price
            for (service, place, name), operations in self._prices.items()
            if service == service_code and place == region and name.startswith(start)
            for prices in operations.values()
            for price in prices
        ]

    def find(self, service_code: str, usage_type: str, region: str, operation: str | None = None) -> Price:
        """The one price that matches; the region's prefix may be left out of ``usage_type``.

        Raises :class:`HermesError` ``price-missing`` or ``price-ambiguous``, the latter
        naming the candidates.
        """
        found = self.candidates(service_code, usage_type, region, operation)
        if len(found) == 1:
            return found[0]
        if not found and self._derive is not None and (region in self._places or region in self.unread):
            derived = self._derive(self, service_code, stem(usage_type, region), region, operation)
            if derived is not None:
                return derived
        where = f"{service_code} {usage_type}" + (f" {operation}" if operation else "") + f" in {region}"
        if not found:
            raise HermesError(
                Finding(
                    "price-missing",
                    where,
                    f"the book {self.name} has no such price",
                    next=hermes("prices", "refresh") + ", or another region",
                )
            )
        raise HermesError(
            Finding(
                "price-ambiguous",
                where,
                f"{len(found)} products of the book {self.name} match, and exactly one must",
                evidence="\n".join(
                    f"{price.usage_type} operation={price.operation!r} {price.first}/{price.unit} sku={price.sku}"
                    for price in found
                ),
                next="name the operation",
            )
        )
