"""The security groups: what may talk to whom.

Two groups that name each other inline are a circular dependency, so the rules between them are
resources of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Template, ec2

from hermes_cfn.config import Settings
from hermes_cfn.config.destination import Destination
from hermes_cfn.names import Names
from hermes_cfn.stacks.common import named, parameter, waive
from hermes_cfn.stacks.network import nowhere

BALANCER_GROUP = "LoadBalancerSecurityGroupId"
"""The service stack's parameter where the load balancer is somebody else's."""

EPMD = 4369
"""Where Erlang nodes ask for each other's port."""


@dataclass(frozen=True, slots=True)
class SecurityGroups:
    """The load balancer's group, where it is ours, and the application's."""

    balancer: ec2.SecurityGroup | None
    app: ec2.SecurityGroup


def build(stack: Template, settings: Settings, names: Names, vpc: Ref, ports: Sequence[int] = ()) -> SecurityGroups:
    ipv6 = settings.network.egress == "ipv6"
    port = settings.application.port
    world = ["0.0.0.0/0", "::/0"] if ipv6 else ["0.0.0.0/0"]
    balancer = _balancer(stack, settings, names, vpc, world) if settings.own_balancer else None
    inside = settings.network.cidr
    app = stack.add_resource(
        ec2.SecurityGroup(
            "AppSecurityGroup",
            GroupName=names.app_security_group,
            GroupDescription="Application instances",
            VpcId=vpc,
            SecurityGroupEgress=[
                *(rule for way in settings.ways_out for rule in _out(way, world)),
                *(_rule(at, inside) for at in ports if not any(_covers(way, at, inside) for way in settings.ways_out)),
            ],
            Tags=named(names.app_security_group),
        )
    )
    if balancer is not None:
        _between(stack, "LoadBalancerToApp", balancer, app, port, "Requests from the load balancer")
    else:
        stack.add_resource(
            ec2.SecurityGroupIngress(
                "LoadBalancerToAppIn",
                GroupId=GetAtt(app, "GroupId"),
                SourceSecurityGroupId=parameter(
                    stack, BALANCER_GROUP, "String", "The group of the load balancer that is shared"
                ),
                IpProtocol="tcp",
                FromPort=port,
                ToPort=port,
                Description="Requests from the load balancer",
            )
        )
    if settings.service.cluster:
        for at, title in ((EPMD, "ClusterNames"), (settings.service.cluster_port, "ClusterTraffic")):
            _between(stack, title, app, app, at, "Erlang distribution between instances")
    return SecurityGroups(balancer, app)


def _balancer(stack: Template, settings: Settings, names: Names, vpc: Ref, world: list[str]) -> ec2.SecurityGroup:
    """Requests come in from the world; out it reaches the application, and that of environments which share it."""
    to_sharers = [
        _rule(port, settings.network.cidr)
        for port in sorted({one.application.port for one in settings.sharers} - {443})
    ]
    group = stack.add_resource(
        ec2.SecurityGroup(
            "LoadBalancerSecurityGroup",
            GroupName=names.balancer_security_group,
            GroupDescription="Load balancer",
            VpcId=vpc,
            SecurityGroupIngress=[
                _rule(at, there) for at in (80, 443) for there in settings.ingress.allowed_addresses or world
            ],
            SecurityGroupEgress=[_rule(443, there) for there in world]
            if settings.sign_in.paths
            else to_sharers or [nowhere()],
            Tags=named(f"{names.auto_scaling_group}-alb"),
        )
    )
    waive(
        group,
        {"CKV_AWS_260": "port 80 is open to the world to be redirected to HTTPS"},
    )
    return group


def _rule(port: int, there: str) -> ec2.SecurityGroupRule:
    where: dict[str, Any] = {"CidrIpv6": there} if ":" in there else {"CidrIp": there}
    return ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=port, ToPort=port, Description=f"TCP {port}", **where)


def _covers(way: Destination, port: int, inside: str) -> bool:
    return way.admits(port) and str(way.network or inside) == inside


def _out(way: Destination, world: list[str]) -> Iterator[ec2.SecurityGroupRule]:
    ports = f"{way.first}" if way.first == way.last else f"{way.first}-{way.last}"
    for there in [str(way.network)] if way.network else world:
        where: dict[str, Any] = {"CidrIpv6": there} if ":" in there else {"CidrIp": there}
        yield ec2.SecurityGroupRule(
            IpProtocol=way.protocol,
            FromPort=way.first,
            ToPort=way.last,
            Description=f"{way.protocol.upper()} {ports}",
            **where,
        )


def _between(
    stack: Template, title: str, source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int, what: str
) -> None:
    shared = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": what}
    stack.add_resource(
        ec2.SecurityGroupEgress(
            f"{title}Out",
            GroupId=GetAtt(source, "GroupId"),
            DestinationSecurityGroupId=GetAtt(target, "GroupId"),
            **shared,
        )
    )
    stack.add_resource(
        ec2.SecurityGroupIngress(
            f"{title}In", GroupId=GetAtt(target, "GroupId"), SourceSecurityGroupId=GetAtt(source, "GroupId"), **shared
        )
    )
