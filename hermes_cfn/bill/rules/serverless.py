"""Functions, queues, topics and Fargate tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Placed, Surroundings, items, mapping, true, whole
from hermes_cfn.units import HOURS_PER_MONTH as HOURS


def function(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::Lambda::Function"))
    architectures = place.get("Architectures", ["x86_64"])
    arm = "-ARM" if isinstance(architectures, list) and "arm64" in architectures else ""
    yield Charge(
        "requests",
        "AWSLambda",
        f"Request{arm}",
        per("lambda_requests", share),
        "Request",
        allowance="lambda_requests",
    )
    memory = whole(place.get("MemorySize", 128))
    if memory is None:
        yield NotPriced("duration", "the memory size is not known")
        return
    yield Charge(
        f"duration at {memory} MB",
        "AWSLambda",
        f"Lambda-GB-Second{arm}",
        per("lambda_seconds", share * memory / 1024),
        "Lambda-GB-Second",
        allowance="lambda_gb_seconds",
    )


def queue(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::SQS::Queue"))
    usage = "Requests-FIFO-Tier1" if true(place.get("FifoQueue", False)) else "Requests-Tier1"
    yield Charge(
        "requests",
        "AWSQueueService",
        usage,
        per("queue_requests", share),
        "Requests",
        allowance="sqs_requests",
    )


def topic(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::SNS::Topic"))
    yield Charge("publishes", "AmazonSNS", "Requests-Tier1", per("topic_publishes", share), "Requests")


def subscription(place: Placed, around: Surroundings) -> Iterable[Item]:
    protocol = place.get("Protocol")
    if protocol in ("sqs", "lambda", "firehose"):
        yield Free("deliveries", f"deliveries to {protocol} are free")
    elif protocol in ("email", "email-json"):
        share = Decimal(1) / len(around.of("AWS::SNS::Subscription"))
        yield Charge(
            "emails",
            "AmazonSNS",
            "DeliveryAttempts-SMTP",
            per("topic_emails", share),
            "Notifications",
            allowance="sns_emails",
        )
    else:
        yield NotPriced("deliveries", f"no rule for {protocol}")


def fargate(place: Placed, around: Surroundings) -> Iterable[Item]:
    task = around.find(place.get("TaskDefinition"))
    launch, count = place.get("LaunchType", "EC2"), whole(place.get("DesiredCount", 1))
    names = {str(item.get("CapacityProvider")) for item in items(place.get("CapacityProviderStrategy"))}
    if "FARGATE_SPOT" in names:
        yield NotPriced("tasks", "spot prices of Fargate move, and which task runs on them is not known")
        return
    if launch != "FARGATE" and not names & {"FARGATE"}:
        yield Free("service", "its instances are charged where they are")
        return
    cpu, memory = (_units(task, name) for name in ("Cpu", "Memory"))
    if task is None or count is None or cpu is None or memory is None:
        yield NotPriced("tasks", "their number and size are not all known")
        return
    platform = mapping(task.get("RuntimePlatform"))
    arm = "ARM-" if platform.get("CpuArchitecture") == "ARM64" else ""
    yield Charge(
        f"{count} tasks, vCPU",
        "AmazonECS",
        f"Fargate-{arm}vCPU-Hours:perCPU",
        fixed(HOURS * count * cpu / 1024),
        "hours",
    )
    yield Charge(
        f"{count} tasks, memory", "AmazonECS", f"Fargate-{arm}GB-Hours", fixed(HOURS * count * memory / 1024), "hours"
    )

    network = mapping(mapping(place.get("NetworkConfiguration")).get("AwsvpcConfiguration"))
    if network.get("AssignPublicIp") == "ENABLED":
        yield address(count)
    storage = mapping(task.get("EphemeralStorage"))
    beyond = (whole(storage.get("SizeInGiB")) or INCLUDED_GIB) - INCLUDED_GIB
    if beyond > 0:
        usage = f"Fargate-{arm}EphemeralStorage-GB-Hours"
        yield Charge(f"{count} tasks, ephemeral storage", "AmazonECS", usage, fixed(HOURS * count * beyond), "GB-Hours")


INCLUDED_GIB = 20
"""Ephemeral storage of a task that costs nothing (https://aws.amazon.com/fargate/pricing/)."""

_SIZE = re.compile(r"([\d.]+)\s*(vCPU|GB)", re.IGNORECASE)


def _units(task: Placed | None, name: str) -> int | None:
    """CPU units or MiB, also of ``.5 vCPU`` and ``1 GB``."""
    value = task.get(name) if task else None
    sized = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(Decimal(sized[1]) * 1024) if sized else whole(value)


RULES = {
    "AWS::Lambda::Function": function,
    "AWS::SQS::Queue": queue,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::Subscription": subscription,
    "AWS::ECS::Service": fargate,
}
