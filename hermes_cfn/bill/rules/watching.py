"""Logs, metrics, alarms, dashboards, flow logs, the audit trail.

Flow logs are vended logs with prices of their own (https://aws.amazon.com/cloudwatch/pricing/,
"Vended Logs").  The first copy of management events is free (https://aws.amazon.com/cloudtrail/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Surroundings, items, word

CLOUDWATCH = "AmazonCloudWatch"


def log_group(place: Placed, around: Surroundings) -> Iterable[Item]:
    groups = around.of("AWS::Logs::LogGroup")
    kind = word(place.get("LogGroupClass", "STANDARD"), "STANDARD", "INFREQUENT_ACCESS")
    if place.id in around.vended:
        yield Free("ingestion", "counted with the flow log")
    elif kind == "DELIVERY":
        yield NotPriced("log ingestion", "the class DELIVERY is in no book")
    else:
        yield Charge(
            "log ingestion",
            CLOUDWATCH,
            "DataProcessingIA-Bytes" if kind == "INFREQUENT_ACCESS" else "DataProcessing-Bytes",
            per("logs_gb", Decimal(1) / max(1, len(groups) - len(around.vended - {""}))),
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
    kind = word(place.get("LogDestinationType", "cloud-watch-logs"), "cloud-watch-logs", "s3")
    if kind not in ("cloud-watch-logs", "s3"):
        yield NotPriced("flow logs (vended)", f"delivery to {kind} is in no book")
    elif kind == "s3":
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
    trails = around.of("AWS::CloudTrail::Trail")
    first = trails[0].id == place.id
    if first:
        yield Free("management events", "the first copy in each region is free")
    else:
        yield Charge(
            "management events, a further copy",
            "AWSCloudTrail",
            "PaidEventsRecorded",
            per("trail_management_events"),
            "Events",
        )
    if place.get("EventSelectors") or place.get("AdvancedEventSelectors"):
        watching = [one for one in trails if one.get("EventSelectors") or one.get("AdvancedEventSelectors")]
        events = per("trail_events", around.share(watching))
        yield Charge("data events", "AWSCloudTrail", "DataEventsRecorded", events, "Events")
    if place.get("InsightSelectors"):
        insights = [one for one in trails if one.get("InsightSelectors")]
        events = per("trail_management_events", around.share(insights))
        yield Charge("events analysed for insights", "AWSCloudTrail", "InsightsEvents", events, "Events")


def event_rule(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Events of AWS's own services and schedules on the default bus (https://aws.amazon.com/eventbridge/pricing/)."""
    if place.get("EventBusName", "default") == "default":
        yield Free("rule", "events of AWS services and schedules on the default bus are free")
    else:
        yield Free("rule", "events of an own bus are charged with the bus")
    for target in items(place.get("Targets")):
        task = target.get("EcsParameters")
        if isinstance(task, Mapping):
            where = " on Fargate" if task.get("LaunchType") == "FARGATE" or task.get("PlatformVersion") else ""
            yield NotGiven("tasks that it starts", f"how long tasks{where} run is in no figure")
        if "HttpParameters" in target or ":api-destination/" in str(target.get("Arn")):
            yield NotGiven(
                "calls of an API destination", "0.20 USD a million calls (https://aws.amazon.com/eventbridge/pricing/)"
            )


def bus(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::Events::EventBus"))
    yield Charge("own events", "AWSEvents", "Event-64K-Chunks", per("bus_events", share), "64K-Chunks")


def archive(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::Events::Archive"))
    yield Charge("events archived", "AWSEvents", "ArchivedEvents-Bytes", per("archived_gb", share), "GB")
    yield Charge("archive kept", "AWSEvents", "TimedStorage-ByteHrs", per("archive_kept_gb", share), "GB-Mo")


RULES = {
    "AWS::Events::Rule": event_rule,
    "AWS::Events::EventBus": bus,
    "AWS::Events::Archive": archive,
    "AWS::Logs::LogGroup": log_group,
    "AWS::EC2::FlowLog": flow_log,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::CompositeAlarm": composite,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::CloudTrail::Trail": trail,
}
