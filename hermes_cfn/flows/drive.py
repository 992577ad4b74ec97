"""The one loop: observe, decide, act, report.

It keeps nothing that matters.  ``guard`` runs before every look and before every action, and
raises when we may no longer act.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from typing import Any, TypeVar

from hermes_cfn.clock import Clock, patience
from hermes_cfn.deciders.actions import Done, Stop, Wait
from hermes_cfn.events import Event, Waiting

Seen = TypeVar("Seen")
Result = TypeVar("Result")
Story = Generator[Event, None, Result]
"""A flow that tells events and ends with a result."""


def drive(
    look: Callable[[], tuple[Seen, Iterable[Event]]],
    decide: Callable[[Seen], tuple[Any, ...]],
    act: Callable[[Any], Iterable[Event]],
    guard: Callable[[], None],
    clock: Clock,
    now: Callable[[], datetime],
) -> Story[Done | Stop]:
    """Until the decider says Done or Stop, which is the result."""
    waited, said = 0.0, ""
    while True:
        guard()
        seen, news = look()
        news = tuple(news)
        yield from news
        actions = decide(seen)
        last = actions[0]
        if isinstance(last, Done | Stop):
            return last
        if isinstance(last, Wait):
            if last.what != said:
                said = last.what
                yield Waiting(now(), said)
            waited = 0.0 if news else waited
            pause = patience(waited)
            clock.sleep(pause)
            waited += pause
            continue
        waited, said = 0.0, ""
        for action in actions:
            guard()
            yield from act(action)
