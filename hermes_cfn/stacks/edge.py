"""``edge``: static assets, the record of the application's name, and the firewall before it."""

from __future__ import annotations

import re

from awacs.aws import Action, Allow, Principal, Statement
from troposphere import GetAtt, Ref, Sub, Template, route53, wafv2

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.stacks.buckets import private_bucket
from hermes_cfn.stacks.common import fresh, parameter, put
from hermes_cfn.stacks.firewall import web_acl
from hermes_cfn.stacks.roles import when


def wanted(settings: Settings) -> bool:
    """Whether anything of it is switched on."""
    return settings.edge.assets or settings.edge.dns != "manual" or settings.service.waf


def template(settings: Settings) -> Template:
    names = Names.of(settings)
    stack = fresh(f"{names.auto_scaling_group}: assets, DNS and firewall")
    if settings.edge.assets:
        _assets(stack, settings, names)
    if settings.edge.dns != "manual":
        _record(stack, settings, names)
    if settings.service.waf:
        balancer = parameter(stack, "LoadBalancerArn", "String", "What the firewall stands before")
        acl = web_acl(stack, names.web_acl, "REGIONAL", settings.service.waf_requests_per_5_min)
        stack.add_resource(wafv2.WebACLAssociation("Firewall", ResourceArn=balancer, WebACLArn=GetAtt(acl, "Arn")))
        put(stack, "web_acl_arn", GetAtt(acl, "Arn"), "The firewall")
    return stack


def _assets(stack: Template, settings: Settings, names: Names) -> None:
    statements = []
    if settings.worldwide.cloudfront:
        distribution = parameter(stack, "DistributionArn", "String", "The only reader of the assets")
        statements.append(
            Statement(
                Sid="DistributionReads",
                Effect=Allow,
                Principal=Principal("Service", "cloudfront.amazonaws.com"),
                Action=[Action("s3", "GetObject")],
                Resource=[Sub("${Assets.Arn}/*")],
                Condition=when({"StringEquals": {"AWS:SourceArn": distribution}}),
            )
        )
    bucket = private_bucket(stack, "Assets", names.assets_bucket, expire_old_days=30, statements=statements)
    put(stack, "assets_bucket", Ref(bucket), "Static assets")


def _record(stack: Template, settings: Settings, names: Names) -> None:
    """An alias costs nothing to look up and works at the apex of a zone."""
    name = parameter(stack, "LoadBalancerDnsName", "String", "What the record points at")
    zone = parameter(stack, "LoadBalancerZone", "String", "The load balancer's own zone")
    for host in settings.recorded_hosts:
        title = (
            "" if host == settings.certificate.domain else "".join(part.capitalize() for part in re.split(r"\W", host))
        )
        record = route53.RecordSetType(
            f"Record{title}",
            HostedZoneId=settings.edge.hosted_zone_id,
            Name=f"{host}.",
            Type="A",
            AliasTarget=route53.AliasTarget(DNSName=name, HostedZoneId=zone, EvaluateTargetHealth=True),
        )
        if settings.edge.dns == "weighted":
            record.SetIdentifier = names.auto_scaling_group
            record.Weight = settings.edge.weight
        stack.add_resource(record)
