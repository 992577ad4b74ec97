"""The network and the listener that one has: whether they are there, and fit."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding

BALANCER_ADDRESSES = 8
"""Free addresses that a load balancer needs in each of its subnets (ELB user guide, "Subnets for your load balancer")."""


def network(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``network-missing``, ``subnet-elsewhere``, ``subnets-unfit``, ``no-way-out``."""
    wanted, seen = settings.network, facts.existing
    if not wanted.vpc_id:
        return
    if seen.vpc is False:
        yield Finding(
            "network-missing",
            "hermes.toml [network] vpc_id",
            f"there is no VPC {wanted.vpc_id} in {settings.region} of account {facts.account}",
            next="aws ec2 describe-vpcs shows those that there are",
        )
        return
    if seen.subnets is None:
        return
    lost = [one for one in (*wanted.public_subnets, *wanted.private_subnets) if one not in seen.subnets]
    if lost:
        yield Finding(
            "network-missing",
            "hermes.toml [network]",
            f"there is no subnet {', '.join(lost)} in {settings.region}",
            next=f"aws ec2 describe-subnets --filters Name=vpc-id,Values={wanted.vpc_id}",
        )
    for one, subnet in seen.subnets.items():
        if subnet.vpc != wanted.vpc_id:
            yield Finding(
                "subnet-elsewhere",
                "hermes.toml [network]",
                f"{one} is in {subnet.vpc}, not in {wanted.vpc_id}",
                next=f"a subnet of {wanted.vpc_id}",
            )
    yield from _balancers(settings, facts)
    yield from _instances(settings, facts)


def _balancers(settings: Settings, facts: Facts) -> Iterator[Finding]:
    there = facts.existing.subnets or {}
    mine = {one: there[one] for one in settings.network.public_subnets if one in there}
    if not settings.own_balancer or not mine:
        return
    zones = [subnet.zone for subnet in mine.values()]
    if len(set(zones)) < len(zones) or len(set(zones)) < 2:
        yield _unfit(
            "public_subnets",
            f"they are in {', '.join(sorted(zones))}, and a load balancer takes one of each of two zones or more",
        )
    for one, subnet in mine.items():
        if subnet.free < BALANCER_ADDRESSES:
            yield _unfit(
                "public_subnets",
                f"{one} has {subnet.free} free addresses, and a load balancer needs {BALANCER_ADDRESSES}",
            )
        if subnet.out != "igw":
            yield Finding(
                "no-way-out",
                "hermes.toml [network] public_subnets",
                f"{one} has no route to an internet gateway: nobody outside would reach the load balancer",
                next="subnets whose route table leads 0.0.0.0/0 to an internet gateway",
            )


def _instances(settings: Settings, facts: Facts) -> Iterator[Finding]:
    there = facts.existing.subnets or {}
    key = "public_subnets" if settings.network.egress == "public-subnets" else "private_subnets"
    mine = {one: there[one] for one in getattr(settings.network, key) if one in there}
    needed = settings.compute.count + settings.release.surge
    free = sum(subnet.free for subnet in mine.values())
    if mine and free < needed:
        yield _unfit(key, f"they have {free} free addresses together, and {needed} instances need one each")
    for one, subnet in mine.items():
        if not subnet.out or (key == "private_subnets" and subnet.out == "igw"):
            what = (
                "leads 0.0.0.0/0 to an internet gateway, and instances there get no public address"
                if subnet.out
                else "has no route for 0.0.0.0/0 that works"
            )
            yield Finding(
                "no-way-out",
                f"hermes.toml [network] {key}",
                f"{one} {what}: instances could not fetch their image, nor reach Systems Manager",
                next='subnets with a NAT gateway or another way out; or public ones, with egress = "public-subnets"',
            )


def _unfit(key: str, what: str) -> Finding:
    return Finding("subnets-unfit", f"hermes.toml [network] {key}", what, next="other subnets of the VPC")


def listener(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``listener-unknown``, ``listener-elsewhere``, ``listener-priority-taken``."""
    seen, arn = facts.existing, settings.ingress.listener_arn
    if arn and seen.listener_vpc == "":
        yield Finding(
            "listener-unknown",
            "hermes.toml [ingress] listener_arn",
            f"there is no HTTPS listener {arn}",
            next="aws elbv2 describe-listeners --load-balancer-arn ARN shows those of a load balancer",
        )
    elif arn and seen.listener_vpc and seen.listener_vpc != settings.network.vpc_id:
        yield Finding(
            "listener-elsewhere",
            "hermes.toml [ingress] listener_arn",
            f"its load balancer is in {seen.listener_vpc}, and the instances in {settings.network.vpc_id}: it cannot reach them",
            next=f'network.vpc_id = "{seen.listener_vpc}", or a listener of the other VPC',
        )
    if seen.priorities and settings.ingress.listener_priority in seen.priorities:
        free = next(
            number for number in range(settings.ingress.listener_priority, 50_001) if number not in seen.priorities
        )
        yield Finding(
            "listener-priority-taken",
            "hermes.toml [ingress] listener_priority",
            f"{settings.ingress.listener_priority} is that of a rule which is not ours",
            why="AWS would refuse ours (PriorityInUse), and the stack would roll back",
            next=f"one that is free, like {free}",
        )
