"""What AWS's services say of names in the prose of their pages, and no resource schema says.

One row is a rule: of which resource type's property, the page, what the name must or must not be, and names that are
taken and refused.  Settings are checked by it, and the embedded CloudFormation refuses by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NameRule:
    """``must`` has to match the whole name, ``must_not`` nowhere in it; ``message`` is what the service answers.

    ``page`` is of docs.aws.amazon.com.  ``good`` and ``bad`` are names for the test that walks the table.
    """

    type: str
    property: str
    page: str
    message: str
    must: str = ""
    must_not: str = ""
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()

    def refuses(self, name: str) -> bool:
        """Whether the service refuses ``name``."""
        return bool(self.must and not re.fullmatch(self.must, name)) or bool(
            self.must_not and re.search(self.must_not, name)
        )


_LB = "elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"
_TG = "elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"
_S3 = "AmazonS3/latest/userguide/bucketnamingrules.html"
_BALANCER, _GROUP, _BUCKET = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::S3::Bucket",
)
_LETTERS = "The {what} name '{{name}}' can only contain characters that are alphanumeric characters and hyphens(-)"
_ENDS = "The {what} name '{{name}}' cannot begin or end with a hyphen(-)"
_LONG = "The {what} name '{{name}}' cannot be longer than '32' characters"

NAME_RULES: tuple[NameRule, ...] = (
    NameRule(_BALANCER, "Name", _LB, _LONG.format(what="load balancer"), ".{1,32}", good=("a" * 32,), bad=("a" * 33,)),
    NameRule(
        _BALANCER,
        "Name",
        _LB,
        _LETTERS.format(what="load balancer"),
        "[A-Za-z0-9-]+",
        good=("web-1",),
        bad=("b_c", "a.b", "a b"),
    ),
    NameRule(
        _BALANCER,
        "Name",
        _LB,
        _ENDS.format(what="load balancer"),
        must_not="^-|-$",
        good=("a-b",),
        bad=("ends-", "-begins"),
    ),
    NameRule(
        _BALANCER,
        "Name",
        _LB,
        "The load balancer name '{name}' cannot begin with 'internal-'",
        must_not="^internal-",
        good=("internal", "an-internal-one"),
        bad=("internal-tools",),
    ),
    NameRule(_GROUP, "Name", _TG, _LONG.format(what="target group"), ".{1,32}", good=("a" * 32,), bad=("a" * 33,)),
    NameRule(
        _GROUP, "Name", _TG, _LETTERS.format(what="target group"), "[A-Za-z0-9-]+", good=("web-1",), bad=("b_c", "a.b")
    ),
    NameRule(
        _GROUP, "Name", _TG, _ENDS.format(what="target group"), must_not="^-|-$", good=("a-b",), bad=("ends-", "-x")
    ),
    NameRule(
        "AWS::EC2::SecurityGroup",
        "GroupName",
        "AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
        "Invalid value '{name}' for groupName. Group names may not be in the format sg-*.",
        must_not="^sg-",
        good=("web-sg", "sg_web"),
        bad=("sg-mine", "sg-0123456789abcdef0"),
    ),
    NameRule(
        "AWS::EC2::SecurityGroup",
        "GroupName",
        "AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
        "Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.",
        r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}",
        good=("a b",),
        bad=("ü", "a" * 256),
    ),
    NameRule(
        _BUCKET,
        "BucketName",
        _S3,
        "The specified bucket is not valid.",
        must_not=r"\.\.|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)\Z|^\d+\.\d+\.\d+\.\d+\Z",
        good=("a.b", "my-bucket", "192.168.5", "an-xn--one"),
        bad=("a..b", "xn--mine", "192.168.5.4", "mine-s3alias", "mine--ol-s3", "sthree-a"),
    ),
    NameRule(
        _BUCKET,
        "BucketName",
        _S3,
        "The specified bucket is not valid.",
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        good=("abc",),
        bad=("ab", "Abc", "a_b", "a" * 64, "abc-"),
    ),
    NameRule(
        "AWS::SSM::Document",
        "Name",
        "systems-manager/latest/APIReference/API_CreateDocument.html",
        "Invalid document name {name}",
        must_not="(?i)^(aws|amazon|amzn|awsec2|awsconfigremediation|awssupport)",
        good=("my-document", "an-aws-one"),
        bad=("aws-mine", "AWS-Mine", "amazon-x", "amzn-x"),
    ),
    NameRule(
        "AWS::SSM::Parameter",
        "Name",
        "systems-manager/latest/APIReference/API_PutParameter.html",
        'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
        must_not="(?i)^/?(aws|ssm)",
        good=("/mine/aws", "mine", "/a/ssm"),
        bad=("/aws/mine", "/ssm-mine/x", "AWSmine", "/awsome/x", "ssm"),
    ),
    NameRule(
        "AWS::ECR::Repository",
        "RepositoryName",
        "AmazonECR/latest/APIReference/API_CreateRepository.html",
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression "
        "'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
        r"(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*",
        good=("team/app", "a-b"),
        bad=("a--b", "-a", "A", "a/", "a"),
    ),
    NameRule(
        "AWS::Logs::LogGroup",
        "LogGroupName",
        "AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
        "Log groups starting with aws/ are reserved for AWS.",
        must_not="^aws/",
        good=("/aws/ec2/x", "mine"),
        bad=("aws/mine",),
    ),
    NameRule(
        "AWS::Events::Rule",
        "Name",
        "eventbridge/latest/APIReference/API_PutRule.html",
        "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
        r"[.\-_A-Za-z0-9]{1,64}",
        good=("a.b_c-d",),
        bad=("a b", "a/b", "a" * 65),
    ),
    NameRule(
        "AWS::CloudTrail::Trail",
        "TrailName",
        "awscloudtrail/latest/APIReference/API_CreateTrail.html",
        "Trail name must be 3 to 128 letters, numbers, periods, underscores and hyphens, begin with a letter or number, "
        "end with one, and have no two of the signs together.",
        r"(?!\d+\.\d+\.\d+\.\d+$)(?=.{3,128}$)[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*",
        good=("my-trail", "a_b"),
        bad=("my-_trail", "ab", "192.168.5.4", "a--b", "-ab"),
    ),
    NameRule(
        "AWS::KMS::Alias",
        "AliasName",
        "kms/latest/APIReference/API_CreateAlias.html",
        "Alias names that begin with alias/aws/ are reserved.",
        must_not="^(?!alias/)|^alias/aws/",
        good=("alias/mine", "alias/awsome"),
        bad=("mine", "alias/aws/mine"),
    ),
    NameRule(
        "AWS::DynamoDB::Table",
        "TableName",
        "amazondynamodb/latest/APIReference/API_CreateTable.html",
        "TableName must be at least 3 characters long and at most 255 characters long",
        r"[A-Za-z0-9_.-]{3,255}",
        good=("a_b",),
        bad=("ab", "a b"),
    ),
    NameRule(
        "AWS::AutoScaling::AutoScalingGroup",
        "AutoScalingGroupName",
        "autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html",
        "Auto Scaling group names can have at most 255 printable ASCII characters, and no colon.",
        r"[^:\x00-\x1f\x7f-\uffff]{1,255}",
        good=("a b/c",),
        bad=("a:b", "ü"),
    ),
    NameRule(
        "AWS::Budgets::Budget",
        "Budget.BudgetName",
        "aws-cost-management/latest/APIReference/API_budgets_Budget.html",
        "A budget's name has no colon and no backslash.",
        r"(?!.*(?i:/action/))[^:\\]{1,100}",
        good=("a/b",),
        bad=("a:b", "a\\b"),
    ),
)

DOCUMENTED_TAGS = "tag-editor/latest/userguide/tagging.html"
MOST_TAGS = 50


def refusal(resource_type: str, prop: str, name: str) -> str:
    """What a service says of ``name``; empty where it takes it."""
    for rule in NAME_RULES:
        if (rule.type, rule.property) == (resource_type, prop) and rule.refuses(name):
            return rule.message.format(name=name) if "{name}" in rule.message else rule.message
    return ""


def properties_of(resource_type: str) -> frozenset[str]:
    """The properties of a type that rules speak of; a dot goes into an object."""
    return frozenset(rule.property for rule in NAME_RULES if rule.type == resource_type)


def tags_refusal(keys: Iterable[str]) -> str:
    """What AWS says of the keys of a resource's tags; empty where it takes them."""
    given = list(keys)
    reserved = [key for key in given if key.lower().startswith("aws:")]
    if reserved:
        return "aws: prefixed tag key names are not allowed for external use."
    if len(given) > MOST_TAGS:
        return f"A resource can have at most {MOST_TAGS} tags, and this has {len(given)}."
    twice = next((key for key in given if given.count(key) > 1), "")
    return f"Duplicate tag keys found. Please note that Tag keys are case insensitive: {twice}" if twice else ""
