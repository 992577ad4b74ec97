"""``prices``: show, compare and refresh the price book."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
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

    source = next(source for source in books.SOURCES if source == name)
    return books.load(region, source, directory=_directory())


def _directory() -> Path | None:
    """Where fetched prices are kept: those of the embedded cloud apart from AWS's."""
    from hermes_cfn.pricing import cache

    return cache.home() / "embedded" if console.context().local else None


def _known(region: str) -> None:
    from hermes_cfn.pricing.regions import known

    if not known(region):
        raise HermesError(Finding("region-unknown", region, "there is no such AWS region"), exit_code=ExitCode.USAGE)


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
@console.local_option
def show(word: str, region: str | None, book: str, form: str) -> int:
    """Search the book for WORD in service, usage type, operation or source."""
    from hermes_cfn.pricing import tables

    if region is not None:
        _known(region)
    prices = _book(book)
    found = [
        price
        for price in prices
        if (region is None or price.region == region)
        and word.lower()
        in f"{price.service_code} {price.usage_type} {price.operation} {price.source} {price.basis}".lower()
    ]
    found.sort(key=lambda price: (price.region, price.service_code, price.usage_type, price.operation))
    if form == "csv":
        terminal.echo(tables.write(found, inferred=True), nl=False)
    elif form == "json":
        console.put_json([tables.as_data(price) for price in found])
    else:
        console.put_table("", HEADINGS, [_cells(price) for price in found], right=(4,))
        terminal.echo(f"{len(found)} prices; book {prices.name} of {prices.as_of or 'no date'}")
    return ExitCode.OK


@command.command("diff")
@click.argument("before", type=click.Choice(BOOKS))
@click.argument("after", type=click.Choice(BOOKS))
@click.option("--region", default="eu-south-2", show_default=True)
@console.format_option("table", "json")
@console.local_option
def diff(before: str, after: str, region: str, form: str) -> int:
    """What two books say differently of one region, in any tier, and of what has one price for the world."""
    from hermes_cfn.pricing.regions import PLACES

    old, new = (
        {price.key: price for price in _book(name, region) if price.region in (region, *PLACES)}
        for name in (before, after)
    )
    changed = [
        key
        for key in sorted(old.keys() & new.keys())
        if (old[key].tiers, old[key].unit) != (new[key].tiers, new[key].unit)
    ]
    gone, came = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    if form == "json":
        from hermes_cfn.pricing import tables

        pairs = [{before: tables.as_data(old[key]), after: tables.as_data(new[key])} for key in changed]
        console.put_json({"changed": pairs, f"only_in_{before}": gone, f"only_in_{after}": came})
        return ExitCode.CHANGES if changed else ExitCode.OK
    rows = []
    for key in changed:
        first, second = old[key], new[key]
        share = f"{(second.first / first.first - 1) * 100:+.1f} %" if first.first else ""
        rows.append((key[0], key[2], key[3], _amounts(first), _amounts(second), second.unit, share))
    headings = ("service", "usage type", "operation", before, after, "unit", "change of the first tier")
    console.put_table("", headings, rows, right=(6,))
    terminal.echo(f"{len(rows)} differ, {len(gone)} only in {before}, {len(came)} only in {after}")
    return ExitCode.CHANGES if rows else ExitCode.OK


@command.command("commitments")
@click.argument("instance_type")
@click.option("--region", default="eu-south-2", show_default=True)
@click.option("--book", type=click.Choice(BOOKS), default="auto", show_default=True)
@click.option("--ask", is_flag=True, help="Ask AWS for reserved instances, savings plans and spot, too.")
@console.format_option("table", "json")
@console.local_option
def commitments(instance_type: str, region: str, book: str, ask: bool, form: str) -> int:
    """Reserved, savings plan and spot offers of an instance type, with what they save and when."""
    from hermes_cfn.bill.show import plain
    from hermes_cfn.pricing import commitments as known
    from hermes_cfn.units import dollars

    prices = _book(book, region)
    on_demand = prices.find("AmazonEC2", f"BoxUsage:{instance_type}", region, "RunInstances").first
    offers = known.for_instance(instance_type, region, prices, _asked(instance_type, region) if ask else ())
    if form == "json":
        console.put_json([_as_data(offer, on_demand) for offer in offers])
        return ExitCode.OK
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
                str(offer.basis),
                offer.source,
            )
        )
    headings = ("offer", "USD an hour", "upfront", "saves", "break-even month", "basis", "source")
    console.put_table(f"{instance_type} in {region}: {on_demand} on demand", headings, rows)
    return ExitCode.OK


def _as_data(offer: Offer, on_demand: Decimal) -> dict[str, object]:
    months = offer.break_even_months(on_demand) if offer.years else None
    return {
        "offer": offer.name,
        "usd_an_hour": offer.effective,
        "upfront_usd": offer.upfront,
        "saves": offer.saves(on_demand),
        "break_even_months": months,
        "basis": str(offer.basis),
        "spread": [offer.low, offer.high],
        "source": offer.source,
    }


def _asked(instance_type: str, region: str) -> tuple[Offer, ...]:
    """What AWS offers now; what it refuses is told."""
    from hermes_cfn.aws.prices import Prices
    from hermes_cfn.cli import reach

    context = console.context()
    asked, refused = Prices.of(reach.clients(context, context.settings())).committed([instance_type], region)
    for finding in refused:
        terminal.echo(f"{finding.severity}: {finding}", err=True)
    return asked


@command.command("refresh")
@click.option("--region", default=None, help="The region whose book to fetch (default: hermes.toml's).")
@click.option("--public", is_flag=True, help="From the public offer files, without an account.")
@click.option("--offer", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="From an offer file (CSV).")
@console.local_option
def refresh(region: str | None, public: bool, offer: Path | None) -> int:
    """Fetch the book into the user's cache; the old one stays until the new one is whole.

    The Pricing API is asked first; who has no credentials gets the public offer files.
    """
    from hermes_cfn.pricing import cache

    context = console.context()
    where = region or context.settings().region
    _known(where)
    with console.progress("fetching prices"):
        origin, (prices, findings, offers) = _fetched(where, public, offer)
    if not prices:
        raise HermesError(Finding("price-list-broken", where, "no price came", why="the old book stays in use"))
    path = cache.write(where, prices, datetime.now(UTC), origin, _directory(), offers)
    for finding in findings:
        terminal.echo(f"{finding.severity}: {finding}", err=True)
    more = f" and {len(offers)} reserved, savings plan and spot offers" if offers else ""
    terminal.echo(f"{len(prices)} prices{more} of {where} from {origin}: {path}")
    return ExitCode.OK


Fetched = tuple[tuple["Price", ...], tuple[Finding, ...], tuple["Offer", ...]]


def _fetched(region: str, public: bool, offer: Path | None) -> tuple[str, Fetched]:
    """The most trusted source that can be had, and what came from it."""
    if offer is not None:
        return "offer-file", _from_file(offer, region)
    from hermes_cfn.aws import prices
    from hermes_cfn.cli import reach

    if not public:
        context = console.context()
        try:
            found = prices.Prices.of(reach.clients(context, context.settings())).fetch(region)
            return "api", (found.prices, found.findings, found.offers)
        except HermesError as error:
            if error.findings[0].code != "credentials-missing":
                raise
            terminal.echo("no credentials for the Pricing API: asking for the public offer files", err=True)
    found = prices.bulk(region)
    return "offer-files", (found.prices, found.findings, ())


def _from_file(path: Path, region: str) -> Fetched:
    from hermes_cfn.pricing import offers
    from hermes_cfn.pricing.wanted import settle, sieve

    with path.open(encoding="utf-8", newline="") as file:
        came = list(offers.bulk(file, sieve(region), f"offer file {path.name}"))
    prices, findings = settle(region, came)
    services = {price.service_code for price in came}
    return prices, tuple(finding for finding in findings if finding.where.split(" ")[0] in services), ()
