"""Attachments, tags, policies, metrics and launch configurations."""

from __future__ import annotations

import uuid
from typing import Any

from hermes_cfn.cfn import recurrence
from hermes_cfn.local import wire
from hermes_cfn.local.services.actions import Params, page
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import Group
from hermes_cfn.local.services.autoscaling.refresh import Refreshes
from hermes_cfn.local.services.autoscaling.tracking import Tracking
from hermes_cfn.local.wire import ACCOUNT, ServiceError

METRICS = (
    "GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
    "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances",
)  # fmt: skip


def _alarms(policy: Params, group: Group) -> list[Params]:
    where = f"arn:aws:cloudwatch:{group.region}:{ACCOUNT}:alarm:"
    return [{"AlarmName": name, "AlarmARN": where + name} for name in policy.get("alarms", {}).values()]


class MoreActions:
    """Part of service ``autoscaling``."""

    engine: Engine
    tracking: Tracking
    refreshes: Refreshes
    configurations: dict[tuple[str, str], Params]

    def attach_load_balancer_target_groups(self: Any, params: Params) -> Params:
        self._attach(self._group(params["AutoScalingGroupName"]), params["TargetGroupARNs"])
        return {}

    def attach_traffic_sources(self: Any, params: Params) -> Params:
        self._attach(self._group(params["AutoScalingGroupName"]), [s["Identifier"] for s in params["TrafficSources"]])
        return {}

    def detach_load_balancer_target_groups(self: Any, params: Params) -> Params:
        self._detach(self._group(params["AutoScalingGroupName"]), params["TargetGroupARNs"])
        return {}

    def detach_traffic_sources(self: Any, params: Params) -> Params:
        self._detach(self._group(params["AutoScalingGroupName"]), [s["Identifier"] for s in params["TrafficSources"]])
        return {}

    def describe_load_balancer_target_groups(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        rows = [{"LoadBalancerTargetGroupARN": arn, "State": "InService"} for arn in group.target_groups]
        return {"LoadBalancerTargetGroups": rows}

    def describe_traffic_sources(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        return {
            "TrafficSources": [
                {"Identifier": arn, "Type": "elbv2", "State": "InService"} for arn in group.target_groups
            ]
        }

    def _attach(self: Any, group: Group, arns: list[str]) -> None:
        for arn in arns:
            self._known_target_group(arn)
            if arn not in group.target_groups:
                group.target_groups.append(arn)
                for member in group.members.values():
                    if member.state == "InService":
                        self.engine._register(arn, member)

    def _detach(self: Any, group: Group, arns: list[str]) -> None:
        for arn in arns:
            if arn not in group.target_groups:
                raise ServiceError(
                    "ValidationError", f"Trying to remove Target Groups that are not part of the group: {arn}"
                )
            group.target_groups.remove(arn)
            target_group = self.engine.traffic.groups.get(arn)
            for key, target in list(target_group.targets.items()) if target_group else []:
                if target.id in group.members:
                    self.engine.traffic.deregister(target_group, key)

    def create_or_update_tags(self: Any, params: Params) -> Params:
        for tag in params["Tags"]:
            self._group(tag["ResourceId"]).tags[tag["Key"]] = self._tag(tag["ResourceId"], tag)
        return {}

    def delete_tags(self: Any, params: Params) -> Params:
        for tag in params["Tags"]:
            self._group(tag["ResourceId"]).tags.pop(tag["Key"], None)
        return {}

    def describe_tags(self: Any, params: Params) -> Params:
        rows = [tag for group in self._groups() for tag in group.tags.values()]
        names = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
        for condition in params.get("Filters", []):
            if condition["Name"] not in names:
                raise ServiceError("ValidationError", f"Filter type {condition['Name']} is not correct.")
            rows = [tag for tag in rows if tag[names[condition["Name"]]] in condition["Values"]]
        return {"Tags": rows}

    def put_scaling_policy(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        name = params["PolicyName"]
        known = group.policies.get(name, {})
        mark = known.get("PolicyARN", "").rpartition(":autoScalingGroupName")[0].rpartition(":")[2] or str(uuid.uuid4())
        arn = f"arn:aws:autoscaling:{group.region}:{ACCOUNT}:scalingPolicy:{mark}:autoScalingGroupName/{group.name}:policyName/{name}"
        policy = {
            **params,
            "PolicyARN": arn,
            "PolicyType": params.get("PolicyType", "SimpleScaling"),
            "Enabled": params.get("Enabled", True),
            "alarms": dict(known.get("alarms", {})),
        }
        if policy["PolicyType"] == "TargetTrackingScaling":
            self.tracking.put(group, policy)
        group.policies[name] = policy
        return {"PolicyARN": arn, "Alarms": _alarms(policy, group)}

    def describe_policies(self: Any, params: Params) -> Params:
        groups = [self._group(params["AutoScalingGroupName"])] if "AutoScalingGroupName" in params else self._groups()
        rows = [
            {**{key: value for key, value in policy.items() if key != "alarms"}, "Alarms": _alarms(policy, group)}
            for group in groups
            for policy in group.policies.values()
        ]
        return {"ScalingPolicies": [p for p in rows if p["PolicyName"] in params.get("PolicyNames", [p["PolicyName"]])]}

    def delete_policy(self: Any, params: Params) -> Params:
        groups = [self._group(params["AutoScalingGroupName"])] if "AutoScalingGroupName" in params else self._groups()
        for group in groups:
            name = params["PolicyName"]
            self.tracking.drop(group, group.policies.pop(name.rpartition("policyName/")[2] or name, {}))
        return {}

    def enable_metrics_collection(self: Any, params: Params) -> Params:
        self._group(params["AutoScalingGroupName"]).metrics.update(params.get("Metrics") or METRICS)
        return {}

    def disable_metrics_collection(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        group.metrics -= set(params.get("Metrics") or METRICS)
        return {}

    def describe_account_limits(self: Any, _params: Params) -> Params:
        return {
            "MaxNumberOfAutoScalingGroups": 500,
            "MaxNumberOfLaunchConfigurations": 200,
            "NumberOfAutoScalingGroups": len(self._groups()),
            "NumberOfLaunchConfigurations": len(self.configurations),
        }

    def create_launch_configuration(self, params: Params) -> Params:
        name, region = params["LaunchConfigurationName"], wire.CALL.get().region
        if (region, name) in self.configurations:
            raise ServiceError(
                "AlreadyExists",
                f"Launch Configuration by this name already exists - A launch configuration already exists with the name {name}",
            )
        arn = (
            f"arn:aws:autoscaling:{region}:{ACCOUNT}:launchConfiguration:{uuid.uuid4()}:launchConfigurationName/{name}"
        )
        self.configurations[(region, name)] = {
            **params,
            "LaunchConfigurationARN": arn,
            "CreatedTime": self.engine.scheduler.clock.now(),
        }
        return {}

    def describe_launch_configurations(self, params: Params) -> Params:
        names, region = params.get("LaunchConfigurationNames"), wire.CALL.get().region
        rows = [
            one for (where, name), one in self.configurations.items() if where == region and name in (names or [name])
        ]
        shown, token = page(rows, params, "MaxRecords", "NextToken", 50)
        return {"LaunchConfigurations": shown, **({"NextToken": token} if token else {})}

    def delete_launch_configuration(self: Any, params: Params) -> Params:
        name = params["LaunchConfigurationName"]
        for group in self._groups():
            if group.settings.get("LaunchConfigurationName") == name:
                words = (
                    f"Cannot delete launch configuration {name} because it is attached to AutoScalingGroup {group.name}"
                )
                raise ServiceError("ResourceInUse", words)
        self.configurations.pop((wire.CALL.get().region, params["LaunchConfigurationName"]), None)
        return {}

    def put_notification_configuration(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        group.notifications[params["TopicARN"]] = list(params["NotificationTypes"])
        return {}

    def delete_notification_configuration(self: Any, params: Params) -> Params:
        self._group(params["AutoScalingGroupName"]).notifications.pop(params["TopicARN"], None)
        return {}

    def describe_notification_configurations(self: Any, params: Params) -> Params:
        wanted = params.get("AutoScalingGroupNames") or [group.name for group in self._groups()]
        return {
            "NotificationConfigurations": [
                {"AutoScalingGroupName": group.name, "TopicARN": topic, "NotificationType": kind}
                for group in self._groups()
                if group.name in wanted
                for topic, kinds in group.notifications.items()
                for kind in kinds
            ]
        }

    def describe_instance_refreshes(self: Any, params: Params) -> Params:
        found = self.refreshes.of(self._group(params["AutoScalingGroupName"]))
        wanted = params.get("InstanceRefreshIds")
        rows = [one.described() for one in found if not wanted or one.id in wanted]
        shown, token = page(rows, params, "MaxRecords", "NextToken", 50)
        return {"InstanceRefreshes": shown, **({"NextToken": token} if token else {})}

    def start_instance_refresh(self: Any, params: Params) -> Params:
        return {"InstanceRefreshId": self.refreshes.start(self._group(params["AutoScalingGroupName"]), params).id}

    def cancel_instance_refresh(self: Any, params: Params) -> Params:
        return {"InstanceRefreshId": self.refreshes.cancel(self._group(params["AutoScalingGroupName"])).id}

    def put_scheduled_update_group_action(self: Any, params: Params) -> Params:
        group, name = self._group(params["AutoScalingGroupName"]), params["ScheduledActionName"]
        if "Recurrence" in params and recurrence.parse(params["Recurrence"]) is None:
            raise ServiceError("ValidationError", f"Given recurrence string:{params['Recurrence']} is invalid")
        if recurrence.zone(params.get("TimeZone") or "UTC") is None:
            raise ServiceError("ValidationError", f"Invalid TimeZone: {params['TimeZone']}")
        if not ({"MinSize", "MaxSize", "DesiredCapacity"} & set(params)):
            raise ServiceError("ValidationError", "At least one of MinSize, MaxSize or DesiredCapacity is required")
        same = ("Recurrence", "StartTime", "TimeZone")
        for other, one in group.scheduled.items():
            if other != name and all(one.get(key) == params.get(key) for key in same):
                raise ServiceError("AlreadyExists", f"{other} is scheduled at the same time")
        arn = f"arn:aws:autoscaling:{group.region}:{ACCOUNT}:scheduledUpdateGroupAction:{uuid.uuid4()}:autoScalingGroupName/{group.name}:scheduledActionName/{name}"
        group.scheduled[name] = {**params, "ScheduledActionARN": arn}
        return {}

    def describe_scheduled_actions(self: Any, params: Params) -> Params:
        groups = [self._group(params["AutoScalingGroupName"])] if "AutoScalingGroupName" in params else self._groups()
        rows = [one for group in groups for one in group.scheduled.values()]
        wanted = params.get("ScheduledActionNames")
        return {"ScheduledUpdateGroupActions": [r for r in rows if not wanted or r["ScheduledActionName"] in wanted]}

    def delete_scheduled_action(self: Any, params: Params) -> Params:
        group, name = self._group(params["AutoScalingGroupName"]), params["ScheduledActionName"]
        if group.scheduled.pop(name, None) is None:
            raise ServiceError(
                "ValidationError", f"Scheduled action name not found - Scheduled action {name} not found"
            )
        return {}

    def describe_warm_pool(self: Any, params: Params) -> Params:
        self._group(params["AutoScalingGroupName"])
        return {"Instances": []}
