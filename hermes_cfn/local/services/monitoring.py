"""Metrics of load balancers and groups, and alarms that change state.

Amazon CloudWatch user guide, "Using Amazon CloudWatch alarms" (evaluation, missing data); ALB user
guide, "CloudWatch metrics" (dimensions load balancer, target group and zone, none per target; a
data point a minute, only while requests flow); Auto Scaling user guide, "Amazon CloudWatch metrics
for Amazon EC2 Auto Scaling".  moto's model keeps data and alarms; the evaluation is ours.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import PENDING, STANDBY, Group
from hermes_cfn.local.services.elbv2.model import LoadBalancer, TargetGroup
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ACCOUNT

_ORIGIN = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
PERIOD_S = 60.0
KEPT = 20000
_COMPARE = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}
Key = tuple[str, str, frozenset[tuple[str, str]]]


class Monitoring:
    """Writes what was counted every minute of service time, then looks at every alarm."""

    def __init__(self, scheduler: Scheduler, moto: MotoSide, traffic: Traffic, engine: Engine) -> None:
        self._scheduler = scheduler
        self._moto = moto
        self._traffic = traffic
        self._engine = engine
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._times: dict[tuple[str, str, str], list[float]] = {}
        traffic.on_counted = self._counted
        scheduler.after(PERIOD_S, self._minute)

    def _counted(self, message: dict[str, Any], balancer: LoadBalancer | None, group: TargetGroup | None) -> None:
        if balancer is None:
            return
        where = (balancer.region, balancer.dimension, group.arn.rpartition(":")[2] if group else "")
        for status, count in message["statuses"].items():
            self._counts[(*where, "RequestCount")] += count
            self._counts[(*where, f"HTTPCode_Target_{status[0]}XX_Count")] += count
        for status, count in message["own"].items():
            self._counts[(*where, "RequestCount")] += count
            self._counts[(*where, f"HTTPCode_ELB_{status[0]}XX_Count")] += count
            if status in ("500", "502", "503", "504"):
                self._counts[(*where, f"HTTPCode_ELB_{status}_Count")] += count
        self._times.setdefault(where, []).extend(message["times"])

    def _minute(self) -> None:
        self._scheduler.after(PERIOD_S, self._minute)
        regions = {one.region for one in self._traffic.load_balancers.values()}
        regions |= {group.region for group in self._engine.groups.values()}
        if not regions:
            return
        at = self._scheduler.clock.now().replace(tzinfo=None)
        counts, self._counts = self._counts, Counter()
        times, self._times = self._times, {}
        with self._moto.exclusive():
            for (region, balancer, group, name), count in counts.items():
                self._put(region, "AWS/ApplicationELB", name, _balanced(balancer, group), [float(count)], at, "Count")
            for (region, balancer, group), values in times.items():
                self._put(
                    region,
                    "AWS/ApplicationELB",
                    "TargetResponseTime",
                    _balanced(balancer, group),
                    values,
                    at,
                    "Seconds",
                )
            for target_group in self._traffic.groups.values():
                self._hosts(target_group, at)
            for group_of in self._engine.groups.values():
                self._sizes(group_of, at)
            for region in regions:
                self._evaluate(region, at)

    def _hosts(self, group: TargetGroup, at: datetime) -> None:
        for arn in self._traffic.load_balancers_of(group):
            balancer = self._traffic.load_balancers[arn]
            states = Counter(target.state for target in group.targets.values())
            dimensions = [_balanced(balancer.dimension, group.arn.rpartition(":")[2])[1]]
            for name, count in (("HealthyHostCount", states["healthy"]), ("UnHealthyHostCount", states["unhealthy"])):
                self._put(group.region, "AWS/ApplicationELB", name, dimensions, [float(count)], at, "Count")

    def _sizes(self, group: Group, at: datetime) -> None:
        states = [member.state for member in group.members.values()]
        values = {
            "GroupMinSize": group.minimum,
            "GroupMaxSize": group.maximum,
            "GroupDesiredCapacity": group.desired,
            "GroupInServiceInstances": states.count("InService"),
            "GroupPendingInstances": sum(state in PENDING for state in states),
            "GroupStandbyInstances": sum(state in STANDBY for state in states),
            "GroupTerminatingInstances": sum(state.startswith("Terminating") for state in states),
            "GroupTotalInstances": len(states),
        }
        for name in group.metrics & set(values):
            dimensions = [{"AutoScalingGroupName": group.name}]
            self._put(group.region, "AWS/AutoScaling", name, dimensions, [float(values[name])], at, "None")

    def _put(
        self,
        region: str,
        namespace: str,
        name: str,
        dimensions: list[dict[str, str]],
        values: list[float],
        at: datetime,
        unit: str,
    ) -> None:
        from moto.cloudwatch.models import MetricDatum

        data = backend("cloudwatch", region, ACCOUNT).metric_data
        for chosen in dimensions:
            shown = [{"Name": key, "Value": value} for key, value in chosen.items()]
            data.extend(MetricDatum(namespace, name, value, shown, at, unit) for value in values)
        del data[: max(0, len(data) - KEPT)]

    def _evaluate(self, region: str, now: datetime) -> None:
        model = backend("cloudwatch", region, ACCOUNT)
        alarms = [alarm for alarm in model.alarms.values() if alarm.metric_name]
        if not alarms:
            return
        index: dict[Key, list[Any]] = {}
        for datum in model.metric_data:
            dimensions = frozenset((one.name, one.value) for one in datum.dimensions)
            index.setdefault((datum.namespace, datum.name, dimensions), []).append(datum)
        for alarm in alarms:
            dimensions = frozenset((one.name, one.value) for one in alarm.dimensions)
            found = state_of(alarm, index.get((alarm.namespace, alarm.metric_name, dimensions), []), now)
            if found is not None and found != alarm.state_value:
                model.set_alarm_state(
                    alarm.name, f"Threshold: {alarm.comparison_operator} {alarm.threshold}", "{}", found
                )


def state_of(alarm: Any, data: list[Any], now: datetime) -> str | None:
    """The state of an alarm by its data; None keeps the one it has.

    ``datapoints_to_alarm`` of the last ``evaluation_periods`` whole periods must breach; missing
    ones count as the alarm says, by default not at all.
    """
    period = int(alarm.period)
    last = math.floor((now - _ORIGIN).total_seconds() / period)
    breached: list[bool] = []
    missing = 0
    treat = alarm.treat_missing_data or "missing"
    for number in range(last - int(alarm.evaluation_periods), last):
        begin = _ORIGIN + timedelta(seconds=number * period)
        end = begin + timedelta(seconds=period)
        values = [datum.value for datum in data if begin <= datum.timestamp < end and hasattr(datum, "value")]
        if values:
            value = statistic(alarm.statistic or alarm.extended_statistic or "Average", values)
            breached.append(bool(_COMPARE[alarm.comparison_operator](value, float(alarm.threshold))))
        elif treat in ("breaching", "notBreaching"):
            breached.append(treat == "breaching")
        else:
            missing += 1
    if not breached:
        return None if treat == "ignore" else "INSUFFICIENT_DATA"
    needed = min(int(alarm.datapoints_to_alarm or alarm.evaluation_periods), len(breached))
    return "ALARM" if sum(breached) >= needed else "OK"


def statistic(name: str, values: list[float]) -> float:
    """One value of a period: Sum, Average, Minimum, Maximum, SampleCount or a percentile ``pNN``."""
    if name.startswith("p"):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, math.ceil(float(name[1:]) / 100 * len(ordered)) - 1)]
    functions: dict[str, Any] = {
        "Sum": sum, "Average": statistics.fmean, "Minimum": min, "Maximum": max, "SampleCount": len,
    }  # fmt: skip
    return float(functions[name](values))


def _balanced(balancer: str, group: str) -> list[dict[str, str]]:
    alone = {"LoadBalancer": balancer}
    return [alone, {"TargetGroup": group, "LoadBalancer": balancer}] if group else [alone]
