"""``plan``: what would change, cost, interrupt and fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.errors import ExitCode

if TYPE_CHECKING:
    from hermes_cfn.plan import Plan
    from hermes_cfn.pricing.prices import PriceBook


@click.command()
@console.local_option
@click.option("--image", default="", help="Tag or digest that would be released.")
@click.option("--against", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Compare offline.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Record the plan for deploy --plan.")
@click.option("--replace", multiple=True, metavar="LOGICAL_ID", help="Its data may go with it.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 3 when something would change.")
@console.format_option("text", "json", "markdown")
def command(
    image: str, against: Path | None, out: Path | None, replace: tuple[str, ...], detailed_exitcode: bool, form: str
) -> int:
    """Reads only; nothing is written, not even a change set."""
    from hermes_cfn.plan import record

    made = _offline(against, replace) if against else _online(image, replace)
    if out:
        out.write_text(record.text(made), encoding="utf-8")
    put(made, form)
    if any(finding.code == "over-budget" for finding in made.errors):
        return ExitCode.OVER_BUDGET
    if made.errors:
        return ExitCode.FAILED
    return ExitCode.CHANGES if detailed_exitcode and not made.empty else ExitCode.OK


def _online(image: str, replace: tuple[str, ...]) -> Plan:
    from hermes_cfn.flows import survey

    ground = reach.ground(console.context())
    book = price_book(ground.region)
    return survey.make(ground, survey.Question(image=image, replace=frozenset(replace), book=book))


def _offline(directory: Path, replace: tuple[str, ...]) -> Plan:
    from hermes_cfn import templates
    from hermes_cfn.flows import survey
    from hermes_cfn.flows.rollout import strategy
    from hermes_cfn.plan import Circumstances
    from hermes_cfn.plan.timing import Pace

    context = console.context()
    settings, deployment = context.settings(), context.deployment()
    chosen = strategy(settings)
    around = Circumstances(
        account=settings.account.id,
        strategy=chosen.kind,
        batch=chosen.batch,
        instances=settings.compute.count,
        pace=Pace.of(settings),
        book=price_book(settings.account.region),
        replace=frozenset(replace),
        ceiling=settings.budget.ceiling_usd,
        commit=reach.head(context.config),
    )
    return survey.against(around, deployment, templates.read(directory))


def price_book(region: str) -> PriceBook:
    """The book that ``cost`` uses by default."""
    from hermes_cfn.pricing import books

    return books.load(region)


def put(made: Plan, form: str) -> None:
    """Print a plan."""
    from hermes_cfn.plan import show
    from hermes_cfn.plan.model import as_data

    if form == "json":
        console.put_json(as_data(made))
    elif form == "markdown":
        click.echo(show.markdown(made), nl=False)
    else:
        for line in show.lines(made):
            click.echo(line)
