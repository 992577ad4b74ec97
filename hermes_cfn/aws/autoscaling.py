"""Auto Scaling: the group, standby, and leaving by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.deciders.observed import SCALE_IN, Group, Lifecycle

MARK = "hermes:suspended"
"""The tag that says which processes a rollout of ours has suspended."""

AT_ONCE = 20
"""Instances that one EnterStandby or ExitStandby names (API reference, EnterStandby: up to 20)."""


@dataclass(frozen=True, slots=True)
class Member:
    """An instance as its group knows it."""

    id: str
    lifecycle: Lifecycle
    template: str
    zone: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """The group, its members, the template version that it launches and its target groups.

    ``template`` is empty where no version has a number; ``launches`` is the launch template's name and version as they are.
    """

    group: Group
    members: tuple[Member, ...]
    template: str
    target_groups: tuple[str, ...]
    launches: str = ""


class AutoScaling:
    """Groups of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def observe(self, name: str, scaled: bool = False) -> GroupSeen | None:
        """The group, or None when there is none; ``scaled``: its policies are looked at too."""
        found = self._calls.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not found:
            return None
        group = found[0]
        tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", ())}
        return GroupSeen(
            Group(
                name=name,
                minimum=group["MinSize"],
                maximum=group["MaxSize"],
                desired=group["DesiredCapacity"],
                suspended=frozenset(p["ProcessName"] for p in group.get("SuspendedProcesses", ()))
                | (frozenset({SCALE_IN}) if scaled and not self._shrinking(name) else frozenset()),
                marked=frozenset(filter(None, tags.get(MARK, "").split(" "))),
            ),
            tuple(_member(instance) for instance in group.get("Instances", ())),
            _template_version(group),
            tuple(group.get("TargetGroupARNs", ())),
            _launches(group),
        )

    def suspend(self, name: str, processes: Sequence[str], marked: Sequence[str]) -> None:
        """Marks the group with all of ``marked`` first, so that a crash in between is found."""
        self._calls.create_or_update_tags(Tags=[_tag(name, " ".join(sorted({*marked})))])
        own = [process for process in processes if process != SCALE_IN]
        if own:
            self._calls.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=own)
        if SCALE_IN in processes:
            for policy in self._shrinking(name):
                self._put(name, policy, True)

    def resume(self, name: str, processes: Sequence[str]) -> None:
        """Resumes, then takes the mark off."""
        own = [process for process in processes if process != SCALE_IN]
        if own:
            self._calls.resume_processes(AutoScalingGroupName=name, ScalingProcesses=own)
        if SCALE_IN in processes:
            for policy in self._tracking(name):
                self._put(name, policy, False)
        self._calls.delete_tags(Tags=[_tag(name, None)])

    def _tracking(self, name: str) -> list[dict[str, Any]]:
        """The group's target tracking policies."""
        found = self._calls.pages("describe_policies", "ScalingPolicies", AutoScalingGroupName=name)
        return [policy for policy in found if policy["PolicyType"] == "TargetTrackingScaling"]

    def _shrinking(self, name: str) -> list[dict[str, Any]]:
        """Those that may shrink it."""
        return [one for one in self._tracking(name) if not one["TargetTrackingConfiguration"].get("DisableScaleIn")]

    def _put(self, name: str, policy: dict[str, Any], held: bool) -> None:
        """The policy as it is, but for whether it may shrink the group (API reference, TargetTrackingConfiguration)."""
        warmup = {key: policy[key] for key in ("EstimatedInstanceWarmup", "Enabled") if key in policy}
        self._calls.put_scaling_policy(
            AutoScalingGroupName=name,
            PolicyName=policy["PolicyName"],
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={**policy["TargetTrackingConfiguration"], "DisableScaleIn": held},
            **warmup,
        )

    def enter_standby(self, name: str, instances: Sequence[str]) -> None:
        """Takes at most :data:`AT_ONCE` instances out, and the desired capacity with them."""
        self._calls.enter_standby(
            AutoScalingGroupName=name, InstanceIds=list(instances), ShouldDecrementDesiredCapacity=True
        )

    def exit_standby(self, name: str, instances: Sequence[str]) -> None:
        """Puts at most :data:`AT_ONCE` instances back in service."""
        self._calls.exit_standby(AutoScalingGroupName=name, InstanceIds=list(instances))

    def launch(self, name: str, desired: int) -> None:
        self._calls.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=desired, HonorCooldown=False)

    def grow(self, name: str, desired: int, floor: int) -> None:
        """``desired`` instances at least: a larger minimum raises the desired capacity, and never lowers it
        (Auto Scaling API, UpdateAutoScalingGroup); then the minimum is ``floor``."""
        for minimum in (desired, floor):
            self._calls.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=minimum)

    def terminate(self, instance: str, decrement: bool) -> None:
        self._calls.terminate_instance_in_auto_scaling_group(
            InstanceId=instance, ShouldDecrementDesiredCapacity=decrement
        )

    def resize(self, group: str, minimum: int, desired: int | None, maximum: int) -> None:
        """Absolute, so that twice is once (Auto Scaling API, UpdateAutoScalingGroup); without ``desired`` that stays as it
        is, or becomes the nearer limit."""
        given = {} if desired is None else {"DesiredCapacity": desired}
        self._calls.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=minimum, MaxSize=maximum, **given)


def passing(error: AwsError) -> bool:
    """A refusal that only says that what was seen has changed: look again."""
    return error.code in {"ValidationError", "ScalingActivityInProgress", "ResourceInUse", "ResourceContention"}


def _member(instance: dict[str, Any]) -> Member:
    return Member(
        id=instance["InstanceId"],
        lifecycle=Lifecycle.of(instance["LifecycleState"]),
        template=str(instance.get("LaunchTemplate", {}).get("Version", "")),
        zone=str(instance.get("AvailabilityZone", "")),
        healthy=instance.get("HealthStatus", "Healthy").lower() == "healthy",
    )


def _specification(group: dict[str, Any]) -> dict[str, Any]:
    policy = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification", {})
    return dict(group.get("LaunchTemplate") or policy)


def _template_version(group: dict[str, Any]) -> str:
    version = str(_specification(group).get("Version", ""))
    return "" if version.startswith("$") else version


def _launches(group: dict[str, Any]) -> str:
    """``hermes-production:7``; a group without a version launches the default one (API reference, LaunchTemplateSpecification)."""
    found = _specification(group)
    return f"{found.get('LaunchTemplateName', 'none')}:{found.get('Version') or '$Default'}"


def _tag(name: str, value: str | None) -> dict[str, Any]:
    tag: dict[str, Any] = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": MARK}
    return tag if value is None else {**tag, "Value": value, "PropagateAtLaunch": False}
