"""One thread that does what is due, under the lock that guards the fleet's state."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from hermes_cfn.local.clock import ServiceClock

log = logging.getLogger("hermes.local")


class Timer:
    """Something that is due at a real moment, unless cancelled."""

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scheduler:
    """Runs actions when they are due; the thread sleeps when nothing is."""

    def __init__(self, clock: ServiceClock, lock: threading.RLock) -> None:
        self.clock = clock
        self.lock = lock
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._run, daemon=True, name="scheduler").start()

    def after(self, service_seconds: float, action: Callable[[], None]) -> Timer:
        """Does ``action`` after a wait of the cloud's own (hurried by the clock)."""
        return self.after_real(self.clock.real(service_seconds), action)

    def by(self, service_seconds: float, action: Callable[[], None]) -> Timer:
        """Does ``action`` at a deadline that real programs have to keep."""
        return self.after_real(self.clock.deadline(service_seconds), action)

    def after_real(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Does ``action`` after real ``seconds``."""
        timer = Timer(time.monotonic() + seconds, action)
        with self._changed:
            heapq.heappush(self._heap, (timer.due, next(self._numbers), timer))
            self._changed.notify()
        return timer

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._ended and (not self._heap or self._heap[0][0] > time.monotonic()):
                    self._changed.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                if self._ended:
                    return
                timer = heapq.heappop(self._heap)[2]
            if timer.cancelled:
                continue
            try:
                with self.lock:
                    timer.action()
            except Exception:
                log.exception("a scheduled action failed")
