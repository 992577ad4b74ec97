"""DescribeEvents: what happened, by operation, with what was found before anything was made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_OperationEvent.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events-by-operation.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hermes_cfn.local.cloudformation.model import ChangeSet, Event, Stack, StackOperation

Shape = dict[str, Any]


def of_stack(stack: Stack, operation: str = "", failed: bool = False) -> list[Shape]:
    """The events of a stack, or of one of its operations, the newest first; only the failed ones where asked for."""
    known = {one.id: one for one in stack.operations}
    found = [_event(stack, event, known.get(event.operation)) for event in stack.events]
    for change_set in stack.change_sets.values():
        found += of_change_set(stack, change_set)
    kept = [one for one in found if operation in ("", one.get("OperationId")) and (not failed or _failed(one))]
    kept.reverse()
    kept.sort(key=lambda one: one["Timestamp"], reverse=True)
    return kept


def of_change_set(stack: Stack, change_set: ChangeSet) -> list[Shape]:
    """What the early validations have found while the change set was made, an event for each."""
    operation = change_set.operation
    if operation is None:
        return []
    return [
        {
            **_of(operation),
            "EventId": f"{change_set.id}/{one.name}/{one.logical_id}",
            "StackId": stack.id,
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": one.logical_id,
            "ResourceType": one.resource_type,
            "Timestamp": change_set.at,
            "ValidationFailureMode": one.mode,
            "ValidationName": one.name,
            "ValidationStatus": "FAILED",
            "ValidationStatusReason": one.why,
            "ValidationPath": one.path,
        }
        for one in change_set.refused
    ]


def last_operations(stack: Stack) -> list[Shape]:
    """``LastOperations`` of DescribeStacks: the newest of each kind."""
    newest = {one.kind: one for one in stack.operations}
    return [{"OperationType": kind, "OperationId": one.id} for kind, one in newest.items()]


def owner(stacks: Iterable[Stack], operation: str) -> Stack | None:
    """The stack that an operation ID belongs to."""
    for stack in stacks:
        made = [one.operation.id for one in stack.change_sets.values() if one.operation is not None]
        if operation in made or any(one.id == operation for one in stack.operations):
            return stack
    return None


def _of(operation: StackOperation | None) -> Shape:
    if operation is None:
        return {}
    return {
        "OperationId": operation.id,
        "OperationType": operation.kind,
        "OperationStatus": operation.status,
        "StartTime": operation.at,
        **({"ClientRequestToken": operation.token} if operation.token else {}),
        **({"EndTime": operation.ended} if operation.ended is not None else {}),
    }


def _event(stack: Stack, event: Event, operation: StackOperation | None) -> Shape:
    """``EndTime`` is there once what the status tells of is over."""
    shape: Shape = {
        **_of(operation),
        "EventId": event.id,
        "StackId": stack.id,
        "EventType": _kind(stack, event),
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at,
        "StartTime": event.began,
        "EndTime": None if event.status.endswith("_IN_PROGRESS") else event.at,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    }
    return {key: value for key, value in shape.items() if value not in (None, "")}


def _kind(stack: Stack, event: Event) -> str:
    if event.physical_id == stack.id:
        return "STACK_EVENT"
    return "PROVISIONING_ERROR" if event.status.endswith("_FAILED") else "PROGRESS_EVENT"


def _failed(shape: Shape) -> bool:
    return "ValidationStatus" in shape or str(shape.get("ResourceStatus", "")).endswith("FAILED")
