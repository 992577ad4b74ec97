"""Pictures in one quiet style: readable in print and by the colour-blind, units on the axes, the source below.

Colours are Okabe and Ito's; lines differ by dash and marker too.  Each function returns a
matplotlib figure; :func:`save` and :func:`svg` write it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from hermes_cfn.config.planning import Planning

from . import CALLED
from .latency.places import Probed, place
from .latency.times import Home, Interaction, compose, databases
from .latency.times import break_even as break_even_at
from .sizing.credits import machine, settled
from .sizing.fleet import dry_from, hourly_utilisation
from .sizing.queueing import Compared, Station, analytic_quantile

if TYPE_CHECKING:
    from .answers import Payment
    from .options.frontier import Configuration
    from .options.table import Option

BLUE, ORANGE, GREEN, PURPLE, RED, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#777777",
)
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, GREY)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")
STYLE: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "hermes",
    "svg.fonttype": "path",
}


@contextmanager
def _figure(title: str, source: str, height: float = 4.2) -> Iterator[tuple[Any, Any]]:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
        axes.set_title(title)
        figure.supxlabel(source, fontsize=7.5, color="#555555", x=0.01, ha="left")
        yield figure, axes


def waterfall(paid: Payment) -> Any:
    """The month's bill, group by group, up to its total; USD."""
    with _figure("What the month is made of", f"Source: bill engine, prices {paid.bill.book} {paid.bill.as_of}") as (
        figure,
        axes,
    ):
        more = (("CPU credits of the plan", paid.surplus), ("Range of the usage", paid.bill.expected - paid.bill.total))
        shown = [(name, float(amount)) for name, amount in (*paid.groups, *more) if abs(amount) >= Decimal("0.005")]
        names, amounts = [name for name, _ in shown], [amount for _, amount in shown]
        starts = np.concatenate([[0.0], np.cumsum(amounts)[:-1]])
        axes.barh([*names, "Total"], [*amounts, sum(amounts)], left=[*starts, 0], color=[SKY] * len(names) + [BLUE])
        for row, (start, amount) in enumerate(zip([*starts, 0], [*amounts, sum(amounts)], strict=True)):
            axes.text(start + amount + 1, row, f"{amount:,.2f}", va="center", fontsize=9)
        axes.invert_yaxis()
        axes.set_xlabel("USD a month, at the mean of every usage figure")
        axes.set_xlim(0, sum(amounts) * 1.15)
        axes.grid(axis="y", visible=False)
    return figure


def options(rows: Sequence[Option]) -> Any:
    """Each option's expected cost with its range; USD a month."""
    shown = sorted((row for row in rows if row.expected is not None), key=lambda row: row.expected or 0)
    with _figure(
        "What each option costs",
        "Source: bill engine and Fly.io's published rates; bars from P10 to P90 of the usage",
        7.2,
    ) as (
        figure,
        axes,
    ):
        for n, row in enumerate(shown):
            low, expected, high = (float(value or 0) for value in (row.low, row.expected, row.high))
            colour = BLUE if row.deployable else ORANGE
            axes.plot([low, high], [n, n], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
            axes.plot(expected, n, marker="o" if row.deployable else "D", color=colour, linestyle="none")
        axes.plot([], [], marker="o", color=BLUE, linestyle="none", label="this project deploys it")
        axes.plot([], [], marker="D", color=ORANGE, linestyle="none", label="it does not")
        axes.set_yticks(range(len(shown)), [_short(row.name) for row in shown], fontsize=7.5)
        axes.set_xlabel("USD a month")
        axes.set_xlim(left=0)
        axes.legend(loc="lower right")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 62 else name[:61] + "…"


def frontier(
    known: Sequence[Configuration], best: Sequence[Configuration], evaluated: int, winner: Configuration | None = None
) -> Any:
    """Cost against the month's unavailable minutes, shaded by p99; what no other beats is ringed, the answer starred."""
    with _figure(
        "The frontier: ringed is what no other beats",
        f"Source: {evaluated:,} configurations of the lattice, shown at the disks and logs of hermes.toml; published commitments",
    ) as (figure, axes):
        drawn = sorted(known, key=lambda one: one.p99_ms)
        points = axes.scatter(
            [one.monthly for one in drawn], [_minutes(one) for one in drawn], c=[one.p99_ms for one in drawn],
            cmap="cividis_r", s=7, linewidth=0, rasterized=True,
        )  # fmt: skip
        axes.plot(
            [one.monthly for one in best], [_minutes(one) for one in best], marker="o", markersize=7, linestyle="none",
            markerfacecolor="none", markeredgecolor=RED, label="no other is cheaper, faster and surer",
        )  # fmt: skip
        if winner is not None:
            axes.plot(
                winner.monthly, _minutes(winner), marker="*", markersize=14, linestyle="none", color=RED,
                label="as fast and as sure as hermes.toml, for less",
            )  # fmt: skip
        axes.set_yscale("log")
        axes.set_xlim(0, 1.7 * max((one.monthly for one in best), default=1))
        axes.set_xlabel("USD a month")
        axes.set_ylabel("minutes a month without service")
        axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
        figure.colorbar(points, label="p99 of a cold page, ms")
    return figure


def _minutes(one: Configuration) -> float:
    """Minutes of a month of 730 hours in which it is not there."""
    return (1 - one.availability) * 730 * 60


def composition(planning: Planning, homes: Sequence[Home], service_ms: float, probed: Probed = None) -> Any:
    """Where the time of a cold page goes, for each home; milliseconds."""
    names = ("lookup", "setup", "exchange", "balancer", "service", "database", "assets")
    source = f"Source: analysis latency, database in {place(planning.database).name}; means over the users' mix"
    with _figure("Where a cold page's time goes", source) as (figure, axes):
        lefts = np.zeros(len(homes))
        parts = [compose(planning, home, Interaction.COLD, service_ms, probed=probed).as_dict() for home in homes]
        for name, colour, hatch in zip(names, COLOURS, ("", "//", "", "..", "", "xx", ""), strict=False):
            values = np.array([part[name] for part in parts])
            axes.barh(
                [place(home.region).name for home in homes],
                values,
                left=lefts,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=name,
            )
            lefts += values
        axes.invert_yaxis()
        axes.set_xlabel("milliseconds")
        axes.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.14))
        axes.grid(axis="y", visible=False)
    return figure


def break_even(planning: Planning, near: str = "eu-south-2", probed: Probed = None) -> Any:
    """Total time of a cold page over its database round trips, for four places of the database, with the break-evens named."""
    cases = databases(planning, near, probed)[:4]
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(2, 2, figsize=(7.2, 6.0), sharex=True, sharey=True, layout="constrained")
        queries = np.arange(0, 21)
        for axes, (city, far) in zip(grid.ravel(), cases, strict=True):
            there = planning.model_copy(update={"database": city})
            for region, colour, dash in ((near, BLUE, "-"), (far, RED, "--")):
                totals = [
                    compose(there, Home.of(region), Interaction.COLD, planning.service_ms, float(n), probed).total
                    for n in queries
                ]
                axes.plot(queries, totals, color=colour, linestyle=dash, label=place(region).name)
            told = break_even_at(planning, Interaction.COLD, near, far, city, probed)
            if told.queries is not None and told.queries <= 20:
                axes.axvline(told.queries, color=GREY, linewidth=0.8, linestyle=":")
            axes.text(0.97, 0.05, f"{near} is faster: {told.cell}", transform=axes.transAxes, ha="right", fontsize=8)
            axes.set_title(f"database in {place(city).name}")
            axes.legend(fontsize=7, loc="upper left")
        figure.supxlabel(
            "database round trips of a cold page   (Source: analysis latency)",
            fontsize=8,
        )
        figure.supylabel("milliseconds, mean over the users", fontsize=9)
    return figure


def credits(planning: Planning, kinds: Sequence[str] = ("t4g.micro", "t4g.small"), count: int = 2) -> Any:
    """CPU credits over a new instance's first day and a usual one, at the planned load and at one that drains the smallest."""
    with _figure(
        "CPU credits over a day",
        "Source: EC2 user guide (earning and limits); load from [planning]; below zero is borrowed",
    ) as (figure, axes):
        hours = np.arange(24 * 60) / 60
        small = machine(kinds[0])
        dry = dry_from(planning, small, count) or planning.peak_requests_per_s * 4
        for kind, colour in zip(kinds, (BLUE, ORANGE), strict=False):
            for rate, dash in ((planning.peak_requests_per_s, "-"), (dry * 1.2, "--")):
                heavier = planning.model_copy(update={"peak_requests_per_s": rate})
                hourly = hourly_utilisation(heavier, machine(kind), count)
                new, usual = settled(machine(kind), hourly, planning.credits, boot_cpu_s=planning.boot_cpu_s)
                axes.plot(hours, new.balance, color=colour, linestyle=dash, label=f"{kind}, {rate:.0f} requests/s, new")
            axes.plot(
                hours, usual.balance, color=colour, linestyle=":", label=f"{kind}, {rate:.0f} requests/s, after a month"
            )
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xlabel("hour of the day")
        axes.set_ylabel("credits (one vCPU for a minute)")
        axes.set_xticks(range(0, 25, 4))
        axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def utilisation(station: Station | None = None) -> Any:
    """p99 against utilisation for a few variations of the service time; ``station`` is marked where it is."""
    servers, service_ms, shape = (
        (station.servers, station.service_ms, station.shape) if station else (2, 15.0, "lognormal")
    )
    with _figure(
        f"p99 against utilisation, {servers} servers of {service_ms:.3g} ms",
        f"Source: Erlang C, Allen–Cunneen, exponential tail; {shape} service",
    ) as (figure, axes):
        loads = np.linspace(0.02, 0.95, 50)
        for scv, colour, dash in zip((0.0, 1.0, 4.0), COLOURS, DASHES, strict=False):
            times = [
                analytic_quantile(Station(servers, load * servers * 1000 / service_ms, service_ms, scv, shape=shape))
                for load in loads
            ]
            axes.plot(loads, times, color=colour, linestyle=dash, label=f"squared variation {scv:g}")
        if station is not None:
            axes.axvline(station.utilisation, color="black", linewidth=0.8, linestyle=":")
            axes.annotate(
                "the planned peak", (station.utilisation, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
                textcoords="offset points", fontsize=8, va="top",
            )  # fmt: skip
        axes.set_yscale("log")
        axes.set_xlabel("utilisation")
        axes.set_ylabel("p99 of a response, ms")
        axes.legend(loc="upper center")
    return figure


def validity(cells: Sequence[Compared]) -> Any:
    """The approximation's error at p99 against simulation, over the measured grid; per cent."""
    servers = sorted({cell.servers for cell in cells})
    variations = sorted({cell.scv for cell in cells})
    loads = sorted({cell.utilisation for cell in cells})
    shapes = sorted({cell.shape for cell in cells})
    errors = {(cell.shape, cell.servers, cell.utilisation, cell.scv): cell.error * 100 for cell in cells}
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, grid = plt.subplots(
            len(shapes), len(variations), figsize=(11, 2.9 * len(shapes)), sharex=True, sharey=True, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for row_of, shape in zip(grid, shapes, strict=True):
            for axes, scv in zip(row_of, variations, strict=True):
                values = np.array([[errors.get((shape, n, load, scv), np.nan) for load in loads] for n in servers])
                shown = axes.imshow(values, cmap="PuOr", vmin=-20, vmax=20, aspect="auto")
                for (row, column), value in np.ndenumerate(values):
                    if np.isfinite(value):
                        axes.text(column, row, f"{value:+.0f}", ha="center", va="center", fontsize=7)
                axes.set_title(f"{shape}, variation {scv:g}", fontsize=9)
                axes.set_xticks(range(len(loads)), [f"{load:g}" for load in loads], fontsize=7, rotation=60)
                axes.set_yticks(range(len(servers)), [str(count) for count in servers])
            row_of[0].set_ylabel("servers")
        figure.supxlabel(f"utilisation   (Source: {CALLED} sizing --compare)", fontsize=8)
        figure.colorbar(shown, ax=grid, label="error at p99, per cent")
    return figure


def svg(figure: Any) -> str:
    """The figure as an SVG element without prologue, closed afterwards."""
    text = _written(figure)
    return text[text.index("<svg") :].strip()


def _written(figure: Any, form: str = "svg") -> str:
    out = io.StringIO()
    with plt.rc_context(STYLE):
        figure.savefig(out, format=form, dpi=150, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return re.sub(r"[ \t]+\n", "\n", out.getvalue())


def save(figure: Any, path: Path) -> None:
    """Write a PNG or an SVG, by the name's ending, and close the figure."""
    if path.suffix == ".svg":
        path.write_text(_written(figure), encoding="utf-8")
        return
    figure.savefig(path, dpi=150)
    plt.close(figure)
