"""What of a month's bill is due in a period of hours.

A month of the bill has 730 hours.  What AWS counts by the month (``GB-Mo``, hosted zones, alarms, secrets) costs the
same in February and in March, and of a part of a month its share; everything else costs by the hours and uses that
there are.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from hermes_cfn.units import HOURS_PER_MONTH

BY_MONTH = frozenset(
    {
        "1000 metrics",
        "alarms",
        "cloudmapresource",
        "dashboards",
        "healthchecks",
        "hostedzone",
        "keys",
        "metrics",
        "secrets",
    }
)
"""AWS's units of what is kept for a month, beside those that say so."""


def by_month(unit: str) -> bool:
    """Whether AWS counts a unit by the month: ``GB-Mo``, ``IOPS-Mo``, ``GiBps-mo``, ``Month``, ``Alarms``."""
    word = unit.strip().lower()
    return word in BY_MONTH or re.search(r"(?:^|[-/ ])mo(?:nths?)?\Z", word) is not None


def due(unit: str, hours: Decimal, months: Decimal) -> Decimal:
    """The share of a month's cost that is due for ``hours``, which are so many ``months``."""
    return months if by_month(unit) else hours / HOURS_PER_MONTH


def after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def hours_of(month: date) -> Decimal:
    """The hours of a month: 672 to 744."""
    return Decimal((after(month) - month.replace(day=1)).days * 24)


def moment(day: date) -> datetime:
    """The beginning of a day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
