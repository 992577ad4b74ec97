"""What moves a group's desired capacity by itself: target tracking policies and scheduled actions.

Amazon EC2 Auto Scaling user guide: "Target tracking scaling policies" (a policy makes an alarm for each direction; out
after three minutes above the target, in after fifteen below 90 percent of it; the size follows the ratio of metric and
target, rounded up; of several policies the largest size counts, and all must agree to shrink), "Set the default instance
warmup" (who warms up is no part of the metric, and is capacity already when it grows), "Scheduled scaling", and
"Suspend and resume processes" (``AlarmNotification``, ``ScheduledActions``).
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hermes_cfn.cfn import recurrence
from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import Group, Member
from hermes_cfn.local.wire import ACCOUNT, ServiceError, unsupported

OUT_MINUTES, IN_MINUTES = 3, 15
SHRINKS_BELOW = 0.9
WARMUP_S = 300.0
"""Seconds where neither policy nor group says how long (the group's default cooldown)."""

Read = Callable[[Any], list[float | None]]
"""The values of an alarm's periods, oldest first."""


def metric_of(tracking: Mapping[str, Any]) -> dict[str, Any]:
    """Namespace, metric, statistic and dimensions of a policy.  Refuses what nothing here is measured by."""
    known = tracking.get("PredefinedMetricSpecification") or {}
    custom = tracking.get("CustomizedMetricSpecification")
    if custom and not custom.get("Metrics"):
        return {
            "namespace": custom["Namespace"],
            "metric_name": custom["MetricName"],
            "statistic": custom["Statistic"],
            "dimensions": [{"Name": one["Name"], "Value": one["Value"]} for one in custom.get("Dimensions", [])],
        }
    kind = known.get("PredefinedMetricType")
    if kind == "ALBRequestCountPerTarget":
        group = str(known.get("ResourceLabel", "")).partition("/targetgroup/")[2]
        if not group:
            raise ServiceError("ValidationError", "Resource label is required for this metric.")
        return {
            "namespace": "AWS/ApplicationELB",
            "metric_name": "RequestCountPerTarget",
            "statistic": "Sum",
            "dimensions": [{"Name": "TargetGroup", "Value": f"targetgroup/{group}"}],
        }
    if kind == "ASGAverageCPUUtilization":
        return {"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "statistic": "Average", "dimensions": []}
    raise unsupported("autoscaling", f"target tracking of {kind or 'metric math'}")


class Tracking:
    """Policies' alarms, and what they and schedules do to their groups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looked: datetime | None = None

    def put(self, group: Group, policy: dict[str, Any]) -> None:
        """Makes the alarms of a target tracking policy; an alarm that it had already stays the same one."""
        tracking = policy["TargetTrackingConfiguration"]
        metric, target = metric_of(tracking), float(tracking["TargetValue"])
        if not metric["dimensions"]:
            metric["dimensions"] = [{"Name": "AutoScalingGroupName", "Value": group.name}]
        wanted = {"High": ("GreaterThanThreshold", OUT_MINUTES, target)}
        if not tracking.get("DisableScaleIn"):
            wanted["Low"] = ("LessThanThreshold", IN_MINUTES, SHRINKS_BELOW * target)
        names: dict[str, str] = policy.setdefault("alarms", {})
        model = backend("cloudwatch", group.region, ACCOUNT)
        for which in set(names) - set(wanted):
            model.delete_alarms([names.pop(which)])
        for which, (comparison, minutes, threshold) in wanted.items():
            names.setdefault(which, f"TargetTracking-{group.name}-Alarm{which}-{uuid.uuid4()}")
            model.put_metric_alarm(
                name=names[which], comparison_operator=comparison, evaluation_periods=minutes, period=60,
                threshold=threshold, description="DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
                + policy["PolicyARN"], alarm_actions=[policy["PolicyARN"]], **metric,
            )  # fmt: skip

    def drop(self, group: Group, policy: Mapping[str, Any]) -> None:
        """Takes a policy's alarms away with it."""
        if policy.get("alarms"):
            backend("cloudwatch", group.region, ACCOUNT).delete_alarms(list(policy["alarms"].values()))

    def alarmed(self, region: str, read: Read, now: datetime) -> None:
        """Once a minute, when the alarms of a region have been judged."""
        model = backend("cloudwatch", region, ACCOUNT)
        for group in self._engine.groups.values():
            if group.region == region and group.policies and group.active("AlarmNotification"):
                self._follow(group, model, read, now)

    def _follow(self, group: Group, model: Any, read: Read, now: datetime) -> None:
        policies = [one for one in group.policies.values() if one.get("alarms") and one.get("Enabled", True)]
        for which, move in (("High", self._grow), ("Low", self._shrink)):
            ready: list[tuple[str, int]] = []
            concerned = [one for one in policies if which in one["alarms"]]
            for policy in concerned:
                alarm = model.alarms.get(policy["alarms"][which])
                values = read(alarm) if alarm is not None and alarm.state_value == "ALARM" else [None]
                if None not in values:
                    target = float(policy["TargetTrackingConfiguration"]["TargetValue"])
                    warm = self._warm(group, policy, now)
                    ready.append((alarm.name, math.ceil(round(len(warm) * float(values[-1] or 0) / target, 6))))
                    if self._warming(group, warm) and which == "Low":
                        return
            if ready and (which == "High" or len(ready) == len(concerned)):
                name, size = max(ready, key=lambda one: one[1])
                if move(group, size, name, now):
                    return

    def _grow(self, group: Group, size: int, alarm: str, now: datetime) -> bool:
        """Beyond what is on its way already, and by one at least where nothing is."""
        warming = any(self._warming(group, self._warm(group, policy, now)) for policy in group.policies.values())
        least = group.desired if warming else group.desired + 1
        return self._change(group, min(group.maximum, max(size, least)), alarm, now)

    def _shrink(self, group: Group, size: int, alarm: str, now: datetime) -> bool:
        return size < group.desired and self._change(group, max(group.minimum, size), alarm, now)

    def _change(self, group: Group, size: int, alarm: str, now: datetime) -> bool:
        if size == group.desired:
            return False
        at, policy = f"{now:%Y-%m-%dT%H:%M:%SZ}", alarm.rpartition("-Alarm")[0]
        group.why = (
            f"At {at} a monitor alarm {alarm} in state ALARM triggered policy {policy} changing the desired capacity "
            f"from {group.desired} to {size}.  "
        )
        group.desired = size
        self._engine.soon(group)
        return True

    @staticmethod
    def _warm(group: Group, policy: Mapping[str, Any], now: datetime) -> list[Member]:
        seconds = policy.get("EstimatedInstanceWarmup", group.settings.get("DefaultInstanceWarmup", WARMUP_S))
        measured = now.replace(second=0, microsecond=0) - timedelta(minutes=1)  # when the last whole period began
        limit = timedelta(seconds=float(seconds))
        return [one for one in group.counted if one.in_service_at and measured - one.in_service_at >= limit]

    @staticmethod
    def _warming(group: Group, warm: list[Member]) -> bool:
        return len(warm) < len(group.counted) or any(
            one.state.startswith("Terminating") for one in group.members.values()
        )

    def scheduled(self, now: datetime) -> None:
        """Carries out every scheduled action whose minute has come since the last look, in the order of their times."""
        since, self._looked = self._looked, now
        if since is None or not any(group.scheduled for group in self._engine.groups.values()):
            return
        moment = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while moment <= now:
            for group in self._engine.groups.values():
                for action in group.scheduled.values():
                    if _due(action, moment) and group.active("ScheduledActions"):
                        self._resize(group, action, moment)
            moment += timedelta(minutes=1)

    def _resize(self, group: Group, action: Mapping[str, Any], at: datetime) -> None:
        minimum, maximum = action.get("MinSize", group.minimum), action.get("MaxSize", group.maximum)
        if minimum > maximum:
            return
        desired = min(max(action.get("DesiredCapacity", group.desired), minimum), maximum)
        if desired != group.desired:
            group.why = (
                f"At {at:%Y-%m-%dT%H:%M:%SZ} the scheduled action {action['ScheduledActionName']} executed. Setting min size "
                f"from {group.minimum} to {minimum}, max size from {group.maximum} to {maximum}, changing the desired "
                f"capacity from {group.desired} to {desired}.  "
            )
        group.minimum, group.maximum, group.desired = minimum, maximum, desired
        self._engine.soon(group)


def _due(action: Mapping[str, Any], moment: datetime) -> bool:
    start, end = action.get("StartTime"), action.get("EndTime")
    here = moment.replace(tzinfo=UTC)
    if (start and here < start) or (end and here > end):
        return False
    found = recurrence.parse(str(action.get("Recurrence", "")))
    if found is None:
        return start is not None and here - start < timedelta(minutes=1)
    return found.on(here.astimezone(recurrence.zone(action.get("TimeZone") or "UTC")))
