"""Who may do what on what, and why: role × action × resource × reason, as a table.

``stacks`` render policies from it, ``docs/permissions.md`` is made from it, and the tests compare it
with the calls that a full life makes.  A resource is named, and :func:`places` spells it; ``*`` stands
where AWS has no narrower resource for the action (Service Authorization Reference), and the reason
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hermes_cfn.config import Settings
from hermes_cfn.instance.documents import TASKS
from hermes_cfn.names import Names

Condition = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Permission:
    """``actions`` on the resources called ``on``; ``when`` says for which settings it is needed at all."""

    actions: tuple[str, ...]
    on: tuple[str, ...]
    reason: str
    condition: Condition = field(default_factory=dict)
    when: Callable[[Settings], bool] | None = None

    def needed(self, settings: Settings) -> bool:
        return self.when is None or self.when(settings)


def may(
    actions: str,
    on: str,
    reason: str,
    condition: Condition | None = None,
    when: Callable[[Settings], bool] | None = None,
) -> Permission:
    """``actions`` and ``on`` are words with blanks between."""
    return Permission(tuple(actions.split()), tuple(on.split()), reason, condition or {}, when)


def places(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The ARNs of every resource that the tables name."""
    names = Names.of(settings)
    region, account, both = names.region, names.account, names.auto_scaling_group

    def here(service: str, rest: str) -> str:
        return f"arn:aws:{service}:{region}:{account}:{rest}"

    stacks = [here("cloudformation", f"stack/{both}-*/*")]
    return {
        "*": ("*",),
        "goal": (here("ssm", f"parameter{names.goal_parameter}"),),
        "stable": (here("ssm", f"parameter{names.stable_parameter}"),),
        "secrets": (here("ssm", f"parameter{names.secrets_path}/*"),),
        "reports": (
            here("ssm", f"parameter{names.instance_reports_path}"),
            here("ssm", f"parameter{names.instance_reports_path}/*"),
        ),
        "machine-images": (f"arn:aws:ssm:{region}::parameter/aws/service/ami-amazon-linux-latest/*",),
        "ssm-key": (here("kms", "key/*"),),
        "documents": tuple(here("ssm", f"document/{names.document(task)}") for task in TASKS if task != "run"),
        "operator-document": (here("ssm", f"document/{names.document('run')}"),),
        "instances": (here("ec2", "instance/*"),),
        "managed-instances": (here("ssm", "*"),),
        "group": (here("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{both}"),),
        "repository": (here("ecr", f"repository/{names.repository}"),),
        "lock": (here("dynamodb", f"table/{names.lock_table}"),),
        "log-group": (here("logs", f"log-group:{names.log_group}"), here("logs", f"log-group:{names.log_group}:*")),
        "artifacts": (f"arn:aws:s3:::{names.artifacts_bucket}",),
        "artifact-objects": (f"arn:aws:s3:::{names.artifacts_bucket}/*",),
        "release-objects": (f"arn:aws:s3:::{names.artifacts_bucket}/releases/{names.environment}/*",),
        "asset-objects": (f"arn:aws:s3:::{names.assets_bucket}/*",),
        "assets": (f"arn:aws:s3:::{names.assets_bucket}",),
        "stacks": (*stacks, f"arn:aws:cloudformation:us-east-1:{account}:stack/{both}-*/*"),
        "foundation": (here("cloudformation", f"stack/{names.stack('foundation')}/*"),),
        "service-role": (f"arn:aws:iam::{account}:role/{names.role('cloudformation')}",),
        "cluster": (here("servicediscovery", "service/*"),),
    }


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
    may("ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "repository", "pulls images"),
    may(
        "autoscaling:CompleteLifecycleAction autoscaling:ExitStandby autoscaling:SetInstanceHealth",
        "group",
        "ends its launch, comes back by itself when nobody confirms, reports itself unhealthy",
    ),
    may(
        "autoscaling:DescribeAutoScalingInstances",
        "*",
        "asks whether it is in standby; the action has no resource",
    ),
    may(
        "ssm:UpdateInstanceInformation ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel "
        "ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel ec2messages:AcknowledgeMessage "
        "ec2messages:DeleteMessage ec2messages:FailMessage ec2messages:GetEndpoint ec2messages:GetMessages "
        "ec2messages:SendReply",
        "*",
        "the agent of Systems Manager; AWS has no narrower resource for its channels",
    ),
    may("logs:CreateLogStream logs:PutLogEvents logs:DescribeLogStreams", "log-group", "writes application logs"),
    may(
        "cloudwatch:PutMetricData",
        "*",
        "memory and disk; the action has no resource, the condition names the namespace",
        {"StringEquals": {"cloudwatch:namespace": "CWAgent"}},
    ),
    may(
        "ec2:DescribeTags",
        "*",
        "the CloudWatch agent reads the name of its group; the action has no resource",
    ),
    may(
        "servicediscovery:RegisterInstance servicediscovery:DeregisterInstance",
        "cluster",
        "gives itself the name under which the others find it",
        when=lambda settings: settings.service.cluster,
    ),
)
