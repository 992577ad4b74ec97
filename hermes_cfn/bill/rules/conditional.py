"""Types that cost nothing until a property of theirs asks for something that does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed
from hermes_cfn.bill.surroundings import Surroundings, items, mapping, true, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS


def _insights(place: Placed) -> str:
    wanted = {str(item.get("Name")): item.get("Value") for item in items(place.get("ClusterSettings"))}
    on = wanted.get("containerInsights") in ("enabled", "enhanced")
    return "Container Insights makes custom metrics and logs" if on else ""


def _certificate(place: Placed) -> str:
    if place.get("CertificateAuthorityArn"):
        return "a private authority charges for each certificate"
    return (
        "an exportable certificate is charged when it is issued" if place.get("CertificateExport") == "ENABLED" else ""
    )


def _replicas(place: Placed) -> str:
    rules = items(mapping(place.get("ReplicationConfiguration")).get("Rules"))
    return "copies are kept, and sent, in other regions" if rules else ""


def _waf_logs(place: Placed) -> str:
    return "WAF's logs are vended logs, and how many there are is not known"


COSTS: dict[str, Callable[[Placed], str]] = {
    "AWS::ECS::Cluster": _insights,
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::ECR::ReplicationConfiguration": _replicas,
    "AWS::WAFv2::LoggingConfiguration": _waf_logs,
}
"""Type -> what of it costs something that no book prices; empty if nothing does."""


def resource(place: Placed, around: Surroundings) -> Iterable[Item]:
    costs = COSTS[place.resource.type](place)
    if costs:
        yield NotPriced("resource", costs)
    else:
        yield Free("resource", "AWS does not charge for it")


def _client(place: Placed) -> str:
    flows = place.get("AllowedOAuthFlows")
    on = isinstance(flows, list) and "client_credentials" in flows
    return "client credentials are charged by the client and the token" if on else ""


COSTS["AWS::Cognito::UserPoolClient"] = _client


def _sizes(place: Placed) -> str:
    return "it sets the size that its group is billed for, as long as the group shows"


def scheduled(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Free("schedule", _sizes(place))


METRICS_WATCHED = {"dynamodb": 4}
"""Service -> alarms that a target tracking policy makes; two elsewhere (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html)."""


def tracking(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A target tracking policy makes alarms: two, or four of a DynamoDB table."""
    plain = place.get("TargetTrackingConfiguration") or place.get("TargetTrackingScalingPolicyConfiguration")
    kind = word(place.get("PolicyType", "TargetTrackingScaling" if plain else "SimpleScaling"), "TargetTrackingScaling")
    if kind != "TargetTrackingScaling":
        yield Free("policy", "AWS does not charge for it; its alarms are charged where they are")
        return
    target = around.find(place.get("ScalingTargetId"))
    space = place.get("ServiceNamespace") or (target.get("ServiceNamespace") if target else None)
    count = METRICS_WATCHED.get(str(space), 2)
    what = f"{count} alarms that the policy makes"
    yield Charge(what, "AmazonCloudWatch", "CW:AlarmMonitorUsage", fixed(count), "Alarms", allowance="alarms")


CACHE = re.compile(r"[\d.]+")


def _cached(size: Any) -> Charge:
    found = f"{size}GB" if CACHE.fullmatch(str(size)) else "unknown size"
    what = f"cache of {size} GB"
    return Charge(what, "AmazonApiGateway", f"ApiGatewayCacheUsage:{found}", fixed(HOURS), "Hrs")


def stage(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A stage, or a deployment that makes one with its ``StageDescription``, costs by its cache."""
    said = mapping(place.get("StageDescription")) if place.resource.type.endswith("Deployment") else place
    if true(said.get("CacheClusterEnabled", False)):
        yield _cached(said.get("CacheClusterSize", "0.5"))
    else:
        yield Free("stage", "requests are charged with the API (https://aws.amazon.com/api-gateway/pricing/)")


RULES = {
    **dict.fromkeys(COSTS, resource),
    "AWS::AutoScaling::ScheduledAction": scheduled,
    "AWS::AutoScaling::ScalingPolicy": tracking,
    "AWS::ApplicationAutoScaling::ScalingPolicy": tracking,
    "AWS::ApiGateway::Stage": stage,
    "AWS::ApiGateway::Deployment": stage,
}
