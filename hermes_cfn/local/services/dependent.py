"""What a call needs beside its own action: to tag what it makes, to pass a role, to look at each resource.

What CloudFormation's user guide asks of who detects drift (``using-cfn-stack-drift``, "Considerations"), and
the columns "Dependent actions" of the Service Authorization Reference, and of each service the page on tagging
at creation (for EC2 ``supported-iam-actions-tagging`` of its user guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hermes_cfn.local.moto_side import backend

Params = Mapping[str, Any]
Need = tuple[str, str, dict[str, str]]

_TAGGING: Mapping[tuple[str, str], str] = {
    ("acm", "RequestCertificate"): "acm:AddTagsToCertificate",
    ("autoscaling", "CreateAutoScalingGroup"): "autoscaling:CreateOrUpdateTags",
    ("cloudformation", "CreateChangeSet"): "cloudformation:TagResource",
    ("cloudformation", "CreateStack"): "cloudformation:TagResource",
    ("cloudformation", "UpdateStack"): "cloudformation:TagResource",
    ("cloudtrail", "CreateTrail"): "cloudtrail:AddTags",
    ("cloudwatch", "PutCompositeAlarm"): "cloudwatch:TagResource",
    ("cloudwatch", "PutMetricAlarm"): "cloudwatch:TagResource",
    ("dynamodb", "CreateTable"): "dynamodb:TagResource",
    ("ecr", "CreateRepository"): "ecr:TagResource",
    ("events", "PutRule"): "events:TagResource",
    ("iam", "CreateInstanceProfile"): "iam:TagInstanceProfile",
    ("iam", "CreateOpenIDConnectProvider"): "iam:TagOpenIDConnectProvider",
    ("iam", "CreatePolicy"): "iam:TagPolicy",
    ("iam", "CreateRole"): "iam:TagRole",
    ("kms", "CreateKey"): "kms:TagResource",
    ("logs", "CreateLogGroup"): "logs:TagResource",
    ("sns", "CreateTopic"): "sns:TagResource",
    ("ssm", "CreateDocument"): "ssm:AddTagsToResource",
    ("ssm", "PutParameter"): "ssm:AddTagsToResource",
    ("wafv2", "CreateWebACL"): "wafv2:TagResource",
    **{
        ("elbv2", f"Create{kind}"): "elasticloadbalancing:AddTags"
        for kind in ("LoadBalancer", "TargetGroup", "Listener", "Rule")
    },
}
_PASSING: Mapping[tuple[str, str], tuple[str, str]] = {
    ("autoscaling", "PutLifecycleHook"): ("RoleARN", "autoscaling"),
    ("cloudtrail", "CreateTrail"): ("CloudWatchLogsRoleArn", "cloudtrail"),
    ("cloudtrail", "UpdateTrail"): ("CloudWatchLogsRoleArn", "cloudtrail"),
    ("ec2", "CreateFlowLogs"): ("DeliverLogsPermissionArn", "vpc-flow-logs"),
    ("iam", "AddRoleToInstanceProfile"): ("RoleName", "ec2"),
}


def _arn(role: str, account: str) -> str:
    """Of a role that is named without its path."""
    from moto.iam.exceptions import NotFoundException

    try:
        return str(backend("iam", "us-east-1", account).get_role(role).arn)
    except NotFoundException:
        return f"arn:aws:iam::{account}:role/{role}"


def needs(service: str, action: str, params: Params, resource: str, account: str) -> Iterator[Need]:
    """(action, resource, what the condition keys say) of everything else that the call needs.

    ``resource`` is what the call itself is about.
    """
    tagging = _TAGGING.get((service, action))
    if tagging and (params.get("Tags") or params.get("tags") or params.get("TagsList")):
        yield tagging, resource, {}
    if (service, action) == ("cloudformation", "DetectStackDrift"):
        yield "cloudformation:DetectStackResourceDrift", resource, {}
    if service == "ec2" and (params.get("TagSpecifications") or params.get("TagSpecification")):
        yield "ec2:CreateTags", "*", {"ec2:CreateAction": action}
    key, to = _PASSING.get((service, action), ("", ""))
    if service == "cloudformation":
        key, to = "RoleARN", "cloudformation"
    role = str(params.get(key) or "")
    if role:
        arn = role if role.startswith("arn:") else _arn(role, account)
        yield "iam:PassRole", arn, {"iam:PassedToService": f"{to}.amazonaws.com"}
