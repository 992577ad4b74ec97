"""``[scaling]``: how many instances there are by load, and by the hour of the week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from hermes_cfn.config.planning import Planning
from hermes_cfn.config.section import Section

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Time = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
WindowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
DAY = 24 * 60
WEEK = 7 * DAY
"""Minutes."""

MOST = 100
"""Instances, as ``compute.count``."""


class Window(Section):
    """From ``begin`` to ``end`` on these days, ``HH:MM`` in the section's time zone; an end before its begin is on the next day."""

    days: Annotated[tuple[Day, ...], Field(strict=False)] = DAYS  # type: ignore[assignment]
    begin: Time
    end: Time
    minimum: Annotated[int, Field(ge=0, le=MOST)]
    maximum: Annotated[int, Field(ge=0, le=MOST)]

    @model_validator(mode="after")
    def _lasts(self) -> Window:
        if not self.days:
            raise ValueError("names no day; leave days out for all")
        if self.begin == self.end or self.begin == "24:00":
            raise ValueError('begins when it ends; a whole day is begin = "00:00" and end = "24:00"')
        return self

    def minutes(self) -> Iterator[int]:
        """Every minute of the week, from Monday 00:00, in which it holds."""
        begin, end = _minute(self.begin), _minute(self.end)
        length = end - begin if end > begin else end + DAY - begin
        for day in self.days:
            first = DAYS.index(day) * DAY + begin
            yield from ((first + more) % WEEK for more in range(length))


@dataclass(frozen=True, slots=True)
class Step:
    """From minute ``at`` of each of ``days`` on, the group has at least ``minimum`` and at most ``maximum`` instances.

    ``days``: 0 is Monday; ``at``: minutes after midnight.
    """

    days: tuple[int, ...]
    at: int
    minimum: int
    maximum: int

    @property
    def recurrence(self) -> str:
        """As Auto Scaling takes it: minute, hour, and days of the week of which 0 is Sunday."""
        days = "*" if len(self.days) == 7 else ",".join(str(day) for day in sorted((day + 1) % 7 for day in self.days))
        return f"{self.at % 60} {self.at // 60} * * {days}"

    @property
    def title(self) -> str:
        """``At2200MonTue``: tells it from every other step, for a step has its minutes of the week alone."""
        days = "" if len(self.days) == 7 else "".join(DAYS[day].capitalize() for day in self.days)
        return f"At{self.at // 60:02}{self.at % 60:02}{days}"


class Scaling(Section):
    """Off while ``maximum`` is 0.  ``requests_per_target`` a minute."""

    minimum: Annotated[int, Field(ge=0, le=MOST)] = 0
    maximum: Annotated[int, Field(ge=0, le=MOST)] = 0
    cpu_percent: Annotated[int, Field(ge=0, le=90)] = 0
    requests_per_target: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,255}$")] = "UTC"
    windows: Mapping[WindowName, Window] = Field(default_factory=dict)

    @property
    def on(self) -> bool:
        return self.maximum > 0

    @property
    def targets(self) -> bool:
        """Whether load decides, rather than the hour alone."""
        return bool(self.cpu_percent or self.requests_per_target)

    @property
    def least(self) -> int:
        """The smallest minimum of any minute of the week."""
        return min((self.minimum, *(window.minimum for window in self.windows.values())))

    @property
    def most(self) -> int:
        """The largest maximum of any minute of the week."""
        return max((self.maximum, *(window.maximum for window in self.windows.values())))

    def week(self) -> list[tuple[int, int]]:
        """Minimum and maximum in every minute of the week, from Monday 00:00."""
        found = [(self.minimum, self.maximum)] * WEEK
        for window in self.windows.values():
            for minute in window.minutes():
                found[minute] = (window.minimum, window.maximum)
        return found

    def steps(self) -> tuple[Step, ...]:
        """When the range changes, days with the same change at the same time together; never two in one minute."""
        week = self.week()
        days: dict[tuple[int, int, int], list[int]] = {}
        for minute in range(WEEK):
            if week[minute] != week[minute - 1]:
                days.setdefault((minute % DAY, *week[minute]), []).append(minute // DAY)
        return tuple(Step(tuple(found), *key) for key, found in sorted(days.items()))

    def wanted(self, planning: Planning, hour: int, vcpus: int) -> int:
        """Instances that an hour of the day of ``[planning]`` asks for, before minimum and maximum.

        By processor: requests a second times seconds of a processor, over the processors of an instance at the target
        less what is idle there (utilisation law); by requests: a minute's requests over the target.  The most counts.
        """
        rate = planning.peak_requests_per_s * planning.day[hour] / max(planning.day)
        found = [0.0]
        if self.cpu_percent:
            share = self.cpu_percent / 100 - planning.idle_cpu
            busy = rate * planning.service_ms / 1000
            found.append(busy / (vcpus * share) if share > 0 else MOST)
        if self.requests_per_target:
            found.append(60 * rate / self.requests_per_target)
        return ceil(round(max(found), 9))

    def hours_above(self, planning: Planning, vcpus: int, hours_per_month: Decimal) -> float:
        """Instance hours a month above :attr:`least`, by the day's profile and the schedule, both in one time zone."""
        return self._hours([self.wanted(planning, hour, vcpus) for hour in range(24)], hours_per_month)

    def hours_at_most(self, hours_per_month: Decimal) -> tuple[float, float]:
        """The same if there is never any load, and if there is always too much."""
        return self._hours([0] * 24, hours_per_month), self._hours([MOST] * 24, hours_per_month)

    def _hours(self, wanted: list[int], hours_per_month: Decimal) -> float:
        total = sum(
            min(max(wanted[minute % DAY // 60], low), high) - self.least
            for minute, (low, high) in enumerate(self.week())
        )
        return total / WEEK * float(hours_per_month)


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
