"""What instances and documents say, read again only where it may have changed.

A large fleet has a report an instance, ten a call, and a run an instance and document, fifty a
call.  What nobody works on does not change: an instance that serves and is confirmed is read when it
moves or a document has ended on it, and again with everybody after :data:`WHOLE_S`.  A run that has
ended stays so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hermes_cfn.aws.ssm import BY_NAME, Invocation
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.flows.base.context import DeployContext

Report = Mapping[str, Any]

WHOLE_S = 60.0
"""Seconds of service time after which every report is read again, whatever seems to move."""

FIRST_S = 3600.0
"""How far back the first look at document runs goes, in seconds: longer than any document may take."""

SLACK = timedelta(seconds=2)
"""The service tells its time in whole seconds, and answers for a filter are not sooner than that."""

LATE = timedelta(seconds=10)
"""How long after it was sent a run may appear in the list for the first time: an estimate."""


class Reading:
    """Reports and runs as they were last read."""

    def __init__(self, context: DeployContext) -> None:
        self._ground = context
        self._reports: dict[str, Report] = {}
        self._versions: dict[str, int] = {}
        self._runs: dict[tuple[str, str], Invocation] = {}
        self._whole: datetime | None = None
        self._asked: datetime | None = None
        self._expected: frozenset[str] = frozenset()
        self._ended: frozenset[str] = frozenset()

    def runs(self) -> Mapping[str, list[Invocation]]:
        """Instance to its document runs, oldest first."""
        now = self._ground.clients.now()
        before = self._running()
        for run in self._ground.clients.ssm.invocations(now, self._horizon(now)):
            self._runs[run.command, run.instance] = run
        self._ended = before - self._running()
        self._asked = now
        found: dict[str, list[Invocation]] = {}
        for run in sorted(self._runs.values(), key=lambda run: run.requested):
            found.setdefault(run.instance, []).append(run)
        return found

    def _horizon(self, now: datetime) -> float:
        """Seconds back to the oldest run that had not ended when it was last seen, and past the last look."""
        if self._asked is None:
            return FIRST_S
        open_runs = [run.requested - SLACK for run in self._runs.values() if run.progress is Progress.RUNNING]
        return (now - min((self._asked - LATE, *open_runs))).total_seconds()

    def _running(self) -> frozenset[str]:
        return frozenset(run.instance for run in self._runs.values() if run.progress is Progress.RUNNING)

    def expect(self, instances: Iterable[str]) -> None:
        """The reports of these may change, and somebody waits for it: read them beside the next look."""
        self._expected = frozenset(instances)

    def expected(self) -> list[Callable[[], None]]:
        """The calls that read what is expected to change."""
        return self._asks(self._expected)

    def reports(self, members: Collection[str], moved: Iterable[str]) -> Mapping[str, Report]:
        """Instance to its report; what moved and was not expected to is read now.

        So is an instance whose document has ended: what was read beside may be older than the end.
        """
        now = self._ground.clients.now()
        wanted = (frozenset(moved) - self._expected) | self._ended | (frozenset(members) - self._reports.keys())
        if self._whole is None or (now - self._whole).total_seconds() >= WHOLE_S:
            self._whole, wanted = now, frozenset(members)
        self._ended = frozenset()
        self._ground.clients.together(self._asks(wanted))
        return self._reports

    def _asks(self, instances: Iterable[str]) -> list[Callable[[], None]]:
        names = sorted(self._ground.names.instance_report(name) for name in instances)
        return [partial(self._read, names[at : at + BY_NAME]) for at in range(0, len(names), BY_NAME)]

    def _read(self, names: Sequence[str]) -> None:
        for name, parameter in self._ground.clients.ssm.parameters(names).items():
            if parameter.version >= self._versions.get(name, 0):
                self._versions[name] = parameter.version
                self._reports[name.rpartition("/")[2]] = _json(parameter.value)


def _json(text: str) -> Report:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
