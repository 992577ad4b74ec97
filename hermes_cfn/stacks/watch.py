"""``watch``: alarms, a topic for people, a dashboard, and the audit trail as an option."""

from __future__ import annotations

import json
from typing import Any

from awacs.aws import Action, Allow, Principal, Statement
from troposphere import Ref, Sub, Template, cloudtrail, cloudwatch, events

from hermes_cfn.config import Settings
from hermes_cfn.instance.documents import TASKS
from hermes_cfn.names import Names
from hermes_cfn.stacks.alarms import Metric, alarm, error_rate, typed
from hermes_cfn.stacks.buckets import may_put, private_bucket
from hermes_cfn.stacks.common import fresh, named, parameter, put, text, waive
from hermes_cfn.stacks.roles import when
from hermes_cfn.stacks.topic import alarm_topic


def template(settings: Settings) -> Template:
    names = Names.of(settings)
    stack = fresh(f"{names.auto_scaling_group}: alarms, dashboard and audit trail")
    balancer = parameter(stack, "LoadBalancerFullName", "String", "Dimension of the load balancer's metrics")
    target = parameter(stack, "TargetGroupFullName", "String", "Dimension of the target group's metrics")
    certificate = parameter(stack, "CertificateArn", "String", "The certificate whose end is watched")
    topic = alarm_topic(stack, settings, names)
    _service(stack, settings, names, balancer, target, certificate, topic)
    _instances(stack, settings, names, topic)
    for suffix in nat_gateways(settings):
        title = f"NatGatewayId{suffix.upper()}"
        gateway = parameter(stack, title, "String", "A NAT gateway")
        alarm(
            stack,
            names,
            "nat-ports",
            "Connections to one destination exceed the gateway's ports: add an address or a gateway a zone",
            Metric("AWS/NATGateway", "ErrorPortAllocation", {"NatGatewayId": gateway}),
            statistic="Sum",
            above=0,
            topic=topic,
            suffix=f"-{suffix}" if suffix else "",
        )
    _failed_commands(stack, names, topic)
    if settings.watch.dashboard:
        _dashboard(stack, settings, names)
    if settings.watch.audit_trail:
        _trail(stack, names)
    put(stack, "alarm_topic", topic, "Where alarms go")
    return stack


def nat_gateways(settings: Settings) -> list[str]:
    """A suffix for each NAT gateway that the network has: one without a name, or one a zone."""
    if not settings.own_network:
        return []
    if settings.network.egress == "nat-gateway-per-zone":
        return [zone[-1] for zone in settings.network.zones]
    return [""] if settings.network.egress in {"nat-gateway", "nat-gateway-regional"} else []


def _service(
    stack: Template, settings: Settings, names: Names, balancer: Ref, target: Ref, certificate: Ref, topic: Ref
) -> None:
    watch = settings.watch
    both = {"LoadBalancer": balancer, "TargetGroup": target}
    alarm(
        stack,
        names,
        "unhealthy-hosts",
        f"An instance does not answer its health check: {typed(names, 'doctor')}",
        Metric("AWS/ApplicationELB", "UnHealthyHostCount", both),
        statistic="Maximum",
        above=0,
        topic=topic,
    )
    error_rate(stack, settings, names, balancer, topic)
    alarm(
        stack,
        names,
        "slow",
        f"One request in a hundred takes long: {typed(names, 'status')}, then more or larger instances",
        Metric("AWS/ApplicationELB", "TargetResponseTime", {"LoadBalancer": balancer}),
        statistic="p99",
        above=watch.p99_s,
        times=5,
        topic=topic,
    )
    alarm(
        stack,
        names,
        "certificate",
        "The certificate ends soon and was not renewed: its validation record must stay in DNS",
        Metric("AWS/CertificateManager", "DaysToExpiry", {"CertificateArn": certificate}),
        statistic="Minimum",
        below=watch.certificate_days,
        period_s=86400,
        times=1,
        topic=topic,
    )


def _instances(stack: Template, settings: Settings, names: Names, topic: Ref) -> None:
    watch = settings.watch
    group = {"AutoScalingGroupName": names.auto_scaling_group}
    if settings.compute.burstable:
        alarm(
            stack,
            names,
            "cpu-credits",
            "A burstable instance is about to be slow, or to cost more: a larger type, or one that is not burstable",
            Metric("AWS/EC2", "CPUCreditBalance", group),
            statistic="Minimum",
            below=watch.cpu_credits,
            period_s=300,
            topic=topic,
        )
    for what, name, limit in (
        ("memory", "mem_used_percent", watch.memory_percent),
        ("disk", "disk_used_percent", watch.disk_percent),
    ):
        alarm(
            stack,
            names,
            what,
            f"Much {what} is used: {typed(names, 'doctor')}",
            Metric("CWAgent", name, group),
            statistic="Maximum",
            above=limit,
            times=5,
            topic=topic,
        )
    alarm(
        stack,
        names,
        "standby",
        "An instance has been in standby for longer than a rollout takes: "
        f"{typed(names, 'status')}, {typed(names, 'release --resume')}",
        Metric("AWS/AutoScaling", "GroupStandbyInstances", group),
        statistic="Minimum",
        above=0,
        period_s=300,
        times=max(1, watch.rollout_minutes // 5),
        topic=topic,
    )
    alarm(
        stack,
        names,
        "suspended",
        f"A process of the group has been suspended for longer than a rollout takes: {typed(names, 'release --resume')}",
        Metric("CWAgent", "suspended_processes", group),
        statistic="Maximum",
        above=0,
        period_s=600,
        times=max(1, watch.rollout_minutes // 10),
        topic=topic,
    )


def _failed_commands(stack: Template, names: Names, topic: Ref) -> None:
    """Systems Manager tells EventBridge how a command ended (user guide, "Monitoring Run Command status changes")."""
    documents = [names.document(task) for task in TASKS if task not in {"run", "diagnose"}]
    rule = stack.add_resource(
        events.Rule(
            "FailedRollout",
            Name=names.alarm("failed-rollout"),
            Description="A document of a rollout failed on an instance",
            State="ENABLED",
            EventPattern={
                "source": ["aws.ssm"],
                "detail-type": ["EC2 Command Invocation Status-change Notification"],
                "detail": {"document-name": documents, "status": ["Failed", "TimedOut", "Cancelled"]},
            },
            Targets=[events.Target(Id="topic", Arn=topic)],
        )
    )
    rule.DependsOn = "TopicPolicy"


def _dashboard(stack: Template, settings: Settings, names: Names) -> None:
    balancer, target = "${LoadBalancerFullName}", "${TargetGroupFullName}"
    both = ["TargetGroup", target, "LoadBalancer", balancer]
    group = ["AutoScalingGroupName", names.auto_scaling_group]
    charts: list[tuple[str, str, list[list[Any]]]] = [
        ("Requests", "Sum", [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", balancer]]),
        ("Latency p99", "p99", [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", balancer]]),
        (
            "Errors",
            "Sum",
            [
                ["AWS/ApplicationELB", name, "LoadBalancer", balancer]
                for name in ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
            ],
        ),
        (
            "Target health",
            "Minimum",
            [["AWS/ApplicationELB", name, *both] for name in ("HealthyHostCount", "UnHealthyHostCount")],
        ),
        ("CPU", "Average", [["AWS/EC2", "CPUUtilization", *group]]),
        (
            "Memory and disk",
            "Maximum",
            [["CWAgent", name, *group] for name in ("mem_used_percent", "disk_used_percent")],
        ),
    ]
    widgets: list[dict[str, Any]] = [
        {
            "type": "metric",
            "x": 12 * (number % 2),
            "y": 6 * (number // 2),
            "width": 12,
            "height": 6,
            "properties": {"title": title, "stat": stat, "period": 60, "region": settings.region, "metrics": metrics},
        }
        for number, (title, stat, metrics) in enumerate(charts)
    ]
    query = f"SOURCE '{names.log_group}' | fields @timestamp, @message | sort @timestamp desc | limit 100"
    widgets.append(
        {
            "type": "log",
            "x": 0,
            "y": 18,
            "width": 24,
            "height": 6,
            "properties": {"title": "Application logs", "region": settings.region, "query": query},
        }
    )
    stack.add_resource(
        cloudwatch.Dashboard(
            "Dashboard", DashboardName=names.dashboard, DashboardBody=Sub(json.dumps({"widgets": widgets}))
        )
    )


def _trail(stack: Template, names: Names) -> None:
    """Management events of all regions; the bucket's policy is CloudTrail's own (user guide, "bucket policy")."""
    bucket_name = names.trail_bucket
    trail_arn = f"arn:aws:cloudtrail:{names.region}:{names.account}:trail/{names.trail}"
    source = when({"StringEquals": {"aws:SourceArn": text(trail_arn)}})
    service = Principal("Service", "cloudtrail.amazonaws.com")
    bucket = private_bucket(
        stack,
        "TrailBucket",
        bucket_name,
        expire_old_days=30,
        expire_days=365,
        statements=[
            Statement(
                Sid="TrailLooks",
                Effect=Allow,
                Principal=service,
                Action=[Action("s3", "GetBucketAcl")],
                Resource=[text(f"arn:aws:s3:::{bucket_name}")],
                Condition=source,
            ),
            may_put("TrailWrites", service, f"arn:aws:s3:::{bucket_name}/AWSLogs/{names.account}/*", source),
        ],
    )
    trail = stack.add_resource(
        cloudtrail.Trail(
            "Trail",
            TrailName=names.trail,
            S3BucketName=Ref(bucket),
            IsLogging=True,
            IsMultiRegionTrail=True,
            IncludeGlobalServiceEvents=True,
            EnableLogFileValidation=True,
            DependsOn=["TrailBucketPolicy"],
            Tags=named(names.trail),
        )
    )
    waive(
        trail,
        {
            "CKV_AWS_35": "S3 encrypts it; a key of one's own costs USD 1 a month and nobody asked for it",
            "CT.CLOUDTRAIL.PR.1": "S3 encrypts it; a key of one's own costs USD 1 a month and nobody asked for it",
            "CT.CLOUDTRAIL.PR.3": "it is read where it lies; CloudWatch would keep it a second time, for money",
        },
    )
