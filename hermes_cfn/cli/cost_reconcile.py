"""``cost reconcile``: the bill beside what AWS charged."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode

if TYPE_CHECKING:
    from hermes_cfn.bill.exports import Export, Selection

Period = tuple[date, date]


def period_of(_context: click.Context, _option: click.Parameter, value: str | None) -> Period | None:
    """``YYYY-MM``, or ``YYYY-MM-DD..YYYY-MM-DD`` whose last day is the first that does not count."""
    from hermes_cfn.bill.period import after

    if value is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}", value):
            month = date.fromisoformat(f"{value}-01")
            return month, after(month)
        first, last = (date.fromisoformat(day) for day in value.split("..", 1))
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither YYYY-MM nor YYYY-MM-DD..YYYY-MM-DD") from None
    if first >= last:
        raise click.BadParameter(f"{value!r} ends before it begins")
    return first, last


def _tags(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    made = []
    for value in values:
        key, equals, wanted = value.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
        made.append((key, wanted))
    return tuple(made)


def _rates(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, Decimal]:
    rates = {}
    for value in values:
        currency, _, rate = value.partition("=")
        try:
            usd = Decimal(rate)
        except InvalidOperation:
            usd = Decimal(0)
        if not re.fullmatch(r"[A-Za-z]{3}", currency) or not usd.is_finite() or usd <= 0:
            raise click.BadParameter(f"{value!r} is not like CNY=0.1376, the USD of one unit")
        rates[currency.upper()] = usd
    return rates


@click.command("reconcile")
@click.argument("exports", nargs=-1, metavar="EXPORT...")
@click.option("--period", callback=period_of, metavar="YYYY-MM", help="This month alone, or FROM..UNTIL by days.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="This account alone; may be given again.")
@click.option("--tag", "tags", multiple=True, callback=_tags, metavar="KEY=VALUE", help="Only what is tagged so.")
@click.option(
    "--rate", "rates", multiple=True, callback=_rates, metavar="CUR=USD", help="USD of one unit of a currency."
)
@click.option("--athena", "workgroup", metavar="WORKGROUP", help="Let Amazon Athena sum --table, in place of files.")
@click.option("--table", metavar="DATABASE.TABLE", help="The export's table, with --athena.")
@click.option("--athena-region", default="us-east-1", show_default=True, help="Where the table is.")
@click.option("--yes", is_flag=True, help="With --athena: do not ask whether the query may cost that.")
@console.format_option("table", "json")
@click.pass_context
def reconcile(
    ctx: click.Context,
    exports: tuple[str, ...],
    period: Period | None,
    accounts: tuple[str, ...],
    tags: tuple[tuple[str, str], ...],
    rates: dict[str, Decimal],
    workgroup: str | None,
    table: str | None,
    athena_region: str,
    yes: bool,
    form: str,
) -> int:
    """Compare the bill with what AWS charged: CUR 2.0 or legacy, FOCUS 1.0 to 1.4, or Cost Explorer's JSON.

    With --athena the export stays in S3; what the query costs at most is said before it is asked.
    Files (CSV, gzip, zip, Parquet, JSON), folders and globs of one kind are read as one export. What comes before
    the word chooses the bill: cost --usage FILE --book live reconcile EXPORT.
    """
    from hermes_cfn.bill import reconcile as matching
    from hermes_cfn.bill.exports import Selection

    chosen = Selection(accounts, tags, period, rates)
    if (workgroup is None) != (table is None):
        raise click.UsageError("--athena and --table go together")
    if bool(exports) == bool(workgroup):
        raise click.UsageError("give exports, or --athena WORKGROUP --table DATABASE.TABLE")
    if workgroup and table:
        asked = _of_table(workgroup, table, athena_region, chosen, yes)
        if asked is None:
            return ExitCode.REFUSED
        export = asked
    else:
        export = _of_files(exports, chosen)
    found = matching.reconcile(ctx.obj["bill"], export)
    if form == "json":
        console.put_json(matching.as_data(found))
        return ExitCode.OK
    console.put_table("matched", matching.HEADINGS, matching.rows(found), right=(3, 4, 5))
    for said in matching.summary(found):
        terminal.echo(said)
    return ExitCode.OK


def _of_files(given: tuple[str, ...], chosen: Selection) -> Export:
    from hermes_cfn.bill import exports

    with console.progress("reading the export"):
        return exports.read(given, chosen)


def _of_table(workgroup: str, name: str, region: str, chosen: Selection, yes: bool) -> Export | None:
    """The export in a table; None where its cost was not agreed to."""
    from hermes_cfn.aws import athena
    from hermes_cfn.aws.clients import connect
    from hermes_cfn.units import GB

    door = athena.Athena.of(connect(console.context().profile, region))
    table = door.table(name)
    athena.source(table, chosen)
    estimate = door.estimate(table, workgroup, chosen)
    said = f"Athena reads at most {estimate.most / GB:,.2f} GB of {table.shown}: at most ${estimate.usd:,.4f} at $5.00 a TB"
    if estimate.limit:
        said += f"; the workgroup stops a query after {estimate.limit / GB:,.2f} GB"
    terminal.echo(said, err=True)
    if not yes and not terminal.confirm("Ask?", err=True):
        return None
    with console.progress("Athena sums the export"):
        export, scanned = athena.read(door, table, workgroup, chosen)
    terminal.echo(f"it read {scanned / GB:,.2f} GB: ${athena.cost(scanned):,.4f}", err=True)
    return export
