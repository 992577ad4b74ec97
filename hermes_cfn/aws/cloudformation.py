"""CloudFormation: stacks, change sets and their events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import DENIED, AwsError, Calls
from hermes_cfn.aws.floors import StackFloor
from hermes_cfn.deciders.observed import ChangeSetSeen, StackSeen
from hermes_cfn.deployment import Json
from hermes_cfn.errors import Finding, HermesError

TEMPLATE_LIMIT = 51_200
"""Bytes of a template in the request itself (CloudFormation quotas, "Template body size")."""

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]

NO_CHANGE_SET = frozenset({"ChangeSetNotFound", "ChangeSetNotFoundException", "ValidationError"})
"""What DescribeChangeSet says of a change set, or of a stack, that is not there."""

NOT_ASSUMABLE = "cannot be assumed"
"""How CloudFormation says that a service role is not there, does not trust it, or is too young to be known:
ValidationError, "Role ... is invalid or cannot be assumed" (hashicorp/terraform-provider-aws#22834)."""

EMPTY = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that a change set would change nothing (CreateChangeSet)."""

NOT_OFFERED = frozenset(
    {"InvalidAction", "UnknownOperationException", "NotImplemented", "EmbeddedCloudUnsupported", "501"}
)
"""How an endpoint says that it does not know an action (Common errors; moto and older emulators answer 501 or 404)."""

EARLY = "AWS::EarlyValidation"
"""What the reason of a change set names that was refused before it would act: why is in DescribeEvents alone.

CloudFormation user guide, "Validate stack deployments"; AWS CDK asks in the same way (aws/aws-cdk-cli#970).
"""


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history; ``token`` is the client request token of the operation that it belongs to."""

    id: str
    at: datetime
    stack: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    token: str = ""
    stack_id: str = ""

    @property
    def of_stack(self) -> bool:
        """Of the stack itself, not of a resource in it."""
        return self.resource_type == "AWS::CloudFormation::Stack" and self.physical_id == self.stack_id


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """What CloudFormation found before it would act and what stops nothing, such as a bucket that is not empty."""

    logical_id: str
    resource_type: str
    why: str
    path: str


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """A resource as the stack knows it."""

    logical_id: str
    physical_id: str
    resource_type: str
    status: str


class CloudFormation:
    """Stacks of one region; ``_ours`` are those on which this run executed a change set."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._floors: dict[str, StackFloor] = {}
        self._made: set[tuple[str, str]] = set()
        self._ours: set[str] = set()
        self._by_operation = True

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

    def names(self, begins: str) -> list[str]:
        """Names of stacks that are there and begin so."""
        found = self._calls.pages("list_stacks", "StackSummaries")
        return [
            str(one["StackName"])
            for one in found
            if str(one["StackName"]).startswith(begins) and one["StackStatus"] != "DELETE_COMPLETE"
        ]

    def observe(self, name: str, change_set: str = "") -> StackSeen:
        """The stack and, where one is named, our change set; never older than what this run has seen or done."""

        def floor() -> StackFloor:
            return self._floors.get(name, StackFloor())

        found = self._calls.until(lambda: self._observed(name), lambda seen: not floor().older(seen))
        if name in self._ours and floor().status != found.status:
            self._calls.created()
        self._floors[name] = floor().seen(found)
        if found.status is not None and change_set:
            found = replace(found, change_set=self.change_set(name, change_set))
        return found

    def _observed(self, name: str) -> StackSeen:
        found = self.describe(name)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return StackSeen(None)
        return StackSeen(
            status=str(found["StackStatus"]),
            reason=str(found.get("StackStatusReason", "")),
            protected=bool(found.get("EnableTerminationProtection", False)),
            outputs={o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", ())},
            parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in found.get("Parameters", ())},
            tags={t["Key"]: t["Value"] for t in found.get("Tags", ())},
            stack_id=str(found["StackId"]),
            updated=str(found.get("LastUpdatedTime", found.get("CreationTime", ""))),
            drift=str(found.get("DriftInformation", {}).get("StackDriftStatus", "")),
        )

    def change_set(self, stack: str, name: str) -> ChangeSetSeen | None:
        """Our change set, or None when it is not there; one that this run has made is asked for until it is."""
        made = (stack, name) in self._made
        found = self._calls.until(lambda: self._described(stack, name), lambda found: bool(found) or not made)
        if not found:
            return None
        reason = str(found.get("StatusReason", ""))
        empty = found["Status"] == "FAILED" and any(words in reason for words in EMPTY)
        if EARLY in reason:
            reason = "\n".join((reason, *self._validations(stack, str(found["ChangeSetId"]))))
        return ChangeSetSeen(str(found["Status"]), str(found.get("ExecutionStatus", "")), reason, empty)

    def _described(self, stack: str, name: str, **more: str) -> dict[str, Any]:
        """DescribeChangeSet's answer, empty when there is none."""
        try:
            return dict(self._calls.describe_change_set(StackName=stack, ChangeSetName=name, **more))
        except AwsError as error:
            if error.code in NO_CHANGE_SET:
                return {}
            raise

    def early_warnings(self, stack: str, change_set: str) -> list[EarlyWarning]:
        """What was found while the change set was made and did not stop it; nothing where one may not ask."""
        return [
            EarlyWarning(
                one.get("LogicalResourceId", ""),
                one.get("ResourceType", ""),
                " ".join(one.get("ValidationStatusReason", "").split()),
                one.get("ValidationPath", ""),
            )
            for one in self._found_early(stack, change_set)
            if one.get("ValidationFailureMode") == "WARN" and one.get("ValidationStatus") == "FAILED"
        ]

    def _validations(self, stack: str, change_set: str) -> Iterator[str]:
        """What CloudFormation found wrong before it would act, a resource a line; nothing where one may not ask."""
        for event in self._found_early(stack, change_set, Filters={"FailedEvents": True}):
            if event.get("ValidationStatusReason") and event.get("ValidationFailureMode") != "WARN":
                where = f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')})"
                path = f" at {event['ValidationPath']}" if event.get("ValidationPath") else ""
                yield " ".join(f"{where}: {event['ValidationStatusReason']}{path}".split())

    def _found_early(self, stack: str, change_set: str, **more: Any) -> list[dict[str, Any]]:
        """The events of a change set; none where one may not ask."""
        try:
            given = {"StackName": stack, "ChangeSetName": change_set, **more}
            return list(self._calls.pages("describe_events", "OperationEvents", **given))
        except AwsError:
            return []

    def changes(self, stack: str, name: str) -> list[dict[str, Any]]:
        """The resource changes of a change set that was seen to be ready.

        An answer from before it was ready has no changes, or knows no such change set: it is asked for again.
        """
        changes: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            more = dict(token)
            found = self._calls.until(
                lambda more=more: self._described(stack, name, **more),  # type: ignore[misc]
                lambda found: found.get("Status") == "CREATE_COMPLETE",
            )
            if not found:
                what = f"the change set {name} is not there any more"
                raise HermesError(Finding("change-set-lost", stack, what, next="the same command again"))
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
        revert: bool = False,
    ) -> None:
        """``revert``: it compares with what is really there, and undoes what was changed by hand (REVERT_DRIFT).

        ``template`` is ``{"TemplateBody": …}`` or ``{"TemplateURL": …}``; ``imports`` is ``ResourcesToImport``."""
        extra: dict[str, Any] = {"RoleARN": role} if role else {}
        if imports:
            extra["ResourcesToImport"] = list(imports)
        if revert:
            extra["DeploymentMode"] = "REVERT_DRIFT"
        if import_existing:
            extra["ImportExistingResources"] = True
        answer = self._calls.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in sorted(parameters.items())],
            Tags=[{"Key": k, "Value": v} for k, v in sorted(tags.items())],
            Capabilities=CAPABILITIES,
            **template,
            **extra,
        )
        self._made.add((stack, name))
        floor = self._floors.get(stack, StackFloor())
        if floor.status is None:
            self._floors[stack] = replace(floor, status="REVIEW_IN_PROGRESS", stack_id=str(answer.get("StackId", "")))

    def execute(self, stack: str, change_set: str, token: str) -> None:
        """Raises AwsError ``InvalidChangeSetStatus`` where it was executed before, or cannot be."""
        self._calls.execute_change_set(StackName=stack, ChangeSetName=change_set, ClientRequestToken=token)
        self._ours.add(stack)
        self._asked(stack)

    def delete_change_set(self, stack: str, change_set: str) -> None:
        self._made.discard((stack, change_set))
        self._calls.delete_change_set(StackName=stack, ChangeSetName=change_set)

    def delete(self, stack: str, token: str = "", retain: Sequence[str] = (), express: bool = False) -> None:
        """``express``: it is over as soon as everything was asked to go, and nothing is made anew if that fails."""
        extra: dict[str, Any] = {"RetainResources": list(retain)} if retain else {}
        if express:
            extra["DeploymentConfig"] = {"Mode": "EXPRESS", "DisableRollback": True}
        if token:
            extra["ClientRequestToken"] = token
        self._calls.delete_stack(StackName=stack, **extra)
        floor = self._floors.get(stack, StackFloor())
        self._floors[stack] = replace(floor, status="DELETE_IN_PROGRESS" if floor.status else None)

    def continue_rollback(self, stack: str, token: str) -> None:
        self._calls.continue_update_rollback(StackName=stack, ClientRequestToken=token)
        self._asked(stack)

    def roll_back(self, stack: str, token: str) -> None:
        self._calls.rollback_stack(StackName=stack, ClientRequestToken=token)
        self._asked(stack)

    def cancel_update(self, stack: str) -> None:
        self._calls.cancel_update_stack(StackName=stack)

    def _asked(self, stack: str) -> None:
        self._floors[stack] = self._floors.get(stack, StackFloor()).asked()

    def protect(self, stack: str, on: bool) -> None:
        self._calls.update_termination_protection(StackName=stack, EnableTerminationProtection=on)

    def events(self, stack: str, since: datetime | None, told: Collection[str] = ()) -> list[StackEvent]:
        """Events from ``since`` on whose ids are not in ``told``, oldest first.

        They come newest first, and a page may be late: neither an id that it lacks nor one that it repeats matters.
        """
        if self._by_operation:
            found = self._operation_events(stack, since)
            if found is not None:
                return [event for event in found if event.id not in told]
        fresh: dict[str, StackEvent] = {}
        try:
            for event in self._calls.pages("describe_stack_events", "StackEvents", StackName=stack):
                if since is not None and event["Timestamp"] < since:
                    break
                if event["EventId"] not in told:
                    fresh[event["EventId"]] = _event(event)
        except AwsError as error:
            if error.code != "ValidationError":
                raise
        return list(fresh.values())[::-1]

    def _operation_events(self, stack: str, since: datetime | None) -> list[StackEvent] | None:
        """The same from DescribeEvents, which tells of validations and hooks too; None where it cannot be asked.

        An endpoint may not know it, a role may not ask it.  And what is read here are statuses of the stack: where the
        history has none at all, DescribeStackEvents has them.
        No page promises an order: a list from the oldest on is read as well.
        """
        found: dict[str, StackEvent] = {}
        speaks = False
        try:
            for event in self._calls.pages("describe_events", "OperationEvents", StackName=stack):
                line = _operation_event(event, stack)
                speaks = speaks or line.of_stack
                if since is not None and line.at < since:
                    if found and speaks:
                        break
                    continue
                found[line.id] = line
        except AwsError as error:
            if error.code == "ValidationError":
                return []
            if error.code not in NOT_OFFERED | DENIED:
                raise
            self._by_operation = False
            return None
        if found and not speaks:
            self._by_operation = False
            return None
        events = list(found.values())[::-1]
        events.sort(key=lambda event: event.at)
        return events

    def latest_event(self, stack: str) -> StackEvent | None:
        """The newest event, as far as it is shown already."""
        try:
            found = self._calls.describe_stack_events(StackName=stack).get("StackEvents", ())
        except AwsError as error:
            if error.code != "ValidationError":
                raise
            return None
        return _event(found[0]) if found else None

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


def role_unknown(error: AwsError) -> bool:
    """Whether a call was refused because CloudFormation cannot assume its service role, as it cannot yet when it is young."""
    return error.code == "ValidationError" and NOT_ASSUMABLE in error.message


def _operation_event(event: Mapping[str, Any], stack: str) -> StackEvent:
    """One of DescribeEvents as a line of the history: validations and hooks that failed have a status of their own."""
    name = stack.split("/")[1] if stack.startswith("arn:") else stack
    line = _event({"StackName": name, **event})
    if event.get("ValidationStatus"):
        mode = "FAILED" if event.get("ValidationFailureMode") == "FAIL" else "WARNING"
        where = f" at {event['ValidationPath']}" if event.get("ValidationPath") else ""
        return replace(
            line, status=f"VALIDATION_{mode}", reason=f"{event.get('ValidationStatusReason', '')}{where}".strip()
        )
    if event.get("EventType") == "HOOK_INVOCATION_ERROR":
        mode = "FAILED" if event.get("HookFailureMode") == "FAIL" else "WARNING"
        reason = f"{event.get('HookType', 'hook')}: {event.get('HookStatusReason', '')}"
        return replace(line, status=f"HOOK_{mode}", reason=reason)
    return line


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
        token=event.get("ClientRequestToken", ""),
        stack_id=event.get("StackId", ""),
    )
