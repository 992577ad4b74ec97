"""The actions of Auto Scaling, with the service's wording for what it refuses.

API reference: docs.aws.amazon.com/autoscaling/ec2/APIReference.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from hermes_cfn.local import wire
from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.services.actions import Actions, Params, page
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.hooks import HookActions
from hermes_cfn.local.services.autoscaling.model import LEAVING, PROCESSES, Activity, Group, Member
from hermes_cfn.local.services.autoscaling.more import MoreActions
from hermes_cfn.local.services.autoscaling.refresh import Refreshes
from hermes_cfn.local.services.autoscaling.tracking import Tracking
from hermes_cfn.local.wire import ACCOUNT, ServiceError, unsupported

_REFUSED = ("MixedInstancesPolicy", "InstanceId", "LoadBalancerNames")
_KEPT = (
    "AvailabilityZones", "LaunchTemplate", "LaunchConfigurationName", "DefaultCooldown", "HealthCheckType",
    "HealthCheckGracePeriod", "PlacementGroup", "VPCZoneIdentifier", "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn", "CapacityRebalance", "ServiceLinkedRoleARN", "MaxInstanceLifetime", "Context",
    "DesiredCapacityType", "DefaultInstanceWarmup", "InstanceMaintenancePolicy",
)  # fmt: skip


class AutoScaling(HookActions, MoreActions, Actions):
    """Service ``autoscaling``."""

    service = "autoscaling"

    def __init__(self, engine: Engine, tracking: Tracking) -> None:
        self.engine = engine
        self.tracking = tracking
        self.configurations: dict[tuple[str, str], Params] = {}
        self.refreshes = Refreshes(engine, _loud)

    def handle(self, action: str, params: Params) -> Params:
        with self.engine.scheduler.lock:
            return super().handle(action, params)

    # Groups

    def create_auto_scaling_group(self, params: Params) -> Params:
        name, region = params["AutoScalingGroupName"], wire.CALL.get().region
        if (region, name) in self.engine.groups:
            raise ServiceError(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        settings = self._settings(params, {})
        if "LaunchTemplate" not in settings and "LaunchConfigurationName" not in settings:
            raise ServiceError(
                "ValidationError",
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
            )
        minimum, maximum = params["MinSize"], params["MaxSize"]
        desired = int(params.get("DesiredCapacity", minimum) or 0)
        _check_sizes(minimum, maximum, desired)
        zones = self.engine.launching.zones(region, settings)
        if not zones:
            raise ServiceError("ValidationError", "At least one Availability Zone or VPC Subnet is required.")
        settings["AvailabilityZones"] = sorted(zones)
        mark = uuid.uuid4()
        arn = f"arn:aws:autoscaling:{region}:{ACCOUNT}:autoScalingGroup:{mark}:autoScalingGroupName/{name}"
        group = Group(name, region, arn, self._now(), settings, minimum, maximum, desired)
        group.target_groups = [*params.get("TargetGroupARNs", []), *_sources(params)]
        for target_group in group.target_groups:
            self._known_target_group(target_group)
        for hook in params.get("LifecycleHookSpecificationList", []):
            self._put_hook(group, hook)
        self._check_launch(group)
        for tag in params.get("Tags", []):
            group.tags[tag["Key"]] = self._tag(name, tag)
        self.engine.groups[(region, name)] = group
        self.engine.soon(group)
        return {}

    def update_auto_scaling_group(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        settings = self._settings(params, group.settings)
        minimum, maximum = params.get("MinSize", group.minimum), params.get("MaxSize", group.maximum)
        desired = params.get("DesiredCapacity", min(max(group.desired, minimum), maximum))
        _check_sizes(minimum, maximum, desired)
        if "VPCZoneIdentifier" in params or "AvailabilityZones" in params:
            settings["AvailabilityZones"] = sorted(self.engine.launching.zones(group.region, settings))
        before, group.settings = group.settings, settings
        try:
            self._check_launch(group)
        except ServiceError:
            group.settings = before
            raise
        group.minimum, group.maximum, group.desired = minimum, maximum, desired
        self.engine.soon(group)
        return {}

    def delete_auto_scaling_group(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        if group.members and not params.get("ForceDelete"):
            raise ServiceError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
            )
        group.deleting = True
        for policy in group.policies.values():
            self.tracking.drop(group, policy)
        group.policies.clear()
        group.scheduled.clear()
        group.minimum = group.desired = 0
        group.hooks.clear()
        for member in list(group.members.values()):
            member.protected = False
            if member.state not in LEAVING:
                self.engine.terminate(
                    group, member, "instance was taken out of service in response to the deletion of the group"
                )
        self.engine.soon(group)
        return {}

    def describe_auto_scaling_groups(self, params: Params) -> Params:
        found = [group for group in self._groups() if group.name in params.get("AutoScalingGroupNames", [group.name])]
        for condition in params.get("Filters", []):
            found = [group for group in found if _matches(group, condition)]
        shown, token = page([group.described() for group in found], params, "MaxRecords", "NextToken", 50)
        return {"AutoScalingGroups": shown, **({"NextToken": token} if token else {})}

    def describe_auto_scaling_instances(self, params: Params) -> Params:
        rows = [
            {**member.described(), "AutoScalingGroupName": group.name, "HealthStatus": "HEALTHY" if member.healthy else "UNHEALTHY"}
            for group in self._groups() for member in group.members.values()
            if member.instance_id in params.get("InstanceIds", [member.instance_id])
        ]  # fmt: skip
        shown, token = page(rows, params, "MaxRecords", "NextToken", 50)
        return {"AutoScalingInstances": shown, **({"NextToken": token} if token else {})}

    def set_desired_capacity(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        desired = params["DesiredCapacity"]
        if desired < group.minimum:
            raise ServiceError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired} is below min value {group.minimum} for the AutoScalingGroup.",
            )
        if desired > group.maximum:
            raise ServiceError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired} is above max value {group.maximum} for the AutoScalingGroup.",
            )
        group.desired = desired
        self.engine.soon(group)
        return {}

    # Instances

    def terminate_instance_in_auto_scaling_group(self, params: Params) -> Params:
        group, member = self._member(params["InstanceId"])
        if params["ShouldDecrementDesiredCapacity"]:
            if member.counted and group.desired - 1 < group.minimum:
                raise ServiceError(
                    "ValidationError",
                    f"Currently, desiredSize equals minSize ({group.minimum}). Terminating instance without replacement will "
                    "violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                )
            if member.counted:
                group.desired -= 1
        activity = self.engine.terminate(
            group, member, "instance was taken out of service in response to a user request"
        )
        return {"Activity": activity.described()}

    def enter_standby(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        members = self._members(group, params)
        decrement = params["ShouldDecrementDesiredCapacity"]
        for member in members:
            if member.state != "InService":
                raise ServiceError("ValidationError", f"The instance {member.instance_id} is not in InService.")
        if decrement and group.desired - len(members) < group.minimum:
            count = len(members)
            raise ServiceError(
                "ValidationError",
                f"AutoScalingGroup {group.name} has min-size={group.minimum}, max-size={group.maximum}, and "
                f"desired-size={group.desired}. To place into standby {count} instance{'s' if count > 1 else ''}, please update "
                "the AutoScalingGroup sizes appropriately.",
            )
        if decrement:
            group.desired -= len(members)
        return {"Activities": [self.engine.enter_standby(group, member).described() for member in members]}

    def exit_standby(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        members = self._members(group, params)
        for member in members:
            if member.state != "Standby":
                raise ServiceError("ValidationError", f"The instance {member.instance_id} is not in Standby.")
        if group.desired + len(members) > group.maximum:
            count = len(members)
            raise ServiceError(
                "ValidationError",
                f"AutoScalingGroup {group.name} has min-size={group.minimum}, max-size={group.maximum}, and "
                f"desired-size={group.desired}. To place into service {count} instance{'s' if count > 1 else ''}, please update "
                "the AutoScalingGroup sizes appropriately.",
            )
        group.desired += len(members)
        return {"Activities": [self.engine.exit_standby(group, member).described() for member in members]}

    def set_instance_health(self, params: Params) -> Params:
        status = params["HealthStatus"]
        if status not in ("Healthy", "Unhealthy"):
            raise ServiceError(
                "ValidationError", f"'{status}' is not a valid health status.  Valid values are Healthy and Unhealthy."
            )
        group, member = self._member(params["InstanceId"])
        self.engine.set_health(group, member, status == "Healthy", params.get("ShouldRespectGracePeriod", True))
        return {}

    def set_instance_protection(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        for member in self._members(group, params):
            member.protected = params["ProtectedFromScaleIn"]
        return {}

    # Processes

    def suspend_processes(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        at = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in self._processes(params):
            group.suspended.setdefault(name, f"User suspended at {at}")
        return {}

    def resume_processes(self, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        for name in self._processes(params):
            group.suspended.pop(name, None)
        self.engine.soon(group)
        return {}

    def describe_scaling_process_types(self, _params: Params) -> Params:
        return {"Processes": [{"ProcessName": name} for name in PROCESSES]}

    def describe_scaling_activities(self, params: Params) -> Params:
        groups = [self._group(params["AutoScalingGroupName"])] if "AutoScalingGroupName" in params else self._groups()
        found: list[Activity] = sorted((a for g in groups for a in g.activities), key=lambda a: a.started, reverse=True)
        if params.get("ActivityIds"):
            found = [activity for activity in found if activity.id in params["ActivityIds"]]
        shown, token = page([activity.described() for activity in found], params, "MaxRecords", "NextToken", 100)
        return {"Activities": shown, **({"NextToken": token} if token else {})}

    # Lookups

    def _now(self) -> Any:
        return self.engine.scheduler.clock.now()

    def _groups(self) -> list[Group]:
        return [group for (region, _), group in sorted(self.engine.groups.items()) if region == wire.CALL.get().region]

    def _group(self, name: str) -> Group:
        group = self.engine.groups.get((wire.CALL.get().region, name.rpartition("/")[2]))
        if group is None:
            raise ServiceError(
                "ValidationError", "AutoScalingGroup name not found - AutoScalingGroup: " + name + " not found"
            )
        return group

    def _member(self, instance_id: str) -> tuple[Group, Member]:
        found = self.engine.group_of(instance_id)
        if found is None or found[0].region != wire.CALL.get().region:
            raise ServiceError(
                "ValidationError", f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
            )
        return found

    def _members(self, group: Group, params: Params) -> list[Member]:
        ids = params.get("InstanceIds") or []
        if not ids:
            raise ServiceError("ValidationError", "Instance Ids should not be empty")
        for instance_id in ids:
            if instance_id not in group.members:
                raise ServiceError(
                    "ValidationError", f"The instance {instance_id} is not part of Auto Scaling group {group.name}."
                )
        return [group.members[instance_id] for instance_id in ids]

    def _processes(self, params: Params) -> list[str]:
        names = params.get("ScalingProcesses") or list(PROCESSES)
        for name in names:
            if name not in PROCESSES:
                raise ServiceError("ValidationError", f"{name} is not a valid Process Type.")
        return list(names)

    def _settings(self, params: Params, before: Params) -> Params:
        for key in _REFUSED:
            if params.get(key):
                raise unsupported(self.service, f"{key} of a group")
        settings = {**before, **{key: params[key] for key in _KEPT if key in params}}
        if "LaunchTemplate" in params:
            settings.pop("LaunchConfigurationName", None)
        elif "LaunchConfigurationName" in params:
            settings.pop("LaunchTemplate", None)
            name = params["LaunchConfigurationName"]
            found = self.configurations.get((wire.CALL.get().region, name))
            if found is None:
                raise ServiceError(
                    "ValidationError",
                    f"Launch configuration name not found - A launch configuration with the name: {name} does not exist",
                )
            settings["LaunchConfiguration"] = {
                key: found[key] for key in found
                if key in ("ImageId", "InstanceType", "KeyName", "SecurityGroups", "UserData", "IamInstanceProfile", "BlockDeviceMappings", "EbsOptimized")
            }  # fmt: skip
        return settings

    def _check_launch(self, group: Group) -> None:
        if "LaunchTemplate" in group.settings:
            found = self.engine.launching.version(group.region, group.settings["LaunchTemplate"])
            given = group.settings["LaunchTemplate"]
            group.settings["LaunchTemplate"] = {
                "LaunchTemplateId": found["LaunchTemplateId"],
                "LaunchTemplateName": found["LaunchTemplateName"],
                **({"Version": given["Version"]} if given.get("Version") else {}),
            }

    def _known_target_group(self, arn: str) -> None:
        if arn not in self.engine.traffic.groups:
            raise ServiceError(
                "ValidationError",
                f"Provided Load Balancer Target Group ARNs may not be valid. Please ensure they exist and try again: {arn}",
            )

    def _tag(self, name: str, tag: Params) -> Params:
        return {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": tag["Key"],
            "Value": tag.get("Value", ""),
            "PropagateAtLaunch": bool(tag.get("PropagateAtLaunch", True)),
        }


def _loud(group: Group, names: tuple[str, ...]) -> list[str]:
    """Those of the alarms that are in ALARM, or not there."""
    if not names:
        return []
    known = backend("cloudwatch", group.region, ACCOUNT).alarms
    return [name for name in names if name not in known or known[name].state_value == "ALARM"]


def _check_sizes(minimum: int, maximum: int, desired: int) -> None:
    if minimum > maximum:
        raise ServiceError(
            "ValidationError", f"Max bound, {maximum}, must be greater than or equal to min bound, {minimum}"
        )
    if desired < minimum:
        raise ServiceError(
            "ValidationError",
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}",
        )
    if desired > maximum:
        raise ServiceError(
            "ValidationError",
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}",
        )


def _sources(params: Params) -> list[str]:
    return [source["Identifier"] for source in params.get("TrafficSources", [])]


def _matches(group: Group, condition: Params) -> bool:
    name, values = condition["Name"], condition.get("Values", [])
    if name == "tag-key":
        return any(key in values for key in group.tags)
    if name == "tag-value":
        return any(tag["Value"] in values for tag in group.tags.values())
    if name.startswith("tag:"):
        return group.tags.get(name[4:], {}).get("Value") in values
    raise ServiceError("ValidationError", f"Filter type {name} is not correct. {json.dumps(values)}")
