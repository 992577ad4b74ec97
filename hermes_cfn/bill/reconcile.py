"""The bill beside what AWS charged: matched, unmatched on either side, and what is apart.

A month of the bill is scaled to what the export covers (``bill/period.py``).  Matching is on service, usage type,
operation and region; an export that does not name the service or the operation matches without it, one without usage
types by SKU, and one without either by the service, or in one sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hermes_cfn.bill import exports
from hermes_cfn.bill.exports import Category, Charged, Export, Selection
from hermes_cfn.bill.lines import Bill, BillLine, State
from hermes_cfn.bill.period import due
from hermes_cfn.errors import Finding
from hermes_cfn.pricing.regions import PLACES, stem
from hermes_cfn.units import dollars

ZERO = Decimal(0)
HEADINGS = ("service", "usage type", "region", "bill", "charged", "difference")
SHOWN = 20
"""Usage types that were only charged, the dearest first; the others are one sum on the screen, and all in JSON."""
ALL = "(all)"
"""What stands for the usage types of a service, or for every service, where the export names none."""


@dataclass(frozen=True, slots=True)
class Match:
    """One usage type in one region: USD that the bill expects of these hours, and USD charged."""

    service: str
    usage_type: str
    region: str
    expected: Decimal
    charged: Decimal

    @property
    def difference(self) -> Decimal:
        return self.charged - self.expected


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A usage type that no line of the bill has, over all regions and operations; USD as charged."""

    service: str
    usage_type: str
    charged: Decimal
    lines: int


@dataclass(frozen=True, slots=True)
class Covered:
    """A line of the bill whose use a commitment covered: USD that it would cost on demand, and the use in its unit."""

    service: str
    usage_type: str
    region: str
    expected: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """``apart`` are sums in USD by category, which no line of the bill is compared with."""

    kind: str
    hours: Decimal
    matched: tuple[Match, ...]
    covered: tuple[Covered, ...]
    only_bill: tuple[BillLine, ...]
    only_charged: tuple[Unmatched, ...]
    apart: dict[str, Decimal]
    notes: tuple[Finding, ...] = ()

    @property
    def expected(self) -> Decimal:
        return sum((match.expected for match in self.matched), ZERO)

    @property
    def charged(self) -> Decimal:
        return sum((match.charged for match in self.matched), ZERO)

    @property
    def total(self) -> Decimal:
        """All that was charged, as an invoice sums it."""
        unmatched = sum((one.charged for one in self.only_charged), ZERO)
        return self.charged + unmatched + sum(self.apart.values(), ZERO)


def read(paths: Sequence[str], chosen: Selection | None = None) -> Export:
    """The exports that paths, folders and globs mean, as one."""
    return exports.read(paths, chosen)


def _agree(line: BillLine, charged: Charged) -> bool:
    if line.region != (charged.region or exports.region_of(charged.usage_type)) and line.region not in PLACES:
        return False
    transfer = line.service_code == "AWSDataTransfer"  # exports book it under the service that sent
    if charged.service and charged.service != line.service_code and not transfer:
        return False
    return not (line.operation and charged.operation) or line.operation == charged.operation


class _Pool:
    """Charges that no line of the bill has taken yet, found by usage type or SKU."""

    def __init__(self, charges: Iterable[Charged]) -> None:
        self.left = dict(enumerate(charges))
        self._by: dict[tuple[str, str], list[int]] = {}
        for index, one in self.left.items():
            keys = {("sku", one.sku)} if not one.usage_type else {("type", one.usage_type), ("type", _stem(one))}
            for key in keys:
                self._by.setdefault(key, []).append(index)

    def take(self, line: BillLine) -> list[Charged]:
        keys = [("type", stem(line.usage_type, line.region)), ("type", line.usage_type)]
        keys += [("sku", line.sku)] if line.sku else []
        found = {index for key in keys for index in self._by.get(key, ()) if index in self.left}
        return [self.left.pop(index) for index in sorted(found) if _agree(line, self.left[index])]

    def of_service(self, service: str) -> list[Charged]:
        """What has no usage type and is of a service, or of no service at all."""
        found = [index for index, one in self.left.items() if not one.usage_type and one.service in (service, "")]
        return [self.left.pop(index) for index in found]


def _stem(charged: Charged) -> str:
    return stem(charged.usage_type, charged.region or exports.region_of(charged.usage_type))


def reconcile(bill: Bill, export: Export) -> Reconciliation:
    """Every line of the bill with a cost against every line of the export."""
    use = [charged for charged in export.lines if charged.category == Category.USAGE]
    pool = _Pool(use)
    covered_pool = _Pool(charged for charged in export.lines if charged.category == Category.COVERED)
    by_key: dict[tuple[str, str, str, str], list[BillLine]] = {}
    for line in bill.of(State.PRICED):
        by_key.setdefault((line.service_code, line.usage_type, line.operation, line.region), []).append(line)
    matched: list[Match] = []
    covered: list[Covered] = []
    alone: list[BillLine] = []
    for (service, usage_type, _, region), lines in sorted(by_key.items()):
        found, committed = pool.take(lines[0]), covered_pool.take(lines[0])
        expected = _expected(lines, export, found)
        used = sum((one.usage for one in committed), ZERO)
        share = _covered_share(lines, export, found, used) if committed else ZERO
        if committed:
            covered.append(Covered(service, usage_type, region, expected * share, used))
        if found:
            matched.append(Match(service, usage_type, region, expected * (1 - share), _sum(found)))
        elif not committed:
            alone += [line for line in lines if line.monthly]
    if not any(charged.usage_type for charged in use):
        alone = _by_service(alone, pool, export, matched)
    only_charged = _summed(pool.left.values())
    notes = export.notes if export.hours else (*export.notes, NO_USE)
    return Reconciliation(
        export.kind,
        export.hours,
        tuple(matched),
        tuple(covered),
        tuple(alone),
        tuple(only_charged),
        _apart(export.lines),
        notes,
    )


NO_USE = Finding("export-no-use", "lines of use", "there are none, so nothing is compared")


def _sum(charges: Iterable[Charged]) -> Decimal:
    return sum((charged.cost for charged in charges), ZERO)


def _expected(lines: Iterable[BillLine], export: Export, found: Sequence[Charged]) -> Decimal:
    """What the bill expects; a charge for a whole month is not of the hours that have passed."""
    whole = bool(found) and all(charged.whole for charged in found)
    months = Decimal(len(export.spans)) if whole else export.months
    return sum((line.monthly * due(line.unit, export.hours, months) for line in lines), ZERO)


def _covered_share(lines: Iterable[BillLine], export: Export, found: Sequence[Charged], covered: Decimal) -> Decimal:
    """The share of what the bill expects that was not paid on demand, and that the covered use can be."""
    if not found:
        return Decimal(1)
    wanted = sum(((line.quantity or ZERO) * due(line.unit, export.hours, export.months) for line in lines), ZERO)
    missing = wanted - sum((one.usage for one in found), ZERO)
    return min(max(missing, ZERO), covered) / wanted if wanted else ZERO


def _by_service(alone: list[BillLine], pool: _Pool, export: Export, matched: list[Match]) -> list[BillLine]:
    """Lines that an export without usage types can only meet in the sum of their service, or of everything."""
    if any(not charged.service for charged in pool.left.values()):
        taken = [pool.left.pop(index) for index in list(pool.left)]
        matched.append(Match(ALL, ALL, "", _expected(alone, export, ()), _sum(taken)))
        return []
    left: list[BillLine] = []
    by_service: dict[str, list[BillLine]] = {}
    for line in alone:
        by_service.setdefault(line.service_code, []).append(line)
    for service, lines in sorted(by_service.items()):
        found = pool.of_service(service)
        if found:
            matched.append(Match(service, ALL, "", _expected(lines, export, ()), _sum(found)))
        else:
            left += lines
    return left


def _summed(charges: Iterable[Charged]) -> list[Unmatched]:
    """By service and usage type, the dearest first; what sums to nothing is left out."""
    sums: dict[tuple[str, str], list[Charged]] = {}
    for one in charges:
        sums.setdefault((one.service, one.usage_type), []).append(one)
    found = [Unmatched(*key, _sum(ones), sum(one.lines for one in ones)) for key, ones in sums.items()]
    return sorted(
        (one for one in found if one.charged), key=lambda one: (-abs(one.charged), one.service, one.usage_type)
    )


def _apart(lines: Iterable[Charged]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.category != Category.USAGE:
            sums[str(line.category)] = sums.get(line.category, ZERO) + line.cost
    return dict(sorted(sums.items()))


def rows(found: Reconciliation) -> list[tuple[str, ...]]:
    """The matches as cells under :data:`HEADINGS`."""
    return [
        (
            match.service,
            match.usage_type,
            match.region,
            dollars(match.expected),
            dollars(match.charged),
            dollars(match.difference),
        )
        for match in found.matched
    ]


def hours(found: Reconciliation) -> str:
    """Hours without the zeros of a division: ``316``, ``316.5``."""
    return f"{found.hours:.2f}".rstrip("0").rstrip(".")


def summary(found: Reconciliation) -> list[str]:
    """Totals, what did not match on either side, and what is apart, as sentences."""
    said = [
        f"{found.kind}, {hours(found)} hours: the bill expects {dollars(found.expected)} of what matched, "
        f"charged were {dollars(found.charged)}"
    ]
    said += [
        f"covered by a commitment: {one.service} {one.usage_type} {one.used:,.2f} of use, "
        f"on demand the bill expects {dollars(one.expected)}"
        for one in found.covered
    ]
    said += [
        f"only on the bill: {line.service_code} {line.usage_type} {dollars(line.monthly)} a month ({line.what})"
        for line in found.only_bill
    ]
    said += [
        f"only charged: {one.service or 'no service'} {one.usage_type or 'no usage type'} {dollars(one.charged)}"
        for one in found.only_charged[:SHOWN]
    ]
    rest = found.only_charged[SHOWN:]
    if rest:
        amount = sum((one.charged for one in rest), ZERO)
        said.append(f"only charged: {len(rest)} more usage types {dollars(amount)} (--format json has all)")
    said += [f"apart: {name} {dollars(amount)}" for name, amount in found.apart.items()]
    return [*said, f"in all {dollars(found.total)}", *(f"note: {note}" for note in found.notes)]


def as_data(found: Reconciliation) -> dict[str, Any]:
    """The reconciliation as JSON carries it; money as text."""
    return {
        "kind": found.kind,
        "hours": str(found.hours),
        "expected": str(found.expected),
        "charged": str(found.charged),
        "total": str(found.total),
        "matched": [dict(zip(HEADINGS, row, strict=True)) for row in rows(found)],
        "covered": [
            {"service": one.service, "usage type": one.usage_type, "used": str(one.used), "bill": str(one.expected)}
            for one in found.covered
        ],
        "only_bill": [f"{line.service_code} {line.usage_type}" for line in found.only_bill],
        "only_charged": [
            {"service": one.service, "usage type": one.usage_type, "charged": str(one.charged), "lines": one.lines}
            for one in found.only_charged
        ],
        "apart": {name: str(amount) for name, amount in found.apart.items()},
        "notes": [note.as_dict() for note in found.notes],
    }
