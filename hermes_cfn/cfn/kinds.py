"""One row of facts for each resource type, from ``kinds.csv``.

What a type costs by is said in ``bill/types.csv``.  Durations are historical averages in seconds that AWS's tool
rain publishes (``durations_from`` is ``rain``); where nobody has measured, the column is empty
and a default applies.  Deletion is unknown for every type: the placeholder of the source is
not carried.  ``drift`` says whether AWS detects drift in the type:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DEFAULT_CREATE_S = 5.0
DEFAULT_UPDATE_S = 5.0
DELETE_S = 1.0
"""An assumption: nobody publishes how long deletion takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Facts about one type; ``create_s`` and ``update_s`` in seconds, measured or default."""

    type: str
    holds_data: bool
    create_s: float
    update_s: float
    measured: bool
    drift: bool


@cache
def kinds() -> Mapping[str, Kind]:
    """Every row, by type."""
    text = files("hermes_cfn.cfn").joinpath("kinds.csv").read_text()
    return {row["type"]: _kind(row) for row in csv.DictReader(text.splitlines())}


def kind(resource_type: str) -> Kind | None:
    """The row of ``resource_type``, None for a type nobody has written down."""
    return kinds().get(resource_type)


def _kind(row: Mapping[str, str]) -> Kind:
    return Kind(
        type=row["type"],
        holds_data=row["data"] == "yes",
        create_s=float(row["create_s"] or DEFAULT_CREATE_S),
        update_s=float(row["update_s"] or DEFAULT_UPDATE_S),
        measured=bool(row["durations_from"]),
        drift=row["drift"] == "yes",
    )
