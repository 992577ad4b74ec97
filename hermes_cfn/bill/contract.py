"""The contract of completeness: what every type, and every property of a priced type, does to the bill.

``types.csv`` has each type of the registry: ``priced`` (by the hour or the piece), ``usage`` (by what ``by``
names), ``free``, or ``unpriced`` (it costs, and there is no price for it here), each with the page that says so.
``properties.csv`` has each property of the types with a rule: ``price`` (it changes the price, and a rule reads
it), ``usage`` (it changes how much is used of what ``by`` names), ``free``, or ``unpriced`` (it costs, and that is
not priced yet: a line of the bill says so wherever it is set).  Tests walk both from the side of the schemas, so
that a new type and a new property fail until somebody has classed them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from hermes_cfn.bill.charge import NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.cfn.values import Unknown


class Class(StrEnum):
    """What a type or a property does to the bill."""

    PRICED = "priced"
    PRICE = "price"
    USAGE = "usage"
    FREE = "free"
    UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of a type or a property: its class, AWS's page, and by what it costs."""

    cls: Class
    page: str
    by: str


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("hermes_cfn.bill").joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@cache
def types() -> Mapping[str, Statement]:
    """Every type of the registry."""
    return {row["type"]: Statement(Class(row["class"]), row["page"], row["by"]) for row in _rows("types.csv")}


@cache
def properties() -> Mapping[str, Mapping[str, Statement]]:
    """Type with a rule -> every property of its schema; ``*`` stands for the pages of a type's own service."""
    found: dict[str, dict[str, Statement]] = {}
    for row in _rows("properties.csv"):
        page = types()[row["type"]].page
        for name in row["properties"].split():
            found.setdefault(row["type"], {})[name] = Statement(Class(row["class"]), page, row["by"])
    return found


@cache
def _unpriced(resource_type: str) -> tuple[tuple[tuple[str, ...], str, str], ...]:
    stated = properties().get(resource_type, {})
    split = ((name.partition("="), said) for name, said in stated.items() if said.cls is Class.UNPRICED)
    return tuple((tuple(path.split("/")), value, said.by) for (path, _, value), said in split)


def unpriced(place: Placed) -> Iterator[NotPriced]:
    """A line for each property that is set, costs and has no price here."""
    for path, value, by in _unpriced(place.resource.type):
        found = _at(place.get(path[0]), path[1:])
        if isinstance(found, Unknown) or _set(found, value):
            yield NotPriced("/".join(path), by)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(value, Unknown):
            return value
        if name == "*":
            rest = path[path.index(name) + 1 :]
            inner = [_at(one, rest) for one in value] if isinstance(value, list) else []
            return next((one for one in inner if isinstance(one, Unknown) or _set(one, "")), None)
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


OFF = ("", "false", "0", "none", "disabled", "off")


def _set(found: Any, value: str) -> bool:
    if value:
        return str(found).lower() in value.lower().split("|")
    if isinstance(found, Mapping | list):
        return bool(found)
    return found is not None and str(found).lower() not in OFF
