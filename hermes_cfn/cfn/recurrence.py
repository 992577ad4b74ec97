"""The five fields of a ``Recurrence``: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

Amazon EC2 Auto Scaling user guide, "Scheduled scaling": cron expressions with lists, ranges and steps, in the action's
time zone, UTC unless it says another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True)
class Recurrence:
    """What each field admits; ``either``: day of the month and day of the week are both restricted, and one suffices."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, moment: datetime) -> bool:
        """Whether it happens in the minute of ``moment``, which is in its time zone."""
        return moment.minute in self.minutes and moment.hour in self.hours and self._day(moment)

    def _day(self, moment: datetime) -> bool:
        day, weekday = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return moment.month in self.months and (day or weekday if self.either else day and weekday)

    def last(self, now: datetime, days: int = 8) -> datetime | None:
        """The last minute not after ``now``, which is in its time zone, within so many days; None where there is none."""
        for back in range(days):
            date = now - timedelta(days=back)
            if not self._day(date):
                continue
            for hour in sorted(self.hours, reverse=True):
                for minute in sorted(self.minutes, reverse=True):
                    moment = date.replace(hour=hour, minute=minute, second=0, microsecond=0)
                    if moment <= now:
                        return moment
        return None


@cache
def parse(text: str) -> Recurrence | None:
    """None for what is not five such fields."""
    fields = text.split()
    if len(fields) != 5:
        return None
    found = [_field(field, *limits) for field, limits in zip(fields, LIMITS, strict=True)]
    minutes, hours, days, months, weekdays = found
    if minutes is None or hours is None or days is None or months is None or weekdays is None:
        return None
    either = not (fields[2].startswith("*") or fields[4].startswith("*"))
    return Recurrence(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def zone(name: str) -> ZoneInfo | None:
    """The time zone; None where nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _field(text: str, low: int, high: int) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            first, last = str(low), str(high)
        elif not dash:
            last = str(high) if step else first
        if not (first.isdigit() and last.isdigit() and (step or "1").isdigit() and int(step or 1)):
            return None
        if not low <= int(first) <= int(last) <= high:
            return None
        found.update(range(int(first), int(last) + 1, int(step or 1)))
    return frozenset(found)
