"""The bill: its lines, its totals, and what a change makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from hermes_cfn.pricing.prices import Basis

ZERO = Decimal(0)


class State(StrEnum):
    """What the bill can say of a line."""

    PRICED = "priced"
    NOT_GIVEN = "usage not given"
    FREE = "free"
    NOT_PRICED = "not priced"


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line; ``monthly`` in USD for a month of 730 hours, not rounded.

    ``quantity`` is None where usage was not given; ``unit_price`` is that of the first paid
    unit, ``marginal`` that of one more, ``blended`` that of all on average, through tiers and
    allowances; ``allowed`` the part of the quantity that is free of charge.  ``note`` explains a
    line that is free, not priced or not given.
    """

    stack: str
    logical_id: str
    resource_type: str
    what: str
    state: State
    region: str
    quantity: Decimal | None = None
    unit: str = ""
    unit_price: Decimal | None = None
    monthly: Decimal = ZERO
    allowed: Decimal = ZERO
    basis: Basis | None = None
    source: str = ""
    note: str = ""
    service_code: str = ""
    usage_type: str = ""
    operation: str = ""
    sku: str = ""
    spread: tuple[Decimal, Decimal] = (Decimal(1), Decimal(1))
    marginal: Decimal | None = None

    @property
    def blended(self) -> Decimal | None:
        return self.monthly / self.quantity if self.quantity else None


@dataclass(frozen=True)
class Bill:
    """A month's bill in USD.

    ``total`` is at the mean of every figure; ``low``, ``expected`` and ``high`` are P10,
    mean and P90 of the draws, made when first asked for, and equal ``total`` where usage is
    certain.
    """

    lines: tuple[BillLine, ...]
    book: str
    as_of: str
    notes: tuple[str, ...] = ()
    draw: Callable[[], tuple[Decimal, Decimal, Decimal]] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def range(self) -> tuple[Decimal, Decimal, Decimal]:
        """P10, mean and P90."""
        return self.draw() if self.draw else (self.total, self.total, self.total)

    @property
    def low(self) -> Decimal:
        return self.range[0]

    @property
    def expected(self) -> Decimal:
        return self.range[1]

    @property
    def high(self) -> Decimal:
        return self.range[2]

    @property
    def total(self) -> Decimal:
        return sum((line.monthly for line in self.lines), ZERO)

    @property
    def inferred(self) -> Decimal:
        """The part of the total that rests on inferred prices."""
        return sum((line.monthly for line in self.lines if line.basis is Basis.INFERRED), ZERO)

    @property
    def inference_range(self) -> tuple[Decimal, Decimal]:
        """The total if every inferred price were as far off as such prices were ever seen."""
        low = sum((line.monthly * line.spread[0] for line in self.lines), ZERO)
        high = sum((line.monthly * line.spread[1] for line in self.lines), ZERO)
        return low, high

    def of(self, *states: State) -> tuple[BillLine, ...]:
        """The lines in one of ``states``."""
        return tuple(line for line in self.lines if line.state in states)

    @property
    def coverage(self) -> Coverage:
        return Coverage.of(self)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the resources the bill has an answer for; a resource counts once, by its worst line.

    By dollars: how sure those are that are in the total, and how many lines have dollars that are not.
    """

    resources: int
    priced: int
    not_given: int
    free: int
    not_priced: int
    monthly: Decimal
    by_basis: Mapping[Basis, Decimal]
    lines_not_given: int
    lines_not_priced: int
    types_not_priced: tuple[str, ...]

    @classmethod
    def of(cls, bill: Bill) -> Coverage:
        worst = [State.NOT_PRICED, State.NOT_GIVEN, State.PRICED, State.FREE]
        states: dict[tuple[str, str], State] = {}
        for line in bill.lines:
            key = (line.stack, line.logical_id)
            states[key] = min(states.get(key, State.FREE), line.state, key=worst.index)
        count = list(states.values()).count
        return cls(
            resources=len(states),
            priced=count(State.PRICED),
            not_given=count(State.NOT_GIVEN),
            free=count(State.FREE),
            not_priced=count(State.NOT_PRICED),
            monthly=bill.total,
            by_basis={
                basis: amount
                for basis in Basis
                if (amount := sum((line.monthly for line in bill.lines if line.basis is basis), ZERO))
            },
            lines_not_given=len(bill.of(State.NOT_GIVEN)),
            lines_not_priced=len(bill.of(State.NOT_PRICED)),
            types_not_priced=tuple(sorted({line.resource_type for line in bill.of(State.NOT_PRICED)})),
        )


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line before and after; USD a month."""

    stack: str
    logical_id: str
    what: str
    before: Decimal
    after: Decimal

    @property
    def monthly(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change costs: USD a month more, or less below zero; only lines that change."""

    before: Decimal
    after: Decimal
    changes: tuple[LineChange, ...]
    unknown: tuple[BillLine, ...] = ()

    @property
    def monthly(self) -> Decimal:
        return self.after - self.before


def difference(before: Bill, after: Bill) -> Difference:
    """The lines in which two bills differ, the dearest change first; ``unknown`` are new lines without a price."""
    old, new = _by_key(before.lines), _by_key(after.lines)
    changes = [
        LineChange(*key, old.get(key, ZERO), new.get(key, ZERO))
        for key in dict.fromkeys((*old, *new))
        if old.get(key, ZERO) != new.get(key, ZERO)
    ]
    changes.sort(key=lambda change: (-abs(change.monthly), change.stack, change.logical_id, change.what))
    there = {(line.stack, line.logical_id, line.what) for line in before.lines}
    unknown = tuple(
        line
        for line in after.of(State.NOT_GIVEN, State.NOT_PRICED)
        if (line.stack, line.logical_id, line.what) not in there
    )
    return Difference(before.total, after.total, tuple(changes), unknown)


def _by_key(lines: Iterable[BillLine]) -> dict[tuple[str, str, str], Decimal]:
    sums: dict[tuple[str, str, str], Decimal] = {}
    for line in lines:
        key = (line.stack, line.logical_id, line.what)
        sums[key] = sums.get(key, ZERO) + line.monthly
    return sums
