"""How late, how often and how much: the figures by which the embedded cloud is eventually consistent.

All seconds are service time, so that a cloud that runs twenty times as fast lags a twentieth as long: what a
client sees in proportion to its own waits is what it would see on AWS.  AWS publishes hardly any figure; where
there is none the row says whose experience it is.  A measurement on a real account replaces a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Lag:
    """Reads that match ``calls`` (``service.Action``, ``*`` for any) are late.

    ``share`` of them (0 to 1) is answered as of ``mean_s`` seconds ago, drawn from an exponential distribution that
    is cut at ``most_s``; each read is drawn anew, so that answers go back as well.
    """

    calls: str
    share: float
    mean_s: float
    most_s: float
    source: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What was made a moment ago and is not known everywhere: for ``mean_s`` seconds, exponential, ``most_s`` at most."""

    what: str
    mean_s: float
    most_s: float
    source: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that match ``calls`` take a token each; ``size`` tokens, ``refill`` new ones a second.

    ``each``: every action has a bucket of its own; else they share one.
    """

    calls: str
    size: float
    refill: float
    each: bool
    source: str


_EC2 = "EC2 developer guide, 'Eventual consistency in the Amazon EC2 API' (no figure)"
_STACKS = "aws/aws-cdk-cli#1803 and #1848: a DescribeStacks older than ExecuteChangeSet; boto/boto3#2327"
_NO_FIGURE = "no promise and no figure published; taken as CloudFormation's"

LAGS: tuple[Lag, ...] = (
    Lag("cloudformation.GetTemplate", 0.1, 1.0, 5.0, _STACKS),
    Lag("cloudformation.*", 0.3, 1.5, 8.0, _STACKS),
    Lag("autoscaling.*", 0.3, 1.0, 5.0, _NO_FIGURE),
    Lag("elbv2.*", 0.3, 1.0, 5.0, _NO_FIGURE),
    Lag("ec2.*", 0.3, 1.5, 10.0, _EC2),
    Lag("iam.*", 0.3, 3.0, 15.0, "IAM user guide, 'Changes that I make are not always immediately visible'"),
    Lag("ssm.ListCommandInvocations", 0.3, 1.0, 5.0, "aws/aws-cli#3546: an invocation that was sent is not listed yet"),
    Lag("ssm.GetCommandInvocation", 0.3, 1.0, 5.0, "the same"),
    Lag("ssm.Describe*", 0.3, 1.0, 4.0, "aws/aws-sdk-js#4349: DescribeParameters 'might take an extra second'"),
    Lag("ssm.Get*", 0.02, 0.5, 1.5, "aws/aws-cdk-cli#830: parameter reads late in about 1 % of AWS's own canaries"),
    Lag("ecr.*", 0.1, 0.5, 3.0, _NO_FIGURE),
)
"""The first row that matches a read holds.  S3, DynamoDB and STS stand in no row: S3 is strongly consistent since
December 2020 (S3 user guide, "Amazon S3 data consistency model"), and the lock is read with ConsistentRead."""

UNKNOWNS: tuple[Unknown, ...] = (
    Unknown("role", 3.0, 20.0, "hashicorp/terraform-provider-aws#22834; pulumi/pulumi-aws#2411 (about 2 s usually)"),
    Unknown(
        "instance", 1.5, 10.0, "EC2 error codes, InvalidInstanceID.NotFound; hashicorp/terraform-provider-aws#8029"
    ),
)

BUCKETS: tuple[Bucket, ...] = (
    Bucket("ec2.Describe*", 100, 20, True, "EC2 developer guide, 'Request throttling for the Amazon EC2 API'"),
    Bucket("ec2.*", 50, 5, True, "the same, mutating actions"),
    Bucket(
        "elbv2.Describe*", 40, 10, False, "Elastic Load Balancing user guide, 'Request throttling' (size published)"
    ),
    Bucket("elbv2.*", 40, 3, False, "the same, mutating actions"),
    Bucket("ssm.GetParameter*", 40, 40, False, "Systems Manager endpoints and quotas: 40 a second, shared"),
    Bucket("ssm.PutParameter", 3, 3, True, "the same: 3 a second"),
    Bucket("ssm.*", 40, 20, True, "no figure published"),
    Bucket("cloudformation.*", 40, 10, False, "no figure published"),
    Bucket("autoscaling.*", 100, 10, False, "no figure published"),
    Bucket("iam.*", 100, 20, False, "no figure published"),
)

BROKEN = {"strong": 0.0, "default": 0.001, "worst": 0.01}
"""The share of calls that fail: half before they are carried out, half after it."""

SHUFFLED = {
    "DescribeAutoScalingGroups": "Instances",
    "DescribeTargetHealth": "TargetHealthDescriptions",
    "ListCommandInvocations": "CommandInvocations",
    "GetParameters": "Parameters",
}
"""Lists whose order AWS does not promise, by action."""

SPLIT = {
    "DescribeStackEvents": "StackEvents",
    "DescribeEvents": "OperationEvents",
    "ListStackResources": "StackResourceSummaries",
    "ListCommandInvocations": "CommandInvocations",
    "DescribeParameters": "Parameters",
    "GetParametersByPath": "Parameters",
    "DescribeInstanceInformation": "InstanceInformationList",
}
"""Lists whose first page may end early, and whose next page may say its last item again, by action."""

SPLIT_SHARE = 0.2
"""How many of the lists in :data:`SPLIT` and :data:`SHUFFLED` are treated so (0 to 1)."""

BEFORE_CREATION: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "cloudformation.CreateChangeSet": (
        ("DescribeStacks", ("StackName",)),
        ("DescribeChangeSet", ("StackName", "ChangeSetName")),
        ("DescribeStackEvents", ("StackName",)),
        ("DescribeEvents", ("StackName",)),
    ),
    "ssm.PutParameter": (("GetParameter", ("Name",)),),
}
"""Reads of what a call makes: an answer to them is kept from before it, for nobody may have asked yet."""


def lag_of(name: str) -> Lag | None:
    """The row for a read ``service.Action``."""
    return next((row for row in LAGS if fnmatchcase(name, row.calls)), None)


def bucket_of(name: str) -> Bucket | None:
    """The row for a call ``service.Action``."""
    return next((row for row in BUCKETS if fnmatchcase(name, row.calls)), None)
