"""From a launch template (or configuration) to an instance of EC2."""

from __future__ import annotations

import base64
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.services.autoscaling.model import Group
from hermes_cfn.local.wire import ServiceError

_PASSED = (
    "ImageId", "InstanceType", "KeyName", "SecurityGroupIds", "IamInstanceProfile", "MetadataOptions", "Monitoring",
    "BlockDeviceMappings", "EbsOptimized",
)  # fmt: skip


class LaunchFailed(Exception):
    """The launch did not work; the message is EC2's own."""


class Launching:
    """Reads launch templates and runs instances, through EC2's own interface."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def template(self, group: Group) -> dict[str, str]:
        """The launch template of ``group`` with its version resolved to a number."""
        given = group.settings.get("LaunchTemplate")
        if not given:
            return {"LaunchConfigurationName": group.settings["LaunchConfigurationName"]}
        return _named(self.version(group.region, given))

    def version(self, region: str, given: dict[str, str]) -> dict[str, Any]:
        """A version of a launch template as EC2 describes it; ServiceError when it is not there."""
        named = {"LaunchTemplateId": given["LaunchTemplateId"]} if given.get("LaunchTemplateId") else {
            "LaunchTemplateName": given.get("LaunchTemplateName", "")
        }  # fmt: skip
        version = given.get("Version") or "$Default"
        try:
            versions = self._ec2(region).describe_launch_template_versions(**named, Versions=[version])
            found: dict[str, Any] = versions["LaunchTemplateVersions"][0]
        except (ClientError, IndexError):
            raise ServiceError(
                "ValidationError",
                f"You must use a valid fully-formed launch template. The launch template {named} version {version} does not exist.",
            ) from None
        return found

    def run(self, group: Group, zone: str, subnet: str) -> tuple[dict[str, Any], dict[str, str], str]:
        """Runs one instance: as EC2 describes it, the template it was made from, its user data."""
        template, data = self._launched_from(group)
        request: dict[str, Any] = {key: data[key] for key in _PASSED if data.get(key)}
        request.update(MinCount=1, MaxCount=1, Placement={"AvailabilityZone": zone})
        user_data = base64.b64decode(data.get("UserData", "")).decode()
        if user_data:
            request["UserData"] = user_data
        interfaces = data.get("NetworkInterfaces") or []
        if interfaces:
            request.pop("SecurityGroupIds", None)
            first = interfaces[0]
            request["NetworkInterfaces"] = [
                {
                    "DeviceIndex": 0,
                    "SubnetId": subnet,
                    "AssociatePublicIpAddress": bool(first.get("AssociatePublicIpAddress", False)),
                    "Groups": first.get("Groups", []),
                }
            ]
        elif subnet:
            request["SubnetId"] = subnet
        tags = {"Name": "", **{t["Key"]: t["Value"] for t in self._template_tags(data)}}
        tags.update({t["Key"]: t.get("Value", "") for t in group.tags.values() if t.get("PropagateAtLaunch")})
        kept = [{"Key": key, "Value": value} for key, value in tags.items() if value]
        if kept:
            request["TagSpecifications"] = [{"ResourceType": "instance", "Tags": kept}]
        request.pop("Monitoring", None)
        try:
            instance = self._ec2(group.region).run_instances(**request)["Instances"][0]
        except ClientError as problem:
            raise LaunchFailed(problem.response["Error"]["Message"]) from None
        return instance, template, user_data

    def terminate(self, region: str, instance_id: str) -> None:
        """Terminates an instance; one that is gone already is as good."""
        try:
            self._ec2(region).terminate_instances(InstanceIds=[instance_id])
        except ClientError:
            return

    def stop(self, region: str, instance_id: str) -> None:
        """EC2 shows the instance as stopped from now on; one that is gone already is as good."""
        try:
            self._ec2(region).stop_instances(InstanceIds=[instance_id])
        except ClientError:
            return

    def zones(self, region: str, settings: dict[str, Any]) -> dict[str, str]:
        """Zone to subnet, for the subnets (or zones) of a group; ServiceError for unknown ones."""
        subnets = [part.strip() for part in settings.get("VPCZoneIdentifier", "").split(",") if part.strip()]
        if not subnets:
            return dict.fromkeys(settings.get("AvailabilityZones") or [], "")
        try:
            found = self._ec2(region).describe_subnets(SubnetIds=subnets)["Subnets"]
        except ClientError as problem:
            message = problem.response["Error"]["Message"]
            raise ServiceError("ValidationError", f"Error when calling EC2 DescribeSubnets: {message}") from None
        return {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}

    def _launched_from(self, group: Group) -> tuple[dict[str, str], dict[str, Any]]:
        """The template as :meth:`template` names it, and what it says."""
        given = group.settings.get("LaunchTemplate")
        if given:
            found = self.version(group.region, given)
            return _named(found), dict(found["LaunchTemplateData"])
        configuration = dict(group.settings["LaunchConfiguration"])
        profile = configuration.pop("IamInstanceProfile", "")
        if profile:
            configuration["IamInstanceProfile"] = {"Arn" if profile.startswith("arn:") else "Name": profile}
        configuration["SecurityGroupIds"] = configuration.pop("SecurityGroups", [])
        return self.template(group), configuration

    def _template_tags(self, data: dict[str, Any]) -> list[dict[str, str]]:
        return [
            tag
            for specification in data.get("TagSpecifications", [])
            if specification.get("ResourceType") == "instance"
            for tag in specification.get("Tags", [])
        ]

    def _ec2(self, region: str) -> Any:
        return self._clients("ec2", region, OWN)


def _named(found: dict[str, Any]) -> dict[str, str]:
    return {
        "LaunchTemplateId": found["LaunchTemplateId"],
        "LaunchTemplateName": found["LaunchTemplateName"],
        "Version": str(found["VersionNumber"]),
    }
