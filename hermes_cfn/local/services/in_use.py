"""What is in use cannot be deleted: references between services, which their models do not know of one another.

Each row is an action, the page that says so, and what still refers to the thing, as the refusal of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hermes_cfn.local import wire
from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.moto_tidy import is_default
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ACCOUNT, Call, HttpRequest, ServiceError

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """``uses(world, region, params)`` says why the action is refused; empty where nothing uses the thing."""

    code: str
    page: str
    uses: Callable[[World, str, Params], str]


@dataclass(frozen=True)
class World:
    """Where references are looked up: moto's network interfaces and endpoints, our load balancers."""

    moto: MotoSide
    traffic: Traffic

    def balancers(self, region: str) -> Iterator[Mapping[str, Any]]:
        return (one.described for one in list(self.traffic.load_balancers.values()) if one.region == region)

    def interfaces(self, region: str) -> list[Any]:
        return list(backend("ec2", region, ACCOUNT).enis.values())

    def endpoints(self, region: str) -> list[Any]:
        return [
            one for one in backend("ec2", region, ACCOUNT).vpc_end_points.values() if not one.state.startswith("delet")
        ]


def _group(world: World, region: str, params: Params) -> str:
    name = params.get("GroupId", "")
    ec2 = backend("ec2", region, ACCOUNT)
    rules = [
        rule
        for groups in ec2.groups.values()
        for group in groups.values()
        if group.id != name
        for rule in (*group.ingress_rules, *group.egress_rules)
    ]
    used = (
        any(name in {group.id for group in eni.group_set} for eni in world.interfaces(region))
        or any(name in balancer.get("SecurityGroups", ()) for balancer in world.balancers(region))
        or any(name in (one.security_group_ids or ()) for one in world.endpoints(region))
        or any(name == rule.source_group.get("GroupId") for rule in rules)
    )
    return f"resource {name} has a dependent object" if name and used else ""


def _subnet(world: World, region: str, params: Params) -> str:
    name = params["SubnetId"]
    used = (
        any(eni.subnet.id == name for eni in world.interfaces(region))
        or any(
            zone.get("SubnetId") == name
            for balancer in world.balancers(region)
            for zone in balancer.get("AvailabilityZones", ())
        )
        or any(name in (one.subnet_ids or ()) for one in world.endpoints(region))
    )
    return f"The subnet '{name}' has dependencies and cannot be deleted." if used else ""


def _attachment(world: World, region: str, params: Params) -> str:
    vpc = params["VpcId"]
    mapped = any(eni.subnet.vpc_id == vpc and eni.public_ip for eni in world.interfaces(region)) or any(
        balancer.get("VpcId") == vpc and balancer.get("Scheme") == "internet-facing"
        for balancer in world.balancers(region)
    )
    words = f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching "
    return words + "the gateway." if mapped else ""


def _address(_world: World, region: str, params: Params) -> str:
    for address in backend("ec2", region, ACCOUNT).addresses:
        named = params.get("AllocationId") in (address.allocation_id,) or params.get("PublicIp") == address.public_ip
        if named and address.association_id:
            return f"Address {address.public_ip} is in use."
    return ""


def _vpc(world: World, region: str, params: Params) -> str:
    name = params["VpcId"]
    ec2 = backend("ec2", region, ACCOUNT)
    used = (
        any(group.name != "default" for group in ec2.groups.get(name, {}).values())
        or any(gateway.vpc is not None and gateway.vpc.id == name for gateway in ec2.internet_gateways.values())
        or any(one.vpc_id == name for one in world.endpoints(region))
        or any(acl.vpc_id == name and not is_default(acl) for acl in ec2.network_acls.values())
    )
    return f"The vpc '{name}' has dependencies and cannot be deleted." if used else ""


def _certificate(world: World, _region: str, params: Params) -> str:
    arn = params["CertificateArn"]
    used = any(
        arn in {one.get("CertificateArn") for one in listener.described.get("Certificates", ())}
        or arn in listener.certificates
        for listener in list(world.traffic.listeners.values())
    ) or any(
        arn == getattr(distribution.distribution_config.viewer_certificate, "acm_certificate_arn", "")
        for distribution in backend("cloudfront", "us-east-1", ACCOUNT).distributions.values()
    )
    return f"Certificate {arn} in account {ACCOUNT} is in use." if used else ""


def _interface(_world: World, region: str, params: Params) -> str:
    name = params["NetworkInterfaceId"]
    eni = backend("ec2", region, ACCOUNT).enis.get(name)
    return f"Network interface '{name}' is currently in use." if eni is not None and eni.instance is not None else ""


RULES: Mapping[tuple[str, str], Rule] = {
    ("ec2", "DeleteSecurityGroup"): Rule(
        "DependencyViolation", "AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html", _group
    ),
    ("ec2", "DeleteSubnet"): Rule("DependencyViolation", "AWSEC2/latest/APIReference/API_DeleteSubnet.html", _subnet),
    ("ec2", "DetachInternetGateway"): Rule(
        "DependencyViolation", "AWSEC2/latest/APIReference/API_DetachInternetGateway.html", _attachment
    ),
    ("ec2", "ReleaseAddress"): Rule(
        "InvalidIPAddress.InUse", "AWSEC2/latest/APIReference/errors-overview.html", _address
    ),
    ("ec2", "DeleteVpc"): Rule("DependencyViolation", "AWSEC2/latest/APIReference/API_DeleteVpc.html", _vpc),
    ("ec2", "DeleteNetworkInterface"): Rule(
        "InvalidNetworkInterface.InUse", "AWSEC2/latest/APIReference/errors-overview.html", _interface
    ),
    ("acm", "DeleteCertificate"): Rule(
        "ResourceInUseException", "acm/latest/APIReference/API_DeleteCertificate.html", _certificate
    ),
}
"""By service and action; pages are of docs.aws.amazon.com."""


class InUse:
    """Asked before a deletion reaches the service's model."""

    def __init__(self, moto: MotoSide, traffic: Traffic) -> None:
        self._world = World(moto, traffic)

    def check(self, call: Call, action: str, request: HttpRequest) -> ServiceError | None:
        """Why what the call would delete must stay, if anything uses it."""
        rule = RULES.get((call.service, action))
        if rule is None:
            return None
        params = wire.parse(call.service, action, request)
        with self._world.moto.exclusive():
            why = rule.uses(self._world, call.region, params)
        return ServiceError(rule.code, why) if why else None
