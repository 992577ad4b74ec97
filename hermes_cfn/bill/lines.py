"""The bill: its lines, its totals, and what a change makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import product

from hermes_cfn.bill.open import Assumed, Key
from hermes_cfn.pricing.prices import Basis

ZERO = Decimal(0)


class State(StrEnum):
    """What the bill can say of a line."""

    PRICED = "priced"
    NOT_GIVEN = "usage not given"
    DEPENDS = "depends"
    FREE = "free"
    NOT_PRICED = "not priced"


@dataclass(frozen=True, slots=True)
class Possibility:
    """What a line costs, USD a month, if something that is not known turns out to be so."""

    assumed: Assumed
    told: str
    monthly: Decimal
    state: State


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
    possible: tuple[Possibility, ...] = ()

    @property
    def high(self) -> Decimal:
        """The most that it costs, whatever is not known turns out to be."""
        return max((one.monthly for one in self.possible), default=self.monthly)

    @property
    def blended(self) -> Decimal | None:
        return self.monthly / self.quantity if self.quantity else None


@dataclass(frozen=True)
class Bill:
    """A month's bill in USD.

    ``total`` is at the mean of every figure; ``low``, ``expected`` and ``high`` are P10,
    mean and P90 of the draws, made when first asked for, and equal ``total`` where usage is
    certain.  Where something in the template is not known, ``total`` is the least that it can
    be and ``total_high`` the most.
    """

    lines: tuple[BillLine, ...]
    book: str
    as_of: str
    notes: tuple[str, ...] = ()
    draw: Callable[[], tuple[Decimal, Decimal, Decimal]] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def range(self) -> tuple[Decimal, Decimal, Decimal]:
        """P10, mean and P90, from the least to the most that what is not known can make of them."""
        drawn = self.draw() if self.draw else (self.settled, self.settled, self.settled)
        return drawn[0] + self.open_range[0], drawn[1] + self.open_range[0], drawn[2] + self.open_range[1]

    @property
    def low(self) -> Decimal:
        return self.range[0]

    @property
    def expected(self) -> Decimal:
        return self.range[1]

    @property
    def high(self) -> Decimal:
        return self.range[2]

    @cached_property
    def settled(self) -> Decimal:
        """The sum of the lines that hang on nothing unknown."""
        return sum((line.monthly for line in self.lines if line.state is not State.DEPENDS), ZERO)

    @cached_property
    def open_range(self) -> tuple[Decimal, Decimal]:
        """The least and the most of all lines that hang on something unknown, what belongs together taken together."""
        return _together([line.possible for line in self.lines if line.possible])

    @property
    def open_reasons(self) -> tuple[str, ...]:
        """What is not known and changes the total, by name."""
        found = (f"{kind} {name}" for line in self.lines for one in line.possible for _, kind, name in one.assumed)
        return tuple(sorted(set(found)))

    @property
    def total(self) -> Decimal:
        return self.settled + self.open_range[0]

    @property
    def total_high(self) -> Decimal:
        """The total if what is not known turns out as dear as it can be."""
        return self.settled + self.open_range[1]

    @property
    def most(self) -> Decimal:
        """The expected month if what is not known turns out as dear as it can be."""
        return self.expected - self.open_range[0] + self.open_range[1]

    @property
    def inferred(self) -> Decimal:
        """The part of the total that rests on inferred prices."""
        return sum((line.monthly for line in self.lines if line.basis is Basis.INFERRED), ZERO)

    @property
    def inference_range(self) -> tuple[Decimal, Decimal]:
        """The total if every inferred price were as far off as such prices were ever seen."""
        sure = [line for line in self.lines if line.state is not State.DEPENDS]
        low = sum((line.monthly * line.spread[0] for line in sure), self.open_range[0])
        high = sum((line.monthly * line.spread[1] for line in sure), self.open_range[1])
        return low, high

    def of(self, *states: State) -> tuple[BillLine, ...]:
        """The lines in one of ``states``."""
        return tuple(line for line in self.lines if line.state in states)

    @property
    def coverage(self) -> Coverage:
        return Coverage.of(self)


MOST_WORLDS = 512
"""So many combinations of what hangs together are gone through; beyond, each line stands for itself."""


def _together(lines: list[tuple[Possibility, ...]]) -> tuple[Decimal, Decimal]:
    """Least and most of the sum of ``lines``: those that share something unknown are summed world by world."""
    groups: list[tuple[set[Key], list[tuple[Possibility, ...]]]] = []
    for possible in lines:
        keys = {key for one in possible for key in one.assumed}
        joined = [possible]
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys |= group[0]
            joined = [*group[1], *joined]
        groups.append((keys, joined))
    sums = [_bounds(members) for _, members in groups]
    return sum((low for low, _ in sums), ZERO), sum((high for _, high in sums), ZERO)


def _bounds(members: list[tuple[Possibility, ...]]) -> tuple[Decimal, Decimal]:
    values: dict[Key, dict[object, None]] = {}
    for possible in members:
        for one in possible:
            for key, value in one.assumed.items():
                values.setdefault(key, {})[value] = None
    worlds = 1
    for each in values.values():
        worlds *= len(each)
    if worlds > MOST_WORLDS:
        amounts = [[one.monthly for one in possible] for possible in members]
        return sum(map(min, amounts), ZERO), sum(map(max, amounts), ZERO)
    totals = []
    for chosen in product(*values.values()):
        world = dict(zip(values, chosen, strict=True))
        fits = (
            next((one.monthly for one in possible if all(world[k] == v for k, v in one.assumed.items())), ZERO)
            for possible in members
        )
        totals.append(sum(fits, ZERO))
    return min(totals), max(totals)


@dataclass(frozen=True, slots=True)
class Named:
    """The resources of one state: who they are, and how many of each type, the most first."""

    members: frozenset[tuple[str, str]]
    types: Mapping[str, int]


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
    depends: int
    monthly: Decimal
    by_basis: Mapping[Basis, Decimal]
    lines_not_given: int
    lines_not_priced: int
    types_not_priced: tuple[str, ...]
    by_state: Mapping[State, Named]

    @classmethod
    def of(cls, bill: Bill) -> Coverage:
        worst = [State.NOT_PRICED, State.NOT_GIVEN, State.DEPENDS, State.PRICED, State.FREE]
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
            depends=count(State.DEPENDS),
            monthly=bill.total,
            by_basis={
                basis: amount
                for basis in Basis
                if (amount := sum((line.monthly for line in bill.lines if line.basis is basis), ZERO))
            },
            lines_not_given=len(bill.of(State.NOT_GIVEN)),
            lines_not_priced=len(bill.of(State.NOT_PRICED)),
            types_not_priced=tuple(sorted({line.resource_type for line in bill.of(State.NOT_PRICED)})),
            by_state=_by_state(bill, states),
        )


def _by_state(bill: Bill, states: Mapping[tuple[str, str], State]) -> Mapping[State, Named]:
    types = {(line.stack, line.logical_id): line.resource_type for line in bill.lines}
    found: dict[State, Named] = {}
    for state in State:
        members = frozenset(key for key, one in states.items() if one is state)
        if members:
            counts = Counter(types[key] for key in members)
            found[state] = Named(members, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
    return found


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line before and after; USD a month.  ``basis`` is that of its price, the weaker where there are two."""

    stack: str
    logical_id: str
    what: str
    before: Decimal
    after: Decimal
    before_high: Decimal
    after_high: Decimal
    basis: Basis | None = None

    @property
    def monthly(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change costs: USD a month more, or less below zero; only lines that change.

    ``before_high`` and ``after_high`` differ from ``before`` and ``after`` where something is not known.
    """

    before: Decimal
    after: Decimal
    before_high: Decimal
    after_high: Decimal
    changes: tuple[LineChange, ...]
    unknown: tuple[BillLine, ...] = ()

    @property
    def monthly(self) -> Decimal:
        return self.after - self.before


def difference(before: Bill, after: Bill) -> Difference:
    """The lines in which two bills differ, the dearest change first; ``unknown`` are new lines without a price."""
    old, new = _by_key(before.lines), _by_key(after.lines)
    none = (ZERO, ZERO)
    basis = {**_basis(before.lines), **_basis(after.lines)}
    changes = [
        LineChange(
            *key,
            *(old.get(key, none)[0], new.get(key, none)[0], old.get(key, none)[1], new.get(key, none)[1]),
            basis.get(key),
        )
        for key in dict.fromkeys((*old, *new))
        if old.get(key, none) != new.get(key, none)
    ]
    changes.sort(key=lambda change: (-abs(change.monthly), change.stack, change.logical_id, change.what))
    there = {(line.stack, line.logical_id, line.what) for line in before.lines}
    unknown = tuple(
        line
        for line in after.of(State.NOT_GIVEN, State.NOT_PRICED)
        if (line.stack, line.logical_id, line.what) not in there
    )
    return Difference(before.total, after.total, before.total_high, after.total_high, tuple(changes), unknown)


def _basis(lines: Iterable[BillLine]) -> dict[tuple[str, str, str], Basis]:
    found: dict[tuple[str, str, str], Basis] = {}
    for line in lines:
        key = (line.stack, line.logical_id, line.what)
        if line.basis is not None and found.get(key) is not Basis.INFERRED:
            found[key] = line.basis
    return found


def _by_key(lines: Iterable[BillLine]) -> dict[tuple[str, str, str], tuple[Decimal, Decimal]]:
    sums: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
    for line in lines:
        key = (line.stack, line.logical_id, line.what)
        low, high = sums.get(key, (ZERO, ZERO))
        sums[key] = low + line.monthly, high + line.high
    return sums
