"""``cost``: the monthly bill of the rendered stacks, or of anybody's template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.cost_reconcile import Period, period_of, reconcile
from hermes_cfn.errors import ExitCode, Finding, HermesError

if TYPE_CHECKING:
    from decimal import Decimal

    from hermes_cfn.bill import Bill
    from hermes_cfn.config.usage import Usage
    from hermes_cfn.deployment import Deployment
    from hermes_cfn.pricing.books import Source


@click.group(invoke_without_command=True)
@click.option(
    "--template",
    "templates",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Any CloudFormation template, or a folder of them; several make one bill.",
)
@click.option("--region", default=None, help="The region of --template (default: us-east-1).")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of --template.")
@click.option("--usage", "usage_file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file of [usage].")
@click.option("--book", type=click.Choice(("auto", "live", "snapshot", "guide")), default="auto", show_default=True)
@click.option("--all", "everything", is_flag=True, help="Show what is free, too.")
@click.option(
    "--focus", type=click.Choice(("1.4", "1.3", "1.2", "1.0")), default=None, help="FOCUS rows as CSV, of that version."
)
@click.option("--period", callback=period_of, metavar="YYYY-MM", help="With --focus: the month, or FROM..UNTIL in one.")
@click.option("--limit", default=None, metavar="USD", help="End with 4 when the expected month is above it.")
@console.format_option("table", "json", "csv", "markdown")
@click.pass_context
def command(
    ctx: click.Context,
    templates: tuple[Path, ...],
    region: str | None,
    parameters: tuple[str, ...],
    usage_file: Path | None,
    book: str,
    everything: bool,
    focus: str | None,
    period: Period | None,
    limit: str | None,
    form: str,
) -> int:
    """The bill, line by line: what is priced, free, without usage, and without a price."""
    usage, ceiling = _usage(usage_file), _ceiling(limit)
    for pair in parameters:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--parameter")
    if ctx.invoked_subcommand == "diff":
        ctx.obj["cost"] = (region or "us-east-1", parameters, usage, _source(book))
        return ExitCode.OK
    if templates:
        from hermes_cfn.cli import given_templates

        bill = given_templates.bill_of(templates, region or "us-east-1", parameters, usage, _source(book))
    else:
        bill = _of_stacks(usage, book)
    if ctx.invoked_subcommand is not None:
        ctx.obj["bill"] = bill
        return ExitCode.OK
    _put(bill, form, focus, period, everything)
    if form == "table" and not focus and not templates:
        _scaled(book)
    return ExitCode.OK if ceiling is None or bill.most <= ceiling else ExitCode.OVER_BUDGET


def _usage(path: Path | None) -> Usage | None:
    if path is None:
        return None
    import tomllib

    from pydantic import ValidationError

    from hermes_cfn.config.usage import Usage

    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        return Usage.model_validate(said.get("usage", said))
    except OSError as error:
        raise HermesError(Finding("file-unreadable", str(path), error.strerror or str(error))) from error
    except tomllib.TOMLDecodeError as error:
        raise HermesError(Finding("usage-invalid", str(path), str(error)), exit_code=ExitCode.USAGE) from error
    except ValidationError as error:
        findings = (
            Finding("usage-invalid", f"{path}: {'.'.join(str(part) for part in item['loc'])}", item["msg"])
            for item in error.errors()
        )
        raise HermesError(*findings, exit_code=ExitCode.USAGE) from error


def _scaled(book: str) -> None:
    """Between which figures the bill lies where the group scales by itself."""
    from hermes_cfn.bill.scaled import between
    from hermes_cfn.pricing import books
    from hermes_cfn.units import dollars

    deployment = _rendered()
    span = between(deployment, books.load(deployment.region, _source(book)))
    if span is not None:
        low, high = span
        terminal.echo(
            f"scaling: {dollars(low)} a month if there is never any load, {dollars(high)} if there is always too much; "
            "expected is the day of [planning]"
        )


def _rendered() -> Deployment:
    from hermes_cfn import templates

    context = console.context()
    environment = context.environment or _environment(context.config)
    return templates.read(context.config.parent / "templates" / environment)


def _of_stacks(usage: Usage | None, book: str) -> Bill:
    from hermes_cfn import bill
    from hermes_cfn.pricing import books

    deployment = _rendered()
    return bill.compute(deployment, books.load(deployment.region, _source(book)), usage)


def _environment(path: Path) -> str:
    """The environment that the configuration names, read without validating the rest."""
    import tomllib

    try:
        said = tomllib.loads(path.read_text(encoding="utf-8")).get("environment", "production")
    except (OSError, tomllib.TOMLDecodeError):
        return "production"
    return str(said.get("name", "production") if isinstance(said, dict) else said)


def _source(book: str) -> Source:
    from hermes_cfn.pricing.books import SOURCES

    return next(source for source in SOURCES if source == book)


def _put(bill: Bill, form: str, focus: str | None, period: Period | None, everything: bool) -> None:
    from hermes_cfn.bill import show

    if focus:
        from hermes_cfn.bill import focus as rows
        from hermes_cfn.bill.period import after

        chosen = rows.Period(*period) if period else None
        if chosen and chosen.last > after(chosen.month):
            raise click.BadParameter("FOCUS rows are of one month", param_hint="--period")
        terminal.echo(rows.as_csv(bill, focus, chosen), nl=False)
    elif form == "json":
        console.put_json(show.as_data(bill))
    elif form == "csv":
        terminal.echo(show.as_csv(bill), nl=False)
    elif form == "markdown":
        terminal.echo(show.as_markdown(bill, everything), nl=False)
    else:
        for said in show.summary(bill):
            terminal.echo(said)
        console.put_table("", show.HEADINGS, show.rows(bill, everything), right=(3, 4, 6, 7))
        for note in bill.notes:
            terminal.echo(f"note: {note}")
        for said in show.closing(bill):
            terminal.echo(said)


def _ceiling(limit: str | None) -> Decimal | None:
    from decimal import Decimal, InvalidOperation

    try:
        return None if limit is None else Decimal(limit)
    except InvalidOperation:
        raise click.BadParameter(f"{limit!r} is no amount of dollars", param_hint="--limit") from None


command.add_command(reconcile)


@command.command("diff")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@console.format_option("table", "json", "markdown")
@click.pass_context
def diff(ctx: click.Context, before: Path, after: Path, form: str) -> int:
    """Show what AFTER costs more or less than BEFORE, line by line: two templates, or two folders of them.

    What comes before the word is for both: cost --region eu-west-1 --usage FILE diff A B.  As
    markdown it is one table for a pull request.
    """
    from hermes_cfn import bill
    from hermes_cfn.bill import show
    from hermes_cfn.cli import given_templates

    region, parameters, usage, book = ctx.obj["cost"]
    old, new = (given_templates.bill_of([path], region, parameters, usage, book) for path in (before, after))
    found = bill.difference(old, new)
    if form == "json":
        console.put_json(show.change_data(found))
    elif form == "markdown":
        terminal.echo(show.change_markdown(found), nl=False)
    else:
        console.put_table("", show.CHANGE_HEADINGS, show.change_rows(found), right=(2, 3, 4))
        terminal.echo(show.change_summary(found))
    return ExitCode.OK
