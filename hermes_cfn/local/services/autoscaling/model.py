"""What Auto Scaling keeps: groups, their instances, hooks and activities."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hermes_cfn.local.fleet.scheduler import Timer

PROCESSES = (
    "AZRebalance", "AddToLoadBalancer", "AlarmNotification", "HealthCheck", "InstanceRefresh", "Launch",
    "ReplaceUnhealthy", "ScheduledActions", "Terminate",
)  # fmt: skip
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
PENDING = ("Pending", "Pending:Wait", "Pending:Proceed")
LEAVING = ("Terminating", "Terminating:Wait", "Terminating:Proceed", "Detaching")
STANDBY = ("EnteringStandby", "Standby")


@dataclass
class Member:
    """An instance of a group; ``balancing`` while it is launched beyond the desired capacity, to balance zones."""

    instance_id: str
    zone: str
    subnet: str
    instance_type: str
    template: dict[str, str]
    launched_at: datetime
    state: str = "Pending"
    healthy: bool = True
    unhealthy_by: str = ""
    noticed_dead: bool = False
    balancing: bool = False
    protected: bool = False
    in_service_real: float = 0.0
    in_service_at: datetime | None = None
    token: str = ""
    hook: str = ""
    hook_timer: Timer | None = None
    hook_limit: float = 0.0
    grace_timer: Timer | None = None

    @property
    def counted(self) -> bool:
        """Whether it counts towards the desired capacity."""
        return self.state in PENDING or self.state == "InService"

    def described(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "InstanceId": self.instance_id,
            "InstanceType": self.instance_type,
            "AvailabilityZone": self.zone,
            "LifecycleState": self.state,
            "HealthStatus": "Healthy" if self.healthy else "Unhealthy",
            "ProtectedFromScaleIn": self.protected,
        }
        if "LaunchTemplateId" in self.template:
            shown["LaunchTemplate"] = self.template
        else:
            shown["LaunchConfigurationName"] = self.template.get("LaunchConfigurationName")
        return shown


@dataclass
class Activity:
    """A scaling activity."""

    group: str
    description: str
    cause: str
    started: datetime
    status: str = "InProgress"
    ended: datetime | None = None
    message: str = ""
    details: str = "{}"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def described(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started,
            "StatusCode": self.status,
            "Progress": 100 if self.ended else 50,
            "Details": self.details,
        }
        if self.ended:
            shown["EndTime"] = self.ended
        if self.message:
            shown["StatusMessage"] = self.message
        return shown

    def end(self, at: datetime, status: str = "Successful", message: str = "") -> None:
        self.status, self.ended, self.message = status, at, message


@dataclass
class Group:
    """An Auto Scaling group; ``settings`` holds what Create and Update were given, ``why`` what last moved its size."""

    name: str
    region: str
    arn: str
    created: datetime
    settings: dict[str, Any]
    minimum: int
    maximum: int
    desired: int
    members: dict[str, Member] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    target_groups: list[str] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    scheduled: dict[str, dict[str, Any]] = field(default_factory=dict)
    why: str = ""
    metrics: set[str] = field(default_factory=set)
    notifications: dict[str, list[str]] = field(default_factory=dict)
    deleting: bool = False
    surge: int = 0
    """Instances beyond the desired capacity while an instance refresh launches before it terminates."""
    failures: int = 0
    retry: Timer | None = None
    reconciling: Timer | None = None

    @property
    def grace_s(self) -> float:
        return float(self.settings.get("HealthCheckGracePeriod", 0))

    @property
    def health_types(self) -> list[str]:
        return str(self.settings.get("HealthCheckType", "EC2")).split(",")

    @property
    def counted(self) -> list[Member]:
        return [member for member in self.members.values() if member.counted]

    def active(self, process: str) -> bool:
        return process not in self.suspended

    def described(self) -> dict[str, Any]:
        settings = self.settings
        shown: dict[str, Any] = {
            "AutoScalingGroupName": self.name,
            "AutoScalingGroupARN": self.arn,
            "MinSize": self.minimum,
            "MaxSize": self.maximum,
            "DesiredCapacity": self.desired,
            "DefaultCooldown": settings.get("DefaultCooldown", 300),
            "AvailabilityZones": settings["AvailabilityZones"],
            "LoadBalancerNames": [],
            "TargetGroupARNs": list(self.target_groups),
            "HealthCheckType": ",".join(self.health_types),
            "HealthCheckGracePeriod": int(self.grace_s),
            "Instances": [member.described() for member in self.members.values()],
            "CreatedTime": self.created,
            "SuspendedProcesses": [
                {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(self.suspended.items())
            ],
            "VPCZoneIdentifier": settings.get("VPCZoneIdentifier", ""),
            "EnabledMetrics": [{"Metric": name, "Granularity": "1Minute"} for name in sorted(self.metrics)],
            "Tags": list(self.tags.values()),
            "TerminationPolicies": settings.get("TerminationPolicies") or ["Default"],
            "NewInstancesProtectedFromScaleIn": bool(settings.get("NewInstancesProtectedFromScaleIn", False)),
            "ServiceLinkedRoleARN": settings.get("ServiceLinkedRoleARN", ""),
            "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in self.target_groups],
            "CapacityRebalance": bool(settings.get("CapacityRebalance", False)),
        }
        for key in ("LaunchTemplate", "LaunchConfigurationName", "MaxInstanceLifetime", "DefaultInstanceWarmup",
                    "PlacementGroup", "Context", "DesiredCapacityType", "InstanceMaintenancePolicy"):  # fmt: skip
            if settings.get(key) not in (None, ""):
                shown[key] = settings[key]
        if self.deleting:
            shown["Status"] = "Delete in progress"
        return shown
