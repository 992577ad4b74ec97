"""Who may do what on what, and why: role × action × resource × reason, as a table.

``stacks`` render policies from it, ``docs/permissions.md`` is made from it, and the tests compare it
with the calls that a full life makes.  A resource is named, and ``places`` spells it; ``*`` stands
where AWS has no narrower resource for the action (Service Authorization Reference), and the reason
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hermes_cfn.config import Settings
from hermes_cfn.names import Names

Condition = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True, eq=False)
class Permission:
    """``actions`` on the resources called ``on``; ``when`` says for which settings it is needed at all."""

    actions: tuple[str, ...]
    on: tuple[str, ...]
    reason: str
    condition: Condition = field(default_factory=dict)
    when: Callable[[Settings], bool] | None = None

    def needed(self, settings: Settings) -> bool:
        return self.when is None or self.when(settings)

    def filled(self, settings: Settings) -> dict[str, dict[str, object]]:
        """The condition for these settings; the table spells region, account, names and paths in braces."""
        names = Names.of(settings)
        words = {
            "{region}": names.region,
            "{account}": names.account,
            "{secrets_path}": names.secrets_path,
            "{application}": names.application,
            "{environment}": names.environment,
        }

        def fill(value: object) -> object:
            if isinstance(value, list | tuple):
                return [fill(item) for item in value]
            if isinstance(value, str):
                for word, meaning in words.items():
                    value = value.replace(word, meaning)
            return value

        return {test: {key: fill(value) for key, value in tests.items()} for test, tests in self.condition.items()}

    def carried(self, settings: Settings) -> dict[str, tuple[str, ...]]:
        """Condition keys, and their values, of a request that meets the condition for these settings.

        A ``*`` stands for itself; a test for ``Null`` only says that a key is there, so another test has its values.
        """
        found: dict[str, tuple[str, ...]] = {}
        for test, keys in self.filled(settings).items():
            if test != "Null":
                for key, value in keys.items():
                    found[key] = tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
        return found


def may(
    actions: str,
    on: str,
    reason: str,
    condition: Condition | None = None,
    when: Callable[[Settings], bool] | None = None,
) -> Permission:
    """``actions`` and ``on`` are words with blanks between."""
    return Permission(tuple(actions.split()), tuple(on.split()), reason, condition or {}, when)


OWN_ROW: Condition = {
    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["{environment}"]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}
"""The lock's table is the account's; each environment has one row of it."""


def _scaled(settings: Settings) -> bool:
    return settings.scaling.on


def _clustered(settings: Settings) -> bool:
    return settings.service.cluster


def _accessing(settings: Settings) -> bool:
    return bool(settings.access.granted)


def _tagged(suffix: str = "") -> Condition:
    tags = {
        "aws:ResourceTag/hermes:application": "{application}",
        "aws:ResourceTag/hermes:environment": "{environment}",
    }
    return {f"StringEquals{suffix}": tags}


TAGGED = _tagged()
"""On what carries this environment's tags."""

UNTAKEN = _tagged("IfExists")
"""On what carries this environment's tags, or none at all."""

IMPORTED = ("AWS::EC2::EIP", "AWS::S3::Bucket")
"""Types of resources that outlive their stack, and come back into it: flows/adoption.py, and buckets by their name."""

INSTANCE: tuple[Permission, ...] = (
    may("ssm:GetParameter", "goal stable", "reads its release"),
    may("ssm:GetParameter", "secrets", "fetches secrets at the version that the release names"),
    may(
        "kms:Decrypt",
        "ssm-key",
        "SecureString parameters are encrypted with a key; only through Systems Manager, only our parameters",
        {
            "StringLike": {
                "kms:EncryptionContext:PARAMETER_ARN": "arn:aws:ssm:{region}:{account}:parameter{secrets_path}/*"
            },
            "StringEquals": {"kms:ViaService": "ssm.{region}.amazonaws.com"},
        },
    ),
    may("ssm:PutParameter", "reports", "tells which release it runs"),
    may("ecr:GetAuthorizationToken", "*", "logs in to the registry; the action has no resource"),
    may(
        "ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "repositories",
        "pulls images, those of the file's other environments too, which are promoted by digest",
    ),
    may(
        "autoscaling:CompleteLifecycleAction autoscaling:ExitStandby autoscaling:SetInstanceHealth",
        "group",
        "ends its launch, comes back by itself when nobody confirms, reports itself unhealthy",
    ),
    may(
        "autoscaling:DescribeAutoScalingInstances autoscaling:DescribeAutoScalingGroups",
        "*",
        "asks whether it is in standby, and whether processes are suspended; the actions have no resource",
    ),
    may(
        "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel "
        "ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel ec2messages:AcknowledgeMessage "
        "ec2messages:DeleteMessage ec2messages:FailMessage ec2messages:GetEndpoint ec2messages:GetMessages "
        "ec2messages:SendReply",
        "*",
        "the agent of Systems Manager; AWS has no narrower resource for its channels",
    ),
    may(
        "ssm:UpdateInstanceInformation",
        "*",
        "the agent tells that it is there; the instance's id is AWS's, and none with another environment's tags is meant",
        {
            "StringEqualsIfExists": {
                f"{key}/hermes:{tag}": f"{{{tag}}}"
                for key in ("aws:ResourceTag", "ssm:resourceTag")
                for tag in ("application", "environment")
            }
        },
    ),
    may("logs:CreateLogStream logs:PutLogEvents logs:DescribeLogStreams", "log-group", "writes application logs"),
    may(
        "cloudwatch:PutMetricData",
        "*",
        "memory, disk and suspended processes; the action has no resource, the condition names the namespace",
        {"StringEquals": {"cloudwatch:namespace": "CWAgent"}},
    ),
    may(
        "ec2:DescribeTags",
        "*",
        "the CloudWatch agent reads the name of its group; the action has no resource",
    ),
    may("ssm:GetParameter", "cluster-parameter", "learns where to register its address", when=_clustered),
    may(
        "servicediscovery:RegisterInstance servicediscovery:DeregisterInstance",
        "cluster",
        "gives itself the name under which the others find it; the service's id is not known beforehand, its tags are",
        TAGGED,
        when=_clustered,
    ),
    may(
        "ssm:GetParameter",
        "access-parameter",
        "fetches the program that hands the application's credentials to the containers",
        when=_accessing,
    ),
    may("sts:AssumeRole", "application-role", "and only that role, whose rights [access] says", when=_accessing),
)

_S3_OBJECTS = ("{}", "{}/*")
GRANTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]] = {
    "AWS::S3::Bucket": (
        ("s3:ListBucket", "s3:GetObject"),
        ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
        _S3_OBJECTS,
        "arn:aws:s3:::@",
    ),
    "AWS::SQS::Queue": (
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"),
        ("sqs:SendMessage",),
        ("{}",),
        "",
    ),
    "AWS::SNS::Topic": ((), ("sns:Publish",), ("{}",), "@"),
    "AWS::DynamoDB::Table": (
        ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:DescribeTable"),
        ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"),
        ("{}", "{}/index/*"),
        "",
    ),
    "AWS::SecretsManager::Secret": (
        ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
        (),
        ("{}",),
        "@",
    ),
    "AWS::SES::EmailIdentity": (
        (),
        ("ses:SendEmail", "ses:SendRawEmail"),
        ("{}",),
        "arn:aws:ses:${AWS::Region}:${AWS::AccountId}:identity/@",
    ),
    "AWS::OpenSearchService::Domain": (
        ("es:ESHttpGet", "es:ESHttpHead"),
        ("es:ESHttpPost", "es:ESHttpPut", "es:ESHttpPatch", "es:ESHttpDelete"),
        ("{}/*",),
        "",
    ),
}
"""Type -> actions of who reads, actions more of who writes, resources made of its ARN, and its ARN made of what Ref gives (@)."""

_OURS: Condition = {
    "StringEquals": {
        "ssm:resourceTag/hermes:application": "{application}",
        "ssm:resourceTag/hermes:environment": "{environment}",
    }
}

OBSERVE: tuple[Permission, ...] = (
    may("cloudformation:DescribeStacks", "stacks foundation", "sees what is deployed"),
    may("autoscaling:DescribeAutoScalingGroups", "*", "sees the fleet; the action has no resource"),
    may(
        "elasticloadbalancing:DescribeTargetHealth",
        "*",
        "sees which instance takes requests; the action has no resource",
    ),
    may("ec2:DescribeInstances ec2:DescribeImages", "*", "sees machines and their image; the actions have no resource"),
    may("ssm:GetParameter", "goal stable", "sees which release is wanted"),
    may("ssm:GetParametersByPath", "reports-path reports", "reads all instances' reports at once"),
    may(
        "ssm:DescribeParameters",
        "*",
        "knows version and author of each secret, never a value; the action has no resource",
    ),
    may("cloudwatch:DescribeAlarms", "*", "stops a rollout on an alarm; listing has no resource"),
    may("ecr:DescribeImages ecr:DescribeRepositories", "repositories", "knows tags and digests"),
    may("dynamodb:GetItem", "lock", "sees who works; its own environment's row alone", OWN_ROW),
    may("s3:GetObject", "release-objects", "reads releases that were made"),
    may("s3:ListBucket", "artifacts", "lists releases that were made"),
    may(
        "acm:DescribeCertificate",
        "*",
        "how long the certificate lasts, and the records that it waits for; its id is AWS's",
    ),
    may("ce:GetCostAndUsage", "*", "status shows what the month has cost; the action has no resource"),
    may("iam:SimulatePrincipalPolicy", "roles", "whoami tells what one may do"),
)
"""What status shows, to every role."""

_LEFT = may(
    "cloudformation:ListStacks",
    "*",
    "finds stacks of extras whose file is gone, the last one's too; the action has no resource",
)

_TEMPLATES = may(
    "cloudformation:GetTemplate", "stacks foundation", "plan compares with the templates that are deployed"
)
_COMMANDS = (
    may(
        "ssm:ListCommandInvocations ssm:GetCommandInvocation",
        "*",
        "sees what documents did; the actions have no resource",
    ),
    may("ssm:GetParameters", "reports", "reads the reports of some, ten a call"),
    may("ssm:DescribeDocument", "documents", "calls documents at an explicit version"),
    may("ec2:DescribeInstanceStatus", "*", "sees whether machines still run; the action has no resource"),
)
_LOGS = may("logs:FilterLogEvents", "log-group", "reads the application's logs")
_LIMITS = may("ec2:DescribeAddresses servicequotas:GetServiceQuota", "*", "checks limits; the actions have no resource")
_ARCHITECTURES = may(
    "ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
    "repositories",
    "reads an image's manifest and its configuration: its architectures, and to tag it",
)

NO_SECRETS: Condition = {"StringLike": {"kms:ViaService": "ssm.*.amazonaws.com"}}
"""Denied to every role of people and pipelines: AWS's own key for parameters lets anybody in the account decrypt."""

_LOCK = may(
    "dynamodb:UpdateItem", "lock", "takes, renews and gives back the lock; its own environment's row alone", OWN_ROW
)

_BALANCER = may(
    "elasticloadbalancing:DescribeLoadBalancers", "*", "asks through the load balancer; the action has no resource"
)
_TAG = may(
    "ce:ListCostAllocationTags",
    "*",
    "sees whether the budget can be narrowed to the environment's tag; the action has no resource",
    when=lambda settings: settings.budget.waits_for_tag,
)
_PLACE = (
    may("ec2:DescribeInstanceTypeOfferings", "*", "sees whether the zones have the type; the action has no resource"),
    may(
        "ec2:DescribeKeyPairs",
        "*",
        "sees whether there is the key pair; the action has no resource",
        when=lambda settings: bool(settings.compute.key_name),
    ),
    _TAG,
)
_EXISTING = (
    may(
        "ec2:DescribeVpcs ec2:DescribeSubnets ec2:DescribeRouteTables",
        "*",
        "sees whether the existing network is there and leads out; the actions have no resource",
        when=lambda settings: bool(settings.network.vpc_id),
    ),
    may(
        "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeLoadBalancers",
        "*",
        "sees whether the listener that is shared is there, and which priorities are taken; the actions have no resource",
        when=lambda settings: not settings.own_balancer,
    ),
    may(
        "cloudformation:ListStackResources",
        "stacks",
        "tells its own rules on the listener from those of others",
        when=lambda settings: not settings.own_balancer,
    ),
    may(
        "cloudformation:DescribeStacks",
        "shared-stacks",
        "reads which network and load balancer the environment has that is shared; no parameter and no secret of it",
        when=lambda settings: bool(settings.environment.shares),
    ),
)
_CHECKS = (
    _LIMITS,
    may("ec2:DescribeNatGateways", "*", "checks limits; the action has no resource"),
    *_PLACE,
    may("iam:GetRole", "made-roles", "sees whether a role that a stack would create is there already"),
    may("ssm:GetParameter", "machine-images", "finds the newest machine image"),
    may(
        "route53:ListResourceRecordSets",
        "zones",
        "sees whether a name has a record already",
        when=lambda settings: settings.edge.dns != "manual" or bool(settings.worldwide.assets_domain),
    ),
    may(
        "s3:ListBucket",
        "assets",
        "sees whose the bucket is, and which assets are not there yet",
        when=lambda settings: settings.edge.assets,
    ),
)

_POLICIES = may(
    "autoscaling:DescribePolicies",
    "*",
    "sees whether the group may shrink; the action has no resource",
    when=_scaled,
)
_ROOM = may(
    "autoscaling:UpdateAutoScalingGroup",
    "group",
    "makes room for a rollout; no other launch template version",
    {"BoolIfExists": {"autoscaling:LaunchTemplateVersionSpecified": "false"}},
    when=_scaled,
)
_SCALING = may(
    "autoscaling:PutScalingPolicy",
    "group",
    "holds back policies that would shrink the group while it is rolled",
    when=_scaled,
)
_SCHEDULE = may(
    "autoscaling:SuspendProcesses autoscaling:ResumeProcesses autoscaling:CreateOrUpdateTags autoscaling:DeleteTags",
    "group",
    "a schedule does not wake what sleeps",
    when=_scaled,
)

PLAN: tuple[Permission, ...] = (*OBSERVE, _LEFT, _TEMPLATES, _ARCHITECTURES, *_CHECKS, *_EXISTING, _POLICIES)

ROLLING: tuple[Permission, ...] = (
    _TEMPLATES,
    *_COMMANDS,
    _LOCK,
    _BALANCER,
    may("ssm:SendCommand", "documents", "sends our documents; instances are a statement of their own"),
    may(
        "ssm:SendCommand",
        "instances",
        "only to instances of this application and environment; a tag condition over both would deny everything",
        _OURS,
    ),
    may("ssm:PutParameter", "goal stable", "names the release"),
    may(
        "autoscaling:EnterStandby autoscaling:ExitStandby autoscaling:SuspendProcesses autoscaling:ResumeProcesses "
        "autoscaling:SetDesiredCapacity autoscaling:TerminateInstanceInAutoScalingGroup "
        "autoscaling:CreateOrUpdateTags autoscaling:DeleteTags",
        "group",
        "takes instances out of service and back, starts one more, and marks the group",
    ),
    may(
        "elasticloadbalancing:RegisterTargets",
        "target-group",
        "brings an instance back that somebody deregistered by hand",
    ),
    _ARCHITECTURES,
    may("ecr:PutImage", "repository", "marks the image as released"),
    may(
        "ecr:BatchDeleteImage",
        "repository",
        "prunes releases; never stable, goal or the previous one, and nothing where another environment may run it",
        when=lambda settings: settings.alone,
    ),
    may("s3:PutObject", "release-objects", "keeps the release"),
)
"""What brings a release to the fleet."""

RELEASE: tuple[Permission, ...] = (
    *OBSERVE,
    _LEFT,
    *ROLLING,
    *_CHECKS,
    _LOGS,
    may("ecr:GetAuthorizationToken", "*", "logs in to the registry; the action has no resource"),
    may(
        "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload "
        "ecr:GetDownloadUrlForLayer",
        "repository",
        "pushes the image",
    ),
    may("s3:PutObject", "asset-objects", "publishes static assets", when=lambda settings: settings.edge.assets),
    may(
        "cloudfront:CreateInvalidation",
        "distributions",
        "CloudFront forgets what has changed under its name; the id is AWS's, the tags are ours",
        TAGGED,
        when=lambda settings: settings.worldwide.cloudfront,
    ),
    *_EXISTING,
    _POLICIES,
    _ROOM,
    _SCALING,
)

INFRASTRUCTURE: tuple[Permission, ...] = (
    *OBSERVE,
    _LEFT,
    *ROLLING,
    *_CHECKS,
    may(
        "cloudformation:DescribeStackEvents cloudformation:DescribeChangeSet cloudformation:DescribeEvents "
        "cloudformation:ListStackResources",
        "stacks",
        "follows what it changes",
    ),
    may(
        "cloudformation:CreateChangeSet",
        "stacks",
        "changes stacks through change sets; imports what an environment keeps when it is destroyed, and nothing else",
        {"ForAllValues:StringEquals": {"cloudformation:ImportResourceTypes": list(IMPORTED)}},
    ),
    may(
        "cloudformation:ExecuteChangeSet cloudformation:DeleteChangeSet "
        "cloudformation:DeleteStack cloudformation:CancelUpdateStack cloudformation:ContinueUpdateRollback "
        "cloudformation:RollbackStack cloudformation:UpdateTerminationProtection cloudformation:TagResource",
        "stacks",
        "changes stacks through change sets; never foundation",
    ),
    may(
        "iam:PassRole",
        "service-role",
        "CloudFormation works with the service role",
        {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
    ),
    may("ec2:DescribeSecurityGroups", "*", "finds the default security group of the VPC; the action has no resource"),
    may(
        "ec2:RevokeSecurityGroupIngress ec2:RevokeSecurityGroupEgress",
        "security-groups",
        "closes the VPC's default security group, which has no tag of ours to bind to; none that has another's tags",
        UNTAKEN,
    ),
    may(
        "s3:PutObject s3:GetObject s3:GetObjectVersion",
        "template-objects",
        "templates beyond 51,200 bytes go through the bucket, where CloudFormation reads that very version with the caller's rights",
    ),
    may(
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "load-balancer",
        "destroy takes the protection away where it is told to, and deploy where a first creation failed",
    ),
    may(
        "acm:ListCertificates",
        "*",
        "finds the certificate that is being made, to tell its DNS records; the action has no resource",
    ),
    may("s3:ListBucketVersions", "buckets", "destroy empties the environment's buckets where it is told to"),
    may("s3:DeleteObjectVersion", "bucket-objects", "destroy empties the environment's buckets where it is told to"),
    *_EXISTING,
    _POLICIES,
    _ROOM,
    _SCALING,
)

DRIFT: tuple[Permission, ...] = (
    may(
        "cloudformation:DetectStackDrift cloudformation:DetectStackResourceDrift "
        "cloudformation:DescribeStackResourceDrifts",
        "stacks foundation",
        "doctor --drift",
    ),
    may("cloudformation:DescribeStackDriftDetectionStatus", "*", "doctor --drift; the action has no resource"),
)

_NO_NAME = "drift is read with the rights of who detects it; the actions have no resource, or one with an id of AWS's"
_NAMED = "drift is read with the rights of who detects it"

DRIFT_READS: tuple[Permission, ...] = (
    may(
        "ec2:DescribeAddresses ec2:DescribeEgressOnlyInternetGateways ec2:DescribeFlowLogs ec2:DescribeInternetGateways "
        "ec2:DescribeLaunchTemplates ec2:DescribeNatGateways ec2:DescribeNetworkAcls ec2:DescribeRouteTables "
        "ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeTags "
        "ec2:DescribeVpcAttribute ec2:DescribeVpcEndpoints ec2:DescribeVpcs autoscaling:Describe*",
        "*",
        _NO_NAME,
    ),
    may(
        "elasticloadbalancing:DescribeListenerAttributes elasticloadbalancing:DescribeListeners "
        "elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeLoadBalancers "
        "elasticloadbalancing:DescribeTags elasticloadbalancing:DescribeTargetGroupAttributes "
        "elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth "
        "elasticloadbalancing:GetLoadBalancerWebACL acm:DescribeCertificate acm:ListTagsForCertificate "
        "wafv2:GetWebACL wafv2:GetWebACLForResource wafv2:ListTagsForResource "
        "servicediscovery:GetNamespace servicediscovery:GetService servicediscovery:ListTagsForResource",
        "*",
        _NO_NAME,
    ),
    may(
        "cloudfront:GetDistribution cloudfront:GetDistributionConfig cloudfront:GetOriginAccessControl "
        "cloudfront:GetResponseHeadersPolicy cloudfront:ListTagsForResource route53:GetHostedZone "
        "route53:ListHostedZones route53:ListResourceRecordSets cloudwatch:DescribeAlarms cloudwatch:GetDashboard "
        "cloudwatch:ListTagsForResource events:DescribeRule events:ListTagsForResource events:ListTargetsByRule "
        "sns:GetSubscriptionAttributes sns:GetTopicAttributes sns:ListSubscriptionsByTopic sns:ListTagsForResource "
        "logs:DescribeLogGroups logs:DescribeResourcePolicies logs:ListTagsForResource cloudtrail:DescribeTrails "
        "cloudtrail:GetEventSelectors cloudtrail:GetTrail cloudtrail:GetTrailStatus cloudtrail:ListTags",
        "*",
        _NO_NAME,
    ),
    may("iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies", "all-roles", _NAMED),
    may(
        "iam:GetInstanceProfile iam:GetOpenIDConnectProvider iam:GetPolicy iam:GetPolicyVersion "
        "iam:ListEntitiesForPolicy",
        "identities",
        _NAMED,
    ),
    may(
        "s3:GetBucketOwnershipControls s3:GetBucketPolicy s3:GetBucketPublicAccessBlock s3:GetBucketTagging "
        "s3:GetBucketVersioning s3:GetEncryptionConfiguration s3:GetLifecycleConfiguration s3:ListBucket",
        "buckets artifacts",
        _NAMED,
    ),
    may(
        "ecr:DescribeRepositories ecr:GetLifecyclePolicy ecr:GetRepositoryPolicy ecr:ListTagsForResource",
        "repositories",
        _NAMED,
    ),
    may(
        "dynamodb:DescribeContinuousBackups dynamodb:DescribeContributorInsights "
        "dynamodb:DescribeKinesisStreamingDestination dynamodb:DescribeTable dynamodb:DescribeTimeToLive "
        "dynamodb:GetResourcePolicy dynamodb:ListTagsOfResource",
        "lock",
        _NAMED,
    ),
    may("ssm:GetParameters ssm:ListTagsForResource", "cluster-parameter", _NAMED, when=_clustered),
)
"""What AWS's handlers call to read a resource of ours in which AWS detects drift.

"Read permission for each resource that supports drift detection included in the stack" (CloudFormation user guide,
"Considerations when detecting drift"); a test compares with the schemas' ``handlers.read.permissions``.
"""

OPERATOR: tuple[Permission, ...] = (
    *OBSERVE,
    _TEMPLATES,
    _ARCHITECTURES,
    *_COMMANDS,
    _LOCK,
    _LIMITS,
    *_PLACE,
    _LOGS,
    _BALANCER,
    may(
        "ec2:DescribeSecurityGroups ec2:DescribeRegions elasticloadbalancing:DescribeListeners "
        "ssm:DescribeInstanceInformation",
        "*",
        "doctor looks at the region, the agents, and what lies between load balancer and instances; "
        "the actions have no resource",
    ),
    *DRIFT,
    *DRIFT_READS,
    may("ssm:GetParameter", "machine-images", "finds the newest machine image"),
    may("autoscaling:UpdateAutoScalingGroup", "group", "sleep and wake"),
    may("ssm:SendCommand", "documents operator-documents", "sends any of our documents, a command of one's own too"),
    may("ssm:SendCommand", "instances", "only to our instances", _OURS),
    may("ssm:DescribeDocument", "operator-documents", "calls documents at an explicit version"),
    may("ssm:StartSession", "instances", "a shell on an instance", _OURS),
    may("ssm:StartSession", "session-document", "the shell's document"),
    may("ssm:TerminateSession ssm:ResumeSession", "sessions", "its own sessions only"),
    may(
        "ssm:PutParameter ssm:DeleteParameter ssm:GetParameterHistory",
        "secrets",
        "sets and rotates secrets, and lists their versions, which stay encrypted; never reads them",
    ),
    may("s3:PutObject", "release-objects", "keeps what a migration said with its release"),
    may("iam:SimulatePrincipalPolicy", "instance-role", "doctor looks whether instances may do what they need"),
    may(
        "sqs:GetQueueAttributes sqs:ListQueueTags secretsmanager:DescribeSecret rds:DescribeDBInstances "
        "rds:DescribeDBSubnetGroups rds:DescribeDBParameterGroups rds:DescribeDBParameters rds:ListTagsForResource "
        "elasticache:DescribeReplicationGroups elasticache:DescribeCacheClusters elasticache:DescribeCacheSubnetGroups "
        "elasticache:ListTagsForResource es:DescribeDomain es:ListTags ses:GetEmailIdentity",
        "*",
        _NO_NAME,
        when=lambda settings: bool(settings.extra_files),
    ),
    *_EXISTING,
    _POLICIES,
    _SCHEDULE,
)

ROLES: Mapping[str, tuple[Permission, ...]] = {
    "release": RELEASE,
    "infrastructure": INFRASTRUCTURE,
    "plan": PLAN,
    "operator": OPERATOR,
}
"""The four roles of an environment; ``foundation`` makes them."""


def holders(action: str) -> tuple[str, ...]:
    """Roles that may take an action at all, on whatever."""
    return tuple(
        role
        for role, table in ROLES.items()
        if any(fnmatchcase(action.lower(), each.lower()) for permission in table for each in permission.actions)
    )


PRICES: tuple[Permission, ...] = (
    may("pricing:GetProducts", "*", "on-demand and reserved prices; the action has no resource"),
    may("savingsplans:DescribeSavingsPlansOfferingRates", "*", "rates of savings plans; the action has no resource"),
    may("ec2:DescribeSpotPriceHistory", "*", "spot prices of the last days; the action has no resource"),
)
"""The policy ``prices``, for whoever runs ``prices refresh`` or ``prices commitments --ask``: in no role of a deployment."""

ATHENA: tuple[Permission, ...] = (
    may(
        "athena:GetTableMetadata athena:GetWorkGroup athena:StartQueryExecution athena:GetQueryExecution "
        "athena:GetQueryResults athena:StopQueryExecution",
        "*",
        "sums an export with one query; the workgroup and the catalog are whoever asks', not known beforehand",
    ),
    may(
        "glue:GetTable glue:GetPartitions glue:GetDatabase",
        "*",
        "Athena reads the table's definition; not known beforehand",
    ),
    may(
        "s3:ListBucket s3:GetObject s3:GetBucketLocation s3:PutObject",
        "*",
        "the export is measured and read, the answer kept where the workgroup says; buckets not known beforehand",
    ),
)
"""The policy ``athena``, for whoever runs ``cost reconcile --athena``: in no role of a deployment."""

LOOKING_UP: tuple[Permission, ...] = (
    may(
        "ec2:DescribeRegions ec2:DescribeAvailabilityZones ec2:DescribeVpcs iam:ListOpenIDConnectProviders "
        "acm:ListCertificates route53:ListHostedZones",
        "*",
        "init writes what the account has already; the actions have no resource",
    ),
)
"""The policy ``init``, for whoever begins: in no role of a deployment.  What may not be asked is left out."""

CUT_OVER: tuple[Permission, ...] = (
    may(
        "route53:ListResourceRecordSets route53:ChangeResourceRecordSets",
        "zones",
        "moves the weights of the old record and the new one, beside what an operator may",
    ),
)
"""The policy ``cut-over``, for whoever runs ``adopt``: in no role of a deployment."""

NAT: tuple[str, ...] = ("ec2:AssociateAddress", "ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:ModifyInstanceAttribute")
"""What a NAT instance does when it takes over."""

FLOW_LOGS: tuple[str, ...] = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
"""What the delivery of flow logs and of the audit trail does."""

ELSEWHERE: Mapping[str, str] = {
    "cloudformation:TagResource": "CloudFormation, for the tags of a stack (Service Authorization Reference)",
    **dict.fromkeys(
        (
            "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
        ),
        'docker push (Amazon ECR user guide, "IAM permissions for pushing an image")',
    ),
    **dict.fromkeys(
        ("ssm:StartSession", "ssm:TerminateSession", "ssm:ResumeSession"),
        'the plugin of the Session Manager (Systems Manager user guide, "Quickstart default IAM policies")',
    ),
    "s3:GetObject template-objects": "CloudFormation, should it ask for more than the version that it is told: AWS does not say",
}  # fmt: skip
"""Actions of the tables (with their place, where only that one is meant) that others call for us, and where that is written."""
