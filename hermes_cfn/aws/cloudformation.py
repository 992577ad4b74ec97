"""CloudFormation: stacks, change sets and their events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.deciders.observed import ChangeSetSeen, StackSeen
from hermes_cfn.deployment import Json

TEMPLATE_LIMIT = 51_200
"""Bytes of a template in the request itself (CloudFormation quotas, "Template body size")."""

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]

EMPTY = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that a change set would change nothing (CreateChangeSet)."""

EARLY = "AWS::EarlyValidation"
"""What the reason of a change set names that was refused before it would act: why is in DescribeEvents alone.

CloudFormation user guide, "Validate stack deployments"; AWS CDK asks in the same way (aws/aws-cdk-cli#970).
"""


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history."""

    id: str
    at: datetime
    stack: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """A resource as the stack knows it."""

    logical_id: str
    physical_id: str
    resource_type: str
    status: str


class CloudFormation:
    """Stacks of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def region(self) -> str:
        return self._calls.region

    def describe(self, name: str) -> dict[str, Any] | None:
        """The stack's own description, or None when there is none."""
        try:
            stacks = self._calls.describe_stacks(StackName=name)["Stacks"]
        except AwsError as error:
            if error.code == "ValidationError" and "does not exist" in error.message:
                return None
            raise
        return dict(stacks[0])

    def observe(self, name: str, change_set: str = "") -> StackSeen:
        """The stack and, where one is named, our change set."""
        found = self.describe(name)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return StackSeen(None)
        return StackSeen(
            status=str(found["StackStatus"]),
            reason=str(found.get("StackStatusReason", "")),
            change_set=self.change_set(name, change_set) if change_set else None,
            protected=bool(found.get("EnableTerminationProtection", False)),
            outputs={o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", ())},
            parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in found.get("Parameters", ())},
            tags={t["Key"]: t["Value"] for t in found.get("Tags", ())},
            stack_id=str(found["StackId"]),
            updated=str(found.get("LastUpdatedTime", found.get("CreationTime", ""))),
            drift=str(found.get("DriftInformation", {}).get("StackDriftStatus", "")),
        )

    def change_set(self, stack: str, name: str) -> ChangeSetSeen | None:
        """Our change set, or None when it is not there."""
        try:
            found = self._calls.describe_change_set(StackName=stack, ChangeSetName=name)
        except AwsError as error:
            if error.code in {"ChangeSetNotFound", "ChangeSetNotFoundException", "ValidationError"}:
                return None
            raise
        reason = str(found.get("StatusReason", ""))
        empty = found["Status"] == "FAILED" and any(words in reason for words in EMPTY)
        if EARLY in reason:
            reason = "\n".join((reason, *self._validations(stack, str(found["ChangeSetId"]))))
        return ChangeSetSeen(str(found["Status"]), str(found.get("ExecutionStatus", "")), reason, empty)

    def _validations(self, stack: str, change_set: str) -> Iterator[str]:
        """What CloudFormation found wrong before it would act, a resource a line; nothing where one may not ask."""
        try:
            failed = list(
                self._calls.pages(
                    "describe_events",
                    "OperationEvents",
                    StackName=stack,
                    ChangeSetName=change_set,
                    Filters={"FailedEvents": True},
                )
            )
        except AwsError:
            return
        for event in failed:
            if event.get("ValidationStatusReason"):
                where = f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')})"
                path = f" at {event['ValidationPath']}" if event.get("ValidationPath") else ""
                yield " ".join(f"{where}: {event['ValidationStatusReason']}{path}".split())

    def changes(self, stack: str, name: str) -> list[dict[str, Any]]:
        """The resource changes of a change set, with property values."""
        changes: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            found = self._calls.describe_change_set(StackName=stack, ChangeSetName=name, **token)
            changes += [change["ResourceChange"] for change in found.get("Changes", ()) if "ResourceChange" in change]
            if not found.get("NextToken"):
                return changes
            token = {"NextToken": found["NextToken"]}

    def create_change_set(
        self,
        stack: str,
        name: str,
        kind: str,
        template: Mapping[str, str],
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        role: str = "",
        import_existing: bool = False,
        imports: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """``template`` is ``{"TemplateBody": …}`` or ``{"TemplateURL": …}``; ``imports`` is ``ResourcesToImport``."""
        extra: dict[str, Any] = {"RoleARN": role} if role else {}
        if imports:
            extra["ResourcesToImport"] = list(imports)
        if import_existing:
            extra["ImportExistingResources"] = True
        self._calls.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in sorted(parameters.items())],
            Tags=[{"Key": k, "Value": v} for k, v in sorted(tags.items())],
            Capabilities=CAPABILITIES,
            **template,
            **extra,
        )

    def execute(self, stack: str, change_set: str) -> None:
        self._calls.execute_change_set(StackName=stack, ChangeSetName=change_set)

    def delete_change_set(self, stack: str, change_set: str) -> None:
        self._calls.delete_change_set(StackName=stack, ChangeSetName=change_set)

    def delete(self, stack: str, retain: Sequence[str] = ()) -> None:
        extra = {"RetainResources": list(retain)} if retain else {}
        self._calls.delete_stack(StackName=stack, **extra)

    def continue_rollback(self, stack: str) -> None:
        self._calls.continue_update_rollback(StackName=stack)

    def roll_back(self, stack: str) -> None:
        self._calls.rollback_stack(StackName=stack)

    def cancel_update(self, stack: str) -> None:
        self._calls.cancel_update_stack(StackName=stack)

    def protect(self, stack: str, on: bool) -> None:
        self._calls.update_termination_protection(StackName=stack, EnableTerminationProtection=on)

    def events(self, stack: str, after: str = "") -> list[StackEvent]:
        """Events newer than the event id ``after``, oldest first."""
        fresh: list[StackEvent] = []
        try:
            for event in self._calls.pages("describe_stack_events", "StackEvents", StackName=stack):
                if event["EventId"] == after:
                    break
                fresh.append(_event(event))
        except AwsError as error:
            if error.code != "ValidationError":
                raise
        return fresh[::-1]

    def latest_event(self, stack: str) -> str:
        """The id of the newest event, or nothing."""
        found = self._calls.describe_stack_events(StackName=stack).get("StackEvents", ())
        return str(found[0]["EventId"]) if found else ""

    def template(self, stack: str) -> Mapping[str, Json] | str | None:
        """The template that is deployed, or None when there is no stack."""
        try:
            body = self._calls.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
        except AwsError as error:
            if error.code == "ValidationError":
                return None
            raise
        if not isinstance(body, str):
            return dict(body)
        try:
            return dict(json.loads(body))
        except ValueError:
            return body

    def resources(self, stack: str) -> Iterator[DeployedResource]:
        for item in self._calls.pages("list_stack_resources", "StackResourceSummaries", StackName=stack):
            yield DeployedResource(
                item["LogicalResourceId"],
                item.get("PhysicalResourceId", ""),
                item["ResourceType"],
                item["ResourceStatus"],
            )


def _event(event: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        id=event["EventId"],
        at=event["Timestamp"],
        stack=event["StackName"],
        logical_id=event.get("LogicalResourceId", ""),
        physical_id=event.get("PhysicalResourceId", ""),
        resource_type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
    )
