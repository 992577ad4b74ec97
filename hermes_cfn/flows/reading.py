"""What instances and documents say, read again only where it may have changed.

A large fleet has a report an instance, ten a call, and a run an instance and document, fifty a
call.  What nobody works on does not change: an instance that serves, is confirmed and runs no
document is read once, and again with everybody after :data:`WHOLE_S`.  A run that has ended stays so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hermes_cfn.aws.ssm import BY_NAME, Invocation
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.flows.ground import Ground

Report = Mapping[str, Any]

WHOLE_S = 60.0
"""Seconds of service time after which every report is read again, whatever seems to move."""

FIRST_S = 3600.0
"""How far back the first look at document runs goes, in seconds: longer than any document may take."""

SLACK = timedelta(seconds=2)
"""The service tells its time in whole seconds, and answers for a filter are not sooner than that."""


class Reading:
    """Reports and runs as they were last read."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._reports: dict[str, Report] = {}
        self._runs: dict[tuple[str, str], Invocation] = {}
        self._whole: datetime | None = None
        self._moving: frozenset[str] = frozenset()

    def runs(self) -> Mapping[str, list[Invocation]]:
        """Instance to its document runs, oldest first."""
        now = self._ground.doors.now()
        for run in self._ground.doors.ssm.invocations(now, self._horizon(now)):
            self._runs[run.command, run.instance] = run
        found: dict[str, list[Invocation]] = {}
        for run in sorted(self._runs.values(), key=lambda run: run.requested):
            found.setdefault(run.instance, []).append(run)
        return found

    def _horizon(self, now: datetime) -> float:
        """Seconds back to the oldest run that had not ended when it was last seen, else to the newest."""
        if not self._runs:
            return FIRST_S
        open_runs = [run.requested for run in self._runs.values() if run.progress is Progress.RUNNING]
        since = min(open_runs) if open_runs else max(run.requested for run in self._runs.values())
        return (now - since + SLACK).total_seconds()

    def reports(self, members: Collection[str], moving: Iterable[str]) -> Mapping[str, Report]:
        """Instance to its report; those of ``moving`` and of who moved at the last look are read."""
        doors, names, now = self._ground.doors, self._ground.names, self._ground.doors.now()
        moving = frozenset(moving)
        unknown = frozenset(members) - self._reports.keys()
        wanted = moving | self._moving | unknown
        if self._whole is None or (now - self._whole).total_seconds() >= WHOLE_S:
            self._whole, wanted = now, frozenset(members)
        self._moving = moving
        reports = [names.instance_report(name) for name in sorted(wanted)]
        portions = [reports[at : at + BY_NAME] for at in range(0, len(reports), BY_NAME)]
        for found in doors.together([partial(doors.ssm.parameters, some) for some in portions]):
            self._reports |= {name.rpartition("/")[2]: _json(parameter.value) for name, parameter in found.items()}
        return self._reports


def _json(text: str) -> Report:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
