"""What moves the group between its sizes: target tracking by load, scheduled actions by the hour of the week."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, Template, autoscaling
from troposphere import elasticloadbalancingv2 as elb

from hermes_cfn.config import Settings


def build(
    stack: Template,
    settings: Settings,
    group: autoscaling.AutoScalingGroup,
    balancer: Any,
    target: elb.TargetGroup,
) -> None:
    """Nothing where ``[scaling]`` is off; ``balancer`` is the load balancer's full name."""
    scaling = settings.scaling
    if not scaling.on:
        return
    if scaling.cpu_percent:
        _policy(stack, "CpuPolicy", group, "ASGAverageCPUUtilization", scaling.cpu_percent)
    if scaling.requests_per_target:
        label = Join("/", [balancer, GetAtt(target, "TargetGroupFullName")])
        policy = _policy(
            stack, "RequestsPolicy", group, "ALBRequestCountPerTarget", scaling.requests_per_target, ResourceLabel=label
        )
        policy.DependsOn = "HttpsListener" if "HttpsListener" in stack.resources else _rules(stack)
    for step in scaling.steps():
        stack.add_resource(
            autoscaling.ScheduledAction(
                f"Size{step.title}",
                AutoScalingGroupName=Ref(group),
                MinSize=step.minimum,
                MaxSize=step.maximum,
                Recurrence=step.recurrence,
                TimeZone=scaling.time_zone,
            )
        )


def _rules(stack: Template) -> list[str]:
    """The rules by which a load balancer that is not this stack's forwards to its target group."""
    return [title for title, one in stack.resources.items() if one.resource_type == elb.ListenerRule.resource_type]


def _policy(
    stack: Template, title: str, group: autoscaling.AutoScalingGroup, metric: str, value: int, **more: Join
) -> autoscaling.ScalingPolicy:
    """The target group must belong to a listener first (API reference, PredefinedMetricSpecification, ResourceLabel)."""
    return stack.add_resource(
        autoscaling.ScalingPolicy(
            title,
            AutoScalingGroupName=Ref(group),
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=autoscaling.TargetTrackingConfiguration(
                PredefinedMetricSpecification=autoscaling.PredefinedMetricSpecification(
                    PredefinedMetricType=metric, **more
                ),
                TargetValue=value,
            ),
        )
    )
