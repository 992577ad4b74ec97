"""What CloudFormation may change for one environment: by its names, its tags and its hosted zones.

Which actions know a resource, and which resources know tags, is the Service Authorization Reference's; a test compares.
Where AWS has neither, ``docs/security.md`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awacs.aws import Action, Deny, Statement

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.names import balancer as balancer_of
from hermes_cfn.permissions import GRANTS
from hermes_cfn.stacks.common import text
from hermes_cfn.stacks.roles import Tests, allow

NEW: Mapping[str, Sequence[str]] = {
    "subnet security-group route-table internet-gateway elastic-ip launch-template": (
        "AllocateAddress", "CreateInternetGateway", "CreateLaunchTemplate",
        "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet",
    ),
    "egress-only-internet-gateway": ("CreateEgressOnlyInternetGateway",),
    "vpc": ("CreateVpc",),
    "natgateway vpc-endpoint vpc-flow-log": ("CreateFlowLogs", "CreateNatGateway", "CreateVpcEndpoint"),
    "security-group-rule": ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
    "instance image network-interface volume key-pair snapshot placement-group": ("RunInstances",),
    "instance network-interface": ("AssociateAddress", "DisassociateAddress"),
}  # fmt: skip
"""Kinds of resource -> actions that make them, or that use what belongs to nobody; no action uses an old one of its row's kinds.

A launch template's machine image is AWS's, and an address goes to an interface that AWS made: those carry no tags of ours, nor
another's.
"""

ONLY_NEW = ("AllocateAddress", "CreateInternetGateway", "CreateLaunchTemplate", "CreateVpc")
"""Actions that touch nothing that is there already."""

TAGGED_AT_CREATION = tuple(
    sorted(
        {action for actions in NEW.values() for action in actions if action[0] in "RC" or action == "AllocateAddress"}
    )
)
"""Values of ec2:CreateAction: tags come with what is made, so that nobody makes another's instance ours by its tags."""


def ours(names: Names, suffix: str = "") -> dict[str, dict[str, Any]]:
    """On what carries the tags of this environment: its stacks give them to all that they make."""
    return {f"StringEquals{suffix}": {f"aws:ResourceTag/{key}": value for key, value in names.tags.items()}}


def _regions(names: Names) -> dict[str, dict[str, Any]]:
    return {"StringEquals": {"aws:RequestedRegion": sorted({names.region, "us-east-1"})}}


def network(names: Names, actions: Iterable[str]) -> list[Statement]:
    """EC2: what is new, anywhere in the region; what is there, by our tags; and tags only on what is new or ours."""
    granted = {action.partition(":")[2] for action in actions}
    rows = []
    for number, (kinds, makers) in enumerate(NEW.items(), start=1):
        wanted = [f"ec2:{action}" for action in makers if action in granted]
        arns = [f"arn:aws:ec2:*:*:{kind}/*" for kind in kinds.split()]
        if wanted:
            used = ours(names, "IfExists") if "AssociateAddress" in makers else {}
            rows.append(allow(f"New{number}", wanted, arns, {**used, **_regions(names)}))
    there = sorted(f"ec2:{action}" for action in granted - {*ONLY_NEW, "CreateTags"})
    rows.append(allow("Ours", [*there, "ec2:CreateTags"], ["*"], ours(names)))
    made = [action for action in TAGGED_AT_CREATION if action in granted]
    rows.append(allow("TagsOfNew", ["ec2:CreateTags"], ["*"], {"StringEquals": {"ec2:CreateAction": made}}))
    return rows


FURTHER = frozenset({"acm", "cloudfront", "route53", "servicediscovery", "wafv2"})
"""Services in a policy of their own: one policy holds 6,144 characters (IAM user guide, "IAM and STS character limits")."""


def writing(settings: Settings, names: Names, actions: Sequence[str]) -> dict[str, list[Statement]]:
    """Everything but EC2 and IAM, each action once, as two policies."""
    further = [action for action in actions if action.partition(":")[0] in FURTHER]
    groups = {"Service": [action for action in actions if action not in further], "Edge": further}
    return {group: rows for group, own in groups.items() if (rows := _written(settings, names, own))}


def of_extras(settings: Settings, names: Names, actions: Sequence[str]) -> dict[str, list[Statement]]:
    """What only stacks of one's own need, as a policy."""
    rows = _written(settings, names, actions) if actions else []
    return {"Extras": rows} if rows else {}


def _written(settings: Settings, names: Names, actions: Iterable[str]) -> list[Statement]:
    actions = list(dict.fromkeys(actions))
    left, rows = actions, []
    for sid, wanted, resources, condition in _fences(settings, names):
        own = [action for action in left if _meant(action, wanted)]
        left = [action for action in left if action not in own]
        if own and resources:
            rows.append(allow(sid, own, [text(arn) for arn in resources], condition))
    if settings.service.cluster and "route53:ChangeResourceRecordSets" in actions:
        inside = [names.cluster_namespace, f"*.{names.cluster_namespace}"]
        key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        named: Tests = {"ForAllValues:StringLike": {key: inside}, "Null": {key: "false"}}
        rows.append(
            allow("ClusterRecords", ["route53:ChangeResourceRecordSets"], ["arn:aws:route53:::hostedzone/*"], named)
        )
    if left:
        rows.append(allow("Wide", left, ["*"], _regions(names)))
    if settings.sign_in.paths and "elasticloadbalancing:CreateRule" in actions:
        secret = f"arn:aws:secretsmanager:{names.region}:{names.account}:secret:{settings.sign_in.secret_name}-??????"
        rows.append(allow("SignIn", ["secretsmanager:GetSecretValue"], [text(secret)]))
    if settings.watch.audit_trail and "cloudtrail:CreateTrail" in actions:
        trail = [text(f"arn:aws:s3:::{names.trail_bucket}{rest}") for rest in ("", "/*")]
        erasing = [Action("s3", name) for name in ("DeleteBucket", "DeleteObject", "DeleteObjectVersion")]
        rows.append(Statement(Sid="NeverTheTrail", Effect=Deny, Action=erasing, Resource=trail))
    return rows


def _meant(action: str, wanted: str) -> bool:
    service, _, name = action.partition(":")
    meant, _, names = wanted.partition(":")
    return service == meant and (names == "*" or name in names.split())


Fence = tuple[str, str, Sequence[str], Tests | None]


def _fences(settings: Settings, names: Names) -> Iterable[Fence]:
    """Statement, actions, ARNs and condition; an action belongs to the first that means it, and without ARNs to nothing."""
    both, anywhere, account = names.auto_scaling_group, f"*:{names.account}", names.account
    zones = {settings.edge.hosted_zone_id, settings.worldwide.hosted_zone_id, settings.certificate.hosted_zone_id} - {
        ""
    }
    tagged, untaken = ours(names), ours(names, "IfExists")
    yield "Autoscaling", "autoscaling:*", [
        f"arn:aws:autoscaling:{anywhere}:autoScalingGroup:*:autoScalingGroupName/{name}" for name in (both, f"{both}-*")
    ], None  # fmt: skip
    alarms, board = f"arn:aws:cloudwatch:{anywhere}:alarm:{both}-*", f"arn:aws:cloudwatch::{account}:dashboard/{both}"
    yield "Cloudwatch", "cloudwatch:*", [alarms, board], None
    if not settings.own_balancer:
        listener, rule = (
            f"arn:aws:elasticloadbalancing:{anywhere}:{kind}/{balancer_of(settings)}/*"
            for kind in ("listener/app", "listener-rule/app")
        )
        own = f"arn:aws:elasticloadbalancing:{anywhere}:targetgroup/{names.load_balancer}/*"
        asked = {f"aws:RequestTag/{key}": value for key, value in names.tags.items()}
        yield "SharedNew", "elasticloadbalancing:CreateRule", [listener], {"StringEquals": asked}
        made = {"StringEquals": {"elasticloadbalancing:CreateAction": ["CreateRule", "CreateTargetGroup"]}}
        yield "SharedTags", "elasticloadbalancing:AddTags", [rule, own], made
        changing = "elasticloadbalancing:DeleteRule ModifyRule RemoveTags SetRulePriorities"
        yield "SharedRules", changing, [rule], tagged
        both_ways = "elasticloadbalancing:AddListenerCertificates RemoveListenerCertificates"
        yield "SharedCertificates", both_ways, [listener], None
    kinds = (
        "loadbalancer/app",
        "listener/app",
        "targetgroup",
        *(("listener-rule/app",) if settings.rules_of_its_own else ()),
    )
    yield "Balancing", "elasticloadbalancing:*", [
        f"arn:aws:elasticloadbalancing:{anywhere}:{kind}/{names.load_balancer}/*" for kind in kinds
    ], None  # fmt: skip
    yield "Events", "events:*", [f"arn:aws:events:{anywhere}:rule/{both}-*"], None
    groups = f"arn:aws:logs:{anywhere}:log-group:/aws/*/{names.environment}/{names.application}"
    yield "Deliveries", "logs:CreateLogDelivery DeleteLogDelivery", ["*"], _regions(names)
    yield "Logs", "logs:*", [groups, f"{groups}:*"], None
    yield "Buckets", "s3:*", [f"arn:aws:s3:::{both}-*"], None
    yield "Subscriptions", "sns:Unsubscribe SetSubscriptionAttributes", ["*"], _regions(names)
    yield "Topics", "sns:*", [f"arn:aws:sns:{anywhere}:{both}-*"], None
    kept = ("cluster", "access") if settings.access.granted else ("cluster",)
    parameters = [f"arn:aws:ssm:{anywhere}:parameter/{names.application}/{names.environment}/{one}/*" for one in kept]
    yield "Documents", "ssm:CreateDocument DeleteDocument GetDocument UpdateDocument UpdateDocumentDefaultVersion", [
        f"arn:aws:ssm:{anywhere}:document/{both}-*"
    ], None  # fmt: skip
    yield "Parameters", "ssm:DeleteParameter GetParameters PutParameter", parameters, None
    yield "SystemsTags", "ssm:*", [f"arn:aws:ssm:{anywhere}:document/{both}-*", *parameters], None
    yield "Trail", "cloudtrail:*", [f"arn:aws:cloudtrail:{anywhere}:trail/{names.trail}"], None
    yield "Budget", "budgets:*", [f"arn:aws:budgets::{account}:budget/{names.budget}"], None
    yield (
        "Records",
        "route53:ChangeResourceRecordSets",
        [f"arn:aws:route53:::hostedzone/{zone}" for zone in sorted(zones)],
        None,
    )
    certificates = [f"arn:aws:acm:{anywhere}:certificate/*"]
    yield "CertificateTags", "acm:AddTagsToCertificate", ["*"], {**untaken, **_regions(names)}
    yield (
        "Certificates",
        "acm:DeleteCertificate RemoveTagsFromCertificate UpdateCertificateOptions",
        certificates,
        tagged,
    )
    distributions = [f"arn:aws:cloudfront::{account}:distribution/*"]
    yield "DistributionTags", "cloudfront:TagResource", ["*"], untaken
    yield "Distributions", "cloudfront:DeleteDistribution UpdateDistribution UntagResource", distributions, tagged
    namespaces, services = (f"arn:aws:servicediscovery:{anywhere}:{kind}/*" for kind in ("namespace", "service"))
    yield (
        "Discovery",
        "servicediscovery:DeleteNamespace DeleteService UpdatePrivateDnsNamespace UpdateService",
        [namespaces, services],
        tagged,
    )
    yield "DiscoveryNew", "servicediscovery:CreateService", [namespaces, services], untaken
    firewall = f"arn:aws:wafv2:{anywhere}"
    acls = [f"{firewall}:{scope}/webacl/{name}/*" for scope in ("regional", "global") for name in (both, f"{both}-*")]
    balancer = f"arn:aws:elasticloadbalancing:{anywhere}:loadbalancer/app/{names.load_balancer}/*"
    yield from _extra_fences(settings, names)
    yield "Firewalls", "wafv2:*", [*acls, f"{firewall}:*/managedruleset/*/*", balancer], None


def _extra_fences(settings: Settings, names: Names) -> Iterable[Fence]:
    """Of types that only extras have: by names that begin as their stacks are called, and AWS's own default groups."""
    both, anywhere = names.auto_scaling_group, f"*:{names.account}"
    yield "Queues", "sqs:*", [f"arn:aws:sqs:{anywhere}:{both}-*"], None
    yield "Secrets", "secretsmanager:*", [f"arn:aws:secretsmanager:{anywhere}:secret:{both}-*"], None
    yield "Tables", "dynamodb:*", [f"arn:aws:dynamodb:{anywhere}:table/{both}-*"], None
    databases = [f"arn:aws:rds:{anywhere}:{kind}:{both}-*" for kind in ("db", "pg", "snapshot", "subgrp")]
    yield (
        "Databases",
        "rds:*",
        [*databases, *(f"arn:aws:rds:{anywhere}:{kind}:default*" for kind in ("og", "pg"))],
        None,
    )
    caches = [
        f"arn:aws:elasticache:{anywhere}:{kind}:{both}-*"
        for kind in ("cluster", "replicationgroup", "snapshot", "subnetgroup")
    ]
    yield "Caches", "elasticache:*", [*caches, f"arn:aws:elasticache:{anywhere}:parametergroup:default*"], None
    yield "Search", "es:*", [f"arn:aws:es:{anywhere}:domain/{both}-*"], None
    domain = settings.certificate.domain
    yield (
        "Mail",
        "ses:*",
        [f"arn:aws:ses:{anywhere}:identity/{name}" for name in (domain, f"*.{domain}")] if domain else [],
        None,
    )


def granted(settings: Settings, names: Names, types: Iterable[str]) -> list[Statement]:
    """The most that [access] can give: what grants name, on what extras of these types are called."""
    if not settings.access.granted:
        return []
    both, anywhere = names.auto_scaling_group, f"*:{names.account}"
    domain = settings.certificate.domain
    places = {
        "AWS::S3::Bucket": [f"arn:aws:s3:::{both}-extra-*"],
        "AWS::SQS::Queue": [f"arn:aws:sqs:{anywhere}:{both}-extra-*"],
        "AWS::SNS::Topic": [f"arn:aws:sns:{anywhere}:{both}-extra-*"],
        "AWS::DynamoDB::Table": [f"arn:aws:dynamodb:{anywhere}:table/{both}-extra-*"],
        "AWS::SecretsManager::Secret": [f"arn:aws:secretsmanager:{anywhere}:secret:{both}-extra-*"],
        "AWS::SES::EmailIdentity": [f"arn:aws:ses:{anywhere}:identity/{name}" for name in (domain, f"*.{domain}")],
        "AWS::OpenSearchService::Domain": [f"arn:aws:es:{anywhere}:domain/{both}-*"],
    }
    return [
        allow(f"Application{number}", (*GRANTS[kind][0], *GRANTS[kind][1]), [text(arn) for arn in places[kind]])
        for number, kind in enumerate(sorted(set(types) & set(places)), start=1)
    ]
