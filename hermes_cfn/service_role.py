"""What CloudFormation may do for one environment, from what AWS's own handlers call.

``service_role.csv`` has a row for each resource type that the stacks can hold and each action that
its handlers name (``handlers.*.permissions`` of the resource schemas), granted or with the reason
why not; a test compares it with the schemas.  Additions that the schemas do not name stand in
:data:`ADDITIONS`, each with its source.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ADDITIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AWS::EC2::LaunchTemplate": (
        ("ec2:DescribeLaunchTemplateVersions", "GetAtt LatestVersionNumber (Service Authorization Reference, EC2)"),
    ),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": tuple(
        (f"elasticloadbalancing:{action}", "what the API of listeners offers for it (ELB API reference)")
        for action in ("AddListenerCertificates", "DescribeListenerCertificates", "RemoveListenerCertificates")
    ),
    "AWS::AutoScaling::AutoScalingGroup": (("ec2:CreateTags", "the group tags what it launches (same page)"),),
    "AWS::OpenSearchService::Domain": (
        ("es:UpdateDomainConfig", "what UpdateDomain is called in IAM (Service Authorization Reference, OpenSearch)"),
        ("iam:CreateServiceLinkedRole", "the first domain in a VPC of an account (OpenSearch developer guide)"),
    ),
    "AWS::CloudFront::Distribution": (
        ("iam:CreateServiceLinkedRole", "the first distribution of an account (CloudFront developer guide)"),
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An action that the handlers of a type name; ``extra``: granted where an extra has the type, for ours do not use it."""

    type: str
    action: str
    granted: bool
    reason: str
    extra: bool = False


@cache
def rows() -> tuple[Row, ...]:
    """The table, in the order of the file."""
    text = files("hermes_cfn").joinpath("service_role.csv").read_text(encoding="utf-8")
    return tuple(
        Row(row["type"], row["action"], row["granted"] == "yes", row["reason"], row["granted"] == "extra")
        for row in csv.DictReader(text.splitlines())
    )


EXTRA_TYPES = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::DynamoDB::Table",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBInstance",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SES::EmailIdentity",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::Secret",
        "AWS::SecretsManager::SecretTargetAttachment",
    }
)
"""What an extra may hold: each has its rows here, and a fence by name or tag in ``stacks/fences.py``."""


REFUSED_PROPERTIES: Mapping[str, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "AWS::S3::Bucket": "AccelerateConfiguration AccessControl AnalyticsConfigurations InventoryConfigurations "
        "IntelligentTieringConfigurations MetadataConfiguration MetadataTableConfiguration MetricsConfigurations "
        "ObjectLockConfiguration ObjectLockEnabled ReplicationConfiguration WebsiteConfiguration",
        "AWS::RDS::DBInstance": "AssociatedRoles KmsKeyId MonitoringRoleArn ManageMasterUserPassword "
        "SourceDBInstanceIdentifier SourceDBClusterIdentifier AutomaticBackupReplicationRegion",
        "AWS::ElastiCache::ReplicationGroup": "KmsKeyId LogDeliveryConfigurations SnapshotArns GlobalReplicationGroupId",
        "AWS::DynamoDB::Table": "ImportSourceSpecification KinesisStreamSpecification",
        "AWS::SecretsManager::Secret": "KmsKeyId ReplicaRegions",
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::OpenSearchService::Domain": "LogPublishingOptions CognitoOptions",
    }.items()
}
"""Properties that need rights which nobody here has: a role, a key, another region, a place for logs."""


def actions(types: Iterable[str], of_extras: Iterable[str] = ()) -> tuple[str, ...]:
    """Every action that is granted for stacks with resources of these types, sorted; ``of_extras`` are those of extras."""
    theirs = set(of_extras)
    wanted = set(types) | theirs
    found = {row.action for row in rows() if row.granted and row.type in wanted}
    found |= {row.action for row in rows() if row.extra and row.type in theirs}
    found |= {action for kind in wanted for action, _ in ADDITIONS.get(kind, ())}
    wild = {action[:-1] for action in found if action.endswith("*")}
    return tuple(
        sorted(action for action in found if action.endswith("*") or not action.startswith(tuple(wild or {" "})))
    )


CONTENT = frozenset({"ssm:GetParameters", "ssm:GetDocument", "secretsmanager:GetSecretValue"})
"""Reads of what somebody wrote there."""


def reads(action: str) -> bool:
    """Whether it only looks; most such actions have no resource that a policy could name.

    What a parameter or a document holds is no look: those are read by their names.
    """
    return action.split(":")[1].startswith(("Describe", "Get", "List", "View")) and action not in CONTENT


def known_types() -> frozenset[str]:
    """The resource types of the table."""
    return frozenset(row.type for row in rows())
