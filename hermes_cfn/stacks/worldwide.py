"""``worldwide`` (us-east-1): all of CloudFront for the static assets, and the budget.

CloudFront takes certificate and firewall only from there, and AWS::Budgets::Budget does not exist
in eu-south-2.
"""

from __future__ import annotations

from typing import Any

from troposphere import (
    Equals,
    GetAtt,
    If,
    NoValue,
    Output,
    Ref,
    Sub,
    Template,
    budgets,
    certificatemanager,
    cloudfront,
    cloudwatch,
    route53,
)

from hermes_cfn.config import Settings
from hermes_cfn.names import ENVIRONMENT_TAG, Names
from hermes_cfn.stacks.common import fresh, named, parameter, put, waive
from hermes_cfn.stacks.firewall import web_acl
from hermes_cfn.stacks.topic import alarm_topic

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""Managed cache policy CachingOptimized (CloudFront developer guide, "Use managed cache policies")."""

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""Hosted zone of every distribution (AWS::Route53::RecordSet AliasTarget)."""


TAG_PARAMETER = "BudgetTagActive"

_OWN_NAME = ("CKV_AWS_174", "CT.CLOUDFRONT.PR.6", "CT.CLOUDFRONT.PR.7", "CT.CLOUDFRONT.PR.9")


def wanted(settings: Settings) -> bool:
    """Whether anything of it is switched on."""
    return settings.worldwide.cloudfront or settings.budget.ceiling_usd > 0


def template(settings: Settings) -> Template:
    names = Names.of(settings)
    stack = fresh(f"{names.auto_scaling_group}: CloudFront and the budget")
    if settings.worldwide.cloudfront:
        _assets(stack, settings, names)
    if settings.budget.ceiling_usd > 0:
        _budget(stack, settings, names)
    return stack


def _assets(stack: Template, settings: Settings, names: Names) -> None:
    prefix = names.auto_scaling_group
    control = stack.add_resource(
        cloudfront.OriginAccessControl(
            "AssetsAccess",
            OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
                Name=f"{prefix}-assets",
                OriginAccessControlOriginType="s3",
                SigningBehavior="always",
                SigningProtocol="sigv4",
            ),
        )
    )
    headers = stack.add_resource(
        cloudfront.ResponseHeadersPolicy(
            "SecurityHeaders",
            ResponseHeadersPolicyConfig=cloudfront.ResponseHeadersPolicyConfig(
                Name=f"{prefix}-assets",
                SecurityHeadersConfig=cloudfront.SecurityHeadersConfig(
                    ContentTypeOptions=cloudfront.ContentTypeOptions(Override=True),
                    FrameOptions=cloudfront.FrameOptions(FrameOption="DENY", Override=True),
                    ReferrerPolicy=cloudfront.ReferrerPolicy(
                        ReferrerPolicy="strict-origin-when-cross-origin", Override=True
                    ),
                    StrictTransportSecurity=cloudfront.StrictTransportSecurity(
                        AccessControlMaxAgeSec=31536000, IncludeSubdomains=True, Override=True
                    ),
                ),
            ),
        )
    )
    distribution = stack.add_resource(
        cloudfront.Distribution(
            "Distribution",
            DistributionConfig=_distribution(stack, settings, names, control, headers),
            Tags=named(f"{prefix}-assets"),
        )
    )
    waive(
        distribution,
        {
            "CKV_AWS_86": "access logs of static assets tell nothing that metrics do not",
            "CT.CLOUDFRONT.PR.5": "access logs of static assets tell nothing that metrics do not",
            "CT.CLOUDFRONT.PR.4": "one origin: a bucket, which lies in three zones",
            **(
                {}
                if settings.worldwide.waf
                else {"CKV_AWS_68": "a firewall is an option, worldwide.waf; the origin is a bucket"}
            ),
            **(
                {}
                if settings.worldwide.assets_domain
                else dict.fromkeys(_OWN_NAME, "CloudFront's own name has CloudFront's own certificate and policy")
            ),
        },
    )
    if settings.worldwide.assets_domain:
        stack.add_resource(
            route53.RecordSetType(
                "AssetsRecord",
                HostedZoneId=settings.worldwide.hosted_zone_id,
                Name=f"{settings.worldwide.assets_domain}.",
                Type="A",
                AliasTarget=route53.AliasTarget(
                    DNSName=GetAtt(distribution, "DomainName"), HostedZoneId=CLOUDFRONT_ZONE, EvaluateTargetHealth=False
                ),
            )
        )
    if settings.watch.enabled:
        _alarm(stack, names, distribution, alarm_topic(stack, settings, names))
    arn = f"arn:aws:cloudfront::{names.account}:distribution/${{Distribution}}"
    put(stack, "distribution_arn", Sub(arn), "The only reader of the assets")
    put(stack, "assets_domain_name", GetAtt(distribution, "DomainName"), "Where static assets are served")


def _distribution(
    stack: Template,
    settings: Settings,
    names: Names,
    control: cloudfront.OriginAccessControl,
    headers: cloudfront.ResponseHeadersPolicy,
) -> cloudfront.DistributionConfig:
    worldwide = settings.worldwide
    origin = f"{names.assets_bucket}.s3.{settings.region}.amazonaws.com"
    config = cloudfront.DistributionConfig(
        Enabled=True,
        Comment=f"Static assets of {names.auto_scaling_group}",
        HttpVersion="http2and3",
        IPV6Enabled=True,
        PriceClass=worldwide.price_class,
        DefaultRootObject="index.html",
        Origins=[
            cloudfront.Origin(
                Id="assets",
                DomainName=Sub(origin),
                OriginAccessControlId=GetAtt(control, "Id"),
                S3OriginConfig=cloudfront.S3OriginConfig(OriginAccessIdentity=""),
            )
        ],
        DefaultCacheBehavior=cloudfront.DefaultCacheBehavior(
            TargetOriginId="assets",
            ViewerProtocolPolicy="redirect-to-https",
            Compress=True,
            AllowedMethods=["GET", "HEAD"],
            CachedMethods=["GET", "HEAD"],
            CachePolicyId=CACHING_OPTIMIZED,
            ResponseHeadersPolicyId=Ref(headers),
        ),
        ViewerCertificate=_viewer(stack, settings),
    )
    if worldwide.assets_domain:
        config.Aliases = [worldwide.assets_domain]
    if worldwide.waf:
        acl = web_acl(stack, f"{names.web_acl}-assets", "CLOUDFRONT", settings.service.waf_requests_per_5_min)
        config.WebACLId = GetAtt(acl, "Arn")
    return config


def _viewer(stack: Template, settings: Settings) -> Any:
    domain = settings.worldwide.assets_domain
    if not domain:
        return cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True)
    certificate = stack.add_resource(
        certificatemanager.Certificate(
            "AssetsCertificate",
            DomainName=domain,
            ValidationMethod="DNS",
            DomainValidationOptions=[
                certificatemanager.DomainValidationOption(
                    DomainName=domain, HostedZoneId=settings.worldwide.hosted_zone_id
                )
            ],
        )
    )
    return cloudfront.ViewerCertificate(
        AcmCertificateArn=Ref(certificate), SslSupportMethod="sni-only", MinimumProtocolVersion="TLSv1.2_2021"
    )


def _alarm(stack: Template, names: Names, distribution: cloudfront.Distribution, topic: Ref) -> None:
    dimensions = {"DistributionId": Ref(distribution), "Region": "Global"}
    stack.add_resource(
        cloudwatch.Alarm(
            "AssetsErrorsAlarm",
            AlarmName=names.alarm("assets-errors"),
            AlarmActions=[topic],
            OKActions=[topic],
            AlarmDescription="Static assets are not served: is the release's upload complete?",
            Namespace="AWS/CloudFront",
            MetricName="5xxErrorRate",
            Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
            Statistic="Average",
            Period=300,
            EvaluationPeriods=3,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
    )


def _budget(stack: Template, settings: Settings, names: Names) -> None:
    """The ceiling is a person's; this project's estimate stands beside it, and warns nobody by itself.

    Without an active cost allocation tag a filter would see nothing, so the whole account counts until the
    deployer sees the tag active, which the management account alone can make it (AWS, Billing user guide,
    "Using user-defined cost allocation tags").
    """
    ceiling = parameter(stack, "BudgetCeiling", "String", "USD a month, set by a person")
    estimate = parameter(stack, "BudgetEstimate", "String", "USD a month, by this project's own bill")
    notifications = []
    if settings.budget.emails:
        subscribers = [
            budgets.Subscriber(SubscriptionType="EMAIL", Address=address) for address in settings.budget.emails
        ]
        notifications = [
            budgets.NotificationWithSubscribers(
                Notification=budgets.Notification(
                    NotificationType=kind,
                    ComparisonOperator="GREATER_THAN",
                    Threshold=share,
                    ThresholdType="PERCENTAGE",
                ),
                Subscribers=subscribers,
            )
            for kind, share in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
        ]
    data = budgets.BudgetData(
        BudgetName=names.budget,
        BudgetType="COST",
        TimeUnit="MONTHLY",
        BudgetLimit=budgets.Spend(Amount=ceiling, Unit="USD"),
    )
    ours = {"TagKeyValue": [f"user:{ENVIRONMENT_TAG}${names.environment}"]}
    if settings.budget.by_tag == "always":
        data.CostFilters = ours
    elif settings.budget.waits_for_tag:
        active = parameter(
            stack, TAG_PARAMETER, "String", "Whether the tag is active for cost allocation: true or false"
        )
        stack.add_condition("ByTag", Equals(active, "true"))
        data.CostFilters = If("ByTag", ours, NoValue)
    budget = budgets.Budget("Budget", Budget=data)
    if notifications:
        budget.NotificationsWithSubscribers = notifications
    stack.add_resource(budget)
    stack.add_output(Output("BudgetEstimate", Value=estimate, Description="This project's own estimate, USD a month"))
