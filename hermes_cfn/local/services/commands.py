"""Run Command: documents sent to instances, and what became of them.

AWS Systems Manager user guide, "Understanding command statuses", and API reference of SendCommand,
GetCommandInvocation, ListCommandInvocations, CancelCommand, DescribeInstanceInformation.
Everything else of SSM (parameters, documents) is answered by moto's model.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local import wire
from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.fleet.fleet import Fleet, Instance
from hermes_cfn.local.fleet.scheduler import Scheduler, Timer
from hermes_cfn.local.services.actions import Actions, Params, page
from hermes_cfn.local.wire import ServiceError, unsupported

DELIVERY_S = 1.0
TAIL = 2500
OUTPUT, ERRORS = 24000, 8000
"""Characters of the outputs that are kept, the first ones (API reference, GetCommandInvocation)."""

DETAILS = {
    "Pending": "Pending", "InProgress": "InProgress", "Delayed": "Delayed", "Success": "Success", "Cancelled": "Cancelled",
    "Failed": "Failed", "TimedOut": "ExecutionTimedOut", "Cancelling": "Cancelling",
}  # fmt: skip
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")


@dataclass
class Invocation:
    """A command on one instance."""

    instance_id: str
    status: str = "Pending"
    detail: str = "Pending"
    code: int = -1
    output: str = ""
    errors: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    timer: Timer | None = None

    @property
    def over(self) -> bool:
        return self.status in ENDED


@dataclass
class Command:
    id: str
    region: str
    params: Params
    document: Params
    version: str
    requested: datetime
    text: str
    timeout_s: float
    directory: str = ""
    invocations: dict[str, Invocation] = field(default_factory=dict)
    cancelled: bool = False

    def status(self) -> tuple[str, str]:
        """Status and details of the command as a whole."""
        all_of = [one.status for one in self.invocations.values()]
        if not all(one.over for one in self.invocations.values()):
            state = "Cancelling" if self.cancelled else ("Pending" if set(all_of) == {"Pending"} else "InProgress")
            return state, state
        if not all_of:
            return ("Success", "NoInstancesInTag")
        for state in ("TimedOut", "Failed", "Cancelled"):
            if state in all_of:
                details = next(one.detail for one in self.invocations.values() if one.status == state)
                return state, details
        return "Success", "Success"


class Commands(Actions):
    """The part of service ``ssm`` that is ours."""

    service = "ssm"
    actions = frozenset({
        "SendCommand", "ListCommands", "ListCommandInvocations", "GetCommandInvocation", "CancelCommand",
        "DescribeInstanceInformation", "GetConnectionStatus",
    })  # fmt: skip

    def __init__(self, clients: Clients, fleet: Fleet, scheduler: Scheduler, fault: Callable[..., Any]) -> None:
        self.clients = clients
        self.fleet = fleet
        self.scheduler = scheduler
        self._fault = fault
        self._commands: dict[str, Command] = {}
        fleet.on_command_ended = self._ended

    def handle(self, action: str, params: Params) -> Params:
        with self.scheduler.lock:
            return super().handle(action, params)

    def send_command(self, params: Params) -> Params:
        region = wire.CALL.get().region
        document, version = self._document(region, params)
        text, timeout, directory = _script(document, _given(document, params.get("Parameters", {})))
        targets = self._targets(region, params)
        now = self.scheduler.clock.now()
        command = Command(str(uuid.uuid4()), region, params, document, version, now, text, timeout, directory)
        self._commands[command.id] = command
        for instance_id in targets:
            invocation = Invocation(instance_id)
            command.invocations[instance_id] = invocation
            self._deliver(command, invocation, DELIVERY_S)
        return {"Command": self._described(command)}

    def _deliver(self, command: Command, invocation: Invocation, delay_s: float) -> None:
        """Delivers soon, or Delayed, again and again for the delivery timeout (``TimeoutSeconds``).

        What has not ended when the total timeout is over, that and the execution timeout, is TimedOut with the detail
        DeliveryTimedOut: also what is in progress, of which nothing is heard any more ("Understanding command timeout
        values"; API reference, Command, ``ExpiresAfter``).
        """
        deadline = self.scheduler.clock.deadline
        delivery_s = deadline(float(command.params.get("TimeoutSeconds", 3600)))
        given_up = time.monotonic() + delivery_s

        def timed_out() -> None:
            if not invocation.over:
                self._end(invocation, "TimedOut", "DeliveryTimedOut")

        invocation.timer = self.scheduler.after_real(delivery_s + deadline(command.timeout_s), timed_out)

        def deliver() -> None:
            instance = self.fleet.instances.get(invocation.instance_id)
            if invocation.over:
                return
            if instance is None:
                self._end(invocation, "Failed", "Undeliverable")
            elif not instance.dead and not self._fault("ssm-silent", invocation.instance_id):
                self._start(command, invocation, instance)
            elif time.monotonic() < given_up:
                invocation.status = invocation.detail = "Delayed"
                self.scheduler.after(5.0, deliver)

        self.scheduler.after(delay_s, deliver)

    def _start(self, command: Command, invocation: Invocation, instance: Instance) -> None:
        invocation.status = invocation.detail = "InProgress"
        invocation.started = self.scheduler.clock.now()
        uncompiled = _uncompiled(command.document)
        if uncompiled:
            self._finish(invocation, 1, "", uncompiled, "Failed", "Failed")
            return
        if instance.host is None:
            self.scheduler.after(1.0, lambda: self._finish(invocation, 0, "", "", "Success", "Success"))
            return
        instance.host.order(
            "run",
            name=command.id,
            text=command.text,
            directory=command.directory,
            timeout_s=self.scheduler.clock.deadline(command.timeout_s),
            environment={"AWS_SSM_INSTANCE_ID": instance.instance_id, "AWS_SSM_REGION_NAME": command.region},
        )

    def _ended(self, instance_id: str, message: Params) -> None:
        command = self._commands.get(message["name"])
        invocation = command.invocations.get(instance_id) if command else None
        if invocation is None or invocation.over:
            return
        status = int(message["status"])
        if message["timed_out"]:
            state, detail, status = "TimedOut", "ExecutionTimedOut", -1
        elif message["cancelled"]:
            state, detail = "Cancelled", "Cancelled"
        else:
            state = detail = "Success" if status == 0 else "Failed"
        self._finish(invocation, status if status >= 0 else 137, message["output"], message["errors"], state, detail)

    def _finish(self, invocation: Invocation, code: int, output: str, errors: str, state: str, detail: str) -> None:
        if invocation.over:
            return
        invocation.code, invocation.output, invocation.errors = code, output, errors
        if code and state == "Failed":
            invocation.errors += f"failed to run commands: exit status {code}"
        self._end(invocation, state, detail)

    def _end(self, invocation: Invocation, state: str, detail: str) -> None:
        if invocation.timer is not None:
            invocation.timer.cancel()
        invocation.status, invocation.detail = state, detail
        invocation.ended = self.scheduler.clock.now()

    def instance_gone(self, instance_id: str) -> None:
        """An instance was terminated: what was not delivered is Undeliverable; of what is in progress nothing is heard."""
        for command in self._commands.values():
            invocation = command.invocations.get(instance_id)
            if invocation is not None and not invocation.over and invocation.status != "InProgress":
                self._end(invocation, "Failed", "Undeliverable")

    def cancel_command(self, params: Params) -> Params:
        command = self._command(params["CommandId"])
        command.cancelled = True
        for instance_id in params.get("InstanceIds") or list(command.invocations):
            invocation = command.invocations.get(instance_id)
            if invocation is None or invocation.over:
                continue
            instance = self.fleet.instances.get(instance_id)
            if invocation.status == "InProgress" and instance is not None and instance.host is not None:
                instance.host.order("cancel", name=command.id)
            else:
                self._end(invocation, "Cancelled", "Cancelled")
        return {}

    def get_command_invocation(self, params: Params) -> Params:
        command = self._commands.get(params["CommandId"])
        invocation = command.invocations.get(params["InstanceId"]) if command else None
        if command is None or invocation is None:
            raise ServiceError("InvocationDoesNotExist", "")
        detail = invocation.detail if invocation.over else DETAILS[invocation.status]
        elapsed = (
            (invocation.ended - invocation.started).total_seconds() if invocation.ended and invocation.started else 0
        )
        return {
            "CommandId": command.id,
            "InstanceId": invocation.instance_id,
            "Comment": command.params.get("Comment", ""),
            "DocumentName": command.params["DocumentName"],
            "DocumentVersion": command.version,
            "PluginName": params.get("PluginName") or command.document["mainSteps"][0]["name"],
            "ResponseCode": invocation.code,
            "ExecutionStartDateTime": _iso(invocation.started),
            "ExecutionElapsedTime": f"PT{elapsed:.3f}S" if invocation.ended else "",
            "ExecutionEndDateTime": _iso(invocation.ended),
            "Status": invocation.status,
            "StatusDetails": detail,
            "StandardOutputContent": invocation.output[:OUTPUT],
            "StandardOutputUrl": "",
            "StandardErrorContent": invocation.errors[:ERRORS],
            "StandardErrorUrl": "",
            "CloudWatchOutputConfig": {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False},
        }

    def list_commands(self, params: Params) -> Params:
        rows = [one for one in self._commands.values() if one.region == wire.CALL.get().region]
        if "CommandId" in params:
            rows = [one for one in rows if one.id == params["CommandId"]]
            if not rows:
                raise ServiceError("InvalidCommandId", "")
        if "InstanceId" in params:
            rows = [one for one in rows if params["InstanceId"] in one.invocations]
        described = [self._described(one) for one in reversed(rows)]
        for condition in params.get("Filters", []):
            described = [row for row in described if _chosen(row, condition)]
        shown, token = page(described, params, "MaxResults", "NextToken", 50)
        return {"Commands": shown, **({"NextToken": token} if token else {})}

    def list_command_invocations(self, params: Params) -> Params:
        rows = []
        for command in reversed(list(self._commands.values())):
            if command.region != wire.CALL.get().region or params.get("CommandId", command.id) != command.id:
                continue
            for invocation in command.invocations.values():
                if params.get("InstanceId", invocation.instance_id) == invocation.instance_id:
                    row = self._row(command, invocation, bool(params.get("Details")))
                    if all(_chosen(row, condition) for condition in params.get("Filters", [])):
                        rows.append(row)
        shown, token = page(rows, params, "MaxResults", "NextToken", 50)
        return {"CommandInvocations": shown, **({"NextToken": token} if token else {})}

    def describe_instance_information(self, params: Params) -> Params:
        wanted: set[str] | None = None
        for condition in [*params.get("Filters", []), *params.get("InstanceInformationFilterList", [])]:
            key = condition.get("Key") or condition.get("key")
            values = set(condition.get("Values") or condition.get("valueSet") or [])
            if key == "InstanceIds":
                wanted = values if wanted is None else wanted & values
            elif key.startswith("tag:"):
                tagged = set(self._tagged(wire.CALL.get().region, key[4:], values))
                wanted = tagged if wanted is None else wanted & tagged
            elif key not in ("PingStatus", "ResourceType", "PlatformTypes"):
                raise unsupported("ssm", f"the instance filter {key}")
        now = self.scheduler.clock.now()
        rows = [
            {
                "InstanceId": one.instance_id, "PingStatus": "ConnectionLost" if one.dead else "Online", "LastPingDateTime": now,
                "AgentVersion": "3.3.2299.0", "IsLatestVersion": True, "PlatformType": "Linux", "PlatformName": "Amazon Linux",
                "PlatformVersion": "2023", "ResourceType": "EC2Instance", "IPAddress": one.private_ip,
                "ComputerName": f"ip-{one.private_ip.replace('.', '-')}.{one.region}.compute.internal",
            }
            for one in self.fleet.instances.values()
            if one.region == wire.CALL.get().region and (wanted is None or one.instance_id in wanted)
        ]  # fmt: skip
        shown, token = page(rows, params, "MaxResults", "NextToken", 50)
        return {"InstanceInformationList": shown, **({"NextToken": token} if token else {})}

    def get_connection_status(self, params: Params) -> Params:
        instance = self.fleet.instances.get(params["Target"])
        online = instance is not None and not instance.dead
        return {"Target": params["Target"], "Status": "connected" if online else "notconnected"}

    def _document(self, region: str, params: Params) -> tuple[Params, str]:
        name = params["DocumentName"].rpartition("document/")[2]
        if name == "AWS-RunShellScript":
            return _RUN_SHELL_SCRIPT, "1"
        ssm = self.clients("ssm", region, OWN)
        wanted = {"DocumentVersion": params["DocumentVersion"]} if params.get("DocumentVersion") else {}
        try:
            found = ssm.get_document(Name=name, **wanted)
        except ClientError as problem:
            code = problem.response["Error"]["Code"]
            raise ServiceError(code, problem.response["Error"]["Message"]) from None
        if params.get("DocumentHash"):
            described = ssm.describe_document(Name=name, **wanted)["Document"]
            if described.get("Hash") != params["DocumentHash"]:
                raise ServiceError("InvalidDocument", "The document hash does not match")
        document = (
            json.loads(found["Content"]) if found.get("DocumentFormat", "JSON") == "JSON" else _yaml(found["Content"])
        )
        return document, str(found.get("DocumentVersion", "1"))

    def _targets(self, region: str, params: Params) -> list[str]:
        found: list[str] = list(params.get("InstanceIds", []))
        for instance_id in found:
            instance = self.fleet.instances.get(instance_id)
            if instance is None or instance.region != region:
                raise ServiceError(
                    "InvalidInstanceId", f"Instances [[{instance_id}]] not in a valid state for account 123456789012"
                )
        for target in params.get("Targets", []):
            key, values = target["Key"], set(target["Values"])
            if key == "InstanceIds":
                found += [value for value in values if value in self.fleet.instances]
            elif key.startswith("tag:"):
                found += self._tagged(region, key[4:], values)
            else:
                raise unsupported("ssm", f"targets by {key}")
        if not params.get("InstanceIds") and not params.get("Targets"):
            raise ServiceError("ValidationException", "Either InstanceIds or Targets must be specified")
        return list(dict.fromkeys(found))

    def _tagged(self, region: str, key: str, values: set[str]) -> list[str]:
        filters = [{"Name": f"tag:{key}", "Values": sorted(values)}]
        found = self.clients("ec2", region, OWN).describe_instances(Filters=filters)["Reservations"]
        ids = [item["InstanceId"] for reservation in found for item in reservation["Instances"]]
        return [instance_id for instance_id in ids if instance_id in self.fleet.instances]

    def _command(self, command_id: str) -> Command:
        if command_id not in self._commands:
            raise ServiceError("InvalidCommandId", "")
        return self._commands[command_id]

    def _described(self, command: Command) -> Params:
        state, details = command.status()
        ended = [one for one in command.invocations.values() if one.over]
        return {
            "CommandId": command.id,
            "DocumentName": command.params["DocumentName"],
            "DocumentVersion": command.version,
            "Comment": command.params.get("Comment", ""),
            "ExpiresAfter": command.requested
            + timedelta(seconds=float(command.params.get("TimeoutSeconds", 3600)) + command.timeout_s),
            "Parameters": command.params.get("Parameters", {}),
            "InstanceIds": command.params.get("InstanceIds", []),
            "Targets": command.params.get("Targets", []),
            "RequestedDateTime": command.requested,
            "Status": state,
            "StatusDetails": details,
            "MaxConcurrency": command.params.get("MaxConcurrency", "50"),
            "MaxErrors": command.params.get("MaxErrors", "0"),
            "TargetCount": len(command.invocations),
            "CompletedCount": len(ended),
            "ErrorCount": sum(one.status in ("Failed", "TimedOut") for one in ended),
            "DeliveryTimedOutCount": sum(one.detail == "DeliveryTimedOut" for one in ended),
            "TimeoutSeconds": command.params.get("TimeoutSeconds", 3600),
        }

    def _row(self, command: Command, invocation: Invocation, details: bool) -> Params:
        detail = invocation.detail if invocation.over else DETAILS[invocation.status]
        row: Params = {
            "CommandId": command.id,
            "InstanceId": invocation.instance_id,
            "InstanceName": "",
            "Comment": command.params.get("Comment", ""),
            "DocumentName": command.params["DocumentName"],
            "DocumentVersion": command.version,
            "RequestedDateTime": command.requested,
            "Status": invocation.status,
            "StatusDetails": detail,
            "CommandPlugins": [],
        }
        if details:
            row["CommandPlugins"] = [
                {
                    "Name": command.document["mainSteps"][0]["name"],
                    "Status": invocation.status,
                    "StatusDetails": detail,
                    "ResponseCode": invocation.code,
                    "Output": (
                        invocation.output
                        + (f"\n----------ERROR-------\n{invocation.errors}" if invocation.errors else "")
                    )[-TAIL:],
                    **({"ResponseStartDateTime": invocation.started} if invocation.started else {}),
                    **({"ResponseFinishDateTime": invocation.ended} if invocation.ended else {}),
                }
            ]
        return row


_RUN_SHELL_SCRIPT: Params = {
    "schemaVersion": "2.2",
    "parameters": {
        "commands": {"type": "StringList"},
        "workingDirectory": {"type": "String", "default": ""},
        "executionTimeout": {"type": "String", "default": "3600", "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"},
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "aws:runShellScript",
            "inputs": {
                "runCommand": "{{ commands }}",
                "timeoutSeconds": "{{ executionTimeout }}",
                "workingDirectory": "{{ workingDirectory }}",
            },
        }
    ],
}  # fmt: skip


def _given(document: Params, parameters: dict[str, list[str]]) -> dict[str, Any]:
    """The document's parameters with their values; InvalidParameters as SendCommand words it."""
    declared = document.get("parameters", {})
    for name in parameters:
        if name not in declared:
            raise ServiceError("InvalidParameters", f"Parameter {name} is not defined in the document.")
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        if name in parameters:
            many = declaration.get("type") == "StringList"
            values[name] = parameters[name] if many else (parameters[name] or [""])[0]
        elif "default" in declaration:
            values[name] = declaration["default"]
        else:
            raise ServiceError("InvalidParameters", f"Parameter {name} is required.")
        for value in values[name] if isinstance(values[name], list) else [values[name]]:
            pattern, allowed = declaration.get("allowedPattern"), declaration.get("allowedValues")
            if pattern and not re.search(pattern, str(value)):
                raise ServiceError("InvalidParameters", f"Parameter {name} does not match the pattern {pattern}")
            limit = int(declaration.get("maxChars", 0))
            if limit and len(str(value)) > limit:
                raise ServiceError("InvalidParameters", f"Parameter {name} is longer than {limit} characters")
            if allowed and value not in allowed:
                raise ServiceError("InvalidParameters", f"Parameter {name} must be one of {allowed}")
    return values


def _uncompiled(document: Params) -> str:
    """What the agent says of a pattern that it cannot compile, before any script is written; nothing if there is none.

    It compiles every ``allowedPattern`` with Go's package regexp, whose syntax is RE2's, with at most 1,000 repetitions
    (amazon-ssm-agent, agent/framework/docparser/paramvalidator); the service itself takes more than that.
    """
    import re2

    for name, declaration in document.get("parameters", {}).items():
        try:
            re2.compile(str(declaration.get("allowedPattern", "")))
        except re2.error as problem:
            said = problem.args[0].decode() if isinstance(problem.args[0], bytes) else str(problem)
            return f"invalid allowedPattern of parameter {name}: {said}"
    return ""


def _script(document: Params, values: dict[str, Any]) -> tuple[str, float, str]:
    """The text that the shell runs, parameters pasted in as they are, its timeout in seconds and its working directory."""
    steps = [step for step in document.get("mainSteps", []) if step.get("action") == "aws:runShellScript"]
    if len(steps) != 1 or len(document["mainSteps"]) != 1:
        raise unsupported("ssm", "documents with anything but one aws:runShellScript step")
    inputs = steps[0]["inputs"]

    def pasted(text: str) -> str:
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: _text(values.get(match[1], match[0])), text)

    command = inputs["runCommand"]
    if isinstance(command, str):
        command = [command]
    timeout = pasted(str(inputs.get("timeoutSeconds", "3600")))
    text = "\n".join(pasted(str(line)) for line in command) + "\n"
    return text, float(timeout), pasted(str(inputs.get("workingDirectory", "")))


def _text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)


def _chosen(row: Params, condition: Params) -> bool:
    key, value = condition["key"], condition["value"]
    names = {"Status": "Status", "DocumentName": "DocumentName", "ExecutionStage": "Status"}
    if key in names:
        return bool(row[names[key]] == value)
    at = row["RequestedDateTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    return bool(at > value if key == "InvokedAfter" else at < value)


def _iso(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if at else ""


def _yaml(text: str) -> Params:
    import yaml

    loaded: Params = yaml.safe_load(text)
    return loaded
