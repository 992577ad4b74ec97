"""EC2 as day two sees it: machines with their age and image, security groups and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.checks.observed import Opening, SecurityGroup


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


class Machines:
    """Instances, images and security groups of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
