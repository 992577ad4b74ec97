"""Answers in the shapes of CloudFormation's API."""

from __future__ import annotations

from typing import Any

from hermes_cfn.local.cloudformation import happenings
from hermes_cfn.local.cloudformation.model import ChangeSet, Live, Request, Stack
from hermes_cfn.local.cloudformation.requests import shown_parameters


def _given(shape: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if value is not None and value != ""}


def tags(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _triggers(request: Request | None) -> dict[str, Any]:
    """``RollbackConfiguration`` as it was given."""
    if request is None or not (request.triggers or request.monitoring):
        return {}
    rows = [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in request.triggers]
    return {"RollbackTriggers": rows, "MonitoringTimeInMinutes": request.monitoring}


def _mode(request: Request | None) -> dict[str, Any] | None:
    if request is None or not request.express:
        return None
    return {"Mode": "EXPRESS", "DisableRollback": request.on_failure == "DO_NOTHING"}


def stack(stack: Stack) -> dict[str, Any]:
    """One of DescribeStacks."""
    request = stack.request
    drift = {"StackDriftStatus": stack.drift}
    if stack.drift_at is not None:
        drift["LastCheckTimestamp"] = stack.drift_at  # type: ignore[assignment]
    return _given(
        {
            "StackId": stack.id,
            "StackName": stack.name,
            "ChangeSetId": next((c.id for c in stack.change_sets.values() if c.execution.startswith("EXECUTE_")), None),
            "Description": request.template.description if request else None,
            "Parameters": shown_parameters(request) if request else [],
            "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated,
            "DeletionTime": stack.deleted,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DisableRollback": bool(request and request.on_failure == "DO_NOTHING"),
            "RollbackConfiguration": _triggers(request),
            "TimeoutInMinutes": request.minutes if request else None,
            "DeploymentConfig": _mode(request),
            "LastOperations": happenings.last_operations(stack) or None,
            "NotificationARNs": list(request.notification_arns) if request else [],
            "Capabilities": list(request.capabilities) if request else [],
            "Outputs": [
                {
                    "OutputValue": output["Value"],
                    **_given(
                        {
                            "OutputKey": name,
                            "Description": output.get("Description"),
                            "ExportName": output.get("Export"),
                        }
                    ),
                }
                for name, output in stack.outputs.items()
            ],
            "RoleARN": stack.role_arn or None,
            "ParentId": stack.parent,
            "RootId": stack.root,
            "Tags": tags(dict(request.tags)) if request else [],
            "EnableTerminationProtection": stack.protected,
            "DriftInformation": drift,
        }
    )


def summary(stack: Stack) -> dict[str, Any]:
    """One of ListStacks."""
    return _given(
        {
            "StackId": stack.id,
            "StackName": stack.name,
            "TemplateDescription": stack.request.template.description if stack.request else None,
            "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated,
            "DeletionTime": stack.deleted,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DriftInformation": {"StackDriftStatus": stack.drift},
        }
    )


def resources(stack: Stack) -> list[Live]:
    """Those that are there, and, until the stack changes again, those that were deleted."""
    here = dict(stack.live)
    if stack.status in (
        "DELETE_COMPLETE",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "DELETE_FAILED",
        "DELETE_IN_PROGRESS",
    ):
        here = {**stack.deleted_live, **here}
    return list(here.values())


def resource(stack: Stack, live: Live) -> dict[str, Any]:
    """One of DescribeStackResources."""
    return _given(
        {
            "StackName": stack.name,
            "StackId": stack.id,
            "LogicalResourceId": live.logical_id,
            "PhysicalResourceId": live.physical_id,
            "ResourceType": live.type,
            "Timestamp": live.at,
            "ResourceStatus": live.status,
            "ResourceStatusReason": live.reason,
            "DriftInformation": {"StackResourceDriftStatus": live.drift},
        }
    )


def resource_summary(live: Live) -> dict[str, Any]:
    """One of ListStackResources."""
    return _given(
        {
            "LogicalResourceId": live.logical_id,
            "PhysicalResourceId": live.physical_id,
            "ResourceType": live.type,
            "LastUpdatedTimestamp": live.at,
            "ResourceStatus": live.status,
            "ResourceStatusReason": live.reason,
            "DriftInformation": {"StackResourceDriftStatus": live.drift},
        }
    )


def events(stack: Stack) -> list[dict[str, Any]]:
    """DescribeStackEvents: the newest first."""
    return [
        _given(
            {
                "StackId": stack.id,
                "EventId": event.id,
                "StackName": stack.name,
                "LogicalResourceId": event.logical_id,
                "PhysicalResourceId": event.physical_id,
                "ResourceType": event.type,
                "Timestamp": event.at,
                "ResourceStatus": event.status,
                "ResourceStatusReason": event.reason,
                "ResourceProperties": event.properties,
                "ClientRequestToken": event.token,
            }
        )
        for event in reversed(list(stack.events))
    ]


def _drift(found: ChangeSet) -> str:
    """The stack's drift when the change set was made; NOT_CHECKED is "currently not returned" (API reference)."""
    statuses = {one.status for one in found.seen.values()}
    drifted = statuses & {"MODIFIED", "DELETED"}
    return "DRIFTED" if drifted else "UNKNOWN" if "UNKNOWN" in statuses else "IN_SYNC"


def change_set(stack: Stack, found: ChangeSet) -> dict[str, Any]:
    """What DescribeChangeSet says beside the changes."""
    return _given(
        {
            "ChangeSetName": found.name,
            "ChangeSetId": found.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": found.description,
            "Parameters": shown_parameters(found.request),
            "CreationTime": found.at,
            "ExecutionStatus": found.execution,
            "Status": found.status,
            "StatusReason": found.reason,
            "NotificationARNs": list(found.request.notification_arns),
            "RollbackConfiguration": _triggers(found.request),
            "DeploymentConfig": _mode(found.request),
            "Capabilities": list(found.request.capabilities),
            "Tags": tags(dict(found.request.tags)),
            "IncludeNestedStacks": False,
            "ImportExistingResources": found.import_existing,
            "DeploymentMode": "REVERT_DRIFT" if found.revert else None,
            "StackDriftStatus": _drift(found) if found.revert else None,
            "OnStackFailure": found.request.on_failure,
        }
    )


def change_set_summary(stack: Stack, found: ChangeSet) -> dict[str, Any]:
    """One of ListChangeSets."""
    keys = (
        "ChangeSetName",
        "ChangeSetId",
        "StackId",
        "StackName",
        "Description",
        "CreationTime",
        "ExecutionStatus",
        "Status",
        "StatusReason",
        "IncludeNestedStacks",
        "ImportExistingResources",
    )
    shape = change_set(stack, found)
    return {key: shape[key] for key in keys if key in shape}
