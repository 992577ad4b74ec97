"""Types that cost nothing until a property of theirs asks for something that does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hermes_cfn.bill.charge import Free, Item, NotPriced
from hermes_cfn.bill.surroundings import Placed, Surroundings, items, mapping, true


def _cache(place: Placed) -> str:
    on = true(place.get("CacheClusterEnabled", False))
    return "its cache is charged by the hour and size" if on else ""


def _concurrency(place: Placed) -> str:
    return "provisioned concurrency is charged by the hour" if place.get("ProvisionedConcurrencyConfig") else ""


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
    "AWS::ApiGateway::Stage": _cache,
    "AWS::Lambda::Alias": _concurrency,
    "AWS::Lambda::Version": _concurrency,
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


RULES = dict.fromkeys(COSTS, resource)
