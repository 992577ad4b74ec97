"""CloudFormation's API over the engine: one method for each action.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.statuses import NO_CHANGES, STACK
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError
from hermes_cfn.local.clients import OWN, Door, Session
from hermes_cfn.local.cloudformation import (
    changesets,
    constraints,
    describe,
    drift,
    happenings,
    identity,
    policy,
    requests,
)
from hermes_cfn.local.cloudformation.engine import ACCOUNT, Engine
from hermes_cfn.local.cloudformation.model import ChangeSet, Live, Request, Stack
from hermes_cfn.local.cloudformation.operations import Create, Delete, Rollback, Update, UpdateRollback
from hermes_cfn.local.cloudformation.requests import validation
from hermes_cfn.local.cloudformation.scheduler import Clock
from hermes_cfn.local.wire import CALL, Call, ServiceError

Params = Mapping[str, Any]
Result = dict[str, Any]


class CloudFormation:
    """The service.  ``clients(service, region, session)`` makes boto3 clients of the cloud's endpoint.

    ``handle`` takes and gives what botocore's service model describes; the region is the
    caller's.  Raises ServiceError.
    """

    def __init__(self, clients: Callable[[str, str, Session], Any], clock: Clock, real_time: bool = False) -> None:
        self.engine = Engine(clients, clock, real_time)
        self.engine.ask = self._inner
        self._assumed: dict[str, Session] = {}

    def stop(self) -> None:
        """Ends the engine's thread."""
        self.engine.scheduler.stop()

    def handle(self, action: str, params: Params) -> Result:
        method = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower(), None)
        if method is None or action not in ACTIONS:
            raise ServiceError(
                "EmbeddedCloudUnsupported", f"The embedded cloud's CloudFormation does not know {action}.", 501
            )
        constraints.check(action, params)
        with self.engine.lock:
            try:
                result: Result = constraints.page(action, params, method(params))
            except HermesError as error:
                raise validation(error.findings[0].what) from error
            return result

    def _inner(self, session: Session, region: str, action: str, params: Params) -> Result:
        """A call of a stack that has stacks in it, in the thread that holds the engine's lock already."""
        parent = self.engine.stacks.get(str(params.get("ParentId", "")))
        mark = CALL.set(Call("cloudformation", region, session.key, session.token))
        try:
            given = {name: value for name, value in params.items() if name != "ParentId"}
            result = self.handle(action, given)
        finally:
            CALL.reset(mark)
        if parent is not None:
            made = self.engine.stacks[result["StackId"]]
            made.parent, made.root = parent.id, parent.root or parent.id
        return result

    @property
    def region(self) -> str:
        return CALL.get().region

    @property
    def _caller(self) -> Session:
        call = CALL.get()
        return Session(call.access_key, call.token)

    def _stack(self, name: str | None) -> Stack:
        found = self.engine.find(name, self.region) if name else None
        if found is None:
            raise validation(f"Stack with id {name} does not exist")
        return found

    def _named(self, name: str) -> Stack:
        """The same, in the words of the calls that name stacks so."""
        found = self.engine.find(name, self.region)
        if found is None:
            raise validation(f"Stack [{name}] does not exist")
        return found

    def _allowed(self, stack: Stack, call: str, words: str) -> None:
        if call not in STACK[stack.status].calls:
            raise validation(f"Stack:{stack.id} is in {stack.status} state and can not be {words}.")

    def _rests(self, stack: Stack, params: Params) -> None:
        """What stopped where it failed is updated only with rollback disabled again."""
        if stack.status in ("CREATE_FAILED", "UPDATE_FAILED") and not params.get("DisableRollback"):
            raise validation(
                f"This stack is currently in a non-terminal [{stack.status}] state. To update the stack from this state, "
                "please use the disable-rollback parameter with update-stack API. To rollback to the last known good "
                "state, use the rollback-stack API"
            )

    def _session(self, role: str) -> Session:
        """As whom a stack acts: ``role`` or, without one, the caller.  Raises ServiceError for a role that cannot be."""
        if not role:
            return self._caller
        own = self.engine.door(OWN)
        identity.check(role, own, self.region)
        if role not in self._assumed:
            self._assumed[role] = identity.assume(role, own, self.region)
        return self._assumed[role]

    def _read(self, params: Params, stack: Stack | None) -> Request:
        """What is asked for; the stack will act as the role that it has or is given, or as the caller."""
        session = self._session(params.get("RoleARN") or (stack.role_arn if stack is not None else ""))
        request = requests.read(params, self._as_caller, self.engine.door(session), session, self.region, stack)
        self.engine.zones(request, self.region)
        return request

    @property
    def _as_caller(self) -> Door:
        return self.engine.door(self._caller)

    def _act(self, stack: Stack, params: Params) -> None:
        """The stack's handlers act as its role, which stays with it once it was given, or as the caller."""
        role = params.get("RoleARN") or stack.role_arn
        stack.session = self._session(role)
        stack.role_arn = role

    def _new(self, name: str, status: str, session: Session) -> Stack:
        if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
            raise validation(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        arn = f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
        stack = Stack(name, arn, self.region, ACCOUNT, self.engine.clock.now(), status, session)
        self.engine.stacks[arn] = stack
        return stack

    def _repeated(self, stack: Stack | None, params: Params) -> bool:
        token = params.get("ClientRequestToken")
        return bool(token and stack is not None and stack.token == token)

    def create_stack(self, params: Params) -> Result:
        name = params["StackName"]
        there = self.engine.find(name, self.region)
        if there is not None:
            if self._repeated(there, params):
                return _begun(there)
            raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")
        request = self._read(params, None)
        stack = self._new(name, "CREATE_IN_PROGRESS", request.session)
        stack.role_arn = request.role_arn
        stack.protected = bool(params.get("EnableTerminationProtection"))
        stack.token = request.token
        self._policy(stack, params)
        Create(self.engine, stack).run(request, {})
        return _begun(stack)

    def update_stack(self, params: Params) -> Result:
        stack = self._named(params["StackName"])
        if self._repeated(stack, params):
            return _begun(stack)
        self._allowed(stack, "UpdateStack", "updated")
        self._rests(stack, params)
        request = self._read(params, stack)
        if stack.status != "UPDATE_FAILED" and changesets.is_empty(self.engine, stack, request):
            raise validation(NO_CHANGES[1])
        self._act(stack, params)
        self._policy(stack, params)
        during = self._policy_text(params, "StackPolicyDuringUpdate")
        stack.update_policy = policy.parsed(during) if during else None
        self._outdate(stack)
        stack.token = request.token
        Update(self.engine, stack).run(request, {})
        return _begun(stack)

    def delete_stack(self, params: Params) -> Result:
        stack = self.engine.find(params["StackName"], self.region)
        if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return {}
        if stack.protected:
            raise validation(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        self._allowed(stack, "DeleteStack", "deleted")
        retain = frozenset(params.get("RetainResources") or ())
        force = params.get("DeletionMode") == "FORCE_DELETE_STACK"
        if (retain or force) and stack.status != "DELETE_FAILED":
            raise validation("Retain resources and forced deletion need a stack in DELETE_FAILED.")
        used = {name: users for name in stack.exports if (users := self.engine.importers(name, stack.region))}
        if used:
            name, users = next(iter(used.items()))
            raise validation(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")
        self._act(stack, params)
        stack.token = params.get("ClientRequestToken") or ""
        if stack.request is not None:
            stack.request.express = requests.express(params)
        Delete(self.engine, stack).run(retain=retain, force=force)
        return {}

    def create_change_set(self, params: Params) -> Result:
        name, kind = params["ChangeSetName"], params.get("ChangeSetType") or "UPDATE"
        if params.get("DeploymentMode") and kind != "UPDATE":
            raise requests.refused(f"DeploymentMode of a change set of type {kind}")
        stack = self.engine.find(params["StackName"], self.region)
        if kind == "CREATE" and stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            raise validation(
                f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{name}]."
            )
        if kind == "UPDATE" and stack is None:
            raise validation(f"Stack [{params['StackName']}] does not exist")
        if stack is not None:
            self._allowed(stack, "CreateChangeSet", "updated")
            for other in (one for one in stack.change_sets.values() if one.name == name):
                if params.get("ClientToken") and other.request.token == params["ClientToken"]:
                    return {"Id": other.id, "StackId": stack.id}
                raise ServiceError("AlreadyExistsException", f"ChangeSet {name} already exists")
        request = self._read(params, stack)
        nested = [one.logical_id for one in request.template.resources.values() if one.type == requests.NESTED]
        if params.get("IncludeNestedStacks") and nested:
            raise requests.refused(f"IncludeNestedStacks of a template with nested stacks ({', '.join(nested)})")
        there = stack is not None
        stack = stack or self._new(params["StackName"], "REVIEW_IN_PROGRESS", request.session)
        try:
            imports = changesets.imports_of(params, self.engine, stack, request)
        except ServiceError:
            if not there:
                del self.engine.stacks[stack.id]
            raise
        if not there:
            stack.enter(self.engine.clock.now(), "REVIEW_IN_PROGRESS", "User Initiated")
        arn = f"arn:aws:cloudformation:{stack.region}:{stack.account}:changeSet/{name}/{uuid.uuid4()}"
        found = ChangeSet(arn, name, kind, request, self.engine.clock.now(), params.get("Description") or "")
        found.imports = imports
        found.validated = not params.get("DisableValidation")
        found.import_existing = bool(params.get("ImportExistingResources"))
        found.revert = params.get("DeploymentMode") == "REVERT_DRIFT"
        stack.change_sets[arn] = found
        self.engine.scheduler.after(0, lambda: changesets.compute(self.engine, stack, found))
        return {"Id": arn, "StackId": stack.id}

    def _change_set(self, params: Params) -> tuple[Stack, ChangeSet]:
        name = params["ChangeSetName"]
        stacks = [self._stack(params["StackName"])] if params.get("StackName") else list(self.engine.stacks.values())
        for stack in stacks:
            for found in reversed(list(stack.change_sets.values())):
                if name in (found.id, found.name):
                    return stack, found
        raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)

    def describe_change_set(self, params: Params) -> Result:
        stack, found = self._change_set(params)
        values = bool(params.get("IncludePropertyValues"))
        return {**describe.change_set(stack, found), "Changes": changesets.shown(self.engine, stack, found, values)}

    def execute_change_set(self, params: Params) -> Result:
        stack, found = self._change_set(params)
        if self._repeated(stack, params):
            return {}
        if found.execution != "AVAILABLE" or found.status != "CREATE_COMPLETE":
            kind, value = ("", found.status) if found.status != "CREATE_COMPLETE" else ("execution ", found.execution)
            raise ServiceError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{found.id}] cannot be executed in its current {kind}status of [{value}]",
            )
        self._allowed(stack, "CreateChangeSet", "updated")
        self._rests(stack, params)
        self._act(stack, {"RoleARN": found.request.role_arn})
        found.request.session = stack.session
        if params.get("DisableRollback"):
            if found.request.express:
                raise validation("DisableRollback cannot be specified with a change set that has a DeploymentConfig.")
            found.request.on_failure = "DO_NOTHING"
        found.request.retain_except_on_create = bool(params.get("RetainExceptOnCreate"))
        for other in list(stack.change_sets.values()):
            if other is not found and not other.execution.startswith("EXECUTE_"):
                del stack.change_sets[other.id]
        found.execution = "EXECUTE_IN_PROGRESS"
        stack.token = params.get("ClientRequestToken") or ""
        if stack.status == "REVIEW_IN_PROGRESS":
            Create(self.engine, stack).run(found.request, found.imports)
        else:
            drift.take(stack, found.seen)
            Update(self.engine, stack).run(found.request, found.imports)
        return {}

    def _outdate(self, stack: Stack) -> None:
        """What was planned for the stack as it was does not hold any more."""
        for found in stack.change_sets.values():
            if found.execution == "AVAILABLE":
                found.execution = "OBSOLETE"

    def delete_change_set(self, params: Params) -> Result:
        try:
            stack, found = self._change_set(params)
        except ServiceError as error:
            if error.code == "ChangeSetNotFound":
                return {}
            raise
        del stack.change_sets[found.id]
        return {}

    def describe_events(self, params: Params) -> Result:
        failed = bool((params.get("Filters") or {}).get("FailedEvents"))
        if params.get("ChangeSetName"):
            return {"OperationEvents": happenings.of_change_set(*self._change_set(params))}
        operation = params.get("OperationId") or ""
        if not (params.get("StackName") or operation):
            raise validation("One of ChangeSetName, OperationId or StackName must be specified.")
        stack = self._named(params["StackName"]) if params.get("StackName") else None
        stack = stack or happenings.owner(self.engine.stacks.values(), operation)
        if stack is None:
            raise validation(f"Operation [{operation}] does not exist")
        return {"OperationEvents": happenings.of_stack(stack, operation, failed)}

    def list_change_sets(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        found = [each for each in stack.change_sets.values() if not each.execution.startswith("EXECUTE_")]
        return {"Summaries": [describe.change_set_summary(stack, each) for each in found]}

    def describe_stacks(self, params: Params) -> Result:
        if params.get("StackName"):
            return {"Stacks": [describe.stack(self._stack(params["StackName"]))]}
        here = [s for s in self.engine.stacks.values() if s.region == self.region and s.status != "DELETE_COMPLETE"]
        return {"Stacks": [describe.stack(stack) for stack in reversed(here)]}

    def list_stacks(self, params: Params) -> Result:
        wanted = set(params.get("StackStatusFilter") or STACK)
        here = [s for s in self.engine.stacks.values() if s.region == self.region and s.status in wanted]
        return {"StackSummaries": [describe.summary(stack) for stack in reversed(here)]}

    def describe_stack_events(self, params: Params) -> Result:
        return {"StackEvents": describe.events(self._named(str(params.get("StackName"))))}

    def describe_stack_resources(self, params: Params) -> Result:
        if params.get("StackName"):
            stack = self._stack(params["StackName"])
        else:
            wanted = params.get("PhysicalResourceId")
            owners = [s for s in self.engine.stacks.values() if any(x.physical_id == wanted for x in s.live.values())]
            if not owners:
                raise validation(f"Stack for {wanted} does not exist")
            stack = owners[-1]
        name = params.get("LogicalResourceId")
        found = [live for live in describe.resources(stack) if name in (None, live.logical_id)]
        return {"StackResources": [describe.resource(stack, live) for live in found]}

    def list_stack_resources(self, params: Params) -> Result:
        found = describe.resources(self._stack(params["StackName"]))
        return {"StackResourceSummaries": [describe.resource_summary(live) for live in found]}

    def _resource(self, stack: Stack, name: str) -> Live:
        for live in describe.resources(stack):
            if live.logical_id == name:
                return live
        raise validation(f"Resource {name} does not exist for stack {stack.name}")

    def describe_stack_resource(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        live = self._resource(stack, params["LogicalResourceId"])
        shape = describe.resource(stack, live)
        shape["LastUpdatedTimestamp"] = shape.pop("Timestamp")
        shape["Metadata"] = json.dumps(dict(live.resource.metadata))
        return {"StackResourceDetail": shape}

    def get_template(self, params: Params) -> Result:
        if params.get("ChangeSetName"):
            text = self._change_set(params)[1].request.text
        else:
            request = self._stack(params["StackName"]).request
            text = request.text if request is not None else ""
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, params: Params) -> Result:
        if params.get("StackName"):
            request = self._stack(params["StackName"]).request
            template = request.template if request is not None else None
        else:
            template = Template.parse(requests.text_of(params, self._as_caller, self.region))
        if template is None:
            raise validation("The stack has no template yet.")
        shape = _summary(template)
        if template.body.get("Metadata"):
            shape["Metadata"] = json.dumps(template.body["Metadata"])
        if template.body.get("AWSTemplateFormatVersion"):
            shape["Version"] = str(template.body["AWSTemplateFormatVersion"])
        return {
            **shape,
            "ResourceTypes": sorted({each.type for each in template.resources.values()}),
            "ResourceIdentifierSummaries": _identifiers(template, self.region),
        }

    def validate_template(self, params: Params) -> Result:
        text = requests.text_of(params, self._as_caller, self.region)
        summary = _summary(requests.parse(text, self.region))
        for parameter in summary["Parameters"]:
            parameter.pop("ParameterType")
            parameter.pop("ParameterConstraints")
        return summary

    def continue_update_rollback(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        self._allowed(stack, "ContinueUpdateRollback", "rolled back")
        skip = frozenset(params.get("ResourcesToSkip") or ())
        if params.get("ForceRollback"):
            if skip:
                raise validation("ForceRollback and ResourcesToSkip cannot be specified together.")
            skip = frozenset(stack.undo.failed)
        strange = sorted(skip - stack.undo.failed)
        if strange:
            raise validation(f"Resources [{', '.join(strange)}] cannot be skipped: they are not in UPDATE_FAILED.")
        self._act(stack, params)
        stack.token = params.get("ClientRequestToken") or ""
        UpdateRollback(self.engine, stack).run("User Initiated", skip, goes_on=True)
        return {}

    def rollback_stack(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise validation(f"Stack:{stack.id} is in {stack.status} state and can not be rolled back.")
        self._act(stack, params)
        stack.token = params.get("ClientRequestToken") or ""
        kind = Rollback if stack.status == "CREATE_FAILED" else UpdateRollback
        kind(self.engine, stack).run("User Initiated")
        return _begun(stack)

    def cancel_update_stack(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        if stack.status != "UPDATE_IN_PROGRESS" or not isinstance(stack.operation, Update):
            raise validation("CancelUpdateStack cannot be called from current stack status")
        stack.operation.cancel()
        return {}

    def update_termination_protection(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        stack.protected = bool(params["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def _policy_text(self, params: Params, name: str) -> str:
        """A stack policy from ``<name>Body`` or ``<name>URL``.  Raises ServiceError."""
        if params.get(f"{name}URL"):
            return requests.fetched(str(params[f"{name}URL"]), self._as_caller, self.region)
        return str(params.get(f"{name}Body") or "")

    def _policy(self, stack: Stack, params: Params) -> None:
        text = self._policy_text(params, "StackPolicy")
        if text:
            stack.policy_text, stack.policy = text, policy.parsed(text)

    def set_stack_policy(self, params: Params) -> Result:
        self._policy(self._stack(params["StackName"]), params)
        return {}

    def get_stack_policy(self, params: Params) -> Result:
        text = self._stack(params["StackName"]).policy_text
        return {"StackPolicyBody": text} if text else {}

    def detect_stack_drift(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        for name in params.get("LogicalResourceIds") or ():
            self._resource(stack, name)
        found = drift.detect(self.engine, stack, self._caller, frozenset(params.get("LogicalResourceIds") or ()))
        return {"StackDriftDetectionId": found.id}

    def detect_stack_resource_drift(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        live = self._resource(stack, params["LogicalResourceId"])
        unread = drift.look(self.engine, stack, self._caller, frozenset({live.logical_id}))
        if unread:
            raise validation(unread[live.logical_id])
        return {"StackResourceDrift": drift.shown(self.engine, stack, live)}

    def describe_stack_drift_detection_status(self, params: Params) -> Result:
        found = self.engine.detections.get(params["StackDriftDetectionId"])
        if found is None:
            raise validation(f"No drift detection {params['StackDriftDetectionId']}")
        shape: Result = {
            "StackId": found.stack.id,
            "StackDriftDetectionId": found.id,
            "DetectionStatus": found.status,
            "Timestamp": found.at,
        }
        if found.status != "DETECTION_IN_PROGRESS":
            drifted = [live for live in found.stack.live.values() if live.drift in ("MODIFIED", "DELETED")]
            shape |= {"StackDriftStatus": found.stack.drift, "DriftedStackResourceCount": len(drifted)}
        if found.reason:
            shape["DetectionStatusReason"] = found.reason
        return shape

    def describe_stack_resource_drifts(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        wanted = set(params.get("StackResourceDriftStatusFilters") or ("IN_SYNC", "MODIFIED", "DELETED", "NOT_CHECKED"))
        looked = [live for live in stack.live.values() if live.drift_at is not None and live.drift in wanted]
        return {"StackResourceDrifts": [drift.shown(self.engine, stack, live) for live in looked]}

    def list_exports(self, params: Params) -> Result:
        return {
            "Exports": [
                {"ExportingStackId": stack.id, "Name": name, "Value": value}
                for name, (stack, value) in sorted(self.engine.exports(self.region).items())
            ]
        }

    def list_imports(self, params: Params) -> Result:
        users = self.engine.importers(params["ExportName"], self.region)
        if not users:
            raise validation(f"Export '{params['ExportName']}' is not imported by any stack.")
        return {"Imports": users}

    def signal_resource(self, params: Params) -> Result:
        stack = self._stack(params["StackName"])
        if stack.request is None or params["LogicalResourceId"] not in stack.request.template.resources:
            raise validation(f"Resource {params['LogicalResourceId']} does not exist for stack {stack.name}")
        signals = stack.signals.setdefault(params["LogicalResourceId"], {})
        signals[params["UniqueId"]] = params["Status"]
        return {}


def _begun(stack: Stack) -> Result:
    """The answer of a call that has begun an operation."""
    return {"StackId": stack.id, "OperationId": stack.operations[-1].id}


def _summary(template: Template) -> Result:
    """What GetTemplateSummary and ValidateTemplate have in common."""
    shape: Result = {
        "Description": template.description,
        "Parameters": [
            {
                "ParameterKey": name,
                "DefaultValue": str(spec.get("Default", "")),
                "ParameterType": spec["Type"],
                "NoEcho": str(spec.get("NoEcho", "")).lower() == "true",
                "Description": spec.get("Description", ""),
                "ParameterConstraints": {"AllowedValues": [str(each) for each in spec.get("AllowedValues", [])]},
            }
            for name, spec in template.parameters.items()
        ],
    }
    for parameter, spec in zip(shape["Parameters"], template.parameters.values(), strict=True):
        if "Default" not in spec:
            del parameter["DefaultValue"]
    needed, types = requests.capability(template)
    if needed:
        shape["Capabilities"] = [needed]
        shape["CapabilitiesReason"] = f"The following resource(s) require capabilities: [{', '.join(types)}]"
    return shape


def _identifiers(template: Template, region: str) -> list[Result]:
    """By what each type of resource is imported."""
    found: list[Result] = []
    for kind in sorted({each.type for each in template.resources.values()}):
        known = schema(kind, region)
        if known is not None:
            named = [each.logical_id for each in template.resources.values() if each.type == kind]
            keys = [path.lstrip("/") for path in known.primary_identifier]
            found.append({"ResourceType": kind, "LogicalResourceIds": named, "ResourceIdentifiers": keys})
    return found


ACTIONS = frozenset(
    [
        "CreateStack",
        "UpdateStack",
        "DeleteStack",
        "DescribeStacks",
        "ListStacks",
        "DescribeStackEvents",
        "DescribeEvents",
        "DescribeStackResource",
        "DescribeStackResources",
        "ListStackResources",
        "GetTemplate",
        "GetTemplateSummary",
        "ValidateTemplate",
        "CreateChangeSet",
        "DescribeChangeSet",
        "ExecuteChangeSet",
        "DeleteChangeSet",
        "ListChangeSets",
        "ContinueUpdateRollback",
        "RollbackStack",
        "CancelUpdateStack",
        "UpdateTerminationProtection",
        "SetStackPolicy",
        "GetStackPolicy",
        "DetectStackDrift",
        "DetectStackResourceDrift",
        "DescribeStackDriftDetectionStatus",
        "DescribeStackResourceDrifts",
        "ListExports",
        "ListImports",
        "SignalResource",
    ]
)
