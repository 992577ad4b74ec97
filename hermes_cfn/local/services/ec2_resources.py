"""What an EC2 call is about, for its permission: what it makes, and everything that it names.

Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.wire import ACCOUNT

KINDS: Mapping[str, str] = {
    "ami": "image", "eigw": "egress-only-internet-gateway", "eipalloc": "elastic-ip", "eni": "network-interface",
    "fl": "vpc-flow-log", "i": "instance", "igw": "internet-gateway", "lt": "launch-template", "nat": "natgateway",
    "rtb": "route-table", "sg": "security-group", "sgr": "security-group-rule", "subnet": "subnet", "vol": "volume",
    "vpc": "vpc", "vpce": "vpc-endpoint",
}  # fmt: skip
"""Beginning of an id -> kind of resource."""
MADE: Mapping[str, str] = {
    "AllocateAddress": "elastic-ip", "CreateEgressOnlyInternetGateway": "egress-only-internet-gateway",
    "CreateFlowLogs": "vpc-flow-log", "CreateInternetGateway": "internet-gateway",
    "CreateLaunchTemplate": "launch-template", "CreateNatGateway": "natgateway", "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group", "CreateSubnet": "subnet", "CreateVpc": "vpc", "CreateVpcEndpoint": "vpc-endpoint",
    "RunInstances": "instance",
}  # fmt: skip
_ID = re.compile(r"([a-z]+)-[0-9a-f]{8,}")
_ALONE: Mapping[str, str] = {
    **dict.fromkeys(("CreateRoute", "DeleteRoute", "ReplaceRoute"), "route-table"),
    **dict.fromkeys(("CreateLaunchTemplate", "CreateLaunchTemplateVersion"), "launch-template"),
}
"""Actions that name more than they need a permission for."""
_BY_GROUP = re.compile(r"(Authorize|Revoke)SecurityGroup|UpdateSecurityGroupRuleDescriptions")


def about(action: str, params: Mapping[str, Any], region: str) -> list[tuple[str, dict[str, str]]]:
    """ARN and tags of each resource; ``*`` where the action has none, as those that only look."""
    if action.startswith(("Describe", "Get")):
        return [("*", {})]
    store = backend("ec2", region, ACCOUNT)
    found: dict[str, dict[str, str]] = {}
    if action in MADE:
        found[f"arn:aws:ec2:{region}:{ACCOUNT}:{MADE[action]}/*"] = {}
    for text in _texts(params):
        kind = KINDS.get(text.partition("-")[0]) if _ID.fullmatch(text) else None
        only = "security-group" if _BY_GROUP.match(action) else _ALONE.get(action, kind)
        if kind != only:
            continue
        if kind:
            owner = "" if kind == "image" else ACCOUNT
            found[f"arn:aws:ec2:{region}:{owner}:{kind}/{text}"] = dict(store.tags.get(text, {}))
        elif text.startswith("rtbassoc-"):
            found |= _tables(store, text, region)
        elif text.startswith("eipassoc-"):
            found |= _addresses(store, text, region)
        if _BY_GROUP.match(action) and found:
            break
    return list(found.items()) or [("*", {})]


def _texts(value: Any) -> Iterator[str]:
    """Every text in the members of a request, the first ones first; tags are no resources."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in ("TagSpecifications", "TagSpecification", "Tags", "Tag", "UserData", "ClientToken"):
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _tables(store: Any, association: str, region: str) -> dict[str, dict[str, str]]:
    return {
        f"arn:aws:ec2:{region}:{ACCOUNT}:route-table/{table.id}": dict(store.tags.get(table.id, {}))
        for table in store.route_tables.values()
        if association in table.all_associations_ids
    }


def _addresses(store: Any, association: str, region: str) -> dict[str, dict[str, str]]:
    return {
        f"arn:aws:ec2:{region}:{ACCOUNT}:elastic-ip/{one.allocation_id}": dict(store.tags.get(one.allocation_id, {}))
        for one in store.addresses
        if one.association_id == association
    }
