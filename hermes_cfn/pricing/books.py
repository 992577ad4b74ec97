"""Which book is read: what was fetched from AWS, the dated snapshot in the package, or the guide's own figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing import cache as kept
from hermes_cfn.pricing import inference, tables
from hermes_cfn.pricing.prices import Price, PriceBook
from hermes_cfn.pricing.regions import PLACES, known

Source = Literal["auto", "live", "snapshot", "guide"]
SOURCES: tuple[Source, ...] = ("auto", "live", "snapshot", "guide")
FRESH_FOR = timedelta(days=7)
"""How long a fetched book counts as fresh; an older one is used, and said to be old."""


@cache
def _packaged(name: str) -> tuple[Price, ...]:
    with as_file(files("hermes_cfn.pricing") / name) as path:
        return tables.read(path)


def _newest(prices: tuple[Price, ...]) -> str:
    return max((price.published[:10] for price in prices if price.published[:2] == "20"), default="")


@cache
def snapshot() -> PriceBook:
    """The dated prices in the package, filled by inference."""
    prices = _packaged("snapshot.csv")
    return PriceBook("snapshot", inference.fill(prices), as_of=_newest(prices))


@cache
def guide() -> PriceBook:
    """What the deployment guide says that things cost, and nothing else."""
    return PriceBook("guide", _packaged("guide.csv"), note="the guide's figures, not AWS's")


def live(region: str | None, now: datetime | None = None, directory: Path | None = None) -> PriceBook | None:
    """What was fetched from AWS for ``region``, over the snapshot; ``None`` if nothing was."""
    found = kept.read(region or "all", directory)
    if found is None:
        return None
    prices, fetched, origin = found
    have = {price.key for price in prices}
    rest = tuple(price for price in _packaged("snapshot.csv") if price.key not in have)
    age = (now or datetime.now(UTC)) - fetched
    note = f"{len(prices)} prices from {origin}, {fetched:%Y-%m-%d %H:%M} UTC"
    if age > FRESH_FOR:
        note += f"; {age.days} days old: next: hermes-cfn prices refresh"
    return PriceBook(origin, inference.fill((*prices, *rest)), f"{fetched:%Y-%m-%d}", fetched, note)


def load(region: str | None, source: Source = "auto", now: datetime | None = None) -> PriceBook:
    """The book for ``region``; ``auto`` is what was fetched if there is any, otherwise the snapshot.

    Raises :class:`HermesError` ``region-unknown`` for what is no region, ``book-missing``
    for a region without prices or a source without a book.
    """
    if region is not None and not known(region):
        raise HermesError(
            Finding(
                "region-unknown",
                region,
                "there is no such AWS region",
                next="one of " + ", ".join(with_prices(snapshot())),
            )
        )
    if source == "guide":
        return guide()
    book = live(region, now) if source in ("auto", "live") else None
    if book is None and source == "live":
        raise HermesError(
            Finding("book-missing", region or "all", "no prices were fetched", next="hermes-cfn prices refresh")
        )
    book = book or snapshot()
    if region is not None and region not in book.regions:
        raise HermesError(
            Finding(
                "book-missing",
                region,
                "no book has prices of this region",
                evidence="regions with prices: " + ", ".join(with_prices(book)),
                next=f"hermes-cfn prices refresh --region {region}",
            )
        )
    return book


def with_prices(book: PriceBook) -> tuple[str, ...]:
    """The regions of a book in which a load balancer can be priced, so a bill makes sense."""
    return tuple(
        region
        for region in book.regions
        if region not in PLACES and book.candidates("AmazonEC2", "BoxUsage:t4g.small", region)
    )
