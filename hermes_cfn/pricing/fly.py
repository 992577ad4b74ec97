"""What Fly.io charges for a machine, by its published rates and markups of 2026 (``fly.csv``).

Fly.io is another house with another price list, so these are the only prices that are in no book.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files

from hermes_cfn.units import SECONDS_PER_MONTH


@cache
def rows() -> tuple[Mapping[str, str], ...]:
    """Every published rate with its unit, date, basis and source."""
    text = files("hermes_cfn.pricing").joinpath("fly.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def rates() -> dict[str, Decimal]:
    """Published rates by key."""
    return {row["key"]: Decimal(row["value"]) for row in rows()}


REGIONS = tuple(key.removeprefix("markup_") for key in rates() if key.startswith("markup_"))
"""Those whose markup is known."""
DEAR_EGRESS = ("gru", "nrt", "sin", "syd")
"""Regions in Asia, Oceania and South America, whose egress has its own rate."""


def shared_machine(vcpu: int, memory_gb: Decimal, region: str, seconds: Decimal = SECONDS_PER_MONTH) -> Decimal | None:
    """USD of one shared-CPU machine that is always on, for a month of 730 hours; None where the region's markup is unknown."""
    if region not in REGIONS:
        return None
    known = rates()
    extra = max(Decimal(0), memory_gb - known["included_ram"] * vcpu)
    return (vcpu * known["rate_shared_vcpu"] + extra * known["rate_ram"]) * known[f"markup_{region}"] * seconds
