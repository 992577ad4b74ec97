"""The time that resources take: one queue, on the service's clock.

When everything that runs only waits for a duration, the clock is moved to the next completion
instead of sleeping.  Where something waits for a program that really runs (an instance that
boots), time passes by itself.  In real time nothing is moved.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

log = logging.getLogger("hermes.local")
POLL_S = 0.05
GRACE_S = 0.04
"""Real seconds before time is moved after a stack begins, so that stacks begun together run side by side."""


class Clock(Protocol):
    """Service time: ``speed`` service seconds in a real one."""

    speed: float

    def now(self) -> datetime: ...

    def advance(self, seconds: float) -> datetime: ...


@dataclass(order=True)
class _Due:
    at: datetime
    order: int
    call: Callable[[], None] = field(compare=False)


@dataclass(eq=False)
class _Poll:
    check: Callable[[], bool]
    patient: bool
    next: float


class Scheduler:
    """Calls things when they are due, one after the other, in a thread of its own, holding ``lock``."""

    def __init__(self, clock: Clock, lock: threading.RLock, real_time: bool = False) -> None:
        self.clock = clock
        self._lock = lock
        self._real_time = real_time
        self._due: list[_Due] = []
        self._polls: list[_Poll] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._busy = False
        self._stopped = False
        self._quiet_until = 0.0
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """``call`` after ``seconds`` of service time."""
        with self._changed:
            heapq.heappush(self._due, _Due(self.clock.now() + timedelta(seconds=seconds), next(self._order), call))
            self._wake()

    def begin(self) -> None:
        """Say that a stack begins to change: others may follow at once."""
        self._quiet_until = time.monotonic() + GRACE_S

    def poll(self, check: Callable[[], bool], patient: bool = False) -> None:
        """Call ``check`` again and again until it says True.

        Unless ``patient``, durations pass by themselves meanwhile.
        """
        with self._changed:
            self._polls.append(_Poll(check, patient, time.monotonic()))
            self._wake()

    def settle(self, timeout: float = 30.0, patient: bool = False) -> bool:
        """Wait (real seconds) until nothing is under way; with ``patient`` polls may remain."""

        def idle() -> bool:
            polls = [poll for poll in self._polls if not (patient and poll.patient)]
            return not (self._busy or self._due or polls)

        with self._changed:
            return self._changed.wait_for(idle, timeout)

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="cloudformation", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                call = self._next()
                while call is None and not self._stopped:
                    call = self._next()
                if self._stopped:
                    return
                self._busy = True
            try:
                if call is not None:
                    with self._lock:
                        call()
            except Exception:
                log.exception("cloudformation")

    def _next(self) -> Callable[[], None] | None:
        """What to call now; None after having waited for a moment or a change."""
        poll = min(self._polls, key=lambda poll: poll.next, default=None)
        if poll is not None and poll.next <= time.monotonic():
            return lambda: self._ask(poll)
        waits = [poll.next - time.monotonic()] if poll is not None else []
        if self._due:
            ahead = (self._due[0].at - self.clock.now()).total_seconds()
            held = self._real_time or any(not poll.patient for poll in self._polls)
            quiet = self._quiet_until - time.monotonic()
            if ahead > 0 and not held and quiet > 0:
                self._changed.wait(quiet)
                return None
            if ahead > 0 and not held:
                self.clock.advance(ahead)
                ahead = 0
            if ahead <= 0:
                return heapq.heappop(self._due).call
            waits.append(ahead / self.clock.speed)
        self._changed.wait(max(min(waits), 0.001) if waits else None)
        return None

    def _ask(self, poll: _Poll) -> None:
        done = poll.check()
        with self._changed:
            if done:
                self._polls.remove(poll)
            else:
                poll.next = time.monotonic() + POLL_S
