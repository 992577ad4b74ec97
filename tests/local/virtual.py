"""Time of a test's own, for what the embedded cloud does by its clock and scheduler."""

from __future__ import annotations

import heapq
import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace


class Time:
    """A scheduler whose time passes only when it is told to; a real second is a service second."""

    def __init__(self):
        self.seconds = 0.0
        self._heap, self._numbers = [], itertools.count()
        self.clock = SimpleNamespace(
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds),
            deadline=lambda seconds: seconds,
        )

    def monotonic(self):
        return self.seconds

    def after(self, seconds, action):
        timer = SimpleNamespace(action=action, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        heapq.heappush(self._heap, (self.seconds + seconds, next(self._numbers), timer))
        return timer

    by = after_real = after

    def pass_(self, seconds):
        until = self.seconds + seconds
        while self._heap and self._heap[0][0] <= until:
            self.seconds, _, timer = heapq.heappop(self._heap)
            if not timer.cancelled:
                timer.action()
        self.seconds = until
