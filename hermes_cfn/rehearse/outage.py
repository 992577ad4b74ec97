"""An outage that passes by itself: when it began, and when it was really over.

The cloud ends it when its clock says so, as soon as it comes to it: on a busy machine later than planned, and what fails
until then is the outage's, not the deployer's.  So its end is observed, by a door of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_S = 0.02
AT_MOST_S = 60.0
"""Real seconds after the planned end at which nobody waits any longer, and the verdict tells the rest."""


class Outage:
    """From ``begun`` (epoch seconds) for ``lasts_s`` planned real seconds; ``answers`` says whether what is away is back."""

    def __init__(self, begun: float, lasts_s: float, answers: Callable[[], bool]) -> None:
        self.begun = begun
        self._planned = time.time() + lasts_s
        self._ended = 0.0
        self._thread = threading.Thread(target=self._watch, args=(answers,), daemon=True)
        self._thread.start()

    def _watch(self, answers: Callable[[], bool]) -> None:
        time.sleep(max(0.0, self._planned - time.time()))
        while not answers() and time.time() < self._planned + AT_MOST_S:
            time.sleep(LOOK_S)
        self._ended = max(self._planned, time.time())

    @property
    def span(self) -> tuple[float, float]:
        """Begin and end in epoch seconds; waits until it is over."""
        self._thread.join()
        return self.begun, self._ended
