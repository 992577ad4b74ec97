"""What two resources cannot hold at once, and a change would give to both: names and address ranges.

CloudFormation makes the new resource before the old one goes (CloudFormation user guide, "Update behaviors of
stack resources": Replacement).  Where the new one claims what the old one still holds, the service refuses it, and
the stack rolls back half way: ``DuplicateTargetGroupName``, ``The CIDR '…' conflicts with another subnet``,
``CloudFormation cannot update a stack when a custom-named resource requires replacing``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from hermes_cfn.cfn.changes import ResourceChange
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.template import Resource
from hermes_cfn.errors import Finding

SUBNET = "AWS::EC2::Subnet"
NAT_GATEWAY = "AWS::EC2::NatGateway"
WITHIN_VPC = frozenset({"AWS::EC2::SecurityGroup"})
"""Types whose names are their own only within one VPC."""

USER_DATA_BYTES = 16_384
"""Of user data before it is encoded (EC2 user guide, "Work with instance user data")."""


def taken(
    stack: str,
    region: str,
    before: Mapping[str, Resource],
    after: Mapping[str, Resource],
    found: Iterable[ResourceChange],
) -> Iterator[Finding]:
    """Findings ``name-taken`` and ``range-taken`` for what is added or surely replaced.

    ``before`` and ``after`` have evaluated properties, by logical ID.  What is Unknown claims nothing.
    """
    if not before:
        return
    names = {(r.type, name): logical_id for logical_id, r in before.items() if (name := own_name(r, region))}
    ranges = [(logical_id, block) for logical_id, r in before.items() for block in _ranges(r)]
    for change in found:
        if not (change.action == "Add" or change.replacement == "True") or change.logical_id not in after:
            continue
        resource = after[change.logical_id]
        why = ", ".join(detail.name for detail in change.details if detail.requires_recreation == "Always")
        holder = names.get((resource.type, own_name(resource, region)))
        if holder and not (resource.type in WITHIN_VPC and "VpcId" in why):
            yield Finding(
                "name-taken",
                f"{stack}/{change.logical_id}",
                f"{resource.type} has to be made anew under the name {own_name(resource, region)}, which {holder} still has",
                why=f"{why or 'its logical ID'} cannot change in place, and CloudFormation makes the new one before the "
                "old one goes: AWS would refuse it, and the stack would roll back",
                next=_way_out(resource, why),
            )
        if resource.type == NAT_GATEWAY and change.replacement == "True":
            yield Finding(
                "address-taken",
                f"{stack}/{change.logical_id}",
                "the NAT gateway has to be made anew with the address that the old one still has",
                why=f"{why} cannot change in place, and CloudFormation makes the new one before the old one goes: "
                "EC2 would refuse it (Resource.AlreadyAssociated)",
                next="keep the zone with the first letter, or another [network] egress",
            )
        for block in _ranges(resource):
            clash = next((f"{other} ({held})" for other, held in ranges if held.overlaps(block)), "")
            if clash:
                yield Finding(
                    "range-taken",
                    f"{stack}/{change.logical_id}",
                    f"the new subnet would have {block}, which {clash} still holds",
                    why="CloudFormation makes the new subnet before the old one goes: EC2 would refuse it",
                    next='[network] layout = "order" keeps the ranges of a deployment that was laid out by the order of '
                    "its zones; else leave zones and cidr as they were, or make a second environment beside this one",
                )


def too_long(stack: str, after: Mapping[str, Resource]) -> Iterator[Finding]:
    """``user-data-too-long``: EC2 refuses to launch from such a template or configuration."""
    for name, resource in after.items():
        data = resource.properties.get("LaunchTemplateData", resource.properties)
        text = data.get("UserData") if isinstance(data, Mapping) else None
        if not isinstance(text, str):
            continue
        size = len(text.rstrip("=")) * 3 // 4
        if size > USER_DATA_BYTES:
            yield Finding(
                "user-data-too-long",
                f"{stack}/{name}",
                f"its user data has {size:,} bytes, EC2 takes {USER_DATA_BYTES:,}",
                next="shorten what the settings write into it, such as the list [application] health_codes",
            )


def own_name(resource: Resource, region: str) -> str:
    """The name that the template gives the resource itself and that no other may have; empty where AWS makes one.

    By the resource's schema: a create-only property that is called as the type is (``AWS::EC2::SecurityGroup``:
    ``GroupName``), or ``Name``, or a primary identifier that one may write.
    """
    known = schema(resource.type, region)
    if known is None:
        return ""
    tail = resource.type.rpartition("::")[2]
    identifiers = {path.lstrip("/") for path in known.primary_identifier}
    for path in known.create_only:
        name = path.lstrip("/")
        own = (
            name == "Name"
            or (name.endswith("Name") and tail.endswith(name[:-4]))
            or (len(identifiers) == 1 and name in identifiers)
        )
        value: Any = resource.properties.get(name)
        if "/" not in name and own and isinstance(value, str) and value:
            return value
    return ""


def _ranges(resource: Resource) -> list[Any]:
    block = resource.properties.get("CidrBlock")
    if resource.type != SUBNET or not isinstance(block, str):
        return []
    try:
        return [ip_network(block)]
    except ValueError:
        return []


def _way_out(resource: Resource, why: str) -> str:
    if resource.type == "AWS::ElasticLoadBalancingV2::TargetGroup" and "Port" in why:
        return (
            "leave [application] port as it was, or deploy a second environment beside this one, move the DNS record to it, "
            "and destroy this one"
        )
    return "leave it as it was, or change its name in the same step"


RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


def priorities(
    stack: str, before: Mapping[str, Resource], after: Mapping[str, Resource], found: Iterable[ResourceChange]
) -> Iterator[Finding]:
    """``priority-taken``: a rule shall get the priority that another rule of its listener still has.

    CloudFormation deletes what is no longer wanted after everything else, and changes rules one by one:
    ``PriorityInUse`` (ELB API reference, CreateRule and SetRulePriorities).
    """
    holders = {_priority(rule): logical_id for logical_id, rule in before.items() if rule.type == RULE}
    for change in found:
        rule = after.get(change.logical_id)
        if rule is None or rule.type != RULE or change.action not in ("Add", "Modify"):
            continue
        holder = holders.get(_priority(rule), change.logical_id)
        if holder != change.logical_id:
            yield Finding(
                "priority-taken",
                f"{stack}/{change.logical_id}",
                f"priority {_priority(rule)} is still that of {holder}: AWS would refuse it, and the stack would roll back",
                why="CloudFormation changes rules one by one, and deletes at the end",
                next="a priority that no rule has now; the old number is free after the next deployment",
            )


def _priority(rule: Resource) -> str:
    return str(rule.properties.get("Priority"))
