"""The time of the embedded cloud: real time, hurried by one factor, and moved ahead on request."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from hermes_cfn.local.options import DEFAULT_SPEED, PATIENCE_S


class ServiceClock:
    """Service time: ``start + real elapsed x speed + advanced``.

    ``speed`` has no unit (service seconds in a real second).  Two kinds of duration exist.
    What the cloud itself waits for (draining, health intervals, warm-up) passes ``speed``
    times as fast, see :meth:`real`.  A deadline on a real program (a script, a boot, a health
    check's answer) is hurried too, but never below ``patience`` real seconds, see
    :meth:`deadline`: the programs themselves are not hurried.
    """

    def __init__(
        self, speed: float = DEFAULT_SPEED, start: datetime | None = None, patience: float = PATIENCE_S
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self.speed = speed
        self.patience = patience
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Service time, with zone UTC."""
        with self._lock:
            elapsed = (time.monotonic() - self._origin) * self.speed + self._advanced
        return self._start + timedelta(seconds=elapsed)

    def unhurried(self) -> datetime:
        """The time by which real programs' credentials and tokens end: moved ahead on request, and not hurried."""
        with self._lock:
            elapsed = time.monotonic() - self._origin + self._advanced
        return self._start + timedelta(seconds=elapsed)

    def advance(self, seconds: float) -> datetime:
        """Move ahead by ``seconds`` of service time (never back); the new now."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        with self._lock:
            self._advanced += seconds
        return self.now()

    def real(self, seconds: float) -> float:
        """Real seconds that a wait of ``seconds`` of service time takes."""
        return seconds / self.speed

    def deadline(self, seconds: float, patience: float | None = None) -> float:
        """Real seconds after which a real program has used up ``seconds`` of service time."""
        floor = self.patience if patience is None else patience
        return min(seconds, max(seconds / self.speed, floor))

    def sleep(self, seconds: float) -> None:
        """Sleep ``seconds`` of service time."""
        time.sleep(self.real(seconds))
