"""Load balancers: hours, capacity units, their public addresses, and what they send to users.

One LCU is 25 new connections a second, 3,000 active ones a minute, 1 GB an hour (both
directions) or 1,000 rule evaluations a second, whichever is the most; the first ten rules of
a request are free.  One NLCU is 800 new TCP connections a second, 100,000 active ones or 1 GB an hour
or, of a Gateway Load Balancer,
600, 60,000 or 1 GB (https://aws.amazon.com/elasticloadbalancing/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import Largest, Quantity, Sum, Total, fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Surroundings, count_of, items, true, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

NEW_A_SECOND, ACTIVE, GB_AN_HOUR, RULES_A_SECOND, FREE_RULES = 25, 3000, 1, 1000, 10
SECONDS = 3600
NLB_NEW_A_SECOND, NLB_ACTIVE = 800, 100_000
GLB_NEW_A_SECOND, GLB_ACTIVE = 600, 60_000


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


V2, CLASSIC = "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer"


def _kind(place: Placed) -> str:
    return word(place.get("Type", "application"), "application", "network")


def fronts(around: Surroundings) -> list[Placed]:
    """The balancers among which what users send and get is divided: application and classic ones, or else the others."""
    web = [place for place in around.of(V2) if _kind(place) == "application"]
    return [*web, *around.of(CLASSIC)] or around.of(V2)


def balancer(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = _kind(place)
    public = word(place.get("Scheme", "internet-facing"), "internet-facing", "internal") == "internet-facing"
    operation = {"network": "LoadBalancing:Network", "gateway": "LoadBalancing:Gateway"}.get(
        kind, "LoadBalancing:Application"
    )
    yield Charge("load balancer", "AWSELB", "LoadBalancerUsage", fixed(HOURS), "Hrs", operation=operation)
    sharing = fronts(around)
    front = any(one.id == place.id for one in sharing)
    if kind == "application":
        usage = around.usage
        yield Charge(
            "capacity units (LCU)",
            "AWSELB",
            "LCUUsage",
            lcu_hours(_rules(place, around), len(sharing), usage.daily_profile, usage.connections_profile),
            "LCU-Hrs",
            operation=operation,
        )
        yield Free("between zones, to its targets", "AWS does not charge for it")
    else:
        share = around.share([one for one in around.of(V2) if _kind(one) == kind])
        gateway = kind == "gateway"
        parts = [per("glb_gb" if gateway else "nlb_gb", share / GB_AN_HOUR)]
        if front:
            new, active = (GLB_NEW_A_SECOND, GLB_ACTIVE) if gateway else (NLB_NEW_A_SECOND, NLB_ACTIVE)
            part = around.share(sharing)
            parts = [
                per("new_connections", part / (new * SECONDS)),
                per("active_connections", part * HOURS / active),
                *parts,
            ]
        what = "capacity units (GLCU)" if gateway else "capacity units (NLCU)"
        yield Charge(what, "AWSELB", "LCUUsage", Largest(tuple(parts)), "LCU-Hrs", operation=operation)
    if _logged(place):
        logs = per("access_logs_gb", around.share([one for one in around.of(V2) if _logged(one)]))
        yield Charge("access logs kept", "AmazonS3", "TimedStorage-ByteHrs", logs, "GB-Mo", operation="")
    if public and kind != "gateway":
        if str(place.get("IpAddressType", "ipv4")) != "dualstack-without-public-ipv4":
            yield from addresses(place, around, 2 if kind == "application" else 1)
        if front:
            yield to_users(around.share(sharing))
        else:
            yield Free("transfer to users", "to_users_gb is given to the application and classic load balancers")


def to_users(share: Decimal) -> Item:
    """A balancer's part of what goes to users over the internet."""
    return Charge(
        "transfer to users",
        "AWSDataTransfer",
        "DataTransfer-Out-Bytes",
        per("to_users_gb", share),
        "GB",
        operation="",
        allowance="internet_out_gb",
    )


def _logged(place: Placed) -> bool:
    said = {str(item.get("Key")): item.get("Value") for item in items(place.get("LoadBalancerAttributes"))}
    return true(said.get("access_logs.s3.enabled", False))


def _rules(place: Placed, around: Surroundings) -> int:
    """Rules that a request meets: those of the listener that has most, with its default."""
    listeners = around.pointing("AWS::ElasticLoadBalancingV2::Listener", "LoadBalancerArn").get(place.id, [])
    rules = around.pointing("AWS::ElasticLoadBalancingV2::ListenerRule", "ListenerArn")
    return max((1 + len(rules.get(listener.id, [])) for listener in listeners), default=1)


def addresses(place: Placed, around: Surroundings, least: int) -> Iterable[Item]:
    """One public IPv4 address a zone, but those that are an Elastic IP of their own."""
    mappings, subnets = place.get("SubnetMappings"), place.get("Subnets")
    if isinstance(mappings, list):
        count = sum("AllocationId" not in mapping for mapping in items(mappings))
    else:
        count = count_of(subnets, place, around, "number of zones", *range(least, MOST_ZONES + 1))
    if count:
        yield address(count, f"public IPv4 addresses, one in each of {count} zones")


MOST_ZONES = 3
"""Zones that a balancer whose subnets nobody knows may be in, as most regions have them."""


def classic(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(fronts(around))
    yield Charge("load balancer", "AWSELB", "LoadBalancerUsage", fixed(HOURS), "Hrs", operation="LoadBalancing")
    yield Charge(
        "data processed",
        "AWSELB",
        "DataProcessing-Bytes",
        (per("to_users_gb") + per("from_users_gb")).times(share),
        "GB",
        operation="LoadBalancing",
    )
    if word(place.get("Scheme", "internet-facing"), "internet-facing", "internal") == "internet-facing":
        subnets = place.get("Subnets", place.get("AvailabilityZones"))
        count = count_of(subnets, place, around, "number of zones", *range(1, MOST_ZONES + 1))
        yield address(count, f"public IPv4 addresses, one in each of {count} zones")
        yield to_users(share)


RULES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": balancer,
    "AWS::ElasticLoadBalancing::LoadBalancer": classic,
}
