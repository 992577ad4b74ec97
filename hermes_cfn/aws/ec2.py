"""EC2: what a forecast asks before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.checks.facts import SubnetSeen
from hermes_cfn.checks.observed import Opening, SecurityGroup


@dataclass(frozen=True, slots=True)
class FreeAddress:
    """An Elastic IP address that is associated with nothing."""

    ip: str
    allocation: str


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance as EC2 knows it."""

    id: str
    state: str
    instance_type: str
    zone: str
    image: str
    launched: datetime
    private_ip: str
    security_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Instances whose machine has ended by EC2's own word, and those that EC2 says it does not know."""

    ended: frozenset[str]
    unknown: frozenset[str]


class Ec2:
    """The compute side of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def offered(self, instance_type: str) -> frozenset[str]:
        """Zones that offer an instance type."""
        found = self._calls.pages(
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": [instance_type]}],
        )
        return frozenset(item["Location"] for item in found)

    def zones(self) -> frozenset[str]:
        """Availability zones of the region that the account can use; no local or wavelength zones."""
        found = self._calls.describe_availability_zones()["AvailabilityZones"]
        return frozenset(
            str(zone["ZoneName"])
            for zone in found
            if zone["State"] == "available" and zone.get("ZoneType", "availability-zone") == "availability-zone"
        )

    def networks(self) -> tuple[tuple[str, str], ...]:
        """(VPC, CIDR block) of every IPv4 block that is associated with a VPC of the region."""
        return tuple(
            (str(vpc["VpcId"]), str(block["CidrBlock"]))
            for vpc in self._calls.pages("describe_vpcs", "Vpcs")
            for block in vpc.get("CidrBlockAssociationSet", ())
            if block.get("CidrBlockState", {}).get("State", "associated") == "associated"
        )

    def vpc(self, vpc: str) -> bool:
        """Whether there is such a VPC in the region."""
        try:
            return bool(self._calls.describe_vpcs(VpcIds=[vpc])["Vpcs"])
        except AwsError as error:
            if error.code == "InvalidVpcID.NotFound":
                return False
            raise

    def subnets(self, vpc: str, wanted: Iterable[str]) -> Mapping[str, SubnetSeen]:
        """Those of ``wanted`` that there are, whatever VPC they are in, with the way out by their route table, or the VPC's main one."""
        names = sorted(set(wanted))
        filters = [{"Name": "subnet-id", "Values": names}]
        found = list(self._calls.pages("describe_subnets", "Subnets", Filters=filters)) if names else []
        tables = list(
            self._calls.pages("describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        )
        ways: dict[str, str] = {}
        for table in tables:
            for association in table.get("Associations", ()):
                ways["main" if association.get("Main") else str(association.get("SubnetId"))] = _way_out(table)
        return {
            str(one["SubnetId"]): SubnetSeen(
                str(one["VpcId"]),
                str(one["AvailabilityZone"]),
                int(one["AvailableIpAddressCount"]),
                ways.get(str(one["SubnetId"]), ways.get("main", "")),
            )
            for one in found
        }

    def key_pair(self, name: str) -> bool:
        try:
            return bool(self._calls.describe_key_pairs(KeyNames=[name])["KeyPairs"])
        except AwsError as error:
            if error.code == "InvalidKeyPair.NotFound":
                return False
            raise

    def addresses(self) -> int:
        """Elastic IP addresses in use."""
        return len(self._calls.describe_addresses()["Addresses"])

    def free_addresses(self, names: Iterable[str]) -> Mapping[str, list[FreeAddress]]:
        """Addresses with one of these ``Name`` tags that are associated with nothing, by that name."""
        free: dict[str, list[FreeAddress]] = {name: [] for name in names}
        for item in self._calls.describe_addresses()["Addresses"]:
            name = next((tag["Value"] for tag in item.get("Tags", ()) if tag["Key"] == "Name"), "")
            if name in free and not item.get("AssociationId"):
                free[name].append(FreeAddress(item["PublicIp"], item["AllocationId"]))
        return {name: sorted(found, key=lambda one: one.allocation) for name, found in free.items()}

    def nat_gateways(self) -> Mapping[str, int]:
        """NAT gateways in use by subnet."""
        counts: dict[str, int] = {}
        for item in self._calls.pages("describe_nat_gateways", "NatGateways"):
            if item.get("State") not in {"deleted", "failed"}:
                counts[item["SubnetId"]] = counts.get(item["SubnetId"], 0) + 1
        return counts

    def vcpus(self) -> int:
        """vCPUs of instances that run or are about to."""
        total = 0
        for reservation in self._calls.pages("describe_instances", "Reservations"):
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] in {"pending", "running"}:
                    options = instance.get("CpuOptions", {})
                    total += int(options.get("CoreCount", 1)) * int(options.get("ThreadsPerCore", 2))
        return total

    def ended(self, instances: Sequence[str]) -> Ended:
        """Those of ``instances`` whose machine does not run, or fails EC2's own status checks; and those it does not know.

        The rule by which Auto Scaling replaces an instance, which it does not apply in standby (Auto
        Scaling user guide, "Temporarily remove instances" and "Health checks for instances").  That EC2 does not know an
        instance "does not mean that the instance does not exist" (EC2 developer guide, "Eventual consistency in the
        Amazon EC2 API"), so that is told apart.
        """
        found: set[str] = set()
        unknown: set[str] = set()
        for at in range(0, len(instances), 100):
            some = list(instances[at : at + 100])
            while some:
                try:
                    seen = self._calls.describe_instance_status(InstanceIds=some, IncludeAllInstances=True)
                except AwsError as error:
                    strange = {name for name in some if name in error.message}
                    if error.code != "InvalidInstanceID.NotFound" or not strange:
                        raise
                    unknown |= strange
                    some = [name for name in some if name not in strange]
                    continue
                found |= {item["InstanceId"] for item in seen["InstanceStatuses"] if _ended(item)}
                break
        return Ended(frozenset(found), frozenset(unknown))

    def states(self, instances: Sequence[str]) -> Mapping[str, str]:
        """Instance id to the state of the machine."""
        states: dict[str, str] = {}
        for at in range(0, len(instances), 100):
            for item in self._calls.describe_instances(InstanceIds=list(instances[at : at + 100]))["Reservations"]:
                states |= {i["InstanceId"]: i["State"]["Name"] for i in item["Instances"]}
        return states

    def close_default_group(self, vpc: str) -> bool:
        """Whether the VPC's default security group had rules to take away."""
        wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
        found = self._calls.describe_security_groups(Filters=wanted)["SecurityGroups"]
        for group in found:
            if group["IpPermissions"]:
                self._calls.revoke_security_group_ingress(
                    GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]
                )
            if group["IpPermissionsEgress"]:
                self._calls.revoke_security_group_egress(
                    GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"]
                )
        return any(group["IpPermissions"] or group["IpPermissionsEgress"] for group in found)

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """Instance id to machine."""
        found: dict[str, Machine] = {}
        for at in range(0, len(ids), 100):
            for reservation in self._calls.describe_instances(InstanceIds=list(ids[at : at + 100]))["Reservations"]:
                found |= {item["InstanceId"]: _machine(item) for item in reservation["Instances"]}
        return found

    def image_created(self, image: str) -> str:
        """When a machine image was made (ISO 8601), or nothing where AWS does not say."""
        try:
            images = self._calls.describe_images(ImageIds=[image])["Images"]
        except AwsError as error:
            if error.code.startswith("InvalidAMIID"):
                return ""
            raise
        return str(images[0].get("CreationDate", "")) if images else ""

    def security_groups(self, ids: Sequence[str]) -> Mapping[str, SecurityGroup]:
        """Group id to group."""
        if not ids:
            return {}
        groups = self._calls.describe_security_groups(GroupIds=list(ids))["SecurityGroups"]
        return {
            group["GroupId"]: SecurityGroup(
                group["GroupId"],
                group["GroupName"],
                _openings(group.get("IpPermissions", ())),
                _openings(group.get("IpPermissionsEgress", ())),
            )
            for group in groups
        }

    def region_enabled(self, region: str) -> bool:
        """Whether the account has switched the region on; eu-south-2 is off until it does.

        (AWS, EC2 API, DescribeRegions: ``OptInStatus`` is ``opt-in-not-required``, ``opted-in`` or ``not-opted-in``.)
        """
        found = self._calls.describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
        return bool(found) and found[0].get("OptInStatus", "opt-in-not-required") != "not-opted-in"


def _ended(item: Mapping[str, Any]) -> bool:
    impaired = {item.get(check, {}).get("Status") for check in ("SystemStatus", "InstanceStatus")}
    return item["InstanceState"]["Name"] not in {"pending", "running"} or "impaired" in impaired


def _machine(item: Mapping[str, Any]) -> Machine:
    groups = {group["GroupId"] for group in item.get("SecurityGroups", ())}
    groups |= {group["GroupId"] for card in item.get("NetworkInterfaces", ()) for group in card.get("Groups", ())}
    return Machine(
        item["InstanceId"],
        item["State"]["Name"],
        item["InstanceType"],
        item.get("Placement", {}).get("AvailabilityZone", ""),
        item.get("ImageId", ""),
        item["LaunchTime"],
        item.get("PrivateIpAddress", ""),
        tuple(sorted(groups)),
    )


def _openings(rules: Sequence[Mapping[str, Any]]) -> tuple[Opening, ...]:
    openings: list[Opening] = []
    for rule in rules:
        first, last = int(rule.get("FromPort", -1)), int(rule.get("ToPort", -1))
        openings += [Opening(first, last, pair["GroupId"]) for pair in rule.get("UserIdGroupPairs", ())]
        openings += [Opening(first, last, part["CidrIp"]) for part in rule.get("IpRanges", ())]
        openings += [Opening(first, last, part["CidrIpv6"]) for part in rule.get("Ipv6Ranges", ())]
    return tuple(openings)


def _way_out(table: Mapping[str, Any]) -> str:
    """What the default route leads to, as its id begins; empty without one, and where it leads to what is gone."""
    for route in table.get("Routes", ()):
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State", "active") == "active":
            for key in (
                "GatewayId",
                "NatGatewayId",
                "TransitGatewayId",
                "InstanceId",
                "NetworkInterfaceId",
                "VpcPeeringConnectionId",
            ):
                if route.get(key):
                    return str(route[key]).partition("-")[0]
    return ""
