"""Now and sleep: the only place where the product reads a clock of its own.

Deciders never do; *now* reaches them inside what was observed, as the service's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Now, with zone, and sleep in seconds."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def patience(waited: float) -> float:
    """Seconds to wait before looking again, after having waited ``waited`` seconds.

    A tenth of the wait so far, between 0.1 s and 5 s: short waits end promptly, and long
    ones cost few API calls.
    """
    return min(5.0, max(0.1, waited / 10))


def read_between(began: datetime, ended: datetime) -> str:
    """How old what is shown may be, in words: it was asked for from ``began`` to ``ended``, service time."""
    return f"read from {began:%H:%M:%S} to {ended:%H:%M:%S} UTC; AWS may have answered as of some seconds before"


KNOWN_AFTER_S = 3.0
"""Seconds of the machine's own time after which it is known how fast the service's time passes."""

LONGEST_S = 10.0
"""The longest pause, in seconds: an alarm or a dead instance must not wait longer to be seen."""


BETWEEN_S = 0.34
"""Seconds of service time from one look to the next while it is not known how long a wait takes, at first."""

SHORT_S = 3.0
"""Seconds of service time; a wait that takes no longer ends before it would be worth to look less often."""

AS_LONG = 0.9
"""How much of a wait that was seen before is expected again."""


class Tempo:
    """When to look again, for waits whose length in service time is known or was seen before.

    The service's clock need not be as fast as ours, and tells whole seconds; how fast it is shows
    after :data:`KNOWN_AFTER_S`.  Few looks until the end is due, many from then on; where nobody is out
    of service meanwhile (``unhurried``) fewer.
    """

    def __init__(
        self,
        clock: Clock,
        service_now: Callable[[], datetime],
        known: Mapping[str, float],
        unhurried: Collection[str] = (),
    ) -> None:
        self._clock = clock
        self._service_now = service_now
        self._known = dict(known)
        self._unhurried = frozenset(unhurried)
        self._seen: set[str] = set()
        self._began = (clock.now(), service_now())

    @property
    def _rate(self) -> float:
        """Seconds of service time that pass in one of ours; 0 while that is not known."""
        here = (self._clock.now() - self._began[0]).total_seconds()
        there = (self._service_now() - self._began[1]).total_seconds()
        if here < KNOWN_AFTER_S:
            return 0.0
        rate = max(there, 1.0) / here
        return 1.0 if abs(rate * here - here) <= 2.0 else rate

    def pause(self, what: str, waited: float) -> float:
        """Seconds until the next look, ``waited`` of our seconds after the action that ``what`` follows from."""
        expected, rate = self._known.get(what, 0.0), self._rate
        short = min(5.0, max(0.1, BETWEEN_S / max(rate, 1.0), waited / (10 if what in self._unhurried else 40)))
        if not expected or not rate:
            return short
        left = expected / rate - waited
        if left > 0:
            return min(LONGEST_S, max(0.1, left))
        return min(short, max(0.1, -left / 5))

    def took(self, what: str, waited: float) -> None:
        """A wait of no known length took ``waited`` of our seconds: the next one may be as long.

        Short ones are not worth remembering.
        """
        if what and waited * self._rate > SHORT_S and (what not in self._known or what in self._seen):
            self._seen.add(what)
            self._known[what] = waited * self._rate * AS_LONG
