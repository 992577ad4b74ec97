"""``python -m analysis``: every question a verb, every answer on one screen, or as JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_cfn.cli import terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError

from . import CALLED, text

if TYPE_CHECKING:
    from hermes_cfn.config.settings import Settings
    from hermes_cfn.pricing.prices import PriceBook

    from .latency.places import Probed
    from .options.frontier import Sensitivity
    from .options.table import Option


@dataclass(frozen=True, slots=True)
class Context:
    """What stands before the verb."""

    file: Path | None
    environment: str | None
    probe_file: Path | None
    source: str

    def settings(self) -> Settings:
        from .assumptions import read

        return read(self.file, self.environment)

    def book(self, settings: Settings) -> PriceBook:
        from hermes_cfn.pricing import books

        return books.load(settings.account.region, self.source)  # type: ignore[arg-type]

    def probed(self) -> Probed:
        from .latency import probe

        return probe.load(self.probe_file) if self.probe_file else None


def plain(value: Any) -> Any:
    """``value`` as JSON can carry it: money as text with its digits, infinity as null."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        derived = {
            name: getattr(value, name) for name in vars(type(value)) if isinstance(vars(type(value))[name], property)
        }
        return plain({name: getattr(value, name) for name in value.__dataclass_fields__} | derived)
    if isinstance(value, dict):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    return value


def show(form: str, value: Any, table: Callable[[], str]) -> None:
    """Print ``value`` as JSON, or the table."""
    terminal.echo(json.dumps(plain(value), indent=2, ensure_ascii=False) if form == "json" else table())


form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
pass_context = click.make_pass_decorator(Context)


HELP = f"""What are my options, what do they cost, how fast do they answer, how big must they be?

\b
what will I pay               {CALLED} options
is Madrid worth it for me     {CALLED} latency
is t4g.micro enough           {CALLED} sizing t4g.micro

Users, load and the database's place are the [planning] section of hermes.toml.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, help=HELP)
@click.option(
    "--config",
    "-c",
    "--file",
    "-f",
    "file",
    type=click.Path(path_type=Path),
    default=None,
    help="hermes.toml; by default the one here, or its defaults where there is none.",
)
@click.option("--env", "--environment", "-e", "environment", default=None, help="An environment of hermes.toml.")
@click.option("--probe", "probe_file", type=click.Path(path_type=Path), default=None, help="Results of 'probe --save'.")
@click.option("--prices", "source", type=click.Choice(["auto", "live", "snapshot"]), default="auto", show_default=True)
@click.option("--debug", is_flag=True, help="Show stack traces.")
@click.pass_context
def cli(
    context: click.Context,
    file: Path | None,
    environment: str | None,
    probe_file: Path | None,
    source: str,
    debug: bool,
) -> None:
    default = Path("hermes.toml")
    context.obj = Context(file or (default if default.exists() else None), environment, probe_file, source)


@cli.command()
@click.option("--show", "key", default=None, help="One option in full, with the lines of hermes.toml that select it.")
@form_option
@pass_context
def options(context: Context, key: str | None, form: str) -> None:
    """What will I pay?  Every option with its cost, speed, availability, and what one gives up."""
    from .answers import payment
    from .options.table import Options

    settings = context.settings()
    book = context.book(settings)
    found = Options(settings, book, context.probed()).rows()
    if key is not None:
        one = next((row for row in found if row.key == key), None)
        if one is None:
            raise HermesError(
                Finding(
                    "option-unknown", key, "is not an option", next="one of " + ", ".join(row.key for row in found)
                ),
                exit_code=ExitCode.USAGE,
            )
        show(form, one, lambda: _whole(one))
        return

    def line(row: Option) -> list[str]:
        gone = "?" if row.interruption_s is None else f"{row.interruption_s:.0f}"
        return [
            row.key + ("" if row.deployable else " *"), text.money(row.expected), text.span(row.low, row.high),
            text.ms(row.p50_ms), text.ms(row.p99_ms), text.share(row.availability), gone, row.effort, row.guide_says,
            row.lacks or row.gives_up,
        ]  # fmt: skip

    def whole() -> str:
        paid = payment(settings, book)
        columns = [
            "option",
            "USD/month",
            "low-high",
            "p50 ms",
            "p99 ms",
            "there",
            "gap s",
            "effort",
            "guide",
            "gives up / lacks",
        ]
        return "\n".join(
            (
                text.wrapped(paid.sentence),
                text.wrapped(f"Of the total {paid.sources}. {paid.settled_by}."),
                *([text.wrapped(paid.disagreement + ".")] if paid.disagreement else []),
                "",
                text.table(
                    columns, [line(row) for row in found], right=(1, 2, 3, 4, 5, 6), width=text.screen(), drop=(8, 7, 9)
                ),
                "",
                text.wrapped(
                    f"p50 and p99: a cold page as the users see it; there: share of a month; gap: without service in a release; "
                    f"*: not deployed by this project; prices: {book.name} {book.as_of}."
                ),
                f"One in full, with its lines of hermes.toml: {CALLED} options --show KEY",
            )
        )

    show(form, found, whole)


def _whole(one: Option) -> str:
    """One option in full."""
    shown = {
        "option": one.name,
        "USD a month": f"{text.money(one.expected)} ({text.money(one.low)} to {text.money(one.high)})",
        "first month": text.money(one.first_month),
        "twelve months": text.money(one.twelve_months),
        "the guide says": one.guide_says,
        "cold page": f"p50 {text.ms(one.p50_ms)} ms, p99 {text.ms(one.p99_ms)} ms",
        "availability": text.share(one.availability) + (f": {one.commitments}" if one.commitments else ""),
        "release": "?" if one.interruption_s is None else f"{one.interruption_s:.0f} s without service",
        "effort": one.effort,
        "gives up": one.gives_up,
        "lacks": one.lacks,
        "deployed here": "yes" if one.deployable else "no",
    }
    lines = "\n".join(f"{name:15} {value}" for name, value in shown.items() if value)
    return f"{lines}\n\n{one.toml or '(no line of hermes.toml selects it)'}"


@cli.command()
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), default=None, help="USD a month at most.")
@click.option(
    "--p99",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Milliseconds of a cold page at most, as the users see it.",
)
@click.option(
    "--availability",
    type=click.FloatRange(0, 1, max_open=True),
    default=None,
    help="Fraction of a month at least; by default [planning]'s.",
)
@click.option("--sensitivity", is_flag=True, help="Which assumption would change the winner.")
@form_option
@pass_context
def frontier(
    context: Context, budget: float | None, p99: float | None, availability: float | None, sensitivity: bool, form: str
) -> None:
    """Cost x p99 x availability over a million configurations; the cheapest that meets a target."""
    from .options import frontier as lattice
    from .options.frontier import Configuration, Lattice

    settings = context.settings()
    terminal.echo("rendering the variants …", err=True)
    whole = Lattice(settings, context.book(settings), context.probed())
    best = whole.frontier()
    wanted = budget is not None or p99 is not None or availability is not None
    availability = settings.planning.availability if availability is None else availability
    answer = whole.answer(budget=budget, p99_ms=p99, availability=availability) if wanted else None
    moved = (
        lattice.sensitivity(whole, budget, p99, availability, lambda what: terminal.echo(f"moving {what} …", err=True))
        if sensitivity and wanted
        else ()
    )
    value = {
        "evaluated": whole.evaluated,
        "feasible": whole.feasible,
        "refused": sorted(set(whole.refused.values())),
        "answer": answer,
        "frontier": best,
        "sensitivity": moved,
    }

    def line(one: Configuration) -> list[str]:
        return [
            one.name, f"{one.monthly:,.2f}", f"{one.p99_ms:,.0f}", f"{one.availability:.3%}",
            "yes" if one.deployable else "no",
        ]  # fmt: skip

    def screen() -> str:
        columns = ["configuration", "USD/month", "p99 ms", "there", "deploys"]
        parts = [
            f"{whole.evaluated:,} configurations, {whole.feasible:,} distinct and feasible, {len(best)} on the frontier."
        ]
        if answer is not None:
            parts.append(
                f"The answer: {answer.name}: ${answer.monthly:,.2f} a month, p99 {answer.p99_ms:,.0f} ms, {answer.availability:.3%}.\n{answer.toml}"
            )
        parts.append(text.table(columns, [line(one) for one in best[:25]], right=(1, 2, 3), width=text.screen()))
        if moved:
            parts.append(
                "What would change the answer, one assumption at a time:\n"
                + text.table(
                    ["assumption", "now", "changes at", "then"], [_moved(row) for row in moved], width=text.screen()
                )
            )
        parts += [f"left out: {why}" for why in sorted(set(whole.refused.values()))]
        return "\n\n".join(parts)

    show(form, value, screen)


def _moved(row: Sensitivity) -> list[str]:
    """A line of the sensitivity."""
    if row.at is None:
        return [row.assumption, row.now, f"never ({row.tried})", "the same"]
    by = "" if row.factor is None else f" (x {row.factor:.2g})"
    cost = "" if row.monthly is None else f", ${row.monthly:,.2f}"
    return [row.assumption, row.now, row.at + by, row.winner + cost]


@cli.command()
@click.option("--database", default=None, help="Where the database is, in place of the section's.")
@click.option("--places", is_flag=True, help="List the known places and last miles.")
@click.option(
    "--plot", type=click.Path(path_type=Path), default=None, help="Draw total time over queries (PNG or SVG)."
)
@form_option
@pass_context
def latency(context: Context, database: str | None, places: bool, plot: Path | None, form: str) -> None:
    """Is Madrid worth it for me?  Where the time goes, and when a far database turns the answer."""
    from .answers import worth
    from .latency import times as model
    from .latency.places import access_networks, place
    from .latency.places import places as known_places

    if places:
        known = [asdict(one) for one in known_places().values()] + [asdict(one) for one in access_networks().values()]
        show(form, known, lambda: "\n".join(f"{one['key']:14} {one['name']}" for one in known))
        return
    settings = context.settings()
    if database is not None:
        from .assumptions import checked

        plan = checked(settings.planning.model_copy(update={"database": database}))
        settings = settings.model_copy(update={"planning": plan})
    plan, probed, region = settings.planning, context.probed(), settings.account.region
    found = worth(settings, context.book(settings), probed)
    parts = {
        home: {
            one.value: model.compose(plan, model.Home.of(home), one, plan.service_ms, probed=probed).as_dict()
            for one in model.interactions(plan)
        }
        for home in dict.fromkeys((region, found.other, *model.fly_homes(plan, region, probed)))
    }
    evens = model.break_evens(plan, region, probed)
    pairs = model.sources(plan, model.Home(region), probed)
    value = {"answer": found.sentence, "composition_ms": parts, "break_even": evens, "round_trips": pairs}
    if plot is not None:
        from . import plots

        if plot.suffix not in (".png", ".svg"):
            raise HermesError(
                Finding("plot-format", str(plot), "is neither a PNG nor an SVG", next="end its name in .png or .svg"),
                exit_code=ExitCode.USAGE,
            )

        plots.save(plots.break_even(plan, region, probed), plot)

    def screen() -> str:
        names = ["lookup", "setup", "exchange", "balancer", "service", "database", "assets", "total"]
        lines = [
            [
                found.name if home == found.other else known_places()[home].name if home.startswith("fly-") else home,
                one,
                *(f"{said[name]:,.0f}" for name in names),
            ]
            for home, kinds in parts.items()
            for one, said in kinds.items()
        ]
        told = [evens[n : n + len(model.Interaction)] for n in range(0, len(evens), len(model.Interaction))]
        even = [
            [place(row[0].database).name, place(row[0].far).name,
             *(one.cell for one in row)]
            for row in told
        ]  # fmt: skip
        trips = [[pair, f"{trip.ms:.1f}", trip.basis, trip.source] for pair, trip in pairs.items()]
        yours = ", ".join(f"{one.value} {model.database_trips(plan, one):g}" for one in model.Interaction)
        return "\n\n".join(
            (
                text.wrapped(found.sentence),
                "Milliseconds, means over the users:\n"
                + text.table(["home", "what", *("LB" if name == "balancer" else name for name in names)], lines, right=range(2, 10), width=text.screen())
                + "\nAssumption: Fly.io's proxy ends connections in its region nearest to the user.",
                text.wrapped(f"Numbers of database round trips at which {region} is faster (yours: {yours}):")
                + "\n"
                + text.table(
                    ["database in", "against", *(one.value for one in model.Interaction)],
                    even, right=(2, 3, 4), width=text.screen(),
                ),
                text.table(["round trip", "ms", "basis", "source"], trips, right=(1,), width=text.screen()),
            )
        )  # fmt: skip

    show(form, value, screen)


@cli.command()
@click.argument("kind", required=False, metavar="[TYPE]")
@click.option("--count", type=int, default=None, help="Instances; by default hermes.toml's.")
@click.option("--compare", is_flag=True, help="Simulate the grid behind the claim (minutes) and print it as CSV.")
@form_option
@pass_context
def sizing(context: Context, kind: str | None, count: int | None, compare: bool, form: str) -> None:
    """Is t4g.micro enough?  Utilisation, p99, credits and memory under the planned load, and what breaks first."""
    from .answers import enough
    from .sizing.credits import families
    from .sizing.fleet import smallest

    if compare:
        from .sizing.simulation import as_csv, compare_grid

        told = compare_grid(
            told=lambda cell: terminal.echo(
                f"{cell.shape} {cell.servers} {cell.utilisation} {cell.scv}: {cell.error:+.1%}", err=True
            )
        )
        terminal.echo(as_csv(told), nl=False)
        return
    settings = context.settings()
    asked = enough(
        settings,
        kind or settings.compute.instance_type,
        settings.compute.count if count is None else count,
        context.book(settings),
        context.probed(),
    )
    try:
        least = smallest(
            settings.planning,
            settings.account.region,
            families(settings.application.architecture, settings.compute.instance_type),
            surge=settings.release.surge,
            probed=context.probed(),
        )
        advice = f"The smallest that holds: {least.count} x {least.kind.type}."
    except HermesError as error:
        advice = str(error.findings[0])

    def screen() -> str:
        lines = [
            [
                limit.what,
                text.figure(limit.used),
                text.figure(limit.available),
                limit.unit,
                f"{limit.margin:.0%}" if math.isfinite(limit.margin) else "none",
                limit.note,
            ]
            for limit in asked.sized.limits
        ]
        return "\n\n".join(
            (
                text.wrapped(asked.sentence),
                text.wrapped(asked.credits),
                text.table(["limit", "used", "of", "unit", "left", "when"], lines, (1, 2, 4), text.screen()),
                advice,
            )
        )

    value = {"answer": asked.sentence, "limits": [{**asdict(limit), "margin": limit.margin} for limit in asked.sized.limits],
             "method": asked.sized.method, "page_p99_ms": asked.sized.page_p99_ms, "one_out_p99_ms": asked.sized.one_out_p99_ms,
             "credits": asked.credits, "surplus_monthly": asked.surplus_monthly, "smallest": advice}  # fmt: skip
    show(form, value, screen)


@cli.command()
@form_option
@pass_context
def audit(context: Context, form: str) -> None:
    """Every claim of the guide that can be computed, with our figure and a verdict."""
    from . import audit as auditing

    found = auditing.audit()

    def screen() -> str:
        counts = ", ".join(f"{count} {name}" for name, count in auditing.summary(found).items())
        told = [
            text.entry(
                row.verdict.value,
                f"{row.claim}: {row.said}; ours {row.figure} {row.unit} ({row.difference:+,.4g})",
                f"{row.reason} [{row.source}]",
            )
            for row in found
        ]
        return "\n".join((f"{len(found)} claims: {counts}.", "", *told))

    show(form, [row.as_dict() for row in found], screen)


@cli.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL…")
@click.option("--runs", type=int, default=10, show_default=True, help="Connections to each, one at a time.")
@click.option("--pause", type=click.FloatRange(min=0.2), default=1.0, show_default=True, help="Seconds between them.")
@click.option("--from", "here", default=None, help="The city where this runs, to use the result in the model.")
@click.option("--to", "there", multiple=True, help="The place of each URL, in their order.")
@click.option(
    "--access", "last_mile", default="", help="The last mile it goes through, as fibre: its median is taken off."
)
@click.option("--save", type=click.Path(path_type=Path), default=None, help="Keep the results for --probe.")
@form_option
def probe(
    urls: Sequence[str], runs: int, pause: float, here: str | None, there: Sequence[str], last_mile: str,
    save: Path | None, form: str,
) -> None:  # fmt: skip
    """Measure name lookup, TCP, TLS and first byte from here."""
    from .latency import probe as door
    from .latency.places import access, place

    if save is not None and (here is None or len(there) != len(urls)):
        raise HermesError(
            Finding(
                "probe-failed",
                str(save),
                "results are kept by pair of places",
                next="add --from CITY and a --to PLACE for each URL",
            ),
            exit_code=ExitCode.USAGE,
        )
    for name in (here, *there):
        if name is not None:
            place(name)
    if last_mile:
        access(last_mile)
    found = [door.probe(url, runs, pause) for url in urls]
    if save is not None and here is not None:
        door.save(save, {(here, to): one for to, one in zip(there, found, strict=True)}, last_mile)
    columns = ["url", "tcp p50", "tcp least", "tls p50", "first byte p50", "p99", "failed"]
    lines = [
        [one.url, f"{one.tcp.p50:.1f}", f"{one.tcp.low:.1f}", f"{one.tls.p50:.1f}" if one.tls else "-",
         f"{one.first_byte.p50:.1f}", f"{one.first_byte.p99:.1f}", f"{one.failed}/{one.runs}"]
        for one in found
    ]  # fmt: skip
    show(form, found, lambda: text.table(columns, lines, right=range(1, 7)))


@cli.command()
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True)
@pass_context
def report(context: Context, output: Path) -> None:
    """One self-contained HTML file: the decision first, then the details, then every assumption."""
    from . import report as reporting

    settings = context.settings()
    page = reporting.render(
        settings, context.book(settings), context.probed(), told=lambda step: terminal.echo(f"{step} …", err=True)
    )
    output.write_text(page, encoding="utf-8")
    terminal.echo(f"{output}: {len(page) / 1e6:.1f} MB")


def main() -> None:
    """Run a verb; a finding is told without a trace, and so is a fault of our own unless ``--debug`` is given."""
    debug = "--debug" in sys.argv[1:]
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(int(ExitCode.INTERRUPTED))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HermesError as error:
        if debug:
            raise
        for finding in error.findings:
            terminal.echo(f"error: {finding}" + (f" ({finding.evidence})" if finding.evidence else ""), err=True)
        sys.exit(int(error.exit_code))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.FAILED))
    except OSError as error:
        if debug:
            raise
        terminal.echo(f"error: {error.filename or ''}: {error.strerror}", err=True)
        sys.exit(int(ExitCode.FAILED))
    except Exception as error:
        if debug:
            raise
        terminal.echo(f"error: internal: {type(error).__name__}: {error}", err=True)
        terminal.echo("  next: run the same command with --debug and report what it prints", err=True)
        sys.exit(int(ExitCode.FAILED))
