"""``prices``: show, compare and refresh the price book."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console
from hermes_cfn.errors import ExitCode, Finding, HermesError

if TYPE_CHECKING:
    from hermes_cfn.pricing.commitments import Offer
    from hermes_cfn.pricing.prices import Price, PriceBook

BOOKS = ("auto", "live", "snapshot", "guide")
HEADINGS = ("region", "service", "usage type", "operation", "USD", "unit", "published", "basis", "source")


@click.group()
def command() -> None:
    """What AWS charges, where each price comes from, and how old it is."""


def _book(name: str, region: str | None = None) -> PriceBook:
    from hermes_cfn.pricing import books

    return books.load(region, next(source for source in books.SOURCES if source == name))


def _amounts(price: Price) -> str:
    from hermes_cfn.bill.show import plain, unit_price

    if price.flat:
        return unit_price(price.first)
    return ", ".join(f"{unit_price(tier.price)} from {plain(tier.start)}" for tier in price.tiers)


def _cells(price: Price) -> tuple[str, ...]:
    source = "; ".join(str(step) for step in price.steps) or price.source
    return (
        price.region,
        price.service_code,
        price.usage_type,
        price.operation,
        _amounts(price),
        price.unit,
        price.published,
        str(price.basis),
        source,
    )


@command.command("show")
@click.argument("word", required=False, default="")
@click.option("--region", default=None, help="One region only.")
@click.option("--book", type=click.Choice(BOOKS), default="auto", show_default=True)
@console.format_option("table", "json", "csv")
def show(word: str, region: str | None, book: str, form: str) -> int:
    """Search the book for WORD in service, usage type, operation or source."""
    from hermes_cfn.pricing import tables

    prices = _book(book, region)
    found = [
        price
        for price in prices
        if (region is None or price.region == region)
        and word.lower()
        in f"{price.service_code} {price.usage_type} {price.operation} {price.source} {price.basis}".lower()
    ]
    found.sort(key=lambda price: (price.region, price.service_code, price.usage_type, price.operation))
    if form == "csv":
        click.echo(tables.write(found), nl=False)
    elif form == "json":
        console.put_json([dict(zip(HEADINGS, _cells(price), strict=True)) for price in found])
    else:
        console.console().print(console.table("", HEADINGS, [_cells(price) for price in found], right=(4,)))
        click.echo(f"{len(found)} prices; book {prices.name} of {prices.as_of or 'no date'}")
    return ExitCode.OK


@command.command("diff")
@click.argument("before", type=click.Choice(BOOKS))
@click.argument("after", type=click.Choice(BOOKS))
@click.option("--region", default="eu-south-2", show_default=True)
def diff(before: str, after: str, region: str) -> int:
    """What two books say differently of one region."""
    old, new = (
        {price.key: price for price in _book(name, region) if price.region == region} for name in (before, after)
    )
    rows = []
    for key in sorted(old.keys() & new.keys()):
        first, second = old[key].first, new[key].first
        if first != second:
            share = f"{(second / first - 1) * 100:+.1f} %" if first else ""
            rows.append((key[0], key[2], _amounts(old[key]), _amounts(new[key]), share))
    console.console().print(console.table("", ("service", "usage type", before, after, "change"), rows, right=(4,)))
    click.echo(
        f"{len(rows)} differ, {len(old.keys() - new.keys())} only in {before}, "
        f"{len(new.keys() - old.keys())} only in {after}"
    )
    return ExitCode.CHANGES if rows else ExitCode.OK


@command.command("commitments")
@click.argument("instance_type")
@click.option("--region", default="eu-south-2", show_default=True)
@click.option("--book", type=click.Choice(BOOKS), default="auto", show_default=True)
@click.option("--ask", is_flag=True, help="Ask AWS for savings plans and spot, too.")
def commitments(instance_type: str, region: str, book: str, ask: bool) -> int:
    """Reserved, savings plan and spot offers of an instance type, with what they save and when."""
    from hermes_cfn.bill.show import plain
    from hermes_cfn.pricing import commitments as known
    from hermes_cfn.units import dollars

    on_demand = _book(book, region).find("AmazonEC2", f"BoxUsage:{instance_type}", region, "RunInstances").first
    offers = list(known.for_instance(instance_type, region))
    if ask:
        offers += _asked(instance_type, region)
    rows = []
    for offer in offers:
        months = offer.break_even_months(on_demand) if offer.years else None
        rows.append(
            (
                offer.name,
                plain(offer.effective, 6),
                dollars(offer.upfront),
                f"{offer.saves(on_demand) * 100:.1f} %",
                "" if months is None else f"{months:.1f}",
                offer.source,
            )
        )
    headings = ("offer", "USD an hour", "upfront", "saves", "break-even month", "source")
    console.console().print(console.table(f"{instance_type} in {region}: {on_demand} on demand", headings, rows))
    if not rows:
        click.echo("no offer is carried for it; next: the same with --ask and credentials")
    return ExitCode.OK


def _asked(instance_type: str, region: str) -> list[Offer]:
    from hermes_cfn.aws.prices import Prices
    from hermes_cfn.cli import reach

    context = console.context()
    prices = Prices.of(reach.doors(context, context.settings()))
    return [*prices.savings_plans(instance_type, region), *prices.spot(instance_type, region)]


@command.command("refresh")
@click.option("--region", default=None, help="The region whose book to fetch (default: hermes.toml's).")
@click.option("--public", is_flag=True, help="From the public offer files, without an account.")
@click.option("--offer", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="From an offer file (CSV).")
@console.local_option
def refresh(region: str | None, public: bool, offer: Path | None) -> int:
    """Fetch the book into the user's cache; the old one stays until the new one is whole."""
    from hermes_cfn.pricing import cache
    from hermes_cfn.pricing.regions import known

    context = console.context()
    where = region or context.settings().region
    if not known(where):
        raise HermesError(Finding("region-unknown", where, "there is no such AWS region"), exit_code=ExitCode.USAGE)
    findings: tuple[Finding, ...] = ()
    with console.progress("fetching prices"):
        if offer is not None:
            origin, prices = "offer-file", _from_file(offer, where)
        elif public:
            from hermes_cfn.aws.prices import bulk

            origin, prices = "offer-files", list(bulk(where))
        else:
            from hermes_cfn.aws.prices import Prices
            from hermes_cfn.cli import reach

            fetched = Prices.of(reach.doors(context, context.settings())).fetch(where)
            origin, prices, findings = "api", list(fetched.prices), fetched.findings
    if not prices:
        raise HermesError(Finding("price-list-broken", where, "no price came", why="the old book stays in use"))
    directory = cache.home() / "embedded" if context.local else None
    path = cache.write(where, prices, datetime.now(UTC), origin, directory)
    for finding in findings:
        click.echo(f"{finding.severity}: {finding}", err=True)
    click.echo(f"{len(prices)} prices of {where} from {origin}: {path}")
    return ExitCode.OK


def _from_file(path: Path, region: str) -> list[Price]:
    from hermes_cfn.pricing import offers
    from hermes_cfn.pricing.wanted import wanted

    names = frozenset(name for want in wanted(region) for name in want.usage_types)
    with path.open(encoding="utf-8", newline="") as file:
        return [price for price in offers.bulk(file, names, f"offer file {path.name}") if price.region == region]
