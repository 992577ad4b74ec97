"""Between which figures the bill of a group lies that scales by itself, read from its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.compute import compute
from hermes_cfn.cfn import recurrence
from hermes_cfn.deployment import Deployment
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import HOURS_PER_MONTH

WEEK = 7 * 24 * 60
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def between(deployment: Deployment, book: PriceBook) -> tuple[Decimal, Decimal] | None:
    """USD a month if there is never any load, and if there is always too much; None where nothing scales."""
    hours = hours_above(deployment)
    if hours is None:
        return None
    low, high = (
        compute(replace(deployment, usage={**deployment.usage, "scaled_hours": str(each)}), book).total
        for each in hours
    )
    return low, high


def hours_above(deployment: Deployment) -> tuple[Decimal, Decimal] | None:
    """Instance hours a month above the smallest minimum, at minimum and at maximum in every minute of the week."""
    week = _week([one for spec in deployment for one in spec.template.get("Resources", {}).values()])
    if week is None:
        return None
    least = min(low for low, _ in week)
    low, high = (
        sum((Decimal(sizes[which] - least) for sizes in week), Decimal(0)) / WEEK * HOURS_PER_MONTH for which in (0, 1)
    )
    return low, high


def _week(resources: list[Mapping[str, Any]]) -> list[tuple[int, int]] | None:
    """Minimum and maximum in every minute of the week, from Monday 00:00; of one group that scales."""
    groups = [one["Properties"] for one in resources if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"]
    if len(groups) != 1 or "DesiredCapacity" in groups[0]:
        return None
    at: dict[int, tuple[int, int]] = {}
    for action in (one["Properties"] for one in resources if one["Type"] == "AWS::AutoScaling::ScheduledAction"):
        found = recurrence.parse(str(action.get("Recurrence", "")))
        for minute in range(WEEK) if found else ():
            if found and found.on(MONDAY + timedelta(minutes=minute)):
                at[minute] = int(action["MinSize"]), int(action["MaxSize"])
    now = at[max(at)] if at else (int(groups[0]["MinSize"]), int(groups[0]["MaxSize"]))
    week: list[tuple[int, int]] = []
    for minute in range(WEEK):
        now = at.get(minute, now)
        week.append(now)
    return week
