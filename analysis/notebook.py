"""What the notebooks call: their logic lives here, and theirs is only the story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hermes_cfn.config.settings import Settings
from hermes_cfn.pricing import books
from hermes_cfn.pricing.prices import PriceBook

from . import audit as auditing
from . import plots
from .answers import Enough, Worth
from .assumptions import checked, ledger, planning, read
from .latency.times import Home, Interaction, fly_homes
from .options.table import Option, Options
from .sizing import queueing


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that a cell shows."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def picture(figure: Any) -> Picture:
    """A figure of :mod:`analysis.plots` for a cell to end with."""
    return Picture(plots.svg(figure))


class Said(str):
    """Text that a cell shows as it is."""

    def __repr__(self) -> str:
        return str(self)


def say(*lines: object) -> Said:
    """Lines of text for a cell to end with."""
    return Said("\n".join(str(line) for line in lines if line))


def limits(asked: Enough) -> Said:
    """What is left of everything that can break."""
    return say(*(f"{limit.what:22} {limit.margin:6.0%} left  ({limit.note})" for limit in asked.sized.limits))


def break_evens(found: Worth) -> Said:
    """The break-evens of an answer, one a line."""
    return say(*(f"{one.value}: {told}" for one, told in zip(Interaction, found.break_evens, strict=True)))


def settings(path: Path, **changes: Any) -> Settings:
    """``hermes.toml`` (its defaults where there is none) with some of ``[planning]`` changed.

    Raises :class:`HermesError` for a wrong change.
    """
    known = read(path if path.exists() else None)
    stated = {name: getattr(known.planning, name) for name in type(known.planning).model_fields}
    return known.model_copy(update={"planning": checked(planning({**stated, **changes}))})


def assumed(known: Settings) -> Said:
    """What of ``[planning]`` is stated, by the file or the cell; the rest are defaults."""
    stated = [row for row in ledger(known.planning) if row.basis == "stated"]
    return (
        say(*(f"{row.name} = {row.value}" for row in stated)) if stated else say("All of [planning] is its defaults.")
    )


def book(known: Settings) -> PriceBook:
    """The price book of the settings' region."""
    return books.load(known.account.region)


def options(known: Settings, prices: PriceBook) -> tuple[Option, ...]:
    """Every option."""
    return Options(known, prices).rows()


def table(rows: Sequence[Option]) -> pd.DataFrame:
    """The options by their key, for a cell to sort and filter: USD a month and milliseconds are numbers; NaN is unknown."""
    digits = {"USD/month": 2, "p50 ms": 0, "p99 ms": 0, "there": 5}
    figures = pd.DataFrame(
        [[row.expected, row.p50_ms, row.p99_ms, row.availability] for row in rows],
        columns=list(digits),
        index=pd.Index([row.key for row in rows], name="option"),
        dtype=float,
    ).round(digits)
    return figures.assign(**{"gives up / lacks": [row.lacks or row.gives_up for row in rows]})


def audit() -> pd.DataFrame:
    """The audit of the guide: what it says beside what is computed here."""
    found = auditing.audit()
    return pd.DataFrame(
        [[row.verdict.value, row.claim, row.said, row.figure, row.unit] for row in found],
        columns=["verdict", "claim", "guide", "ours", "unit"],
    )


def homes(known: Settings) -> list[Home]:
    """The region of the settings, and Fly.io near its database and its users."""
    return [Home.of(home) for home in (known.account.region, *fly_homes(known.planning, known.account.region)[:2])]


def grid() -> tuple[queueing.Compared, ...]:
    """Approximation against simulation, as measured."""
    return queueing.grid()
