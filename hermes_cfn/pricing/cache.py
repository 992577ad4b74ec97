"""Prices fetched from AWS, kept in the user's cache directory.

One CSV a region, and one of its commitments, each written beside and then renamed over the old one: a refresh
that fails half-way leaves the old book whole.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hermes_cfn.pricing import commitments, tables
from hermes_cfn.pricing.commitments import Offer
from hermes_cfn.pricing.prices import Price


def base() -> Path:
    """``$XDG_CACHE_HOME/hermes-cfn``, by default under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hermes-cfn"


def home() -> Path:
    """Where prices are kept, below :func:`base`."""
    return base() / "prices"


def write(
    region: str,
    prices: Iterable[Price],
    fetched: datetime,
    origin: str,
    directory: Path | None = None,
    offers: Sequence[Offer] = (),
) -> Path:
    """Keep the prices of ``region``, and its commitments if any came; ``fetched`` with zone.

    The old book stays until the new one is whole.
    """
    place = directory or home()
    if offers:
        keep(place / f"{region}{OFFERS}", commitments.write(offers))
    text = f"# {origin} {fetched.astimezone(UTC).isoformat()}\n" + tables.write(prices)
    return keep(place / f"{region}.csv", text)


OFFERS = ".commitments"


def offers(region: str, directory: Path | None = None) -> tuple[Offer, ...]:
    """The commitments kept of ``region``; a damaged file counts as none."""
    try:
        with ((directory or home()) / f"{region}{OFFERS}").open(encoding="utf-8", newline="") as file:
            return commitments.parse(csv.DictReader(file))
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError):
        return ()


def keep(path: Path, text: str) -> Path:
    """Writes a file that its owner alone may read, whole or not at all; directories that are missing are made its owner's alone."""
    for directory in reversed([one for one in (path.parent, *path.parent.parents) if not one.exists()]):
        directory.mkdir(mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def regions(directory: Path | None = None) -> tuple[str, ...]:
    """The regions of which prices are kept."""
    return tuple(sorted(path.stem for path in (directory or home()).glob("[!.]*.csv")))


def read(region: str, directory: Path | None = None) -> tuple[tuple[Price, ...], datetime, str] | None:
    """(prices, when they were fetched, where from), or ``None``; a damaged file counts as none."""
    path = (directory or home()) / f"{region}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            mark, origin, fetched = file.readline().split()
            prices = tables.parse(csv.DictReader(file))
            return (prices, datetime.fromisoformat(fetched), origin) if mark == "#" and prices else None
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError):
        return None
