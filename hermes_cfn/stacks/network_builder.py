"""What the parts of the network stack build on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import Ref, Template, ec2

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.stacks.common import named


@dataclass(slots=True)
class NetworkBuilder:
    """The stack under construction: VPC, subnets by zone, and the route tables made so far."""

    stack: Template
    settings: Settings
    names: Names
    vpc: ec2.VPC
    attached: ec2.VPCGatewayAttachment
    public: list[ec2.Subnet]
    private: list[ec2.Subnet]
    tables: list[ec2.RouteTable] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return self.names.auto_scaling_group

    @property
    def zones(self) -> list[str]:
        """The letters of the zones, upper case, as titles use them."""
        return [zone[-1].upper() for zone in self.settings.network.zones]

    def table(self, title: str, name: str, subnets: list[ec2.Subnet]) -> ec2.RouteTable:
        """A route table for ``subnets``."""
        made = self.stack.add_resource(ec2.RouteTable(title, VpcId=Ref(self.vpc), Tags=named(f"{self.prefix}-{name}")))
        for subnet in subnets:
            self.stack.add_resource(
                ec2.SubnetRouteTableAssociation(f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(made))
            )
        self.tables.append(made)
        return made

    def route(self, title: str, table: ec2.RouteTable, to: str = "0.0.0.0/0", **through: Any) -> ec2.Route:
        """A default route of ``table``."""
        destination = {"DestinationIpv6CidrBlock": to} if ":" in to else {"DestinationCidrBlock": to}
        return self.stack.add_resource(ec2.Route(title, RouteTableId=Ref(table), **destination, **through))
