"""Plain text for a terminal: a table that fits one screen, and how figures are shown."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from decimal import Decimal

from hermes_cfn.units import dollars

LEAST = 12
"""Characters to which a column of text is cut at most."""


def table(
    columns: Sequence[str],
    lines: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    width: int | None = None,
    drop: Sequence[int] = (),
) -> str:
    """Columns padded to their widest cell; ``right`` are aligned right.

    With ``width`` (:func:`screen`) a line is made to fit: the widest columns of text but the first, by
    which a row is asked for, are cut with …, and where that is not enough those of ``drop`` go, in its order.
    """
    widths = [max(len(line[n]) for line in (columns, *lines)) for n in range(len(columns))]
    text = [n for n in range(1, len(columns)) if n not in right]

    def too_wide() -> bool:
        return width is not None and sum(widths) + 2 * (len(widths) - 1) > width

    while too_wide() and max((widths[n] for n in text), default=0) > LEAST:
        widths[max(text, key=lambda n: widths[n])] -= 1
    if too_wide() and drop:
        left = [n for n in range(len(columns)) if n != drop[0]]
        moved = {n: at for at, n in enumerate(left)}
        return table(
            [columns[n] for n in left], [[line[n] for n in left] for line in lines], [moved[n] for n in right if n in moved],
            width, [moved[n] for n in drop[1:]],
        )  # fmt: skip
    cut = [
        [cell if len(cell) <= most else cell[: most - 1] + "…" for cell, most in zip(line, widths, strict=True)]
        for line in (columns, *lines)
    ]
    shown = [
        "  ".join(
            cell.rjust(most) if n in right else cell.ljust(most)
            for n, (cell, most) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cut
    ]
    return "\n".join((shown[0], "  ".join("-" * most for most in widths), *shown[1:]))


def screen() -> int | None:
    """The terminal's width; None where the output goes elsewhere, and nothing needs to be cut."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None


def wrapped(sentence: str) -> str:
    """A sentence in lines of the terminal's width."""
    width = screen()
    return textwrap.fill(sentence, width) if width else sentence


def entry(word: str, *lines: str) -> str:
    """A word, and lines beside it, wrapped to the terminal's width."""
    width, margin = screen() or 10_000, " " * 15
    told = [textwrap.fill(line, max(width, 40), initial_indent=margin, subsequent_indent=margin) for line in lines]
    return word.ljust(15) + "\n".join(told).removeprefix(margin)


def figure(value: float) -> str:
    """Three significant digits, never with an exponent."""
    return f"{float(f'{value:.3g}'):,.10g}"


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
