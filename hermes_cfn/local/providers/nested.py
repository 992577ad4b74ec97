"""AWS::CloudFormation::Stack: a stack in a stack, its template in a bucket of the cloud.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_cfn.local.providers.base import Context, Failure, Gone, Handler, Made, Properties, whole
from hermes_cfn.local.wire import ServiceError

_ALL = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
"""What the parent was allowed, its children are."""


class NestedStack(Handler):
    known = frozenset({"TemplateURL", "Parameters", "Tags", "TimeoutInMinutes", "NotificationARNs"})
    lively = True

    def create(self, context: Context, properties: Properties) -> Made:
        wish = self._wish(context, properties)
        minutes = (
            {"TimeoutInMinutes": whole(properties["TimeoutInMinutes"])} if "TimeoutInMinutes" in properties else {}
        )
        made = self._ask(
            context,
            "CreateStack",
            {
                "StackName": context.name(128),
                "OnFailure": "DO_NOTHING",
                **wish,
                **minutes,
                "ParentId": context.stack_id,
            },
        )
        context.took(made["StackId"])
        return Made(made["StackId"])

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        try:
            self._ask(context, "UpdateStack", {"StackName": physical_id, **self._wish(context, after)})
        except Failure as problem:
            if "No updates are to be performed" not in str(problem):
                raise
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        self._ask(context, "DeleteStack", {"StackName": physical_id})

    def gone(self, context: Context, physical_id: str, properties: Properties) -> bool:
        status = self._status(context, physical_id)
        if status.endswith("DELETE_FAILED"):
            raise Failure(
                f"Embedded stack {physical_id} was not successfully deleted: {self._why(context, physical_id)}"
            )
        return status in ("", "DELETE_COMPLETE")

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        status = self._status(context, physical_id)
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return True
        if status.endswith("_IN_PROGRESS"):
            return False
        verb = "created" if status.startswith(("CREATE", "ROLLBACK")) else "updated"
        raise Failure(f"Embedded stack {physical_id} was not successfully {verb}: {self._why(context, physical_id)}")

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        stack = self._stack(context, physical_id)
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            raise Gone(physical_id)
        outputs = {f"Outputs.{one['OutputKey']}": one["OutputValue"] for one in stack.get("Outputs", ())}
        return Made(physical_id, {**outputs, "StackId": physical_id})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        stack = self._stack(context, physical_id)
        return None if stack is None or stack["StackStatus"] == "DELETE_COMPLETE" else {}

    def _wish(self, context: Context, properties: Properties) -> dict[str, Any]:
        parameters = properties.get("Parameters") or {}
        return {
            "TemplateURL": properties["TemplateURL"],
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": _text(value)} for name, value in parameters.items()
            ],
            "Tags": [tag for tag in context.tags(properties) if not tag["Key"].startswith("aws:")],
            "Capabilities": list(_ALL),
            "NotificationARNs": list(properties.get("NotificationARNs") or ()),
        }

    def _ask(self, context: Context, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Asks the engine itself: it holds its lock while a handler acts, so nothing can go through the wire."""
        try:
            return context.formation(action, params)
        except ServiceError as problem:
            raise Failure(
                f'Resource handler returned message: "{problem.message}" (Operation: {action}, Error Code: {problem.code})'
            ) from problem

    def _stack(self, context: Context, physical_id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = context.formation("DescribeStacks", {"StackName": physical_id})["Stacks"][0]
            return found
        except ServiceError:
            return None

    def _status(self, context: Context, physical_id: str) -> str:
        stack = self._stack(context, physical_id)
        return str(stack["StackStatus"]) if stack is not None else ""

    def _why(self, context: Context, physical_id: str) -> str:
        stack = self._stack(context, physical_id)
        return str(stack.get("StackStatusReason", "")) if stack is not None else "it is not there"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
