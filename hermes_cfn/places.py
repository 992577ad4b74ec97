"""The resources that the tables of permissions name, as ARNs."""

from __future__ import annotations

from dataclasses import replace

from hermes_cfn.config import Settings
from hermes_cfn.instance.documents import TASKS
from hermes_cfn.names import ROLES, Names, repositories

OPERATOR_TASKS = ("run",)
"""Documents that no pipeline may send."""


def places(settings: Settings, environment: str = "") -> dict[str, tuple[str, ...]]:
    """The ARNs of every resource that the tables name; ``environment`` may be ``*`` for all of them."""
    names = Names.of(settings)
    if environment:
        names = replace(names, environment=environment)
    region, account, both = names.region, names.account, names.auto_scaling_group

    def here(service: str, rest: str) -> str:
        return f"arn:aws:{service}:{region}:{account}:{rest}"

    def world(service: str, rest: str) -> str:
        return f"arn:aws:{service}:us-east-1:{account}:{rest}"

    def role(task: str) -> str:
        return f"arn:aws:iam::{account}:role/{names.role(task)}"

    made = f"arn:aws:iam::{account}:role{names.made_path}"

    return {
        "*": ("*",),
        "goal": (here("ssm", f"parameter{names.goal_parameter}"),),
        "stable": (here("ssm", f"parameter{names.stable_parameter}"),),
        "secrets": (here("ssm", f"parameter{names.secrets_path}/*"),),
        "reports": (here("ssm", f"parameter{names.instance_reports_path}/*"),),
        "reports-path": (here("ssm", f"parameter{names.instance_reports_path}"),),
        "access-parameter": (here("ssm", f"parameter{names.access_parameter}"),),
        "application-role": (names.made_role_arn("application"),),
        "cluster-parameter": (here("ssm", f"parameter{names.cluster_parameter}"),),
        "machine-images": (f"arn:aws:ssm:{region}::parameter/aws/service/ami-amazon-linux-latest/*",),
        "ssm-key": (here("kms", "key/*"),),
        "documents": tuple(
            here("ssm", f"document/{names.document(task)}") for task in TASKS if task not in OPERATOR_TASKS
        ),
        "operator-documents": tuple(here("ssm", f"document/{names.document(task)}") for task in OPERATOR_TASKS),
        "session-document": (here("ssm", "document/SSM-SessionManagerRunShell"),),
        "sessions": (here("ssm", "session/${!aws:userid}-*"),),
        "instances": (here("ec2", "instance/*"),),
        "security-groups": (here("ec2", "security-group/*"),),
        "group": (here("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{both}"),),
        "target-group": (here("elasticloadbalancing", f"targetgroup/{names.target_group}/*"),),
        "zones": tuple(
            f"arn:aws:route53:::hostedzone/{zone}"
            for zone in sorted({settings.edge.hosted_zone_id, settings.worldwide.hosted_zone_id} - {""})
        ),
        "repository": (here("ecr", f"repository/{names.repository}"),),
        "repositories": tuple(here("ecr", f"repository/{one}") for one in repositories(settings)),
        "lock": (here("dynamodb", f"table/{names.lock_table}"),),
        "log-group": (here("logs", f"log-group:{names.log_group}"), here("logs", f"log-group:{names.log_group}:*")),
        "artifacts": (f"arn:aws:s3:::{names.artifacts_bucket}",),
        "template-objects": (f"arn:aws:s3:::{names.artifacts_bucket}/templates/{names.environment}/*",),
        "release-objects": (f"arn:aws:s3:::{names.artifacts_bucket}/releases/{names.environment}/*",),
        "assets": (f"arn:aws:s3:::{names.assets_bucket}",),
        "asset-objects": (f"arn:aws:s3:::{names.assets_bucket}/*",),
        "stacks": (here("cloudformation", f"stack/{both}-*/*"), world("cloudformation", f"stack/{both}-*/*")),
        "shared-stacks": tuple(
            here("cloudformation", f"stack/{names.sharing(settings).stack(key)}/*") for key in ("network", "service")
        ),
        "foundation": (here("cloudformation", f"stack/{names.stack('foundation')}/*"),),
        "service-role": (role("cloudformation"),),
        # a role that is not there is asked for without a path
        "made-roles": (f"{made}*", role("*")),
        "all-roles": (*(f"arn:aws:iam::{account}:role/{names.application}-*",), f"{made}*"),
        "identities": (
            f"arn:aws:iam::{account}:instance-profile{names.made_path}*",
            f"arn:aws:iam::{account}:policy/{names.application}-*",
            f"arn:aws:iam::{account}:oidc-provider/*",
        ),
        "roles": tuple(role(task) for task in ROLES),
        "instance-role": (names.made_role_arn("instance"),),
        "buckets": (f"arn:aws:s3:::{both}-*",),
        "bucket-objects": (f"arn:aws:s3:::{names.assets_bucket}/*", f"arn:aws:s3:::{names.logs_bucket}/*"),
        "load-balancer": (here("elasticloadbalancing", f"loadbalancer/app/{names.load_balancer}/*"),),
        "distributions": (f"arn:aws:cloudfront::{account}:distribution/*",),
        "cluster": (here("servicediscovery", "service/*"),),
    }
