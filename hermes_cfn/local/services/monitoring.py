"""Metrics of load balancers and groups, and alarms that change state.

ALB user guide, "CloudWatch metrics" (dimensions load balancer, target group and zone, none per
target; a data point a minute, only while requests flow); Auto Scaling user guide, "Amazon CloudWatch
metrics for Amazon EC2 Auto Scaling".  moto's model keeps data and alarms; the evaluation is ours
(``alarms.py``).  Of an alarm's actions messages to topics and scaling policies are carried out (CloudWatch user guide,
"Alarm actions").  There is no CPUUtilization of instances: where one is told with PutMetricData, policies follow it.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.services.alarms import Series, Unreadable, composed, judged, reason, returned, series
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import PENDING, STANDBY, Group
from hermes_cfn.local.services.autoscaling.tracking import Tracking
from hermes_cfn.local.services.elbv2.model import LoadBalancer, TargetGroup
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ACCOUNT

PERIOD_S = 60.0
KEPT = 20000
MOST_AT_ONCE = 1000
"""Metrics in one PutMetricData (CloudWatch API reference)."""
JUST_NOW_S = 2.0
TARGET_CHOSEN = ("408", "460", "502", "504")
"""Answers of the load balancer's own that RequestCount has: those for which it was able to choose a target."""
log = logging.getLogger("hermes.local")
Key = tuple[str, str, frozenset[tuple[str, str]]]


class Monitoring:
    """Writes what was counted every minute of service time, then looks at every alarm."""

    def __init__(
        self, scheduler: Scheduler, moto: MotoSide, traffic: Traffic, engine: Engine, tracking: Tracking
    ) -> None:
        self._scheduler = scheduler
        self._moto = moto
        self._traffic = traffic
        self._engine = engine
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._regions: set[str] = set()
        self._times: dict[tuple[str, str, str], list[float]] = {}
        self.tracking = tracking
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
            if status in TARGET_CHOSEN:
                self._counts[(*where, "RequestCount")] += count
            self._counts[(*where, f"HTTPCode_ELB_{status[0]}XX_Count")] += count
            if status in ("500", "502", "503", "504"):
                self._counts[(*where, f"HTTPCode_ELB_{status}_Count")] += count
        self._times.setdefault(where, []).extend(message["times"])

    def _minute(self) -> None:
        self._scheduler.after(PERIOD_S, self._minute)
        regions = {one.region for one in self._traffic.load_balancers.values()}
        regions |= {group.region for group in self._engine.groups.values()} | self._regions
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
                self._shares(target_group, counts, at)
            for group_of in self._engine.groups.values():
                self._sizes(group_of, at)
            for region in regions:
                self._evaluate(region, at)
        self.tracking.scheduled(at)

    def _hosts(self, group: TargetGroup, at: datetime) -> None:
        for arn in self._traffic.load_balancers_of(group):
            balancer = self._traffic.load_balancers[arn]
            whole = _balanced(balancer.dimension, group.arn.rpartition(":")[2])[1]
            for zone in ("", *sorted({target.zone for target in group.targets.values()} - {""})):
                states = Counter(target.state for target in group.targets.values() if zone in ("", target.zone))
                dimensions = [{**whole, "AvailabilityZone": zone} if zone else whole]
                for name, state in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
                    self._put(group.region, "AWS/ApplicationELB", name, dimensions, [float(states[state])], at, "Count")

    def _shares(self, group: TargetGroup, counts: Counter[tuple[str, str, str, str]], at: datetime) -> None:
        """RequestCountPerTarget, which is told always: a minute's requests over the targets that may get some."""
        name = group.arn.rpartition(":")[2]
        balancers = [self._traffic.load_balancers[arn].dimension for arn in self._traffic.load_balancers_of(group)]
        targets = sum(target.state in ("healthy", "unhealthy") for target in group.targets.values())
        if not balancers or not targets:
            return
        requests = sum(counts[(group.region, balancer, name, "RequestCount")] for balancer in balancers)
        dimensions = [{"TargetGroup": name}, *({"TargetGroup": name, "LoadBalancer": one} for one in balancers)]
        share = [requests / targets]
        self._put(group.region, "AWS/ApplicationELB", "RequestCountPerTarget", dimensions, share, at, "Count")

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
        if not model.alarms:
            return
        index: dict[Key, list[Any]] = {}
        for datum in model.metric_data:
            dimensions = frozenset((one.name, one.value) for one in datum.dimensions)
            index.setdefault((datum.namespace, datum.name, dimensions), []).append(datum)
        for alarm in model.alarms.values():
            if alarm.rule is None:
                self._judge(model, alarm, index, now)
        for alarm in model.alarms.values():
            if alarm.rule is not None:
                with contextlib.suppress(Unreadable):
                    states = {one.name: one.state_value for one in model.alarms.values()}
                    self._enter(model, alarm, composed(alarm.rule, states), f"the rule is {alarm.rule}", now)

        def last(alarm: Any) -> Series:
            return self._values(alarm, index, now)

        self.tracking.alarmed(region, last, now)

    @staticmethod
    def _values(alarm: Any, index: dict[Key, list[Any]], now: datetime) -> Series:
        """The periods of an alarm on one metric."""
        dimensions = frozenset((one.name, one.value) for one in alarm.dimensions or ())
        data = index.get((alarm.namespace, alarm.metric_name, dimensions), [])
        stat = alarm.statistic or alarm.extended_statistic or "Average"
        return series(data, stat, int(alarm.period), int(alarm.evaluation_periods), now)

    def _judge(self, model: Any, alarm: Any, index: dict[Key, list[Any]], now: datetime) -> None:
        count = int(alarm.evaluation_periods)

        def of(metric: Any, name: str, stat: str, period: int) -> Series:
            dimensions = frozenset((one.name, one.value) for one in metric.dimensions or ())
            return series(index.get((metric.namespace, name, dimensions), []), stat, period, count, now)

        try:
            if alarm.metric_name:
                stat = alarm.statistic or alarm.extended_statistic or "Average"
                values = of(alarm, alarm.metric_name, stat, int(alarm.period))
            else:
                values = returned(alarm, lambda one, period: of(one.metric, one.metric.metric_name, one.stat, period))
        except Unreadable as error:
            log.warning("alarm %s keeps its state: %s", alarm.name, error)
            return
        state = judged(alarm, values)
        if state is not None:
            self._enter(model, alarm, state, reason(alarm, values, state), now)

    def _enter(self, model: Any, alarm: Any, state: str, why: str, now: datetime) -> None:
        """Takes a state and, where it is another, carries the actions out: messages to topics."""
        old = alarm.state_value
        if state == old:
            return
        model.set_alarm_state(alarm.name, why, "{}", state)
        actions = {
            "ALARM": alarm.alarm_actions,
            "OK": alarm.ok_actions,
            "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
        }[state]
        for arn in actions or () if alarm.actions_enabled else ():
            if ":sns:" in arn:
                self._publish(arn, alarm, old, now)

    def _publish(self, arn: str, alarm: Any, old: str, now: datetime) -> None:
        region = arn.split(":")[3]
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": ACCOUNT,
            "NewStateValue": alarm.state_value,
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": now.isoformat(timespec="milliseconds") + "+0000",
            "Region": region,
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": old,
        }
        try:
            backend("sns", region, ACCOUNT).publish(
                json.dumps(message), arn=arn, subject=f'{alarm.state_value}: "{alarm.name}" in {region}'[:100]
            )
        except Exception as error:
            log.warning("alarm %s cannot publish to %s: %s", alarm.name, arn, error)

    def called(self, region: str, action: str) -> None:
        """Metrics that came without a time get the service's; moto gave them this machine's."""
        self._regions.add(region)
        if action != "PutMetricData":
            return
        with self._moto.exclusive():
            here, now = datetime.now(UTC).replace(tzinfo=None), self._scheduler.clock.now().replace(tzinfo=None)
            for datum in reversed(backend("cloudwatch", region, ACCOUNT).metric_data[-MOST_AT_ONCE:]):
                if abs((here - datum.timestamp.replace(tzinfo=None)).total_seconds()) < JUST_NOW_S:
                    datum.timestamp = now


def _balanced(balancer: str, group: str) -> list[dict[str, str]]:
    alone = {"LoadBalancer": balancer}
    return [alone, {"TargetGroup": group, "LoadBalancer": balancer}] if group else [alone]
