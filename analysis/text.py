"""Plain text for a terminal: a table that fits one screen, and how figures are shown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hermes_cfn.units import dollars


def table(columns: Sequence[str], lines: Sequence[Sequence[str]], right: Sequence[int] = (), most: int = 60) -> str:
    """Columns padded to their widest cell; ``right`` are aligned right; longer cells than ``most`` are cut with …."""
    cut = [[cell if len(cell) <= most else cell[: most - 1] + "…" for cell in line] for line in (columns, *lines)]
    widths = [max(len(line[n]) for line in cut) for n in range(len(columns))]
    shown = [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cut
    ]
    return "\n".join((shown[0], "  ".join("-" * width for width in widths), *shown[1:]))


def money(amount: Decimal | None) -> str:
    return "?" if amount is None else dollars(amount)


def span(low: Decimal | None, high: Decimal | None) -> str:
    """A range in whole dollars."""
    return (
        "?"
        if low is None or high is None
        else f"{low:,.0f}-{high:,.0f}"
        if round(low) != round(high)
        else f"{low:,.0f}"
    )


def ms(value: float | None) -> str:
    return "?" if value is None else "never" if value == float("inf") else f"{value:,.0f}"


def share(value: float | None) -> str:
    return "?" if value is None else f"{value:.2%}"
