"""Auto Scaling: the group, its hooks, its policies.

A rolling UpdatePolicy replaces instances in batches:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Failure,
    Gone,
    Handler,
    Made,
    Properties,
    boolean,
    changed,
    missing,
    pick,
    whole,
)
from hermes_cfn.local.providers.ec2_common import asked, quietly
from hermes_cfn.local.providers.rolling import Policy, Rolling, Seen

_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")
_NUMBERS = (
    *_SIZES,
    "HealthCheckGracePeriod",
    "MaxInstanceLifetime",
    "DefaultInstanceWarmup",
)

_MACHINE = ("LaunchTemplate", "LaunchConfigurationName", "VPCZoneIdentifier")
"""A change of these makes an update policy act."""


class Group(Handler):
    known = frozenset(
        {
            "AutoScalingGroupName",
            "AvailabilityZones",
            "VPCZoneIdentifier",
            "LaunchTemplate",
            "LaunchConfigurationName",
            "TargetGroupARNs",
            "HealthCheckType",
            "LifecycleHookSpecificationList",
            "MetricsCollection",
            "NewInstancesProtectedFromScaleIn",
            "TerminationPolicies",
            "Cooldown",
            "CapacityRebalance",
            "NotificationConfigurations",
            "Tags",
            *_NUMBERS,
        }
    )

    def __init__(self) -> None:
        self._rolling: dict[tuple[str, str], Rolling] = {}
        self._refreshing: dict[tuple[str, str], str] = {}

    def _given(self, properties: Properties) -> dict[str, Any]:
        given: dict[str, Any] = {key: whole(properties[key]) for key in _NUMBERS if key in properties}
        given.update(
            pick(
                properties,
                "AvailabilityZones",
                "LaunchConfigurationName",
                "HealthCheckType",
                "TerminationPolicies",
            )
        )
        if "Cooldown" in properties:
            given["DefaultCooldown"] = whole(properties["Cooldown"])
        if "LaunchTemplate" in properties:
            template = properties["LaunchTemplate"]
            given["LaunchTemplate"] = {key: str(value) for key, value in template.items()}
        if "VPCZoneIdentifier" in properties:
            zones = properties["VPCZoneIdentifier"]
            given["VPCZoneIdentifier"] = ",".join(zones) if isinstance(zones, list) else zones
        for key in ("NewInstancesProtectedFromScaleIn", "CapacityRebalance"):
            if key in properties:
                given[key] = boolean(properties[key])
        return given

    def create(self, context: Context, properties: Properties) -> Made:
        scaling = context.client("autoscaling")
        name = properties.get("AutoScalingGroupName") or context.name(255)
        hooks = properties.get("LifecycleHookSpecificationList") or []
        self._rolling.pop((context.region, name), None)
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            **self._given(properties),
            **pick(properties, "TargetGroupARNs"),
            **({"LifecycleHookSpecificationList": [_hook(hook) for hook in hooks]} if hooks else {}),
            Tags=_tags(name, self._with_system(context, properties)),
        )
        context.took(name)
        self._extras(scaling, name, {}, properties)
        return self.describe(context, name, properties)

    def _with_system(self, context: Context, properties: Properties) -> list[dict[str, Any]]:
        own = list(properties.get("Tags") or [])
        system = [tag for tag in context.tags({}, system=True) if tag["Key"].startswith("aws:")]
        return [*own, *({**tag, "PropagateAtLaunch": True} for tag in system)]

    def _extras(self, scaling: Any, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "MetricsCollection"):
            if before.get("MetricsCollection"):
                scaling.disable_metrics_collection(AutoScalingGroupName=name)
            for each in after.get("MetricsCollection") or []:
                scaling.enable_metrics_collection(AutoScalingGroupName=name, **pick(each, "Granularity", "Metrics"))
        if changed(before, after, "NotificationConfigurations"):
            for each in before.get("NotificationConfigurations") or []:
                topic = _topic(each)
                scaling.delete_notification_configuration(AutoScalingGroupName=name, TopicARN=topic)
            for each in after.get("NotificationConfigurations") or []:
                scaling.put_notification_configuration(
                    AutoScalingGroupName=name, TopicARN=_topic(each), NotificationTypes=each["NotificationTypes"]
                )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        scaling = context.client("autoscaling")
        under_way = self._rolling.pop((context.region, physical_id), None)
        given = self._changed(context, before, after)
        if under_way is not None and under_way.policy.suspend:
            scaling.resume_processes(AutoScalingGroupName=physical_id, ScalingProcesses=list(under_way.policy.suspend))
        if under_way is not None:
            given = {"MinSize": under_way.sizes[0], "DesiredCapacity": under_way.sizes[1], **given}
        if given:
            scaling.update_auto_scaling_group(AutoScalingGroupName=physical_id, **given)
        old, new = before.get("TargetGroupARNs") or [], after.get("TargetGroupARNs") or []
        fresh, gone = [a for a in new if a not in old], [a for a in old if a not in new]
        if fresh:
            scaling.attach_load_balancer_target_groups(AutoScalingGroupName=physical_id, TargetGroupARNs=fresh)
        if gone:
            scaling.detach_load_balancer_target_groups(AutoScalingGroupName=physical_id, TargetGroupARNs=gone)
        if changed(before, after, "LifecycleHookSpecificationList"):
            self._hooks(scaling, physical_id, before, after)
        self._extras(scaling, physical_id, before, after)
        if changed(before, after, "Tags"):
            keys = {tag["Key"] for tag in after.get("Tags") or []}
            dropped = [tag for tag in before.get("Tags") or [] if tag["Key"] not in keys]
            if dropped:
                scaling.delete_tags(Tags=_tags(physical_id, dropped))
            if after.get("Tags"):
                scaling.create_or_update_tags(Tags=_tags(physical_id, after["Tags"]))
        self._refreshing.pop((context.region, physical_id), None)
        if changed(before, after, *_MACHINE) and "AutoScalingInstanceRefresh" in context.update_policy:
            wish = context.update_policy["AutoScalingInstanceRefresh"] or {}
            started = scaling.start_instance_refresh(
                AutoScalingGroupName=physical_id,
                Strategy=wish.get("Strategy", "Rolling"),
                Preferences=preferences(wish.get("Preferences") or {}),
            )
            self._refreshing[(context.region, physical_id)] = started["InstanceRefreshId"]
        elif self._rolls(context, before, after):
            found = self._find(context, physical_id)
            self._begin_rolling(context, physical_id, (found["MinSize"], found["DesiredCapacity"]))
        return self.describe(context, physical_id, after)

    def _changed(self, context: Context, before: Properties, after: Properties) -> dict[str, Any]:
        """What the update is given: what differs, and the template's sizes also when they do not.

        With IgnoreUnmodifiedGroupSizeProperties sizes that the template does not change stay as they are.
        """
        was, given = self._given(before), self._given(after)
        scheduled = context.update_policy.get("AutoScalingScheduledAction") or {}
        ignored = boolean(scheduled.get("IgnoreUnmodifiedGroupSizeProperties", False))
        return {key: value for key, value in given.items() if was.get(key) != value or (key in _SIZES and not ignored)}

    def replaces(self, context: Context, names: set[str], before: Properties, after: Properties) -> bool:
        return False

    def policy_replaces(self, context: Context, before: Properties, after: Properties) -> bool:
        policy = context.update_policy.get("AutoScalingReplacingUpdate") or {}
        return boolean(policy.get("WillReplace", False)) and changed(before, after, *_MACHINE)

    def _hooks(self, scaling: Any, name: str, before: Properties, after: Properties) -> None:
        keep = {hook["LifecycleHookName"] for hook in after.get("LifecycleHookSpecificationList") or []}
        for hook in before.get("LifecycleHookSpecificationList") or []:
            if hook["LifecycleHookName"] not in keep:
                scaling.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName=hook["LifecycleHookName"])
        for hook in after.get("LifecycleHookSpecificationList") or []:
            scaling.put_lifecycle_hook(AutoScalingGroupName=name, **_hook(hook))

    def _rolls(self, context: Context, before: Properties, after: Properties) -> bool:
        policy = context.update_policy
        machine = changed(before, after, *_MACHINE)
        return machine and "AutoScalingRollingUpdate" in policy

    def _refreshed(self, scaling: Any, name: str, refresh: str) -> bool:
        """Whether the instance refresh of the update policy is over.  Raises Failure where it did not end well."""
        found = scaling.describe_instance_refreshes(AutoScalingGroupName=name, InstanceRefreshIds=[refresh])
        one = found["InstanceRefreshes"][0]
        if one["Status"] in ("Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful"):
            raise Failure(f"Instance refresh {refresh} ended as {one['Status']}: {one.get('StatusReason', '')}")
        return bool(one["Status"] == "Successful")

    def _begin_rolling(self, context: Context, name: str, sizes: tuple[int, int]) -> None:
        seen = self._seen(context, name)
        policy = Policy.of(context.update_policy["AutoScalingRollingUpdate"])
        rolling = Rolling(policy, sizes, frozenset(seen.signals), frozenset(seen.instances))
        room = rolling.room(seen)
        scaling = context.client("autoscaling")
        self._rolling[(context.region, name)] = rolling
        if rolling.policy.suspend:
            scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=list(rolling.policy.suspend))
        if room > seen.desired:
            scaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=room, DesiredCapacity=room)

    def _seen(self, context: Context, name: str) -> Seen:
        found = self._find(context, name)
        if found is None:
            raise Failure(f"Group {name} does not exist.")
        wanted, zones = found.get("LaunchTemplate"), found["AvailabilityZones"]
        configuration = found.get("LaunchConfigurationName")

        def fits(instance: Mapping[str, Any]) -> bool:
            if instance["AvailabilityZone"] not in zones:
                return False
            if wanted is None:
                return bool(instance.get("LaunchConfigurationName") == configuration)
            has = instance.get("LaunchTemplate") or {}
            same = has.get("LaunchTemplateId") == wanted["LaunchTemplateId"]
            version = str(wanted.get("Version", "$Default"))
            return same and (version.startswith("$") or str(has.get("Version")) == version)

        here = [each for each in found["Instances"] if not each["LifecycleState"].startswith(("Terminat", "Detach"))]
        return Seen(
            {each["InstanceId"]: each["LifecycleState"] for each in here},
            frozenset(each["InstanceId"] for each in here if not fits(each)),
            found["MinSize"], found["MaxSize"], found["DesiredCapacity"], context.signals(), context.now(),
        )  # fmt: skip

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        scaling = context.client("autoscaling")
        refresh = self._refreshing.get((context.region, physical_id))
        if refresh is not None:
            return self._refreshed(scaling, physical_id, refresh)
        rolling = self._rolling.get((context.region, physical_id))
        if rolling is None:
            return True
        leaving = rolling.next(self._seen(context, physical_id))
        if leaving is None:
            minimum, desired = rolling.sizes
            scaling.update_auto_scaling_group(
                AutoScalingGroupName=physical_id, MinSize=minimum, DesiredCapacity=desired
            )
            if rolling.policy.suspend:
                scaling.resume_processes(
                    AutoScalingGroupName=physical_id, ScalingProcesses=list(rolling.policy.suspend)
                )
            del self._rolling[(context.region, physical_id)]
            return True
        for instance in leaving:
            scaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
        return False

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("autoscaling").update_auto_scaling_group,
            "ValidationError",
            AutoScalingGroupName=physical_id,
            MinSize=0,
            MaxSize=0,
            DesiredCapacity=0,
        )

    def gone(self, context: Context, physical_id: str, properties: Properties) -> bool:
        found = self._find(context, physical_id)
        if found is None:
            return True
        if not found["Instances"]:
            delete = context.client("autoscaling").delete_auto_scaling_group
            quietly(delete, "ValidationError", AutoScalingGroupName=physical_id, ForceDelete=True)
            return self._find(context, physical_id) is None
        return False

    def _find(self, context: Context, name: str) -> Any:
        found = context.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        groups = found["AutoScalingGroups"]
        return groups[0] if groups else None

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(physical_id, {"AutoScalingGroupARN": found["AutoScalingGroupARN"]})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        shown = {key: str(found[key]) for key in ("MinSize", "MaxSize", "DesiredCapacity") if key in found}
        return {**shown, **pick(found, "HealthCheckType", "HealthCheckGracePeriod")}

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("AutoScalingGroupName")
        return name if name and self._find(context, name) is not None else None


_WHOLE = ("MinHealthyPercentage", "MaxHealthyPercentage", "InstanceWarmup", "CheckpointDelay", "BakeTime")


def preferences(given: Mapping[str, Any]) -> dict[str, Any]:
    """Preferences of an instance refresh as the API takes them, from what a template may write as text."""
    made: dict[str, Any] = {key: whole(given[key]) for key in _WHOLE if key in given}
    made.update({key: boolean(given[key]) for key in ("SkipMatching", "AutoRollback") if key in given})
    made.update(pick(given, "ScaleInProtectedInstances", "StandbyInstances", "AlarmSpecification"))
    if "CheckpointPercentages" in given:
        made["CheckpointPercentages"] = [whole(one) for one in given["CheckpointPercentages"]]
    return made


def _topic(given: Mapping[str, Any]) -> str:
    arns = given.get("TopicARN")
    return str(arns[0] if isinstance(arns, list) else arns)


def _hook(given: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(given)
    if "HeartbeatTimeout" in made:
        made["HeartbeatTimeout"] = whole(made["HeartbeatTimeout"])
    return made


def _tags(name: str, tags: Any) -> list[dict[str, Any]]:
    return [
        {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": tag["Key"],
            "Value": tag["Value"],
            "PropagateAtLaunch": boolean(tag.get("PropagateAtLaunch", False)),
        }
        for tag in tags
    ]


class LifecycleHook(Handler):
    known = frozenset(
        {
            "AutoScalingGroupName",
            "LifecycleHookName",
            "LifecycleTransition",
            "DefaultResult",
            "HeartbeatTimeout",
            "NotificationMetadata",
            "NotificationTargetARN",
            "RoleARN",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("LifecycleHookName") or context.name(255)
        context.client("autoscaling").put_lifecycle_hook(**{**_hook(properties), "LifecycleHookName": name})
        return Made(name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("autoscaling").put_lifecycle_hook(**{**_hook(after), "LifecycleHookName": physical_id})
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("autoscaling").delete_lifecycle_hook,
            "ValidationError",
            AutoScalingGroupName=properties["AutoScalingGroupName"],
            LifecycleHookName=physical_id,
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(
            context.client("autoscaling").describe_lifecycle_hooks,
            "ValidationError",
            AutoScalingGroupName=properties["AutoScalingGroupName"],
            LifecycleHookNames=[physical_id],
        )
        hooks = found.get("LifecycleHooks", [])
        names = ("LifecycleTransition", "DefaultResult", "HeartbeatTimeout", "NotificationMetadata")
        return pick(hooks[0], *names) if hooks else None


class ScalingPolicy(Handler):
    known = frozenset(
        {
            "AutoScalingGroupName",
            "PolicyType",
            "AdjustmentType",
            "ScalingAdjustment",
            "Cooldown",
            "TargetTrackingConfiguration",
            "EstimatedInstanceWarmup",
        }
    )

    def _put(self, context: Context, name: str, properties: Properties) -> str:
        given = pick(properties, "AutoScalingGroupName", "PolicyType", "AdjustmentType", "TargetTrackingConfiguration")
        for key in ("ScalingAdjustment", "Cooldown", "EstimatedInstanceWarmup"):
            if key in properties:
                given[key] = whole(properties[key])
        tracking = given.get("TargetTrackingConfiguration")
        if tracking:
            given["TargetTrackingConfiguration"] = {**tracking, "TargetValue": float(tracking["TargetValue"])}
        made = context.client("autoscaling").put_scaling_policy(PolicyName=name, **given)
        return str(made["PolicyARN"])

    def create(self, context: Context, properties: Properties) -> Made:
        name = context.name(255)
        arn = self._put(context, name, properties)
        return Made(arn, {"Arn": arn, "PolicyName": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        name = physical_id.rpartition("policyName/")[2]
        self._put(context, name, after)
        return Made(physical_id, {"Arn": physical_id, "PolicyName": name})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("autoscaling").delete_policy,
            "ValidationError",
            AutoScalingGroupName=properties["AutoScalingGroupName"],
            PolicyName=physical_id,
        )


class ScheduledAction(Handler):
    known = frozenset(
        {
            "AutoScalingGroupName",
            "MinSize",
            "MaxSize",
            "DesiredCapacity",
            "Recurrence",
            "TimeZone",
            "StartTime",
            "EndTime",
        }
    )

    def _put(self, context: Context, name: str, properties: Properties) -> Made:
        sizes = {key: whole(properties[key]) for key in _SIZES if key in properties}
        context.client("autoscaling").put_scheduled_update_group_action(
            ScheduledActionName=name,
            **pick(properties, "AutoScalingGroupName", "Recurrence", "TimeZone", "StartTime", "EndTime"),
            **sizes,
        )
        return Made(name, {"ScheduledActionName": name})

    def create(self, context: Context, properties: Properties) -> Made:
        return self._put(context, context.name(255), properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return self._put(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            context.client("autoscaling").delete_scheduled_action,
            "ValidationError",
            AutoScalingGroupName=properties["AutoScalingGroupName"],
            ScheduledActionName=physical_id,
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(
            context.client("autoscaling").describe_scheduled_actions,
            "ValidationError",
            AutoScalingGroupName=properties["AutoScalingGroupName"],
            ScheduledActionNames=[physical_id],
        )
        actions = found.get("ScheduledUpdateGroupActions", [])
        return pick(actions[0], *_SIZES, "Recurrence", "TimeZone") if actions else None


class LaunchConfiguration(Handler):
    known = frozenset(
        {
            "LaunchConfigurationName",
            "ImageId",
            "InstanceType",
            "KeyName",
            "SecurityGroups",
            "UserData",
            "IamInstanceProfile",
            "InstanceMonitoring",
            "AssociatePublicIpAddress",
            "BlockDeviceMappings",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("LaunchConfigurationName") or context.name(255)
        given = dict(properties)
        given.pop("LaunchConfigurationName", None)
        if "InstanceMonitoring" in given:
            given["InstanceMonitoring"] = {"Enabled": boolean(given["InstanceMonitoring"])}
        context.client("autoscaling").create_launch_configuration(LaunchConfigurationName=name, **given)
        return Made(name)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        try:
            context.client("autoscaling").delete_launch_configuration(LaunchConfigurationName=physical_id)
        except ClientError as error:
            if not missing(error, "ValidationError"):
                raise
