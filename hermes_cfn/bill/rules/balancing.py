"""Load balancers: hours, capacity units, their public addresses, and what they send to users.

One LCU is 25 new connections a second, 3,000 active ones a minute, 1 GB an hour (both
directions) or 1,000 rule evaluations a second, whichever is the most; the first ten rules of
a request are free.  One NLCU is 800 new TCP connections a second, 100,000 active ones or 1 GB an hour
(https://aws.amazon.com/elasticloadbalancing/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item
from hermes_cfn.bill.quantity import Largest, Quantity, Sum, Total, fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Placed, Surroundings, items, true
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

NEW_A_SECOND, ACTIVE, GB_AN_HOUR, RULES_A_SECOND, FREE_RULES = 25, 3000, 1, 1000, 10
SECONDS = 3600
NLB_NEW_A_SECOND, NLB_ACTIVE = 800, 100_000


def dimensions(rules: int) -> tuple[Sum, Sum, Sum, Sum]:
    """LCU-hours a month by new connections, active connections, bytes and rule evaluations."""
    return (
        per("new_connections", Decimal(1) / (NEW_A_SECOND * SECONDS)),
        per("active_connections", HOURS / ACTIVE),
        (per("to_users_gb") + per("from_users_gb")).times(Decimal(1) / GB_AN_HOUR),
        per("requests", Decimal(max(0, rules - FREE_RULES)) / (RULES_A_SECOND * SECONDS)),
    )


def lcu_hours(
    rules: int,
    balancers: int = 1,
    profile: tuple[Decimal, ...] = (),
    connections: tuple[Decimal, ...] = (),
) -> Quantity:
    """LCU-hours a month of one of ``balancers`` that share the traffic.

    ``profile`` are 24 weights of the day's hours for requests, new connections and bytes,
    ``connections`` those of active connections (by default the same).
    """
    new, active, data, evaluated = (part.times(Decimal(1) / balancers) for part in dimensions(rules))
    if not profile and not connections:
        return Largest((new, active, data, evaluated))
    flat = (Decimal(1),) * 24
    busy = profile or flat
    held = connections or busy
    whole_day = sum(busy), sum(held)
    hours = []
    for weight, open_ in zip(busy, held, strict=True):
        by, held_by = weight / whole_day[0], open_ / whole_day[1]
        hours.append((Decimal(1), Largest((new.times(by), active.times(held_by), data.times(by), evaluated.times(by)))))
    return Total(tuple(hours))


def balancer(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = place.get("Type", "application")
    public = place.get("Scheme", "internet-facing") == "internet-facing"
    operation = {"network": "LoadBalancing:Network", "gateway": "LoadBalancing:Gateway"}.get(
        str(kind), "LoadBalancing:Application"
    )
    yield Charge("load balancer", "AWSELB", "LoadBalancerUsage", fixed(HOURS), "Hrs", operation=operation)
    count = len(around.of("AWS::ElasticLoadBalancingV2::LoadBalancer"))
    if kind == "application":
        usage = around.usage
        yield Charge(
            "capacity units (LCU)",
            "AWSELB",
            "LCUUsage",
            lcu_hours(_rules(place, around), count, usage.daily_profile, usage.connections_profile),
            "LCU-Hrs",
            operation=operation,
        )
        yield Free("between zones, to its targets", "AWS does not charge for it")
        if _logged(place):
            logs = per("access_logs_gb", Decimal(1) / count)
            yield Charge("access logs kept", "AmazonS3", "TimedStorage-ByteHrs", logs, "GB-Mo", operation="")
    else:
        share = Decimal(1) / count
        units = Largest(
            (
                per("new_connections", share / (NLB_NEW_A_SECOND * SECONDS)),
                per("active_connections", share * HOURS / NLB_ACTIVE),
                per("nlb_gb", share / GB_AN_HOUR),
            )
        )
        yield Charge("capacity units (NLCU)", "AWSELB", "LCUUsage", units, "LCU-Hrs", operation=operation)
    if public:
        yield from addresses(place)
        yield Charge(
            "transfer to users",
            "AWSDataTransfer",
            "DataTransfer-Out-Bytes",
            per("to_users_gb", Decimal(1) / count),
            "GB",
            operation="",
            allowance="internet_out_gb",
        )


def _logged(place: Placed) -> bool:
    said = {str(item.get("Key")): item.get("Value") for item in items(place.get("LoadBalancerAttributes"))}
    return true(said.get("access_logs.s3.enabled", False))


def _rules(place: Placed, around: Surroundings) -> int:
    """Rules that a request meets: those of the listener that has most, with its default."""
    listeners = [
        listener
        for listener in around.of("AWS::ElasticLoadBalancingV2::Listener")
        if around.find(listener.get("LoadBalancerArn")) is place
    ]
    counts = [
        1
        + sum(
            around.find(rule.get("ListenerArn")) is listener
            for rule in around.of("AWS::ElasticLoadBalancingV2::ListenerRule")
        )
        for listener in listeners
    ]
    return max(counts, default=1)


def addresses(place: Placed) -> Iterable[Item]:
    """One public IPv4 address a zone, but those that are an Elastic IP of their own."""
    mappings, subnets = place.get("SubnetMappings"), place.get("Subnets")
    if isinstance(mappings, list):
        count = sum("AllocationId" not in mapping for mapping in items(mappings))
    else:
        count = len(subnets) if isinstance(subnets, list) else 2
    if count:
        yield address(count, f"public IPv4 addresses, one in each of {count} zones")


def classic(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("load balancer", "AWSELB", "LoadBalancerUsage", fixed(HOURS), "Hrs", operation="LoadBalancing")
    yield Charge(
        "data processed",
        "AWSELB",
        "DataProcessing-Bytes",
        per("to_users_gb") + per("from_users_gb"),
        "GB",
        operation="LoadBalancing",
    )
    if place.get("Scheme", "internet-facing") == "internet-facing":
        subnets = place.get("Subnets", place.get("AvailabilityZones"))
        count = len(subnets) if isinstance(subnets, list) else 1
        yield address(count, f"public IPv4 addresses, one in each of {count} zones")
        yield Charge(
            "transfer to users",
            "AWSDataTransfer",
            "DataTransfer-Out-Bytes",
            per("to_users_gb"),
            "GB",
            operation="",
            allowance="internet_out_gb",
        )


RULES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": balancer,
    "AWS::ElasticLoadBalancing::LoadBalancer": classic,
}
