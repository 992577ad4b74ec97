"""The bill beside what AWS charged: matched, unmatched on either side, and what is apart.

A month of the bill has 730 hours; it is scaled to the hours that the export covers.
Matching is on service, usage type, operation and region; an export that does not name the
service or the operation matches without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hermes_cfn.bill import exports
from hermes_cfn.bill.exports import Charged, Export
from hermes_cfn.bill.lines import Bill, BillLine, State
from hermes_cfn.pricing.regions import PLACES, stem
from hermes_cfn.units import HOURS_PER_MONTH, dollars

ZERO = Decimal(0)
HEADINGS = ("service", "usage type", "region", "bill", "charged", "difference")


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
class Reconciliation:
    """``apart`` are tax, credits and commitments in USD, which no line of the bill is compared with."""

    kind: str
    hours: Decimal
    matched: tuple[Match, ...]
    only_bill: tuple[BillLine, ...]
    only_charged: tuple[Charged, ...]
    apart: dict[str, Decimal]

    @property
    def expected(self) -> Decimal:
        return sum((match.expected for match in self.matched), ZERO)

    @property
    def charged(self) -> Decimal:
        return sum((match.charged for match in self.matched), ZERO)


def read(path: Path) -> Export:
    """An export of any of the three kinds."""
    return exports.read(path)


def _agree(line: BillLine, charged: Charged) -> bool:
    same = stem(line.usage_type, line.region) == stem(charged.usage_type, charged.region)
    if not same and line.usage_type != charged.usage_type:
        return False
    if line.region != charged.region and line.region not in PLACES:
        return False
    transfer = line.service_code == "AWSDataTransfer"  # exports book it under the service that sent
    if charged.service and charged.service != line.service_code and not transfer:
        return False
    return not (line.operation and charged.operation) or line.operation == charged.operation


def reconcile(bill: Bill, export: Export) -> Reconciliation:
    """Every line of the bill with a cost against every line of the export."""
    scale = export.hours / HOURS_PER_MONTH
    usage = [charged for charged in export.lines if charged.category == "usage"]
    left = set(range(len(usage)))
    by_key: dict[tuple[str, str, str, str], list[BillLine]] = {}
    for line in bill.of(State.PRICED):
        by_key.setdefault((line.service_code, line.usage_type, line.operation, line.region), []).append(line)
    matched: list[Match] = []
    only_bill: list[BillLine] = []
    for (service, usage_type, _, region), lines in sorted(by_key.items()):
        found = [index for index in sorted(left) if _agree(lines[0], usage[index])]
        if not found:
            only_bill += [line for line in lines if line.monthly]
            continue
        left -= set(found)
        expected = sum((line.monthly for line in lines), ZERO) * scale
        charged_sum = sum((usage[index].cost for index in found), ZERO)
        matched.append(Match(service, usage_type, region, expected, charged_sum))
    only_charged = tuple(usage[index] for index in sorted(left) if usage[index].cost)
    return Reconciliation(
        export.kind, export.hours, tuple(matched), tuple(only_bill), only_charged, _apart(export.lines)
    )


def _apart(lines: Iterable[Charged]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.category != "usage":
            sums[line.category] = sums.get(line.category, ZERO) + line.cost
    return sums


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


def summary(found: Reconciliation) -> list[str]:
    """Totals, what did not match on either side, and what is apart, as sentences."""
    said = [
        f"{found.kind}, {found.hours} hours: the bill expects {dollars(found.expected)} of what matched, "
        f"charged were {dollars(found.charged)}"
    ]
    said += [
        f"only on the bill: {line.service_code} {line.usage_type} {dollars(line.monthly)} a month ({line.what})"
        for line in found.only_bill
    ]
    said += [
        f"only charged: {line.service} {line.usage_type} {line.operation} {dollars(line.cost)}"
        for line in found.only_charged
    ]
    return said + [f"apart: {name} {dollars(amount)}" for name, amount in found.apart.items()]


def as_data(found: Reconciliation) -> dict[str, Any]:
    """The reconciliation as JSON carries it; money as text."""
    return {
        "kind": found.kind,
        "hours": str(found.hours),
        "expected": str(found.expected),
        "charged": str(found.charged),
        "matched": [dict(zip(HEADINGS, row, strict=True)) for row in rows(found)],
        "only_bill": [f"{line.service_code} {line.usage_type}" for line in found.only_bill],
        "only_charged": [f"{line.service} {line.usage_type}" for line in found.only_charged],
        "apart": {name: str(amount) for name, amount in found.apart.items()},
    }
