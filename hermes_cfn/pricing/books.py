"""Which book is read: what was fetched from AWS, the dated snapshot in the package, or the guide's own figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.pricing import cache as kept
from hermes_cfn.pricing import inference, tables
from hermes_cfn.pricing.commitments import Offer
from hermes_cfn.pricing.prices import Price, PriceBook
from hermes_cfn.pricing.regions import PLACES, PREFIXES, currency, known, partition

Source = Literal["auto", "live", "snapshot", "guide"]
SOURCES: tuple[Source, ...] = ("auto", "live", "snapshot", "guide")
FRESH_FOR = timedelta(days=7)
"""How long a fetched book counts as fresh; an older one is used, and said to be old."""


FOLDER = files("hermes_cfn.pricing") / "snapshot"


@cache
def packaged_regions() -> tuple[str, ...]:
    """The regions and places that the package has prices of."""
    names = (item.name.removesuffix(".csv") for item in FOLDER.iterdir() if item.name.endswith(".csv"))
    return tuple(sorted(set(names) - {"sources"}))


@cache
def _sources() -> Mapping[str, str]:
    text = (FOLDER / "sources.csv").read_text(encoding="utf-8")
    return {row["id"]: row["source"] for row in csv.DictReader(text.splitlines())}


@cache
def packaged(region: str) -> tuple[Price, ...]:
    """What somebody has read of a region's prices, out of the package; none for a region without a file."""
    if region not in packaged_regions():
        return ()
    text = (FOLDER / f"{region}.csv").read_text(encoding="utf-8")
    sources = _sources()
    return tables.parse({**row, "source": sources[row["source"]]} for row in csv.DictReader(text.splitlines()))


@cache
def _guide_prices() -> tuple[Price, ...]:
    with as_file(files("hermes_cfn.pricing") / "guide.csv") as path:
        return tables.read(path)


@cache
def _newest() -> str:
    return max(price.published[:10] for price in packaged(inference.BASE) if price.published[:2] == "20")


@cache
def _filled(region: str) -> tuple[Price, ...]:
    return packaged(region) if region in PLACES else inference.fill(region, packaged, _regions(packaged_regions()))


def _regions(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(place for place in places if place not in PLACES and partition(place) == inference.PARTITION)


def unread(places: Iterable[str]) -> tuple[str, ...]:
    """The regions with the price list of :data:`inference.BASE`'s partition that are not among ``places``."""
    return tuple(sorted(set(_regions(PREFIXES)) - set(places)))


@cache
def snapshot() -> PriceBook:
    """The dated prices in the package, read region by region when asked for, filled by inference."""
    return PriceBook(
        "snapshot",
        as_of=_newest(),
        of=_filled,
        places=packaged_regions(),
        unread=unread(packaged_regions()),
        derive=inference.derive,
    )


@cache
def guide() -> PriceBook:
    """What the deployment guide says that things cost, and nothing else."""
    return PriceBook("guide", _guide_prices(), note="the guide's figures, not AWS's")


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
    prices: dict[str, dict[tuple[str, ...], Price]] = {}
    for name in sorted(fetched, key=lambda name: name == region):
        for price in fetched[name][0]:
            prices.setdefault(price.region, {})[price.key] = price
    notes = []
    for name, (found, at, source) in fetched.items():
        age = now - at
        stale = f"; {age.days} days old: next: hermes-cfn prices refresh --region {name}" if age > FRESH_FOR else ""
        notes.append(f"{name}: {len(found)} prices from {source}, {at:%Y-%m-%d %H:%M} UTC{stale}")

    @cache
    def read(place: str) -> tuple[Price, ...]:
        mine = prices.get(place, {})
        known = {key[:3] for key in mine}
        rest = (
            price
            for price in packaged(place)
            if price.key not in mine and (price.operation or price.key[:3] not in known)
        )
        return (*mine.values(), *rest)

    def filled(place: str) -> tuple[Price, ...]:
        return read(place) if place in PLACES else inference.fill(place, read, _regions(places))

    def offers() -> tuple[Offer, ...]:
        return tuple(offer for name in fetched for offer in kept.offers(name, directory))

    places = tuple(sorted({*packaged_regions(), *prices}))
    own = fetched.get(region) if region is not None else None
    called, as_of = (own[2], f"{own[1]:%Y-%m-%d}") if own else ("snapshot", _newest())
    taken = own[1] if own else None
    return PriceBook(
        *(called, (), as_of, taken, "; ".join(notes), offers),
        of=filled,
        places=places,
        unread=unread(places),
        derive=inference.derive,
    )


def load(
    region: str | None, source: Source = "auto", now: datetime | None = None, directory: Path | None = None
) -> PriceBook:
    """The book for ``region``; ``auto`` is what was fetched, price by price, and the snapshot where nothing was.

    Of a region of which nobody has read a price, each is inferred from those of the others.
    Raises :class:`HermesError` ``region-unknown`` for what is no region, ``book-missing``
    for a region of another partition without prices or a source without a book.
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
            Finding("book-missing", region or "all", "no prices were fetched", next=hermes("prices", "refresh"))
        )
    book = book or snapshot()
    if region is not None and region not in with_prices(book) and region not in book.unread:
        raise HermesError(
            Finding(
                "book-missing",
                region,
                "no book has the prices that a bill of this region needs",
                evidence=_elsewhere(region) + "regions with prices: " + ", ".join(with_prices(book)),
                next=hermes("prices", "refresh", "--region", region),
            )
        )
    return book


def _elsewhere(region: str) -> str:
    """What makes the prices of another partition different, as a sentence."""
    name, money = partition(region), currency(region)
    return "" if name == "aws" else f"it is in the partition {name}, with a price list of its own in {money}; "


def with_prices(book: PriceBook) -> tuple[str, ...]:
    """The regions of a book of which somebody has read prices, so that a bill makes sense."""
    return tuple(region for region in book.regions if region not in PLACES)
