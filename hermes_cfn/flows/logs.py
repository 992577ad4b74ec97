"""Application logs, as they are and as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from hermes_cfn.aws.logs import Line
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet.observer import group, not_deployed

POLL_S = 2.0
"""Between two looks when following."""

LATE = timedelta(seconds=30)
"""A line may be ingested after a younger one: each look goes back this far and drops what was shown."""

_SPAN = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since(text: str, now: datetime) -> datetime:
    """``10m``, ``2h``, ``3d`` before ``now``, or an ISO 8601 time with its zone.

    Raises HermesError ``time-unknown``.
    """
    span = _SPAN.fullmatch(text)
    if span:
        return now - timedelta(**{_UNITS[span["unit"]]: int(span["count"])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise HermesError(
            Finding(
                "time-unknown",
                text,
                "is neither a span nor a time with a zone",
                next="like 10m, 2h, 3d or 2026-11-23T22:00:00Z",
            ),
            exit_code=ExitCode.USAGE,
        )
    return at


def known(context: DeployContext, process: str) -> None:
    """Raises HermesError ``process-unknown`` where hermes.toml has no such process."""
    there = ["web", *context.settings.processes]
    if process not in there or len(there) == 1:
        raise HermesError(
            Finding(
                "process-unknown",
                process,
                "there is no such process",
                evidence=f"processes of hermes.toml: {', '.join(there)}",
                next="--process with one of them; or without it, if the web process is the only one",
            ),
            exit_code=ExitCode.USAGE,
        )


def lines(
    context: DeployContext,
    begin: datetime,
    instance: str = "",
    pattern: str = "",
    follow: bool = False,
    process: str = "",
) -> Iterator[Line]:
    """Lines since ``begin``, oldest first; ``pattern`` is CloudWatch's filter syntax.  Following never ends.

    ``process`` is one of ``[processes]``, or ``web``.  Raises HermesError ``process-unknown``.
    """
    if process:
        known(context, process)
    if pattern.lstrip().startswith("{"):
        raise HermesError(
            Finding(
                "filter-json",
                pattern,
                "a filter by JSON fields finds nothing here",
                why="Docker wraps each line in an object of its own, and what the application wrote is a text in it",
                next="a word like ERROR, or a phrase in quotes; in Logs Insights, parse the field log",
            ),
            exit_code=ExitCode.USAGE,
        )
    logs, log_group = context.clients.logs, context.names.log_group
    shown: set[Line] = set()
    newest = begin
    while True:
        for line in logs.lines(log_group, max(begin, newest - LATE), pattern, instance):
            if line not in shown and process in ("", line.process):
                shown.add(line)
                newest = max(newest, line.at)
                yield line
        if not follow:
            return
        shown = {line for line in shown if line.at >= newest - LATE}
        context.clock.sleep(POLL_S)


def nothing(context: DeployContext) -> None:
    """Where there was no line: raises HermesError ``service-missing`` if there is nothing yet that could write one."""
    if group(context) is None:
        raise not_deployed(context)
