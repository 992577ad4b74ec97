"""The way out of the private subnets: six kinds, four of them with addresses that stay.

The external database sees these addresses, so they are resources of their own that are kept when
the stack goes or the kind of egress changes.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, ec2

from hermes_cfn.stacks import nat_instance
from hermes_cfn.stacks.common import named, put
from hermes_cfn.stacks.network_builder import NetworkBuilder


def build(builder: NetworkBuilder) -> list[Any]:
    """Routes of the private subnets; gives the addresses that the world sees, if they stay."""
    return {
        "nat-gateway": _one_gateway,
        "nat-gateway-per-zone": _a_gateway_a_zone,
        "nat-gateway-regional": _regional_gateway,
        "nat-instance": _instance,
        "public-subnets": _none,
        "ipv6": _ipv6,
    }[builder.settings.network.egress](builder)


def address(builder: NetworkBuilder, suffix: str = "") -> ec2.EIP:
    """A public address that outlives the stack."""
    title = f"NatAddress{suffix}"
    return builder.stack.add_resource(
        ec2.EIP(
            title,
            Domain="vpc",
            DependsOn=builder.attached.title,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Tags=named(f"{builder.prefix}-nat{'-' + suffix.lower() if suffix else ''}"),
        )
    )


def _gateway(builder: NetworkBuilder, subnet: ec2.Subnet, suffix: str = "") -> tuple[ec2.NatGateway, ec2.EIP]:
    kept = address(builder, suffix)
    gateway = builder.stack.add_resource(
        ec2.NatGateway(
            f"NatGateway{suffix}",
            AllocationId=GetAtt(kept, "AllocationId"),
            SubnetId=Ref(subnet),
            Tags=named(f"{builder.prefix}-nat{'-' + suffix.lower() if suffix else ''}"),
        )
    )
    return gateway, kept


def _one_gateway(builder: NetworkBuilder) -> list[Any]:
    first = min(builder.public, key=lambda subnet: subnet.title)  # by letter: the order of the zones moves nothing
    gateway, kept = _gateway(builder, first)
    put(builder.stack, "nat_gateway_id", Ref(gateway), "The NAT gateway")
    table = builder.table("PrivateRoutes", "private", builder.private)
    builder.route("PrivateDefaultRoute", table, NatGatewayId=Ref(gateway))
    return [GetAtt(kept, "PublicIp")]


def _a_gateway_a_zone(builder: NetworkBuilder) -> list[Any]:
    addresses = []
    for letter, public, private in zip(builder.zones, builder.public, builder.private, strict=True):
        gateway, kept = _gateway(builder, public, letter)
        put(builder.stack, f"nat_gateway_id_{letter.lower()}", Ref(gateway), "A zone's NAT gateway")
        table = builder.table(f"PrivateRoutes{letter}", f"private-{letter.lower()}", [private])
        builder.route(f"PrivateDefaultRoute{letter}", table, NatGatewayId=Ref(gateway))
        addresses.append(GetAtt(kept, "PublicIp"))
    return addresses


def _regional_gateway(builder: NetworkBuilder) -> list[Any]:
    """One gateway with an address in each zone (AWS::EC2::NatGateway, AvailabilityMode)."""
    kept = [(zone, address(builder, zone[-1].upper())) for zone in builder.settings.network.zones]
    gateway = builder.stack.add_resource(
        ec2.NatGateway(
            "NatGateway",
            AvailabilityMode="regional",
            ConnectivityType="public",
            VpcId=Ref(builder.vpc),
            AvailabilityZoneAddresses=[
                ec2.AvailabilityZoneAddress(AvailabilityZone=zone, AllocationIds=[GetAtt(one, "AllocationId")])
                for zone, one in kept
            ],
            DependsOn=builder.attached.title,
            Tags=named(f"{builder.prefix}-nat"),
        )
    )
    put(builder.stack, "nat_gateway_id", Ref(gateway), "The NAT gateway")
    table = builder.table("PrivateRoutes", "private", builder.private)
    builder.route("PrivateDefaultRoute", table, NatGatewayId=Ref(gateway))
    return [GetAtt(one, "PublicIp") for _, one in kept]


def _instance(builder: NetworkBuilder) -> list[Any]:
    """The instance sets the default route itself when it boots, so that a replacement takes it over."""
    kept = address(builder)
    table = builder.table("PrivateRoutes", "private", builder.private)
    nat_instance.build(builder, kept, table)
    return [GetAtt(kept, "PublicIp")]


def _none(builder: NetworkBuilder) -> list[Any]:
    """Instances stand in the public subnets, inbound closed; the private ones lead nowhere."""
    builder.table("PrivateRoutes", "private", builder.private)
    return []


def _ipv6(builder: NetworkBuilder) -> list[Any]:
    gateway = builder.stack.add_resource(ec2.EgressOnlyInternetGateway("Ipv6Egress", VpcId=Ref(builder.vpc)))
    table = builder.table("PrivateRoutes", "private", builder.private)
    builder.route("PrivateIpv6Route", table, "::/0", EgressOnlyInternetGatewayId=Ref(gateway))
    return []
