"""Now and sleep: the only place where the product reads a clock of its own.

Deciders never do; *now* reaches them inside what was observed, as the service's time.
"""

from __future__ import annotations

import time
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
