"""What is kept: stacks, their resources and events, change sets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hermes_cfn.cfn.changes import ResourceChange
from hermes_cfn.cfn.template import Resource, Template
from hermes_cfn.local.clients import Session


@dataclass
class Event:
    """One line of a stack's history."""

    id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    token: str = ""
    properties: str = ""
    operation: str = ""
    began: datetime | None = None
    """When what the status tells of began; where it is over, ``at`` is its end."""


@dataclass
class StackOperation:
    """One thing that happens to a stack, as DescribeEvents groups events: ``kind`` is an OperationType."""

    id: str
    kind: str
    at: datetime
    token: str = ""
    ended: datetime | None = None
    well: bool = False

    @property
    def status(self) -> str:
        """OperationStatus."""
        return "IN_PROGRESS" if self.ended is None else "SUCCEEDED" if self.well else "FAILED"

    def end(self, at: datetime, well: bool) -> None:
        if self.ended is None:
            self.ended, self.well = at, well


@dataclass
class Live:
    """One resource as it is now: ``resource`` has the evaluated properties that made it."""

    resource: Resource
    status: str
    at: datetime
    physical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    drift: str = "NOT_CHECKED"
    drift_at: datetime | None = None
    drifts: tuple[dict[str, str], ...] = ()
    actual: Mapping[str, Any] = field(default_factory=dict)
    turn: int = 0
    began: datetime | None = None

    @property
    def logical_id(self) -> str:
        return self.resource.logical_id

    @property
    def type(self) -> str:
        return self.resource.type


@dataclass(frozen=True)
class Seen:
    """What is there of a resource: ``status`` as StackResourceDriftStatus has it, or UNKNOWN where it could not be
    read (``why``), the differences from ``previous``, what the stack made, the values of the properties that the
    template sets, and properties that are not looked at, for they hold what a dynamic reference gave."""

    status: str
    previous: Resource
    drifts: tuple[dict[str, str], ...] = ()
    actual: Mapping[str, Any] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    why: str = ""


@dataclass
class Request:
    """What a caller wants a stack to be: checked, with typed parameters and the template's text.

    ``session`` is as whom what it names is looked up, and done.
    """

    session: Session
    text: str
    template: Template
    given: Mapping[str, Any]
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...] = ()
    role_arn: str = ""
    notification_arns: tuple[str, ...] = ()
    ssm: Mapping[str, str] = field(default_factory=dict)
    on_failure: str = "ROLLBACK"
    express: bool = False
    """Whether a resource is complete as soon as its configuration is applied (DeploymentConfig, Mode EXPRESS)."""
    minutes: int | None = None
    triggers: tuple[str, ...] = ()
    """ARNs of alarms that take an operation back, and for how many minutes they are watched after it."""
    monitoring: int = 0
    token: str = ""
    retain_except_on_create: bool = False
    imported: set[str] = field(default_factory=set)
    """Exports of other stacks that its evaluation has used."""


@dataclass(frozen=True)
class Validation:
    """What an early validation found of a resource: ``mode`` is FAIL or WARN, ``path`` a place in the template."""

    logical_id: str
    resource_type: str
    name: str
    mode: str
    why: str
    path: str


@dataclass
class ChangeSet:
    """A change set; ``changes`` are known once ``status`` is CREATE_COMPLETE.

    ``refused`` is what the early validations say, those that only warn too.
    """

    id: str
    name: str
    kind: str
    request: Request
    at: datetime
    description: str = ""
    status: str = "CREATE_PENDING"
    execution: str = "UNAVAILABLE"
    reason: str = ""
    changes: tuple[ResourceChange, ...] = ()
    refused: tuple[Validation, ...] = ()
    validated: bool = True
    operation: StackOperation | None = None
    imports: Mapping[str, str] = field(default_factory=dict)
    import_existing: bool = False
    revert: bool = False
    """Whether it compares with what is really there (``REVERT_DRIFT``); ``seen`` is what that was, by logical ID."""
    seen: Mapping[str, Seen] = field(default_factory=dict)
    before: Mapping[str, Resource] = field(default_factory=dict)
    after: Mapping[str, Resource] = field(default_factory=dict)


def exports_of(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Export names with their values, of a stack's outputs."""
    return {str(output["Export"]): output["Value"] for output in outputs.values() if output.get("Export")}


@dataclass
class Stack:
    """A stack.  ``request`` is what is deployed, None while it is only under review; ``session`` is as whom its
    handlers act now."""

    name: str
    id: str
    region: str
    account: str
    created: datetime
    status: str
    session: Session
    request: Request | None = None
    reason: str = ""
    updated: datetime | None = None
    deleted: datetime | None = None
    live: dict[str, Live] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    protected: bool = False
    policy: Mapping[str, Any] | None = None
    policy_text: str = ""
    update_policy: Mapping[str, Any] | None = None
    """The stack policy that overrides ``policy`` for the time of one update."""
    role_arn: str = ""
    parent: str = ""
    root: str = ""
    """IDs of the stack that has this one in it, and of the outermost."""
    token: str = ""
    drift: str = "NOT_CHECKED"
    drift_at: datetime | None = None
    signals: dict[str, dict[str, str]] = field(default_factory=dict)
    undo: Any = None
    operation: Any = None
    deleted_live: dict[str, Live] = field(default_factory=dict)
    operations: list[StackOperation] = field(default_factory=list)

    def begin(self, kind: str, at: datetime) -> StackOperation:
        """An operation begins, and ends what was under way: a rollback is an operation of its own."""
        self.end(at, well=False)
        made = StackOperation(str(uuid.uuid4()), kind, at, self.token)
        self.operations.append(made)
        return made

    def end(self, at: datetime, well: bool) -> None:
        """What was under way is over."""
        if self.operations:
            self.operations[-1].end(at, well)

    @property
    def exports(self) -> dict[str, str]:
        """Export names with their values."""
        return exports_of(self.outputs)

    def record(
        self,
        at: datetime,
        logical_id: str,
        physical_id: str,
        kind: str,
        status: str,
        reason: str = "",
        properties: str = "",
        began: datetime | None = None,
    ) -> None:
        """Adds an event, of the operation that is under way."""
        name = f"{logical_id}-{status}-{uuid.uuid4().hex[:12]}"
        now = self.operations[-1] if self.operations else None
        operation, since = (now.id, now.at) if now is not None else ("", None)
        self.events.append(
            Event(
                name,
                at,
                logical_id,
                physical_id,
                kind,
                status,
                reason,
                self.token,
                properties,
                operation,
                began or since,
            )
        )

    def enter(self, at: datetime, status: str, reason: str = "") -> None:
        """Takes a status, with its event."""
        self.status, self.reason = status, reason
        self.record(at, self.name, self.id, "AWS::CloudFormation::Stack", status, reason)

    def mark(self, at: datetime, live: Live, status: str, reason: str = "", properties: str = "") -> None:
        """Gives a resource a status, with its event."""
        if live.began is None or (status.endswith("_IN_PROGRESS") and status != live.status):
            live.began = at
        live.status, live.reason, live.at = status, reason, at
        self.record(at, live.logical_id, live.physical_id, live.type, status, reason, properties, live.began)
