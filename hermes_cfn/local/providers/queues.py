"""Queues and their policies."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import Context, Gone, Handler, Made, Properties, missing, tag_changes
from hermes_cfn.local.providers.ec2_common import quietly
from hermes_cfn.local.providers.iam import document

_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_DEFAULTS = {"DelaySeconds": "0", "MaximumMessageSize": "262144", "MessageRetentionPeriod": "345600"} | {
    "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30", "RedrivePolicy": "", "SqsManagedSseEnabled": "true",
}  # fmt: skip
"""What an attribute is that the template stops saying (SQS API reference, SetQueueAttributes)."""


def _attributes(properties: Properties) -> dict[str, str]:
    found = {}
    for name in _ATTRIBUTES:
        if name in properties:
            value = properties[name]
            found[name] = document(value) if isinstance(value, dict) else str(value)
            found[name] = found[name].lower() if isinstance(value, bool) else found[name]
    return found


class Queue(Handler):
    named = "QueueName"
    known = frozenset({"QueueName", "Tags", *_ATTRIBUTES})

    def create(self, context: Context, properties: Properties) -> Made:
        fifo = ".fifo" if str(properties.get("FifoQueue", "")).lower() == "true" else ""
        name = properties.get("QueueName") or context.name(80 - len(fifo)) + fifo
        url = context.client("sqs").create_queue(
            QueueName=name, Attributes=_attributes(properties), tags=context.tag_map(properties)
        )["QueueUrl"]
        context.took(url)
        return self._made(context, url)

    def identifier(self, context: Context, name: str) -> str:
        try:
            return str(context.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
        except ClientError as error:
            if missing(error, "AWS.SimpleQueueService.NonExistentQueue"):
                return name
            raise

    def _made(self, context: Context, url: str) -> Made:
        name = url.rpartition("/")[2]
        return Made(
            url, {"QueueUrl": url, "QueueName": name, "Arn": f"arn:aws:sqs:{context.region}:{context.account}:{name}"}
        )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        sqs = context.client("sqs")
        old, new = _attributes(before), _attributes(after)
        gone = {name: _DEFAULTS[name] for name in old if name not in new and name in _DEFAULTS}
        if different := {name: value for name, value in {**gone, **new}.items() if old.get(name) != value}:
            sqs.set_queue_attributes(QueueUrl=physical_id, Attributes=different)
        put, removed = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            sqs.tag_queue(QueueUrl=physical_id, Tags={tag["Key"]: tag["Value"] for tag in put})
        if removed:
            sqs.untag_queue(QueueUrl=physical_id, TagKeys=removed)
        return self._made(context, physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("sqs").delete_queue, QueueUrl=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = _read(context, physical_id)
        if found is None:
            return None
        live: dict[str, Any] = {}
        for name in _ATTRIBUTES:
            if name in properties and name in found:
                live[name] = _typed(found[name], properties[name])
        return live

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if _read(context, physical_id) is None:
            raise Gone(physical_id)
        return self._made(context, physical_id)


def _read(context: Context, url: str) -> dict[str, str] | None:
    try:
        found: dict[str, str] = (
            context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
        )
    except ClientError as error:
        if missing(error, "AWS.SimpleQueueService.NonExistentQueue"):
            return None
        raise
    return found


def _typed(live: str, said: Any) -> Any:
    """A value as the template writes it."""
    if isinstance(said, dict):
        return json.loads(live)
    if isinstance(said, bool):
        return live == "true"
    return int(live) if isinstance(said, int) else live


class QueuePolicy(Handler):
    known = frozenset({"PolicyDocument", "Queues"})

    def create(self, context: Context, properties: Properties) -> Made:
        for queue in properties["Queues"]:
            context.client("sqs").set_queue_attributes(
                QueueUrl=queue, Attributes={"Policy": document(properties["PolicyDocument"])}
            )
        return Made(context.name(128))

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.create(context, after)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        for queue in properties["Queues"]:
            quietly(context.client("sqs").set_queue_attributes, QueueUrl=queue, Attributes={"Policy": ""})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = [_read(context.underneath(), queue) for queue in properties["Queues"]]
        if any(one is None or not one.get("Policy") for one in found):
            return None
        return {"PolicyDocument": json.loads(found[0]["Policy"])} if found and found[0] else None
