"""CloudFront (pay as you go, or a flat-rate plan), WAF and Route 53.

CloudFront is priced for viewers in Europe.  What it fetches from an origin in AWS is free
(https://aws.amazon.com/cloudfront/pricing/).  A flat-rate plan covers one distribution with its web
ACL and, if named, its hosted zone, without charges beyond it
(https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.html); it is
a resource of the template (AWS::PricingPlanManager::Subscription), or chosen elsewhere and said in ``[usage]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Surroundings, decided, group_size, items, mapping, true, word

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
    share = around.share(around.of("AWS::CloudFront::Distribution"))
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
    yield from _extras(mapping(place.get("DistributionConfig")), share)


def _extras(said: Mapping[str, Any], share: Decimal) -> Iterator[Item]:
    """What a distribution costs besides: a certificate with addresses of its own, code at the edge, a shield."""
    if mapping(said.get("ViewerCertificate")).get("SslSupportMethod") == "vip":
        what = "certificate with dedicated addresses"
        yield Charge(what, "AmazonCloudFront", "SSL-Cert-Custom", fixed(1), "Certificates", region="global")
    behaviours = [mapping(said.get("DefaultCacheBehavior")), *items(said.get("CacheBehaviors"))]
    functions = [one for each in behaviours for one in items(each.get("LambdaFunctionAssociations"))]
    for one in functions:
        event = str(one.get("EventType"))
        driver = "asset_requests" if event.startswith("viewer") else "origin_requests"
        what, amount = f"Lambda@Edge requests, {event}", per(driver, share)
        yield Charge(what, "AmazonCloudFront", "Lambda-Edge-Request", amount, "Request", region=EDGES)
    if functions:
        yield NotGiven("Lambda@Edge duration", "0.00005001 USD a GB and second; how long it runs is in no figure")
    small = sum(len(items(each.get("FunctionAssociations"))) for each in behaviours)
    if small:
        amount = per("asset_requests", share * small)
        usage = "Executions-CloudFrontFunctions"
        yield Charge("CloudFront functions", "AmazonCloudFront", usage, amount, "Invocations", region="global")
    if any(true(mapping(one.get("OriginShield")).get("Enabled", False)) for one in items(said.get("Origins"))):
        amount = per("origin_requests", share)
        yield Charge("Origin Shield", "AmazonCloudFront", "Requests-OriginShield", amount, "Requests", region=EDGES)
    if any(each.get("RealtimeLogConfigArn") for each in behaviours):
        yield NotGiven("real-time log lines", "0.01 USD a million lines (https://aws.amazon.com/cloudfront/pricing/)")


def edge_function(place: Placed, around: Surroundings) -> Iterable[Item]:
    if around.of("AWS::CloudFront::Distribution"):
        yield Free("function", "its runs are counted with the distributions that name it")
    else:
        amount = per("asset_requests", around.share(around.of("AWS::CloudFront::Function")))
        usage = "Executions-CloudFrontFunctions"
        yield Charge("runs", "AmazonCloudFront", usage, amount, "Invocations", region="global")


MANAGED = {
    "AWSManagedRulesBotControlRuleSet": ("Bot Control", "BotControl-Subscription", "BotControl-Request"),
    "AWSManagedRulesATPRuleSet": ("account takeover prevention", "AccountTakeover-Subscription", ""),
    "AWSManagedRulesACFPRuleSet": ("account creation fraud prevention", "AccountTakeover-Subscription", ""),
}
"""Managed rule group with a price of its own -> its name, its subscription, and what a request costs in it."""


def web_acl(place: Placed, around: Surroundings) -> Iterable[Item]:
    rules = place.get("Rules", [])
    world = word(place.get("Scope", "REGIONAL"), "REGIONAL", "CLOUDFRONT") == "CLOUDFRONT"
    if world and covered(place, around):
        yield Free("web ACL", f"in the flat-rate plan {covered(place, around)}")
        return
    region = "global" if world else ""
    yield Charge("web ACL", "awswaf", "WebACLV2", fixed(1), "Month", region=region)
    if isinstance(rules, list):
        yield Charge(f"{len(rules)} rules", "awswaf", "RuleV2", fixed(len(rules)), "Month", region=region)
    else:
        yield NotPriced("rules", "their number is not known")
    alike = [one for one in around.of("AWS::WAFv2::WebACL") if (one.get("Scope") == "CLOUDFRONT") is world]
    amount = per("asset_requests" if world else "requests", around.share(alike))
    yield Charge("requests inspected", "awswaf", "RequestV2-Tier1", amount, "Request", region=region)
    for rule in items(rules) if isinstance(rules, list) else ():
        group = mapping(mapping(rule.get("Statement")).get("ManagedRuleGroupStatement"))
        if str(group.get("Name")) in MANAGED:
            name, subscription_, request = MANAGED[str(group.get("Name"))]
            yield Charge(name, "awswaf", subscription_, fixed(1), "Month", region=region)
            targeted = any("TARGETED" in str(one) for one in items(group.get("ManagedRuleGroupConfigs")))
            if request and not targeted:
                yield Charge(f"requests in {name}", "awswaf", request, amount, "Request", region=region)
            else:
                yield NotGiven(f"requests in {name}", "each that is analysed costs; how many are is in no figure")
        elif str(group.get("VendorName", "AWS")) != "AWS":
            yield NotPriced(f"rule group {group.get('Name')}", "its seller on the Marketplace sets the price")


def rule_group(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Its rules are counted where a web ACL uses it; the group itself costs as one rule there."""
    yield Free("rule group", "it costs where a web ACL uses it (https://aws.amazon.com/waf/pricing/)")


def hosted_zone(place: Placed, around: Surroundings) -> Iterable[Item]:
    if around.of("AWS::CloudFront::Distribution") and covered(place, around):
        yield Free("hosted zone", f"in the flat-rate plan {covered(place, around)}")
        return
    yield Charge("hosted zone", "AmazonRoute53", "HostedZone", fixed(1), "HostedZone", region="global")
    share = around.share(around.of("AWS::Route53::HostedZone"))
    yield Charge("DNS queries", "AmazonRoute53", "DNS-Queries", per("dns_queries", share), "Queries", region="global")


IN_AWS = ("amazonaws.com", "cloudfront.net", "elasticbeanstalk.com", "awsglobalaccelerator.com")


def health_check(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A check costs by where its endpoint is, and each option of it; a free text address tells no such thing."""
    said = mapping(place.get("HealthCheckConfig"))
    endpoint = said.get("FullyQualifiedDomainName", said.get("IPAddress"))
    inside = said.get("Type") in ("CALCULATED", "CLOUDWATCH_METRIC", "RECOVERY_CONTROL") or endpoint is None
    inside = inside or around.find(endpoint) is not None or str(endpoint).endswith(IN_AWS)
    inside = inside or bool(around.of("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::CloudFront::Distribution"))
    if not inside:
        inside = decided(place, around, "place", "in AWS", "outside AWS") == "in AWS"
    where = "AWS" if inside else "Non-AWS"
    yield Charge("health check", "AmazonRoute53", f"Health-Check-{where}", fixed(1), "HealthChecks", region="global")
    options = sum(
        (
            str(said.get("Type", "")).startswith("HTTPS"),
            "STR_MATCH" in str(said.get("Type", "")),
            str(said.get("RequestInterval", 30)) == "10",
            true(said.get("MeasureLatency", False)),
        )
    )
    if options:
        usage = f"Health-Check-Option-{where}"
        what = f"{options} options of the health check"
        yield Charge(what, "AmazonRoute53", usage, fixed(options), "HealthChecks", region="global")


ROUTED = (("Region", "LBR-Queries"), ("GeoLocation", "Geo-Queries"), ("GeoProximityLocation", "Geo-Queries"))
"""Property that chooses among records -> usage type of a query that it answers."""


def record(place: Placed, around: Surroundings) -> Iterable[Item]:
    usage = next((usage for name, usage in ROUTED if place.get(name) is not None), "DNS-Queries")
    if place.get("AliasTarget") is not None:
        yield Free("alias record", "queries for alias records of AWS resources are free")
    elif around.of("AWS::Route53::HostedZone"):
        if usage == "DNS-Queries":
            yield Free("record", "counted with its hosted zone")
        else:
            yield NotGiven("routed queries", "they cost more than the others, and no figure tells them apart")
    else:
        among = [one for one in around.of("AWS::Route53::RecordSet") if one.get("AliasTarget") is None]
        amount = per("dns_queries", around.share(among))
        yield Charge("DNS queries", "AmazonRoute53", usage, amount, "Queries", region="global")


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
    "AWS::CloudFront::Function": edge_function,
    "AWS::WAFv2::WebACL": web_acl,
    "AWS::WAFv2::RuleGroup": rule_group,
    "AWS::Route53::HostedZone": hosted_zone,
    "AWS::Route53::HealthCheck": health_check,
    "AWS::Route53::RecordSet": record,
}
