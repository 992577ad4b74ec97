"""Which book is read: what was fetched from AWS, the dated snapshot in the package, or the guide's own figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing import cache as kept
from hermes_cfn.pricing import inference, tables
from hermes_cfn.pricing.commitments import Offer
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
    """What was fetched from AWS, for any region, over the snapshot; ``None`` if nothing was.

    Its name, date and ``fetched`` are those of ``region``: the snapshot's where nothing was fetched for it.
    """
    kept_of = {name: kept.read(name, directory) for name in kept.regions(directory)}
    fetched = {name: found for name, found in kept_of.items() if found is not None}
    return _over_snapshot(region, fetched, now or datetime.now(UTC), directory) if fetched else None


Fetched = tuple[tuple[Price, ...], datetime, str]


def _over_snapshot(
    region: str | None, fetched: Mapping[str, Fetched], now: datetime, directory: Path | None
) -> PriceBook:
    """Fetched prices first, then those of the snapshot that none of them replaces; what is inferred comes last."""
    prices = {
        price.key: price for name in sorted(fetched, key=lambda name: name == region) for price in fetched[name][0]
    }
    known = {key[:3] for key in prices}
    rest = (
        price
        for price in _packaged("snapshot.csv")
        if price.key not in prices and (price.operation or price.key[:3] not in known)
    )
    notes = []
    for name, (found, at, origin) in fetched.items():
        age = now - at
        stale = f"; {age.days} days old: next: hermes-cfn prices refresh --region {name}" if age > FRESH_FOR else ""
        notes.append(f"{name}: {len(found)} prices from {origin}, {at:%Y-%m-%d %H:%M} UTC{stale}")
    filled, note = inference.fill((*prices.values(), *rest)), "; ".join(notes)
    own = fetched.get(region) if region is not None else None

    def offers() -> tuple[Offer, ...]:
        return tuple(offer for name in fetched for offer in kept.offers(name, directory))

    if own is None:
        return PriceBook("snapshot", filled, _newest(_packaged("snapshot.csv")), None, note, offers)
    return PriceBook(own[2], filled, f"{own[1]:%Y-%m-%d}", own[1], note, offers)


def load(
    region: str | None, source: Source = "auto", now: datetime | None = None, directory: Path | None = None
) -> PriceBook:
    """The book for ``region``; ``auto`` is what was fetched, price by price, and the snapshot where nothing was.

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
    book = live(region, now, directory) if source in ("auto", "live") else None
    if source == "live" and (book is None or (region is not None and book.fetched is None)):
        raise HermesError(
            Finding("book-missing", region or "all", "no prices were fetched", next="hermes-cfn prices refresh")
        )
    book = book or snapshot()
    if region is not None and region not in with_prices(book):
        raise HermesError(
            Finding(
                "book-missing",
                region,
                "no book has the prices that a bill of this region needs",
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
        if region not in PLACES and book.candidates("AWSELB", "LoadBalancerUsage", region)
    )
