"""What can be reported.  Flows yield these; consoles, JSON and ``--watch`` read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hermes_cfn.errors import Finding


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at ``at``, the time of the service that reports it."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """A stage of a flow begins; ``estimate_s`` in seconds where one is known.

    ``resources``: how many of a stack's resources will change.
    """

    stage: str
    detail: str = ""
    estimate_s: float | None = None
    resources: int = 0


@dataclass(frozen=True, slots=True)
class StageEnded(Event):
    """A stage of a flow ended well."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ResourceEvent(Event):
    """A stack event, as CloudFormation words it."""

    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InstanceEvent(Event):
    """An instance of the fleet changed, or something was done to it."""

    instance_id: str
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """A finding worth telling that does not stop the flow."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """Nothing to do but wait: for what, and for how long at most (seconds)."""

    what: str
    at_most_s: float | None = None
