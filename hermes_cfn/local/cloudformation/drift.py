"""Drift: what the services say now against what the stack made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.cfn.changes import MISSING, differences
from hermes_cfn.cfn.kinds import kind
from hermes_cfn.cfn.statuses import DRIFT_CHECKED
from hermes_cfn.local.clients import Session
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.model import Live, Stack
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
        try:
            live.drift, live.drifts, live.actual = _look(engine, stack, live, caller)
        except ClientError as error:
            live.drift, live.drifts, live.actual = "NOT_CHECKED", (), {}
            unread[live.logical_id] = error.response["Error"]["Message"]
        live.drift_at = now
    found = {live.drift for live in stack.live.values()}
    stack.drift = "DRIFTED" if found & {"MODIFIED", "DELETED"} else "IN_SYNC" if "IN_SYNC" in found else "NOT_CHECKED"
    stack.drift_at = now
    return unread


def _check(stack: Stack) -> None:
    if stack.status not in DRIFT_CHECKED:
        raise validation(f"Drift detection cannot be performed on stack [{stack.name}] in status [{stack.status}]")


def _look(
    engine: Engine, stack: Stack, live: Live, caller: Session
) -> tuple[str, tuple[dict[str, str], ...], Mapping[str, Any]]:
    row = kind(live.type)
    if row is None or not row.drift:
        return "NOT_CHECKED", (), {}
    expected = tagged(live.resource, live.tags, stack.region)
    actual = HANDLERS[live.type].read(engine.context(stack, live.resource, caller), live.physical_id, expected)
    if actual is None:
        return "DELETED", (), {}
    if not actual:
        return "NOT_CHECKED", (), {}
    found = tuple(compare(expected, actual))
    shown = {name: value for name, value in actual.items() if name in expected}
    return ("MODIFIED" if found else "IN_SYNC"), found, {**expected, **shown}


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
