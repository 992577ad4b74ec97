"""A bill as rows and as data: what every format shows, in one place."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO
from typing import Any

from hermes_cfn.bill.lines import Bill, BillLine, Coverage, Difference, LineChange, State
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
        _money(line) if counted or line.possible else "",
        str(line.state),
        str(line.basis or ""),
    )


def _money(line: BillLine) -> str:
    return dollars(line.monthly) if line.high == line.monthly else f"{dollars(line.monthly)} to {dollars(line.high)}"


def rows(bill: Bill, everything: bool = False) -> list[tuple[str, ...]]:
    """The lines as cells, the free ones only if ``everything``."""
    shown = [line for line in bill.lines if everything or line.state is not State.FREE]
    return [row(line) for line in shown]


def summary(bill: Bill) -> list[str]:
    """Coverage, total, range and how sure it is, as sentences."""
    cover = bill.coverage
    said = [
        f"coverage by count: {cover.resources} resources: {cover.priced} priced, {cover.not_given} with usage not given, "
        f"{cover.free} free, {cover.not_priced} with something not priced"
        + (f", {cover.depends} that hang on something unknown" if cover.depends else ""),
        _by_dollars(cover),
        f"total {total(bill)} a month (730 hours); book {bill.book}" + (f" of {bill.as_of}" if bill.as_of else ""),
    ]
    if bill.open_reasons:
        said.append("the total hangs on: " + ", ".join(bill.open_reasons))
    if bill.draw is not None and bill.low != bill.high:
        said.append(f"P10 {dollars(bill.low)}, mean {dollars(bill.expected)}, P90 {dollars(bill.high)}")
    if bill.inferred:
        low, high = bill.inference_range
        said.append(f"inferred prices as far off as was ever seen: {dollars(low)} to {dollars(high)}")
    if cover.types_not_priced:
        said.append("not priced: " + ", ".join(cover.types_not_priced))
    return said


def total(bill: Bill) -> str:
    """The total, or the interval in which it is."""
    if bill.total == bill.total_high:
        return dollars(bill.total)
    return f"{dollars(bill.total)} to {dollars(bill.total_high)}"


TOLD = {
    State.PRICED: "estimated",
    State.FREE: "free",
    State.DEPENDS: "that hang on something unknown",
    State.NOT_GIVEN: "with usage not given",
    State.NOT_PRICED: "not supported, or in part",
}
"""State of a resource -> how the closing count names it."""


def closing(bill: Bill) -> list[str]:
    """So many resources, and what became of each type, by name; in money where it can be said."""
    cover = bill.coverage
    waits = {State.NOT_GIVEN, State.NOT_PRICED}
    said = [f"{cover.resources} resources, {total(bill)} a month:"]
    for state, named in cover.by_state.items():
        money = sum((line.monthly for line in bill.lines if (line.stack, line.logical_id) in named.members), Decimal(0))
        worth = f" ({dollars(money)} of it known)" if state in waits and money else ""
        listed = ", ".join(f"{count} × {name}" for name, count in named.types.items())
        said.append(f"  {len(named.members)} {TOLD[state]}{worth}: {listed}")
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
        "total_high": str(bill.total_high),
        "hangs_on": list(bill.open_reasons),
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
            "depends": cover.depends,
            "types_not_priced": list(cover.types_not_priced),
            "by_state": {str(state): dict(named.types) for state, named in cover.by_state.items()},
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
                "monthly_high": str(line.high),
                "possible": [
                    {"if": one.told, "monthly": str(one.monthly), "state": str(one.state)} for one in line.possible
                ],
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
    writer.writerows({**line, "possible": line["note"] if line["possible"] else ""} for line in lines)
    return out.getvalue()


def as_markdown(bill: Bill, everything: bool = False) -> str:
    """The bill as a Markdown table with its summary above."""
    head = "| " + " | ".join(HEADINGS) + " |"
    rule = "|" + "---|" * len(HEADINGS)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows(bill, everything)]
    return "\n".join([*(f"* {said}" for said in summary(bill)), "", head, rule, *body]) + "\n"


CHANGE_HEADINGS = ("resource", "what", "before", "after", "USD a month")


def signed(amount: Decimal) -> str:
    """``+$3.65``, ``-$3.65``."""
    return ("+" if amount >= 0 else "-") + dollars(abs(amount))


def change_rows(found: Difference) -> list[tuple[str, ...]]:
    """The lines of a difference as cells under :data:`CHANGE_HEADINGS`, the dearest change first."""
    rows_: list[tuple[str, ...]] = [
        (one.logical_id, one.what, _span(one.before, one.before_high), _span(one.after, one.after_high), _signed(one))
        for one in found.changes
    ]
    rows_ += [(line.logical_id, line.what, "", str(line.state), line.note) for line in found.unknown]
    return rows_


def _span(low: Decimal, high: Decimal) -> str:
    return dollars(low) if low == high else f"{dollars(low)} to {dollars(high)}"


def _signed(change: LineChange) -> str:
    most = change.after_high - change.before_high
    return signed(change.monthly) if most == change.monthly else f"{signed(change.monthly)} to {signed(most)}"


def change_summary(found: Difference) -> str:
    """What the change costs, as a sentence."""
    more = found.after_high - found.before_high
    by = signed(found.monthly) if more == found.monthly else f"{signed(found.monthly)} to {signed(more)}"
    before, after = _span(found.before, found.before_high), _span(found.after, found.after_high)
    open_ = f"; new lines without a price or with usage not given: {len(found.unknown)}" if found.unknown else ""
    return f"{by} a month; before {before}, after {after}{open_}"


def change_markdown(found: Difference) -> str:
    """One table for a pull request."""
    head = "| " + " | ".join(CHANGE_HEADINGS) + " |"
    rule = "|---|---|" + "---:|" * (len(CHANGE_HEADINGS) - 2)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in change_rows(found)]
    return "\n".join([f"**{change_summary(found)}**", "", head, rule, *body]) + "\n"


def change_data(found: Difference) -> dict[str, Any]:
    """The difference as JSON carries it; money as text with all digits."""
    return {
        "before": str(found.before),
        "before_high": str(found.before_high),
        "after": str(found.after),
        "after_high": str(found.after_high),
        "monthly": str(found.monthly),
        "changes": [
            {
                "logical_id": one.logical_id,
                "what": one.what,
                "before": str(one.before),
                "after": str(one.after),
                "monthly": str(one.monthly),
            }
            for one in found.changes
        ],
        "unknown": [
            {"logical_id": line.logical_id, "what": line.what, "state": str(line.state), "note": line.note}
            for line in found.unknown
        ],
    }
