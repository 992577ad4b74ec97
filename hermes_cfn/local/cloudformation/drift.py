"""Drift: what the services say now against what the stack made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.cfn.changes import MISSING, differences
from hermes_cfn.cfn.kinds import kind
from hermes_cfn.cfn.statuses import DRIFT_CHECKED
from hermes_cfn.cfn.template import Resource
from hermes_cfn.local.clients import Session
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.model import Live, Seen, Stack
from hermes_cfn.local.cloudformation.properties import tagged
from hermes_cfn.local.cloudformation.requests import validation
from hermes_cfn.local.providers import HANDLERS

DETECT_S = 1.0
"""Service seconds until a detection is complete; nobody publishes how long it takes."""


@dataclass
class Detection:
    """One run of drift detection; ``reason`` says why it failed."""

    id: str
    stack: Stack
    at: datetime
    status: str = "DETECTION_IN_PROGRESS"
    reason: str = ""


def detect(engine: Engine, stack: Stack, caller: Session, only: frozenset[str] = frozenset()) -> Detection:
    """Begins to look at every resource (or ``only`` some); what drifted is written down when it is complete.

    It fails when one may not be read: who detects drift needs "read permission for each resource that supports drift
    detection" (using-cfn-stack-drift.html, "Considerations"), whatever role the stack has.
    """
    _check(stack)
    if any(one.stack is stack and one.status == "DETECTION_IN_PROGRESS" for one in engine.detections.values()):
        raise validation(f"Drift detection is already in progress for stack [{stack.id}]")
    detection = Detection(str(uuid.uuid4()), stack, engine.clock.now())
    engine.detections[detection.id] = detection

    def complete() -> None:
        if stack.status not in DRIFT_CHECKED:
            detection.status, detection.reason = "DETECTION_FAILED", f"The stack is {stack.status}."
            return
        unread = look(engine, stack, caller, only)
        detection.status = "DETECTION_FAILED" if unread else "DETECTION_COMPLETE"
        detection.reason = "; ".join(f"{name}: {why}" for name, why in sorted(unread.items()))

    engine.scheduler.after(DETECT_S, complete)
    return detection


def look(engine: Engine, stack: Stack, caller: Session, only: frozenset[str] = frozenset()) -> Mapping[str, str]:
    """Writes down what drifted; why the rest could not be read, by logical ID.

    Raises ServiceError in a status in which nothing can be said.
    """
    _check(stack)
    now = engine.clock.now()
    unread = {}
    for live in stack.live.values():
        if only and live.logical_id not in only:
            continue
        found = seen(engine, stack, live, caller)
        live.drift = "NOT_CHECKED" if found.status == "UNKNOWN" else found.status
        live.drifts, live.actual, live.drift_at = found.drifts, found.actual, now
        if found.why:
            unread[live.logical_id] = found.why
    stack.drift = of_stack(live.drift for live in stack.live.values())
    stack.drift_at = now
    return unread


def of_stack(statuses: Iterable[str]) -> str:
    """The drift of a stack by that of its resources."""
    found = set(statuses)
    return "DRIFTED" if found & {"MODIFIED", "DELETED"} else "IN_SYNC" if "IN_SYNC" in found else "NOT_CHECKED"


def _check(stack: Stack) -> None:
    if stack.status not in DRIFT_CHECKED:
        raise validation(f"Drift detection cannot be performed on stack [{stack.name}] in status [{stack.status}]")


def seen(engine: Engine, stack: Stack, live: Live, reader: Session) -> Seen:
    """What is there of a resource now, read as ``reader``."""
    row, made = kind(live.type), live.resource
    if row is None or not row.drift:
        return Seen("NOT_CHECKED", made)
    expected = tagged(live.resource, live.tags, stack.region)
    try:
        actual = HANDLERS[live.type].read(engine.context(stack, live.resource, reader), live.physical_id, expected)
    except ClientError as error:
        return Seen("UNKNOWN", made, why=error.response["Error"]["Message"])
    if actual is None:
        return Seen("DELETED", made)
    hidden = _referring(stack, live.logical_id)
    shown = {name: value for name, value in actual.items() if name in expected and name not in hidden}
    if not actual:
        return Seen("NOT_CHECKED", made)
    found = tuple(compare(expected, shown))
    return Seen("MODIFIED" if found else "IN_SYNC", made, found, {**expected, **shown}, hidden)


def _referring(stack: Stack, logical_id: str) -> frozenset[str]:
    """Properties with dynamic references, on which "CloudFormation doesn't support drift detection".

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
    """
    raw = stack.request.template.resources.get(logical_id) if stack.request is not None else None
    named = raw.properties.items() if raw is not None else ()
    return frozenset(name for name, value in named if "{{resolve:" in json.dumps(value, default=str))


def as_seen(live: Live, seen: Seen) -> Resource:
    """The resource with what drifted in it; tags that the stack gave are not the template's."""
    names = {one["PropertyPath"].split("/")[1] for one in seen.drifts}
    really = {name: _without(seen.actual[name], live.tags) for name in names}
    return replace(live.resource, properties={**live.resource.properties, **really})


def _without(value: Any, tags: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [one for one in value if not _is_tag(one, tags)]
    return value


def _is_tag(value: Any, tags: Mapping[str, str]) -> bool:
    return isinstance(value, Mapping) and "Key" in value and tags.get(value["Key"]) == value.get("Value")


def take(stack: Stack, seen: Mapping[str, Seen]) -> None:
    """From now on the stack goes from what was really there: so that an update brings it back, and a failing one
    returns to it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """
    for name, one in seen.items():
        live = stack.live.get(name)
        if live is None or one.status not in ("MODIFIED", "DELETED"):
            continue
        live.drift, live.drifts = "NOT_CHECKED", ()
        if one.status == "DELETED":
            del stack.live[name]
        else:
            live.resource = as_seen(live, one)
    stack.drift = of_stack(live.drift for live in stack.live.values())


def compare(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[dict[str, str]]:
    """Differences in those properties that the template sets and the service shows."""
    found = []
    for name, value in actual.items():
        if name not in expected:
            continue
        for path, old, new in differences(_sorted_tags(name, expected[name]), _sorted_tags(name, value), f"/{name}"):
            found.append(
                {
                    "PropertyPath": path,
                    "ExpectedValue": _text(old),
                    "ActualValue": _text(new),
                    "DifferenceType": "ADD" if old is MISSING else "REMOVE" if new is MISSING else "NOT_EQUAL",
                }
            )
    return found


def _sorted_tags(name: str, value: Any) -> Any:
    if name == "Tags" and isinstance(value, list):
        return {tag["Key"]: tag["Value"] for tag in value}
    return value


def _text(value: Any) -> str:
    if value is MISSING:
        return "null"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def shown(engine: Engine, stack: Stack, live: Live) -> dict[str, Any]:
    """One of DescribeStackResourceDrifts; values of NoEcho parameters are masked."""
    shape: dict[str, Any] = {
        "StackId": stack.id,
        "LogicalResourceId": live.logical_id,
        "PhysicalResourceId": live.physical_id,
        "ResourceType": live.type,
        "StackResourceDriftStatus": live.drift,
        "Timestamp": live.drift_at,
    }
    if live.drift != "NOT_CHECKED":
        expected = json.dumps(tagged(live.resource, live.tags, stack.region), default=str)
        shape["ExpectedProperties"] = engine.masked(stack, expected)
        shape["PropertyDifferences"] = [
            {key: engine.masked(stack, value) for key, value in one.items()} for one in live.drifts
        ]
    if live.drift in ("IN_SYNC", "MODIFIED"):
        shape["ActualProperties"] = engine.masked(stack, json.dumps(live.actual, default=str))
    return shape
