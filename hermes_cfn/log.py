"""What the product logs: standard :mod:`logging`, a logger a module, all under ``hermes_cfn``.

Nothing is shown until somebody asks: ``--debug`` on the command line, ``HERMES_LOG=debug`` (or ``info``,
``warning``) in the environment of whatever imports the product, or handlers of one's own.
"""

from __future__ import annotations

import logging
import os
import sys

VARIABLE = "HERMES_LOG"
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def show(level: int = logging.DEBUG) -> None:
    """Writes what the product logs to standard error; twice is once."""
    logger = logging.getLogger("hermes_cfn")
    logger.setLevel(level)
    if not any(isinstance(handler, _ToStandardError) for handler in logger.handlers):
        logger.addHandler(_ToStandardError())


def from_environment() -> None:
    """As ``HERMES_LOG`` says; a word that is no level is taken as ``debug``, an empty one as nothing."""
    asked = os.environ.get(VARIABLE, "").strip().lower()
    if asked:
        show(_LEVELS.get(asked, logging.DEBUG))


class _ToStandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """To whatever standard error is when a line is written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
