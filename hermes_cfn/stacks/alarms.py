"""Alarms that a person can act on.  Missing data is not breaching: a quiet night is no fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Template, cloudwatch

from hermes_cfn.config import Settings
from hermes_cfn.names import Names


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric; ``dimensions`` by name."""

    namespace: str
    name: str
    dimensions: Mapping[str, Any]


def alarm(
    stack: Template,
    names: Names,
    what: str,
    description: str,
    metric: Metric,
    *,
    statistic: str,
    above: float | None = None,
    below: float | None = None,
    period_s: int = 60,
    times: int = 3,
    topic: Any,
    suffix: str = "",
) -> cloudwatch.Alarm:
    """``times`` periods in a row over (or under) the threshold; ``description`` says what to do."""
    percentile = statistic.startswith("p")
    chosen = {"ExtendedStatistic": statistic} if percentile else {"Statistic": statistic}
    return _add(
        stack,
        names,
        what + suffix,
        description,
        topic,
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in metric.dimensions.items()],
        Period=period_s,
        EvaluationPeriods=times,
        DatapointsToAlarm=times,
        Threshold=above if above is not None else below,
        ComparisonOperator="GreaterThanThreshold" if above is not None else "LessThanThreshold",
        **chosen,
    )


def error_rate(stack: Template, settings: Settings, names: Names, balancer: Any, topic: Any) -> cloudwatch.Alarm:
    """Answers of 500 and above, of the application and of the load balancer, as a share of requests."""
    counted = {
        "app": "HTTPCode_Target_5XX_Count",
        "balancer": "HTTPCode_ELB_5XX_Count",
        "requests": "RequestCount",
    }
    queries = [
        cloudwatch.MetricDataQuery(
            Id=key,
            ReturnData=False,
            MetricStat=cloudwatch.MetricStat(
                Metric=cloudwatch.Metric(
                    Namespace="AWS/ApplicationELB",
                    MetricName=name,
                    Dimensions=[cloudwatch.MetricDimension(Name="LoadBalancer", Value=balancer)],
                ),
                Period=60,
                Stat="Sum",
            ),
        )
        for key, name in counted.items()
    ]
    # RequestCount leaves out what found no target (ALB user guide, "CloudWatch metrics"): a fleet that is gone has 503s alone
    share = "100 * (FILL(app, 0) + FILL(balancer, 0)) / IF(FILL(requests, 0) > 0, FILL(requests, 0), 1)"
    queries.insert(0, cloudwatch.MetricDataQuery(Id="share", Expression=share, Label="5xx percent", ReturnData=True))
    return _add(
        stack,
        names,
        "error-rate",
        f"Many answers are errors: {typed(names, 'logs')}, then {typed(names, 'rollback')} if it began with a release",
        topic,
        Metrics=queries,
        EvaluationPeriods=3,
        DatapointsToAlarm=3,
        Threshold=settings.watch.error_rate_percent,
        ComparisonOperator="GreaterThanThreshold",
    )


def typed(names: Names, words: str) -> str:
    """A command for whoever reads an alarm's mail: it says which environment."""
    return f"hermes-cfn --env {names.environment} {words}"


def _add(stack: Template, names: Names, what: str, description: str, topic: Any, **properties: Any) -> cloudwatch.Alarm:
    return stack.add_resource(
        cloudwatch.Alarm(
            "".join(word.capitalize() for word in what.split("-")) + "Alarm",
            AlarmName=names.alarm(what),
            AlarmDescription=description,
            AlarmActions=[topic],
            OKActions=[topic],
            TreatMissingData="notBreaching",
            **properties,
        )
    )
