"""Steps in the order of what they wait for, as many at once as that allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

Done = Callable[[str | None], None]


class Graph:
    """Starts ``step(name, done)`` for each name once those it waits for are done.

    ``done(None)`` says that it went well, ``done(reason)`` that it did not.  A failure cancels
    what runs (``cancel(name)``) and starts nothing more, unless ``carry_on``: then only what
    waits for the failed one is left.  ``ended`` gets the failures, reasons by name.
    """

    def __init__(
        self,
        waits: Mapping[str, frozenset[str]],
        step: Callable[[str, Done], None],
        ended: Callable[[Mapping[str, str]], None],
        cancel: Callable[[str], None],
        carry_on: bool = False,
    ) -> None:
        self._waits = dict(waits)
        self._step, self._ended, self._cancel = step, ended, cancel
        self._carry_on = carry_on
        self._running: set[str] = set()
        self._well: set[str] = set()
        self._failures: dict[str, str] = {}
        self._over = False

    def go(self) -> None:
        """Start what can start."""
        ready = [name for name, before in self._waits.items() if before <= self._well]
        for name in ready:
            del self._waits[name]
            self._running.add(name)
        for name in ready:
            if self._over:
                return
            self._step(name, lambda reason, name=name: self._done(name, reason))  # type: ignore[misc]
        if not self._running and not self._over:
            self._over = True
            self._ended(self._failures)

    def others(self, held: Set[str]) -> bool:
        """Whether anything but ``held``, and what waits for those, is still to be done."""
        blocked = set(held)
        while more := {name for name, before in self._waits.items() if name not in blocked and before & blocked}:
            blocked |= more
        return bool((self._running | self._waits.keys()) - blocked)

    def fail(self, name: str, reason: str) -> None:
        """Give up: cancel what runs."""
        if self._over:
            return
        self._failures[name] = reason
        self._over = True
        for other in sorted(self._running - {name}):
            self._failures[other] = "cancelled"
            self._cancel(other)
        self._ended(self._failures)

    def _done(self, name: str, reason: str | None) -> None:
        if self._over:
            return
        self._running.discard(name)
        if reason is None:
            self._well.add(name)
        elif self._carry_on:
            self._failures[name] = reason
        else:
            self.fail(name, reason)
            return
        self.go()
