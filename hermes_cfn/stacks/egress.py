"""The way out of the private subnets: six kinds, four of them with addresses that stay.

The external database sees these addresses, so they are resources of their own that are kept when
the stack goes or the kind of egress changes.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, ec2

from hermes_cfn.stacks import nat_instance
from hermes_cfn.stacks.common import named, put
from hermes_cfn.stacks.ground import Ground


def build(ground: Ground) -> list[Any]:
    """Routes of the private subnets; gives the addresses that the world sees, if they stay."""
    return {
        "nat-gateway": _one_gateway,
        "nat-gateway-per-zone": _a_gateway_a_zone,
        "nat-gateway-regional": _regional_gateway,
        "nat-instance": _instance,
        "public-subnets": _none,
        "ipv6": _ipv6,
    }[ground.settings.network.egress](ground)


def address(ground: Ground, suffix: str = "") -> ec2.EIP:
    """A public address that outlives the stack."""
    title = f"NatAddress{suffix}"
    return ground.stack.add_resource(
        ec2.EIP(
            title,
            Domain="vpc",
            DependsOn=ground.attached.title,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Tags=named(f"{ground.prefix}-nat{'-' + suffix.lower() if suffix else ''}"),
        )
    )


def _gateway(ground: Ground, subnet: ec2.Subnet, suffix: str = "") -> tuple[ec2.NatGateway, ec2.EIP]:
    kept = address(ground, suffix)
    gateway = ground.stack.add_resource(
        ec2.NatGateway(
            f"NatGateway{suffix}",
            AllocationId=GetAtt(kept, "AllocationId"),
            SubnetId=Ref(subnet),
            Tags=named(f"{ground.prefix}-nat{'-' + suffix.lower() if suffix else ''}"),
        )
    )
    return gateway, kept


def _one_gateway(ground: Ground) -> list[Any]:
    gateway, kept = _gateway(ground, ground.public[0])
    put(ground.stack, "nat_gateway_id", Ref(gateway), "The NAT gateway")
    table = ground.table("PrivateRoutes", "private", ground.private)
    ground.route("PrivateDefaultRoute", table, NatGatewayId=Ref(gateway))
    return [GetAtt(kept, "PublicIp")]


def _a_gateway_a_zone(ground: Ground) -> list[Any]:
    addresses = []
    for letter, public, private in zip(ground.zones, ground.public, ground.private, strict=True):
        gateway, kept = _gateway(ground, public, letter)
        put(ground.stack, f"nat_gateway_id_{letter.lower()}", Ref(gateway), "A zone's NAT gateway")
        table = ground.table(f"PrivateRoutes{letter}", f"private-{letter.lower()}", [private])
        ground.route(f"PrivateDefaultRoute{letter}", table, NatGatewayId=Ref(gateway))
        addresses.append(GetAtt(kept, "PublicIp"))
    return addresses


def _regional_gateway(ground: Ground) -> list[Any]:
    """One gateway with an address in each zone (AWS::EC2::NatGateway, AvailabilityMode)."""
    kept = [(zone, address(ground, zone[-1].upper())) for zone in ground.settings.network.zones]
    gateway = ground.stack.add_resource(
        ec2.NatGateway(
            "NatGateway",
            AvailabilityMode="regional",
            ConnectivityType="public",
            VpcId=Ref(ground.vpc),
            AvailabilityZoneAddresses=[
                ec2.AvailabilityZoneAddress(AvailabilityZone=zone, AllocationIds=[GetAtt(one, "AllocationId")])
                for zone, one in kept
            ],
            DependsOn=ground.attached.title,
            Tags=named(f"{ground.prefix}-nat"),
        )
    )
    put(ground.stack, "nat_gateway_id", Ref(gateway), "The NAT gateway")
    table = ground.table("PrivateRoutes", "private", ground.private)
    ground.route("PrivateDefaultRoute", table, NatGatewayId=Ref(gateway))
    return [GetAtt(one, "PublicIp") for _, one in kept]


def _instance(ground: Ground) -> list[Any]:
    """The instance sets the default route itself when it boots, so that a replacement takes it over."""
    kept = address(ground)
    table = ground.table("PrivateRoutes", "private", ground.private)
    nat_instance.build(ground, kept, table)
    return [GetAtt(kept, "PublicIp")]


def _none(ground: Ground) -> list[Any]:
    """Instances stand in the public subnets, inbound closed; the private ones lead nowhere."""
    ground.table("PrivateRoutes", "private", ground.private)
    return []


def _ipv6(ground: Ground) -> list[Any]:
    gateway = ground.stack.add_resource(ec2.EgressOnlyInternetGateway("Ipv6Egress", VpcId=Ref(ground.vpc)))
    table = ground.table("PrivateRoutes", "private", ground.private)
    ground.route("PrivateIpv6Route", table, "::/0", EgressOnlyInternetGatewayId=Ref(gateway))
    return []
