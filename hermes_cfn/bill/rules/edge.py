"""CloudFront (pay as you go), WAF and Route 53.

CloudFront is priced for viewers in Europe.  What it fetches from an origin in AWS is free
(https://aws.amazon.com/cloudfront/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings

EDGES = "europe"


def distribution(place: Placed, around: Surroundings) -> Iterable[Item]:
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
    region = "global" if world else ""
    yield Charge("web ACL", "awswaf", "WebACLV2", fixed(1), "Month", region=region)
    if isinstance(rules, list):
        yield Charge(f"{len(rules)} rules", "awswaf", "RuleV2", fixed(len(rules)), "Month", region=region)
    else:
        yield NotPriced("rules", "their number is not known")
    driver = "asset_requests" if world else "requests"
    yield Charge("requests inspected", "awswaf", "RequestV2-Tier1", per(driver), "Request", region=region)


def hosted_zone(place: Placed, around: Surroundings) -> Iterable[Item]:
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


RULES = {
    "AWS::CloudFront::Distribution": distribution,
    "AWS::WAFv2::WebACL": web_acl,
    "AWS::Route53::HostedZone": hosted_zone,
    "AWS::Route53::HealthCheck": health_check,
    "AWS::Route53::RecordSet": record,
}
