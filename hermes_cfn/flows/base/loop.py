"""The one loop: observe, decide, act, report.

It keeps nothing that matters.  ``guard`` runs before every look and before every action, and
raises when we may no longer act.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from typing import Any, TypeVar

from hermes_cfn.clock import Clock, Tempo
from hermes_cfn.deciders.actions import Done, Stop, Wait
from hermes_cfn.events import Event, Waiting

logger = logging.getLogger(__name__)

Seen = TypeVar("Seen")
Result = TypeVar("Result")
Story = Generator[Event, None, Result]
"""A flow that tells events and ends with a result."""


def drive(
    look: Callable[[], tuple[Seen, Iterable[Event]]],
    decide: Callable[[Seen], tuple[Any, ...]],
    act: Callable[[Any], Story[bool | None]],
    guard: Callable[[], None],
    clock: Clock,
    now: Callable[[], datetime],
    tempo: Tempo | None = None,
) -> Story[Done | Stop]:
    """Until the decider says Done or Stop, which is the result.

    ``act`` answers False when the action was refused: the rest counts on it, and is decided anew.  ``tempo`` says when to look again while waiting; without it that follows from the
    wait so far.
    """
    tempo = tempo or Tempo(clock, now, {})
    acted, waiting = clock.now(), Wait("")
    while True:
        guard()
        seen, news = look()
        news = tuple(news)
        yield from news
        actions = decide(seen)
        last = actions[0]
        logger.debug("decided %s", actions)
        if isinstance(last, Done | Stop):
            return last
        waited = (clock.now() - acted).total_seconds()
        if waiting.what and (not isinstance(last, Wait) or last.what != waiting.what):
            tempo.took(waiting.for_what, waited)
        if isinstance(last, Wait):
            if last.what != waiting.what:
                yield Waiting(now(), last.what)
            waiting = last
            clock.sleep(tempo.pause(last.for_what, waited))
            continue
        waiting = Wait("")
        for action in actions:
            guard()
            if (yield from act(action)) is False:
                break
        acted = clock.now()
