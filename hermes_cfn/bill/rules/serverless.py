"""Functions, queues, topics and Fargate tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import Sum, fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Surroundings, items, mapping, true, whole, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

FREE_STORAGE_MB = 512
"""Ephemeral storage of a function that costs nothing (https://aws.amazon.com/lambda/pricing/)."""

SECONDS = HOURS * 3600


def _arm(place: Placed) -> str:
    architectures = place.get("Architectures", ["x86_64"])
    return "-ARM" if isinstance(architectures, list) and "arm64" in architectures else ""


def function(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::Lambda::Function"))
    arm = _arm(place)
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
    size = whole(mapping(place.get("EphemeralStorage")).get("Size", FREE_STORAGE_MB))
    if size is None or size > FREE_STORAGE_MB:
        gb = per("lambda_seconds", share * ((size or FREE_STORAGE_MB) - FREE_STORAGE_MB) / 1024)
        if size is None:
            yield NotPriced("ephemeral storage", "its size is not known")
        else:
            usage = f"Lambda-Storage-GB-Second{arm}"
            yield Charge("ephemeral storage beyond 512 MB", "AWSLambda", usage, gb, "Lambda-GB-Second")
    snap = mapping(place.get("SnapStart")).get("ApplyOn", "None")
    if word(snap, "None", "PublishedVersions") == "PublishedVersions" and not str(place.get("Runtime")).startswith(
        "java"
    ):
        yield NotPriced("SnapStart", "its cache and each restore are charged for all runtimes but Java")


def provisioned(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Concurrency that a version or an alias keeps warm, for the memory of its function, all month."""
    wanted = mapping(place.get("ProvisionedConcurrencyConfig"))
    if not wanted:
        yield Free("resource", "its function is charged where it is (https://aws.amazon.com/lambda/pricing/)")
        return
    owner = around.named("AWS::Lambda::Function", "FunctionName", place.get("FunctionName"))
    count = whole(wanted.get("ProvisionedConcurrentExecutions"))
    memory = whole(owner.get("MemorySize", 128)) if owner else None
    if owner is None or count is None or memory is None:
        yield NotPriced("provisioned concurrency", "its number and the memory of its function are not both known")
        return
    usage = f"Lambda-Provisioned-Concurrency{_arm(owner)}"
    seconds = fixed(SECONDS * count * memory / 1024)
    yield Charge(f"provisioned concurrency of {count}", "AWSLambda", usage, seconds, "Lambda-GB-Second")


def queue(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::SQS::Queue"))
    usage = "Requests-FIFO-Tier1" if true(place.get("FifoQueue", False)) else "Requests-Tier1"
    yield Charge(
        "requests",
        "AWSQueueService",
        usage,
        per("queue_requests", share),
        "Requests",
        allowance="sqs_requests",
    )


def _published(around: Surroundings) -> Sum:
    """Messages a month of one topic."""
    return per("topic_publishes", around.share(around.of("AWS::SNS::Topic")))


def topic(place: Placed, around: Surroundings) -> Iterable[Item]:
    fifo = true(place.get("FifoTopic", False))
    yield Charge(
        "publishes", "AmazonSNS", "F-Request-Tier1" if fifo else "Requests-Tier1", _published(around), "Requests"
    )
    if fifo:
        among = [one for one in around.of("AWS::SNS::Topic") if true(one.get("FifoTopic", False))]
        yield Charge("payload", "AmazonSNS", "F-Ingress-Tier1", per("topic_gb", around.share(among)), "GB")
    for one in items(place.get("Subscription")):
        yield from _delivery(one.get("Protocol"), fifo, around)


def subscription(place: Placed, around: Surroundings) -> Iterable[Item]:
    owner = around.find(place.get("TopicArn"))
    yield from _delivery(place.get("Protocol"), owner is not None and true(owner.get("FifoTopic", False)), around)


def _delivery(protocol: Any, fifo: bool, around: Surroundings) -> Iterator[Item]:
    """What a subscription costs: each message that its topic gets, as no filter is counted."""
    protocol = word(protocol, "sqs", "lambda", "email", "https", "firehose")
    if protocol in ("sqs", "lambda") and fifo:
        yield Charge("deliveries", "AmazonSNS", "F-Notifications", _published(around), "Notifications")
    elif protocol in ("sqs", "lambda"):
        yield Free("deliveries", f"deliveries to {protocol} are free (https://aws.amazon.com/sns/pricing/)")
    elif protocol in ("http", "https"):
        yield Charge("deliveries by HTTP", "AmazonSNS", "DeliveryAttempts-HTTP", _published(around), "Notifications")
    elif protocol == "firehose":
        what = "deliveries to Firehose"
        yield Charge(what, "AmazonSNS", "DeliveryAttempts-FIREHOSE", _published(around), "Notifications")
    elif protocol in ("email", "email-json"):
        yield Charge(
            "emails",
            "AmazonSNS",
            "DeliveryAttempts-SMTP",
            per("topic_emails", Decimal(1) / max(1, _mailed(around))),
            "Notifications",
            allowance="sns_emails",
        )
    else:
        yield NotPriced("deliveries", f"no rule for {protocol}")


def _mailed(around: Surroundings) -> int:
    inline = (one for place in around.of("AWS::SNS::Topic") for one in items(place.get("Subscription")))
    protocols = [one.get("Protocol") for one in inline]
    protocols += [place.get("Protocol") for place in around.of("AWS::SNS::Subscription")]
    return sum(str(protocol).startswith("email") for protocol in protocols)


def _strategy(place: Placed, around: Surroundings) -> list[Mapping[str, Any]] | None:
    """Capacity providers of a service: its own, or its cluster's; None where the cluster is not in the template."""
    own = items(place.get("CapacityProviderStrategy"))
    if own:
        return own
    home = around.named("AWS::ECS::Cluster", "ClusterName", place.get("Cluster"))
    if home is None:
        return None
    associated = around.pointing("AWS::ECS::ClusterCapacityProviderAssociations", "Cluster").get(home.id, [])
    for one in (home, *associated):
        found = items(one.get("DefaultCapacityProviderStrategy"))
        if found:
            return found
    return []


def _on_fargate(strategy: list[Mapping[str, Any]], count: int) -> tuple[int, int, int]:
    """How many of ``count`` tasks a strategy puts on Fargate, on Fargate Spot, and on instances."""
    base = {str(one.get("CapacityProvider")): whole(one.get("Base", 0)) or 0 for one in strategy}
    weight = {str(one.get("CapacityProvider")): whole(one.get("Weight", 0)) or 0 for one in strategy}
    if not sum(weight.values()):
        weight = dict.fromkeys(weight, 1)
    left = max(0, count - sum(base.values()))
    total = sum(weight.values())
    found = {name: min(count, base[name]) + -(-left * weight[name] // total) for name in weight}
    spot = min(count, found.get("FARGATE_SPOT", 0)) if set(found) - {"FARGATE_SPOT"} else count
    fargate = found.get("FARGATE", 0)
    if set(found) <= {"FARGATE", "FARGATE_SPOT"}:
        fargate = min(count, fargate) if "FARGATE" in found else 0
        spot = count - fargate
    return fargate, spot if "FARGATE_SPOT" in found else 0, count - fargate - (spot if "FARGATE_SPOT" in found else 0)


def service(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A service of ECS: tasks on Fargate by the launch type, by its own or by its cluster's capacity providers."""
    task = around.named("AWS::ECS::TaskDefinition", "Family", place.get("TaskDefinition"))
    count = whole(place.get("DesiredCount", 1))
    launch = place.get("LaunchType")
    if launch is not None:
        launch = word(launch, "EC2", "FARGATE")
    strategy = [] if launch else _strategy(place, around)
    if not launch and strategy is None:
        needs = task.get("RequiresCompatibilities") if task else None
        if needs == ["FARGATE"]:
            launch = "FARGATE"
        else:
            yield NotPriced("service", "its cluster, which says where tasks run, is not in the template")
            return
    if launch == "EXTERNAL":
        yield NotPriced("tasks", "tasks on machines of one's own are charged by the machine and hour")
        return
    names = {str(one.get("CapacityProvider")) for one in strategy or ()}
    if launch == "EC2" or (not launch and not names & {"FARGATE", "FARGATE_SPOT"}):
        yield Free("service", "its instances are charged where they are")
        return
    if count is None:
        yield NotPriced("tasks", "their number and size are not all known")
        return
    fargate, spot = (count, 0) if launch else _on_fargate(strategy or [], count)[:2]
    if spot:
        yield NotPriced(f"{spot} spot tasks", "spot prices of Fargate move")
    if fargate or not spot:
        yield from _tasks(place, task, fargate)


def _tasks(place: Placed, task: Placed | None, count: int) -> Iterator[Item]:
    cpu, memory = (_units(task, name) for name in ("Cpu", "Memory"))
    if task is None or cpu is None or memory is None:
        yield NotPriced("tasks", "their number and size are not all known")
        return
    platform = mapping(task.get("RuntimePlatform"))
    windows = "Windows-" if str(platform.get("OperatingSystemFamily", "LINUX")).startswith("WINDOWS") else ""
    arm = "ARM-" if word(platform.get("CpuArchitecture", "X86_64"), "X86_64", "ARM64") == "ARM64" else ""
    kind = windows or arm
    hours = fixed(HOURS * count * cpu / 1024)
    yield Charge(f"{count} tasks, vCPU", "AmazonECS", f"Fargate-{kind}vCPU-Hours:perCPU", hours, "hours")
    gb = fixed(HOURS * count * memory / 1024)
    yield Charge(f"{count} tasks, memory", "AmazonECS", f"Fargate-{kind}GB-Hours", gb, "hours")
    if windows:
        yield Charge(f"{count} tasks, Windows", "AmazonECS", "Fargate-Windows-OS-Hours:perCPU", hours, "hours")
    network = mapping(mapping(place.get("NetworkConfiguration")).get("AwsvpcConfiguration"))
    if word(network.get("AssignPublicIp", "DISABLED"), "DISABLED", "ENABLED") == "ENABLED":
        yield address(count)
    storage = mapping(task.get("EphemeralStorage"))
    beyond = (whole(storage.get("SizeInGiB")) or INCLUDED_GIB) - INCLUDED_GIB
    if beyond > 0:
        # the price list has one price of storage for both processors
        usage = "Fargate-EphemeralStorage-GB-Hours"
        yield Charge(f"{count} tasks, ephemeral storage", "AmazonECS", usage, fixed(HOURS * count * beyond), "GB-Hours")


def capacity_provider(place: Placed, around: Surroundings) -> Iterable[Item]:
    if place.get("ManagedInstancesProvider") is not None:
        yield NotPriced("managed instances", "the instances that it makes, and a fee for each, are in no template")
    else:
        yield Free("capacity provider", "its group is charged where it is (https://aws.amazon.com/ecs/pricing/)")


INCLUDED_GIB = 20
"""Ephemeral storage of a task that costs nothing (https://aws.amazon.com/fargate/pricing/)."""

_SIZE = re.compile(r"([\d.]+)\s*(vCPU|GB)", re.IGNORECASE)


def _units(task: Placed | None, name: str) -> int | None:
    return size_of(task.get(name)) if task else None


def size_of(value: Any) -> int | None:
    """CPU units or MiB, also of ``.5 vCPU`` and ``1 GB``."""
    sized = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(Decimal(sized[1]) * 1024) if sized else whole(value)


RULES = {
    "AWS::Lambda::Function": function,
    "AWS::SQS::Queue": queue,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::Subscription": subscription,
    "AWS::Lambda::Alias": provisioned,
    "AWS::Lambda::Version": provisioned,
    "AWS::ECS::Service": service,
    "AWS::ECS::CapacityProvider": capacity_provider,
}
