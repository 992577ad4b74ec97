"""The network: VPC, subnets, routes, gateways, addresses, endpoints, flow logs."""

from __future__ import annotations

from typing import Any

from hermes_cfn.local.providers.base import Context, Failure, Gone, Made, Properties, boolean, changed, pick, whole
from hermes_cfn.local.providers.ec2_common import Ec2, asked, quietly


class Vpc(Ec2):
    kind = "vpc"
    lively = True
    known = frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_vpc(
            **pick(properties, "CidrBlock", "InstanceTenancy"), **self.specification(context, properties)
        )
        name = made["Vpc"]["VpcId"]
        context.took(name)
        self._default_group(context, name)
        self._settings(context, name, {}, properties)
        return self.describe(context, name, properties)

    @staticmethod
    def _default_group(context: Context, vpc: str) -> None:
        """Lets its own members in (VPC user guide, "Default security groups"); moto's lets nobody in."""
        ec2 = context.underneath().client("ec2")
        wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
        for group in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]:
            if not group["IpPermissions"]:
                own = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}]
                ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=own)

    def _settings(self, context: Context, name: str, before: Properties, after: Properties) -> None:
        for key in ("EnableDnsSupport", "EnableDnsHostnames"):
            if key in after and changed(before, after, key):
                context.client("ec2").modify_vpc_attribute(VpcId=name, **{key: {"Value": boolean(after[key])}})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._settings(context, physical_id, before, after)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_vpc, VpcId=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        vpc = self.one(context, "describe_vpcs", "Vpcs", VpcIds=[physical_id])
        if vpc is None:
            raise Gone(physical_id)
        mine = [{"Name": "vpc-id", "Values": [physical_id]}]
        groups = context.client("ec2").describe_security_groups(
            Filters=[*mine, {"Name": "group-name", "Values": ["default"]}]
        )["SecurityGroups"]
        lists = context.client("ec2").describe_network_acls(Filters=mine)["NetworkAcls"]
        return Made(
            physical_id,
            {
                "VpcId": physical_id,
                "CidrBlock": vpc["CidrBlock"],
                "CidrBlockAssociations": [a["AssociationId"] for a in vpc.get("CidrBlockAssociationSet", [])],
                "Ipv6CidrBlocks": [a["Ipv6CidrBlock"] for a in vpc.get("Ipv6CidrBlockAssociationSet", [])],
                "DefaultSecurityGroup": groups[0]["GroupId"] if groups else "",
                "DefaultNetworkAcl": next((each["NetworkAclId"] for each in lists if each["IsDefault"]), ""),
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        vpc = self.one(context, "describe_vpcs", "Vpcs", VpcIds=[physical_id])
        if vpc is None:
            return None
        ask = context.client("ec2").describe_vpc_attribute
        return {
            "CidrBlock": vpc["CidrBlock"],
            "EnableDnsSupport": ask(VpcId=physical_id, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"],
            "EnableDnsHostnames": ask(VpcId=physical_id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"],
            "Tags": self.tags_of(vpc),
        }


class VpcCidrBlock(Ec2):
    known = frozenset({"VpcId", "CidrBlock", "AmazonProvidedIpv6CidrBlock"})

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "VpcId", "CidrBlock")
        if boolean(properties.get("AmazonProvidedIpv6CidrBlock")):
            given["AmazonProvidedIpv6CidrBlock"] = True
        made = context.client("ec2").associate_vpc_cidr_block(**given)
        association = made.get("CidrBlockAssociation") or made["Ipv6CidrBlockAssociation"]
        return Made(association["AssociationId"], {"Id": association["AssociationId"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").disassociate_vpc_cidr_block, AssociationId=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(context.client("ec2").describe_vpcs, VpcIds=[properties["VpcId"]])
        for vpc in found.get("Vpcs", []):
            for key in ("CidrBlockAssociationSet", "Ipv6CidrBlockAssociationSet"):
                for each in vpc.get(key, []):
                    state = each.get("CidrBlockState") or each.get("Ipv6CidrBlockState") or {}
                    if each["AssociationId"] == physical_id and state.get("State") != "disassociated":
                        return {"VpcId": vpc["VpcId"], **pick(each, "CidrBlock")}
        return None


class InternetGateway(Ec2):
    kind = "internet-gateway"
    known = frozenset({"Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_internet_gateway(**self.specification(context, properties))
        name = made["InternetGateway"]["InternetGatewayId"]
        return Made(name, {"InternetGatewayId": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"InternetGatewayId": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_internet_gateway, InternetGatewayId=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[physical_id])
        return None if found is None else {"Tags": self.tags_of(found)}


class EgressOnlyInternetGateway(Ec2):
    kind = "egress-only-internet-gateway"
    known = frozenset({"VpcId", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_egress_only_internet_gateway(
            VpcId=properties["VpcId"], **self.specification(context, properties)
        )
        name = made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_egress_only_internet_gateway, EgressOnlyInternetGatewayId=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(
            context.client("ec2").describe_egress_only_internet_gateways, EgressOnlyInternetGatewayIds=[physical_id]
        )
        gateways = found.get("EgressOnlyInternetGateways", [])
        return {"VpcId": gateways[0]["Attachments"][0]["VpcId"]} if gateways else None


class VpcGatewayAttachment(Ec2):
    known = frozenset({"VpcId", "InternetGatewayId"})

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("ec2").attach_internet_gateway(**pick(properties, "VpcId", "InternetGatewayId"))
        return Made(f"IGW|{properties['VpcId']}", {"AttachmentType": "IGW"})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("ec2").detach_internet_gateway,
            "Gateway.NotAttached",
            **pick(properties, "VpcId", "InternetGatewayId"),
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        gateway = properties.get("InternetGatewayId")
        found = asked(context.client("ec2").describe_internet_gateways, InternetGatewayIds=[gateway])
        attached = [one["VpcId"] for each in found.get("InternetGateways", []) for one in each["Attachments"]]
        return {"VpcId": attached[0], "InternetGatewayId": gateway} if attached else None


class Subnet(Ec2):
    kind = "subnet"
    known = frozenset(
        {
            "VpcId",
            "CidrBlock",
            "Ipv6CidrBlock",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "MapPublicIpOnLaunch",
            "AssignIpv6AddressOnCreation",
            "Tags",
        }
    )
    accepted = frozenset({"EnableDns64", "PrivateDnsNameOptionsOnLaunch"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_subnet(
            **pick(properties, "VpcId", "CidrBlock", "Ipv6CidrBlock", "AvailabilityZone", "AvailabilityZoneId"),
            **self.specification(context, properties),
        )
        name = made["Subnet"]["SubnetId"]
        context.took(name)
        self._settings(context, name, {}, properties)
        return self.describe(context, name, properties)

    def _settings(self, context: Context, name: str, before: Properties, after: Properties) -> None:
        for key in ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation"):
            if changed(before, after, key):
                value = {"Value": boolean(after.get(key))}
                context.client("ec2").modify_subnet_attribute(SubnetId=name, **{key: value})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._settings(context, physical_id, before, after)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_subnet, SubnetId=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self.one(context, "describe_subnets", "Subnets", SubnetIds=[physical_id])
        if found is None:
            raise Gone(physical_id)
        return Made(
            physical_id,
            {
                "SubnetId": physical_id,
                "AvailabilityZone": found["AvailabilityZone"],
                "AvailabilityZoneId": found.get("AvailabilityZoneId", ""),
                "CidrBlock": found.get("CidrBlock", ""),
                "VpcId": found["VpcId"],
                "Ipv6CidrBlocks": [a["Ipv6CidrBlock"] for a in found.get("Ipv6CidrBlockAssociationSet", [])],
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_subnets", "Subnets", SubnetIds=[physical_id])
        if found is None:
            return None
        shown = pick(found, "VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")
        return {**shown, "Tags": self.tags_of(found)}


class RouteTable(Ec2):
    kind = "route-table"
    known = frozenset({"VpcId", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_route_table(
            VpcId=properties["VpcId"], **self.specification(context, properties)
        )
        name = made["RouteTable"]["RouteTableId"]
        return Made(name, {"RouteTableId": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"RouteTableId": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_route_table, RouteTableId=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_route_tables", "RouteTables", RouteTableIds=[physical_id])
        return None if found is None else {"VpcId": found["VpcId"], "Tags": self.tags_of(found)}


_TARGETS = (
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
)


class Route(Ec2):
    known = frozenset({"RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", *_TARGETS})

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("ec2").create_route(**properties)
        return Made(self._name(properties), {"CidrBlock": self._to(properties)})

    def _to(self, properties: Properties) -> str:
        return str(properties.get("DestinationCidrBlock") or properties.get("DestinationIpv6CidrBlock"))

    def _name(self, properties: Properties) -> str:
        return f"{properties['RouteTableId']}|{self._to(properties)}"

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("ec2").replace_route(**after)
        return Made(physical_id, {"CidrBlock": self._to(after)})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        given = pick(properties, "RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")
        quietly(context.client("ec2").delete_route, **given)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        table = self.one(context, "describe_route_tables", "RouteTables", RouteTableIds=[physical_id.partition("|")[0]])
        to = physical_id.partition("|")[2]
        for route in table["Routes"] if table else []:
            if to in (route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock")):
                return pick(route, "DestinationCidrBlock", "DestinationIpv6CidrBlock", *_TARGETS)
        return None


class SubnetRouteTableAssociation(Ec2):
    known = frozenset({"SubnetId", "RouteTableId"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").associate_route_table(**properties)
        return Made(made["AssociationId"], {"Id": made["AssociationId"]})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        made = context.client("ec2").replace_route_table_association(
            AssociationId=physical_id, RouteTableId=after["RouteTableId"]
        )
        return Made(made["NewAssociationId"], {"Id": made["NewAssociationId"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").disassociate_route_table, AssociationId=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        where = [{"Name": "association.route-table-association-id", "Values": [physical_id]}]
        for table in context.client("ec2").describe_route_tables(Filters=where)["RouteTables"]:
            for each in table["Associations"]:
                if each["RouteTableAssociationId"] == physical_id:
                    return pick(each, "SubnetId", "RouteTableId")
        return None


class NetworkAcl(Ec2):
    kind = "network-acl"
    known = frozenset({"VpcId", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("ec2").create_network_acl(
            VpcId=properties["VpcId"], **self.specification(context, properties)
        )
        name = made["NetworkAcl"]["NetworkAclId"]
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_network_acl, NetworkAclId=physical_id)


class NetworkAclEntry(Ec2):
    known = frozenset(
        {
            "NetworkAclId",
            "RuleNumber",
            "Protocol",
            "RuleAction",
            "Egress",
            "CidrBlock",
            "Ipv6CidrBlock",
            "PortRange",
            "Icmp",
        }
    )

    def _rule(self, properties: Properties) -> dict[str, Any]:
        rule = pick(properties, "NetworkAclId", "RuleAction", "CidrBlock", "Ipv6CidrBlock")
        rule["RuleNumber"] = whole(properties["RuleNumber"])
        rule["Protocol"] = str(properties["Protocol"])
        rule["Egress"] = boolean(properties.get("Egress"))
        if "PortRange" in properties:
            rule["PortRange"] = {key: whole(value) for key, value in properties["PortRange"].items()}
        if "Icmp" in properties:
            rule["IcmpTypeCode"] = {key: whole(value) for key, value in properties["Icmp"].items()}
        return rule

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("ec2").create_network_acl_entry(**self._rule(properties))
        return Made(context.name())

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("ec2").replace_network_acl_entry(**self._rule(after))
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        rule = self._rule(properties)
        quietly(context.client("ec2").delete_network_acl_entry, **pick(rule, "NetworkAclId", "RuleNumber", "Egress"))


class SubnetNetworkAclAssociation(Ec2):
    known = frozenset({"SubnetId", "NetworkAclId"})

    def create(self, context: Context, properties: Properties) -> Made:
        name = self._point(context, properties["SubnetId"], properties["NetworkAclId"])
        return Made(name, {"AssociationId": name})

    def _point(self, context: Context, subnet: str, target: str) -> str:
        ec2 = context.client("ec2")
        lists = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
        current = next(
            each["NetworkAclAssociationId"]
            for found in lists["NetworkAcls"]
            for each in found["Associations"]
            if each["SubnetId"] == subnet
        )
        made = ec2.replace_network_acl_association(AssociationId=current, NetworkAclId=target)
        return str(made["NewAssociationId"])

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        ec2 = context.client("ec2")
        subnet = self.one(context, "describe_subnets", "Subnets", SubnetIds=[properties["SubnetId"]])
        if subnet is None:
            return
        mine = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
        lists = ec2.describe_network_acls(Filters=mine)["NetworkAcls"]
        default = next(each["NetworkAclId"] for each in lists if each["IsDefault"])
        self._point(context, properties["SubnetId"], default)


class Eip(Ec2):
    kind = "elastic-ip"
    known = frozenset({"Domain", "InstanceId", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        ec2 = context.client("ec2")
        made = ec2.allocate_address(Domain="vpc", **self.specification(context, properties))
        context.took(made["PublicIp"])
        if properties.get("InstanceId"):
            ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=properties["InstanceId"])
        return self.describe(context, made["PublicIp"], properties)

    def _find(self, context: Context, address: str) -> dict[str, Any] | None:
        only = next(part for part in address.split("|") if not part.startswith("eipalloc-"))
        return self.one(context, "describe_addresses", "Addresses", Filters=[{"Name": "public-ip", "Values": [only]}])

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Failure(f"The address {physical_id} does not exist.")
        if changed(before, after, "InstanceId"):
            if after.get("InstanceId"):
                context.client("ec2").associate_address(
                    AllocationId=found["AllocationId"], InstanceId=after["InstanceId"], AllowReassociation=True
                )
            elif found.get("AssociationId"):
                context.client("ec2").disassociate_address(AssociationId=found["AssociationId"])
        self.retag(context, found["AllocationId"], before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        found = self._find(context, physical_id)
        if found is None:
            return
        if found.get("AssociationId") and properties.get("InstanceId"):
            context.client("ec2").disassociate_address(AssociationId=found["AssociationId"])
        quietly(context.client("ec2").release_address, AllocationId=found["AllocationId"])

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        address = found["PublicIp"]
        return Made(address, {"AllocationId": found["AllocationId"], "PublicIp": address})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        return None if found is None else {"Domain": found.get("Domain", "vpc"), "Tags": self.tags_of(found)}


class EipAssociation(Ec2):
    known = frozenset({"AllocationId", "EIP", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"})

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress")
        if "EIP" in properties:
            given["PublicIp"] = properties["EIP"]
        made = context.client("ec2").associate_address(**given)
        return Made(made["AssociationId"], {"Id": made["AssociationId"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").disassociate_address, AssociationId=physical_id)


class NatGateway(Ec2):
    kind = "natgateway"
    known = frozenset({"AllocationId", "SubnetId", "ConnectivityType", "PrivateIpAddress", "Tags", "VpcId"}) | {
        "AvailabilityMode",
        "AvailabilityZoneAddresses",
    }

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "AllocationId", "SubnetId", "ConnectivityType", "PrivateIpAddress")
        if properties.get("AvailabilityMode") == "regional":
            given.update(self._regional(context, properties))
        made = context.client("ec2").create_nat_gateway(**given, **self.specification(context, properties))
        name = made["NatGateway"]["NatGatewayId"]
        return Made(name, {"NatGatewayId": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"NatGatewayId": physical_id})

    def _regional(self, context: Context, properties: Properties) -> dict[str, Any]:
        """A regional gateway is kept as one of a zone: the services underneath know no other."""
        mine = [{"Name": "vpc-id", "Values": [properties["VpcId"]]}]
        subnets = context.underneath().client("ec2").describe_subnets(Filters=mine)["Subnets"]
        if not subnets:
            raise Failure(f"The VPC {properties['VpcId']} has no subnet.")
        places = properties.get("AvailabilityZoneAddresses") or []
        addresses = [name for place in places for name in place.get("AllocationIds") or []]
        if not addresses:
            raise Failure("The embedded cloud needs AvailabilityZoneAddresses for a regional NAT gateway.")
        return {"SubnetId": subnets[0]["SubnetId"], "AllocationId": addresses[0]}

    def _state(self, context: Context, name: str) -> str:
        found = self.one(context, "describe_nat_gateways", "NatGateways", NatGatewayIds=[name])
        return str(found["State"]) if found else "deleted"

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        state = self._state(context, physical_id)
        if state in ("failed", "deleted"):
            raise Failure(f"NAT gateway {physical_id} is {state}.")
        return state == "available"

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Its addresses are free afterwards (VPC user guide, "Delete a NAT gateway"), which moto leaves associated."""
        ec2, found = (
            context.client("ec2"),
            self.one(context, "describe_nat_gateways", "NatGateways", NatGatewayIds=[physical_id]),
        )
        quietly(ec2.delete_nat_gateway, "NatGatewayNotFound", NatGatewayId=physical_id)
        held = {one.get("AllocationId") for one in (found or {}).get("NatGatewayAddresses", ())}
        ec2 = context.underneath().client("ec2")
        for address in ec2.describe_addresses()["Addresses"]:
            if address.get("AllocationId") in held and address.get("AssociationId"):
                quietly(
                    ec2.disassociate_address, "InvalidAssociationID.NotFound", AssociationId=address["AssociationId"]
                )

    def gone(self, context: Context, physical_id: str, properties: Properties) -> bool:
        return self._state(context, physical_id) == "deleted"

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_nat_gateways", "NatGateways", NatGatewayIds=[physical_id])
        if found is None or found["State"] == "deleted":
            return None
        return {**(pick(found, "SubnetId") if "SubnetId" in properties else {}), "Tags": self.tags_of(found)}
