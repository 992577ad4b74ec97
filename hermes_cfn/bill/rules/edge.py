"""CloudFront (pay as you go, or a flat-rate plan), WAF and Route 53.

CloudFront is priced for viewers in Europe.  What it fetches from an origin in AWS is free
(https://aws.amazon.com/cloudfront/pricing/).  A flat-rate plan covers one distribution with its web
ACL and, if named, its hosted zone, without charges beyond it
(https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.html); it is
a resource of the template (AWS::PricingPlanManager::Subscription), or chosen elsewhere and said in ``[usage]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings, group_size

EDGES = "europe"

PLANS = {
    "FREE": "1 million requests and 100 GB a month",
    "PRO": "10 million requests and 50 TB a month",
    "BUSINESS": "125 million requests and 50 TB a month",
    "PREMIUM": "500 million requests and 50 TB a month",
}
"""Tier of a flat-rate plan -> what it is meant for; beyond it AWS may slow down and charges nothing more."""


def covered(place: Placed, around: Surroundings) -> str:
    """The tier of the flat-rate plan that covers a resource; empty if none does."""
    for plan in around.of("AWS::PricingPlanManager::Subscription"):
        arns = plan.get("ResourceArns")
        if isinstance(arns, list) and any(around.find(arn) is place for arn in arns):
            return str(plan.get("PlanTier"))
    stated = around.usage.cloudfront_plan
    return "" if stated == "pay-as-you-go" else stated.upper()


def plan_price(tier: str) -> Item:
    """The month's price of a flat-rate plan."""
    return Charge(
        f"flat-rate plan {tier}", "AmazonCloudFront", f"FlatRatePlan:{tier}", fixed(1), "Month", region="global"
    )


def subscription(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A paid one waits for an approval that CloudFormation does not give, and costs nothing until then."""
    tier, level = str(place.get("PlanTier")), place.get("UsageLevel", "DEFAULT")
    if tier in PLANS and level == "DEFAULT":
        yield plan_price(tier)
    else:
        yield NotPriced("flat-rate plan", f"tier {tier} at usage level {level} is in no book")


def distribution(place: Placed, around: Surroundings) -> Iterable[Item]:
    tier = covered(place, around)
    if tier:
        if around.usage.cloudfront_plan != "pay-as-you-go":
            yield plan_price(tier)
        yield Free("transfer and requests", f"in the flat-rate plan {tier}, meant for {PLANS.get(tier, 'its tier')}")
        return
    share = Decimal(1) / len(around.of("AWS::CloudFront::Distribution"))
    yield Charge(
        "transfer to users",
        "AmazonCloudFront",
        "DataTransfer-Out-Bytes",
        per("assets_to_users_gb", share),
        "GB",
        allowance="cloudfront_out_gb",
        region=EDGES,
    )
    yield Charge(
        "HTTPS requests",
        "AmazonCloudFront",
        "Requests-Tier2-HTTPS",
        per("asset_requests", share),
        "Requests",
        allowance="cloudfront_requests",
        region=EDGES,
    )
    yield Free("from its origin", "AWS does not charge for what CloudFront fetches from an origin in AWS")


def web_acl(place: Placed, around: Surroundings) -> Iterable[Item]:
    rules = place.get("Rules", [])
    world = place.get("Scope") == "CLOUDFRONT"
    if world and covered(place, around):
        yield Free("web ACL", f"in the flat-rate plan {covered(place, around)}")
        return
    region = "global" if world else ""
    yield Charge("web ACL", "awswaf", "WebACLV2", fixed(1), "Month", region=region)
    if isinstance(rules, list):
        yield Charge(f"{len(rules)} rules", "awswaf", "RuleV2", fixed(len(rules)), "Month", region=region)
    else:
        yield NotPriced("rules", "their number is not known")
    driver = "asset_requests" if world else "requests"
    yield Charge("requests inspected", "awswaf", "RequestV2-Tier1", per(driver), "Request", region=region)


def hosted_zone(place: Placed, around: Surroundings) -> Iterable[Item]:
    if around.of("AWS::CloudFront::Distribution") and covered(place, around):
        yield Free("hosted zone", f"in the flat-rate plan {covered(place, around)}")
        return
    yield Charge("hosted zone", "AmazonRoute53", "HostedZone", fixed(1), "HostedZone", region="global")
    share = Decimal(1) / len(around.of("AWS::Route53::HostedZone"))
    yield Charge("DNS queries", "AmazonRoute53", "DNS-Queries", per("dns_queries", share), "Queries", region="global")


def health_check(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("health check", "AmazonRoute53", "Health-Check-AWS", fixed(1), "HealthChecks", region="global")


def record(place: Placed, around: Surroundings) -> Iterable[Item]:
    if place.get("AliasTarget") is not None:
        yield Free("alias record", "queries for alias records of AWS resources are free")
    elif around.of("AWS::Route53::HostedZone"):
        yield Free("record", "counted with its hosted zone")
    else:
        yield Charge("DNS queries", "AmazonRoute53", "DNS-Queries", per("dns_queries"), "Queries", region="global")


def namespace(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A namespace with names is a hosted zone (https://docs.aws.amazon.com/cloud-map/latest/dg/working-with-namespaces.html)."""
    yield Charge("hosted zone of the namespace", "AmazonRoute53", "HostedZone", fixed(1), "HostedZone", region="global")


def registry(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A service of Cloud Map: a price for each instance that registers.

    What ECS registers is free of it (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html);
    otherwise the instances of the stack's Auto Scaling groups are taken to register.
    """
    if any(_registers(one, place, around) for one in around.of("AWS::ECS::Service")):
        yield Free("registered tasks", "AWS charges nothing for what ECS registers in Cloud Map")
        return
    groups = [one for one in around.of("AWS::AutoScaling::AutoScalingGroup") if one.stack == place.stack]
    sizes = [size for size in map(group_size, groups) if size is not None]
    if sizes:
        what, count = "registered instances", sum(sizes)
        yield Charge(what, "AWSCloudMap", "Cloud-Map-Resources", fixed(count), "CloudMapResource")
    else:
        yield NotPriced("registered instances", "how many register is not in the template; each is 0.10 USD a month")


def _registers(service: Placed, registry: Placed, around: Surroundings) -> bool:
    given = service.get("ServiceRegistries")
    return isinstance(given, list) and any(
        isinstance(one, Mapping) and around.find(one.get("RegistryArn")) is registry for one in given
    )


RULES = {
    "AWS::ServiceDiscovery::PrivateDnsNamespace": namespace,
    "AWS::ServiceDiscovery::PublicDnsNamespace": namespace,
    "AWS::ServiceDiscovery::Service": registry,
    "AWS::CloudFront::Distribution": distribution,
    "AWS::PricingPlanManager::Subscription": subscription,
    "AWS::WAFv2::WebACL": web_acl,
    "AWS::Route53::HostedZone": hosted_zone,
    "AWS::Route53::HealthCheck": health_check,
    "AWS::Route53::RecordSet": record,
}
