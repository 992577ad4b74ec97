"""What one stack was asked to do by this run, and whether what AWS shows of it is the outcome of that.

Every event of an operation carries the client request token that it was asked with (CloudFormation API, StackEvent:
"All events triggered by a given stack operation are assigned the same client request token").  So the status of the
newest event of the stack itself with our token is what the operation has come to, whatever DescribeStacks says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hermes_cfn.aws.calls import token as new_token
from hermes_cfn.aws.cloudformation import CloudFormation, StackEvent
from hermes_cfn.deciders.observed import StackSeen
from hermes_cfn.events import Event, ResourceEvent

PATIENCE = timedelta(seconds=60)
"""How long an operation that was accepted may show in no event, in service time; then DescribeStacks alone is believed."""


@dataclass
class Operation:
    """``token`` is empty while this run has asked for nothing; ``status`` is what our events say of the stack."""

    door: CloudFormation
    name: str
    token: str = ""
    asked_at: datetime | None = None
    heard_at: datetime | None = None
    before: tuple[str | None, str] = (None, "")
    stack_id: str = ""
    deletes: bool = False
    status: str = ""
    events: list[StackEvent] = field(default_factory=list)
    _since: datetime | None = None
    _told: set[str] = field(default_factory=set)

    def skip(self, latest: StackEvent | None) -> None:
        """What came before is not told: it ends with ``latest``."""
        if latest is not None:
            self._since, self._told = latest.at, {latest.id}

    def ask(self, seen: StackSeen | None, now: datetime, deletes: bool = False) -> str:
        """A new operation is asked for, after the stack was ``seen`` so; its token."""
        self.token, self.asked_at, self.heard_at, self.status, self.deletes = new_token(), now, now, "", deletes
        self.before, self.stack_id = (seen.status, seen.updated) if seen else (None, ""), seen.stack_id if seen else ""
        return self.token

    def over(self) -> None:
        """A stack was deleted; what has its name from now on is another one."""
        if self.deletes:
            self.token, self.status, self.stack_id, self.deletes = "", "", "", False

    def news(self, now: datetime) -> list[Event]:
        """Events that were not told yet, oldest first; those of a stack that goes are had by its ID."""
        fresh = self.door.events(self.stack_id or self.name, self._since, self._told)
        self._told |= {event.id for event in fresh}
        if self._since is None and fresh:
            self._since = fresh[0].at
        self.events += fresh
        for event in fresh:
            if self.token and event.token == self.token and event.of_stack:
                self.status, self.heard_at = event.status, now
        return [ResourceEvent(e.at, e.stack, e.logical_id, e.resource_type, e.status, e.reason) for e in fresh]

    @property
    def ours(self) -> list[StackEvent]:
        """Events of the operation that this run has asked for; all that are known where it has asked for none."""
        return [event for event in self.events if not self.token or event.token == self.token] or self.events

    def shows(self, seen: StackSeen, now: datetime) -> bool:
        """Whether ``seen`` is from after what this run has asked for: the same that the newest of our events says.

        Where no event says anything for long, a difference to what was seen before has to do.
        """
        if not self.token or self.heard_at is None or seen.status == self.status:
            return True
        if self.deletes and seen.status is None:
            return True
        late = now - self.heard_at > PATIENCE
        return late and (seen.status, seen.updated) != self.before
