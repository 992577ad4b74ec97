"""What this month has cost so far, asked at most every six hours: each request costs a cent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from hermes_cfn import bill
from hermes_cfn.aws.billing import REGION, Billing
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.pricing import books, cache

KEEP = timedelta(hours=6)


def to_date(context: DeployContext, now: datetime, directory: Path | None = None) -> Decimal | None:
    """USD since the first of the month, or None where billing may not be read."""
    path = (directory or cache.base()) / f"month-{context.names.account}-{context.names.application}.json"
    kept = _read(path, now)
    if kept is not None:
        return kept[0]
    tag = ("hermes:application", context.names.application)
    found = Billing(context.clients.calls("ce", REGION)).month_to_date(now.date(), tag)
    cache.keep(path, json.dumps({"at": now.isoformat(), "usd": None if found is None else str(found)}))
    return found


def estimate(context: DeployContext) -> Decimal | None:
    """USD that a whole month is expected to cost, or None where the region has no price book."""
    try:
        return bill.compute(context.deployment, books.load(context.region)).total
    except HermesError:
        return None


def _read(path: Path, now: datetime) -> tuple[Decimal | None] | None:
    """The kept answer in a tuple, or None when there is none that is fresh."""
    try:
        kept = json.loads(path.read_text())
        age = now - datetime.fromisoformat(kept["at"])
        if timedelta(0) <= age < KEEP:
            return (None if kept["usd"] is None else Decimal(kept["usd"]),)
    except (OSError, ValueError, KeyError, TypeError, InvalidOperation):
        return None
    return None
