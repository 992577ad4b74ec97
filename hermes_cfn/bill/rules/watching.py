"""Logs, metrics, alarms, dashboards, flow logs, the audit trail.

Flow logs are vended logs with prices of their own (https://aws.amazon.com/cloudwatch/pricing/,
"Vended Logs").  The first copy of management events is free (https://aws.amazon.com/cloudtrail/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings

CLOUDWATCH = "AmazonCloudWatch"


def _vended(place: Placed, around: Surroundings) -> bool:
    named = (place.id, place.get("LogGroupName", place.id))
    for flow in around.of("AWS::EC2::FlowLog"):
        if flow.get("LogGroupName") in named or around.find(flow.get("LogDestination")) is place:
            return True
    return False


def log_group(place: Placed, around: Surroundings) -> Iterable[Item]:
    groups = around.of("AWS::Logs::LogGroup")
    own = [group for group in groups if not _vended(group, around)]
    if _vended(place, around):
        yield Free("ingestion", "counted with the flow log")
    else:
        rare = place.get("LogGroupClass") == "INFREQUENT_ACCESS"
        yield Charge(
            "log ingestion",
            CLOUDWATCH,
            "DataProcessingIA-Bytes" if rare else "DataProcessing-Bytes",
            per("logs_gb", Decimal(1) / len(own)),
            "GB",
            operation="",
            allowance="logs_gb",
        )
    yield Charge(
        "logs kept",
        CLOUDWATCH,
        "TimedStorage-ByteHrs",
        per("logs_kept_gb", Decimal(1) / len(groups)),
        "GB-Mo",
        operation="",
        allowance="logs_gb",
    )


def flow_log(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = per("flow_logs_gb", Decimal(1) / len(around.of("AWS::EC2::FlowLog")))
    if place.get("LogDestinationType", "cloud-watch-logs") == "s3":
        yield Charge("flow logs to S3 (vended)", CLOUDWATCH, "S3-Egress-Bytes", share, "GB")
    else:
        yield Charge("flow logs (vended)", CLOUDWATCH, "VendedLog-Bytes", share, "GB", allowance="logs_gb")


def _metrics_watched(metrics: Any) -> int:
    if not isinstance(metrics, list):
        return 1
    return max(1, sum("MetricStat" in metric for metric in metrics if isinstance(metric, dict)))


def alarm(place: Placed, around: Surroundings) -> Iterable[Item]:
    """An alarm is charged by the metrics it watches; an anomaly band counts as two more, short periods cost more."""
    count = _metrics_watched(place.get("Metrics")) + (2 if place.get("ThresholdMetricId") else 0)
    period = place.get("Period", 60)
    usage = "CW:HighResAlarmMonitorUsage" if str(period) in ("10", "30") else "CW:AlarmMonitorUsage"
    yield Charge("alarm", CLOUDWATCH, usage, fixed(count), "Alarms", allowance="alarms")


def composite(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("composite alarm", CLOUDWATCH, "CW:CompositeAlarmMonitorUsage", fixed(1), "Alarms")


def dashboard(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge(
        "dashboard",
        CLOUDWATCH,
        "DashboardsUsageHour-Basic",
        fixed(1),
        "Dashboards",
        allowance="dashboards",
        region="global",
    )
    if around.usage.metric_requests is not None:
        share = Decimal(1) / (1000 * len(around.of("AWS::CloudWatch::Dashboard")))
        yield Charge("metrics asked for", CLOUDWATCH, "CW:GMD-Metrics", per("metric_requests", share), "1000 metrics")


def metric_filter(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge(
        "metrics from logs", CLOUDWATCH, "CW:MetricMonitorUsage", fixed(1), "Metrics", operation="", allowance="metrics"
    )


def trail(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Free("management events", "the first copy in each region is free")
    if place.get("EventSelectors") or place.get("AdvancedEventSelectors"):
        yield Charge("data events", "AWSCloudTrail", "DataEventsRecorded", per("trail_events"), "Events")


def event_rule(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Events of AWS's own services and schedules on the default bus (https://aws.amazon.com/eventbridge/pricing/)."""
    if place.get("EventBusName", "default") == "default":
        yield Free("rule", "events of AWS services and schedules on the default bus are free")
    else:
        yield NotPriced("events", "how many an own bus carries is not known")


RULES = {
    "AWS::Events::Rule": event_rule,
    "AWS::Logs::LogGroup": log_group,
    "AWS::EC2::FlowLog": flow_log,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::CompositeAlarm": composite,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::CloudTrail::Trail": trail,
}
