"""What ends an operation from outside of its resources: a time limit, and alarms that take it back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html (TimeoutInMinutes)
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from hermes_cfn.local.clients import OWN
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.model import Request, Stack

LOOK_S = 0.25
"""Real seconds between two looks at the alarms."""

TOO_LONG = "Stack creation time exceeded the specified timeout. Rollback requested by user."


class Limits:
    """Watches one operation of ``stack``: ``fail`` is told the reason, once, while ``runs()``."""

    def __init__(self, engine: Engine, stack: Stack, fail: Callable[[str], None]) -> None:
        self._engine, self._stack, self._fail = engine, stack, fail
        self._over = False
        self._looked = 0.0

    def watch(self, request: Request, creates: bool) -> None:
        """From the operation's beginning until :meth:`end`; the time limit is of creations alone."""
        minutes = request.minutes if creates else None
        until = self._engine.clock.now() + timedelta(minutes=minutes) if minutes else None
        if until is not None or request.triggers:
            self._engine.scheduler.poll(lambda: self._look(request, until), patient=True)

    def _look(self, request: Request, until: datetime | None) -> bool:
        if self._over:
            return True
        why = self.broken(request)
        if not why and until is not None and self._engine.clock.now() >= until:
            why = TOO_LONG
        if why:
            self._over = True
            self._fail(why)
        return bool(why)

    def end(self) -> None:
        """The operation is over, or goes back."""
        self._over = True

    def broken(self, request: Request) -> str:
        """Why an alarm takes the operation back; one that is not there does so too.  Empty where none does."""
        if not request.triggers or time.monotonic() - self._looked < LOOK_S:
            return ""
        self._looked = time.monotonic()
        door = self._engine.door(OWN)("cloudwatch", self._stack.region)
        names = [arn.rpartition(":alarm:")[2] for arn in request.triggers]
        kinds = ["MetricAlarm", "CompositeAlarm"]
        answer = door.describe_alarms(AlarmNames=names, AlarmTypes=kinds)
        found = {one["AlarmName"]: one["StateValue"] for kind in kinds for one in answer.get(f"{kind}s", ())}
        lost = [name for name in names if name not in found]
        if lost:
            return f"Rollback trigger(s) [{', '.join(lost)}] do not exist."
        loud = [name for name in names if found[name] == "ALARM"]
        return f"Rollback trigger(s) [{', '.join(loud)}] went into ALARM." if loud else ""

    def afterwards(self, request: Request, over: Callable[[str], None]) -> None:
        """Watches the alarms for the minutes that the request says, then tells ``over`` why it goes back, or nothing."""
        self.end()
        until = self._engine.clock.now() + timedelta(minutes=request.monitoring)

        def look() -> bool:
            why = self.broken(request)
            if not why and self._engine.clock.now() < until:
                return False
            over(why)
            return True

        if request.triggers and request.monitoring:
            self._engine.scheduler.poll(look)
        else:
            over("")
