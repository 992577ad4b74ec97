"""A bill as rows and as data: what every format shows, in one place."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO
from typing import Any

from hermes_cfn.bill.lines import Bill, BillLine, Coverage, State
from hermes_cfn.units import dollars, rounded

HEADINGS = (
    "stack",
    "resource",
    "what",
    "quantity",
    "free of it",
    "unit",
    "unit price",
    "USD a month",
    "state",
    "basis",
)


def plain(number: Decimal | None, places: int = 4) -> str:
    """A quantity without trailing zeros: ``1460``, ``0.0184``."""
    if number is None:
        return ""
    shown = rounded(number, Decimal(1).scaleb(-places)).normalize()
    return format(shown if shown else Decimal(0), ",f")


def unit_price(number: Decimal | None) -> str:
    """A unit price with all its digits."""
    return "" if number is None else format(number.normalize(), "f")


def row(line: BillLine) -> tuple[str, ...]:
    """The cells under :data:`HEADINGS`; what is not counted says why."""
    counted = line.state is State.PRICED
    return (
        line.stack,
        line.logical_id,
        line.what if counted or not line.note else f"{line.what} ({line.note})",
        plain(line.quantity),
        plain(line.allowed) if line.allowed else "",
        line.unit,
        unit_price(line.unit_price),
        dollars(line.monthly) if counted else "",
        str(line.state),
        str(line.basis or ""),
    )


def rows(bill: Bill, everything: bool = False) -> list[tuple[str, ...]]:
    """The lines as cells, the free ones only if ``everything``."""
    shown = [line for line in bill.lines if everything or line.state is not State.FREE]
    return [row(line) for line in shown]


def summary(bill: Bill) -> list[str]:
    """Coverage, total, range and how sure it is, as sentences."""
    cover = bill.coverage
    said = [
        f"coverage by count: {cover.resources} resources: {cover.priced} priced, {cover.not_given} with usage not given, "
        f"{cover.free} free, {cover.not_priced} with something not priced",
        _by_dollars(cover),
        f"total {dollars(bill.total)} a month (730 hours); book {bill.book}"
        + (f" of {bill.as_of}" if bill.as_of else ""),
    ]
    if bill.low != bill.high:
        said.append(f"P10 {dollars(bill.low)}, mean {dollars(bill.expected)}, P90 {dollars(bill.high)}")
    if bill.inferred:
        low, high = bill.inference_range
        said.append(f"inferred prices as far off as was ever seen: {dollars(low)} to {dollars(high)}")
    if cover.types_not_priced:
        said.append("not priced: " + ", ".join(cover.types_not_priced))
    return said


def _by_dollars(cover: Coverage) -> str:
    parts = [
        f"{dollars(amount)} {basis} ({rounded(amount / cover.monthly * 100, Decimal(1))} %)"
        for basis, amount in cover.by_basis.items()
    ]
    said = "coverage by dollars: " + (", ".join(parts) or "nothing in the total")
    rest = [
        f"1 line {one}" if count == 1 else f"{count} lines {more}"
        for count, one, more in (
            (cover.lines_not_given, "waits for usage", "wait for usage"),
            (cover.lines_not_priced, "has no price", "have no price"),
        )
        if count
    ]
    return said + (f"; {' and '.join(rest)}, with dollars that are in no total" if rest else "; all of it in the total")


def as_data(bill: Bill) -> dict[str, Any]:
    """The bill as JSON carries it; money as text with all digits."""
    cover = bill.coverage
    return {
        "total": str(bill.total),
        "low": str(bill.low),
        "expected": str(bill.expected),
        "high": str(bill.high),
        "inferred": str(bill.inferred),
        "inferred_as_far_off_as_seen": [str(amount) for amount in bill.inference_range],
        "book": bill.book,
        "as_of": bill.as_of,
        "coverage": {
            "resources": cover.resources,
            "priced": cover.priced,
            "usage_not_given": cover.not_given,
            "free": cover.free,
            "not_priced": cover.not_priced,
            "dollars": {str(basis): str(amount) for basis, amount in cover.by_basis.items()},
            "lines_usage_not_given": cover.lines_not_given,
            "lines_not_priced": cover.lines_not_priced,
            "types_not_priced": list(cover.types_not_priced),
        },
        "lines": [
            {
                "stack": line.stack,
                "logical_id": line.logical_id,
                "resource_type": line.resource_type,
                "what": line.what,
                "state": str(line.state),
                "region": line.region,
                "service_code": line.service_code,
                "usage_type": line.usage_type,
                "operation": line.operation,
                "sku": line.sku,
                "quantity": None if line.quantity is None else str(line.quantity),
                "allowed": str(line.allowed),
                "unit": line.unit,
                "unit_price": None if line.unit_price is None else str(line.unit_price),
                "marginal": None if line.marginal is None else str(line.marginal),
                "blended": None if line.blended is None else str(line.blended),
                "monthly": str(line.monthly),
                "basis": str(line.basis or ""),
                "source": line.source,
                "note": line.note,
            }
            for line in bill.lines
        ],
        "notes": list(bill.notes),
    }


def as_csv(bill: Bill) -> str:
    """Every line, with money unrounded."""
    out = StringIO()
    lines = as_data(bill)["lines"]
    writer = csv.DictWriter(out, list(lines[0]) if lines else list(HEADINGS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def as_markdown(bill: Bill, everything: bool = False) -> str:
    """The bill as a Markdown table with its summary above."""
    head = "| " + " | ".join(HEADINGS) + " |"
    rule = "|" + "---|" * len(HEADINGS)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows(bill, everything)]
    return "\n".join([*(f"* {said}" for said in summary(bill)), "", head, rule, *body]) + "\n"
