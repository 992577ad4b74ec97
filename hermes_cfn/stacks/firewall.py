"""A web ACL with AWS's managed rule groups and a limit on requests from one address."""

from __future__ import annotations

from typing import Any

from troposphere import Template, wafv2

GROUPS = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
)
"""AWS WAF developer guide, "AWS Managed Rules rule groups list": 700, 200 and 25 of 1,500 capacity units."""


def web_acl(stack: Template, name: str, scope: str, requests_per_5_min: int) -> wafv2.WebACL:
    """``scope`` is ``REGIONAL`` or ``CLOUDFRONT`` (the latter in us-east-1 only)."""
    rules = [
        wafv2.WebACLRule(
            Name="rate",
            Priority=0,
            Action=wafv2.RuleAction(Block=wafv2.BlockAction()),
            Statement=wafv2.Statement(
                RateBasedStatement=wafv2.RateBasedStatement(Limit=requests_per_5_min, AggregateKeyType="IP")
            ),
            VisibilityConfig=_seen(f"{name}-rate"),
        )
    ]
    for number, group in enumerate(GROUPS, start=1):
        rules.append(
            wafv2.WebACLRule(
                Name=group,
                Priority=number,
                OverrideAction=wafv2.OverrideAction(**{"None": {}}),
                Statement=wafv2.Statement(
                    ManagedRuleGroupStatement=wafv2.ManagedRuleGroupStatement(VendorName="AWS", Name=group)
                ),
                VisibilityConfig=_seen(f"{name}-{group}"),
            )
        )
    return stack.add_resource(
        wafv2.WebACL(
            "WebAcl",
            Name=name,
            Scope=scope,
            DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
            Rules=rules,
            VisibilityConfig=_seen(name),
        )
    )


def _seen(name: str) -> Any:
    return wafv2.VisibilityConfig(CloudWatchMetricsEnabled=True, SampledRequestsEnabled=True, MetricName=name)
