"""As whom CloudFormation acts on a stack: as its service role or, without one, as the caller.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from hermes_cfn.local.clients import Door, Session
from hermes_cfn.local.cloudformation.requests import validation

SERVICE = "cloudformation.amazonaws.com"


def check(role: str, own: Door, region: str) -> None:
    """Raises ServiceError for a service role that is not there or does not trust CloudFormation.

    The words: https://repost.aws/knowledge-center/cloudformation-role-arn-error
    """
    try:
        found = own("iam", region).get_role(RoleName=role.rpartition("/")[2])["Role"]
    except ClientError:
        found = {}
    if found.get("Arn") != role or not _trusts(found["AssumeRolePolicyDocument"]):
        raise validation(f"Role {role} is invalid or cannot be assumed")


def assume(role: str, own: Door, region: str) -> Session:
    """A session with a role that :func:`check` found good."""
    given = own("sts", region).assume_role(RoleArn=role, RoleSessionName="AWSCloudFormation")["Credentials"]
    return Session(given["AccessKeyId"], given["SessionToken"])


def _trusts(document: Any) -> bool:
    """Whether a role's trust policy names CloudFormation; its conditions are not evaluated."""
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    rows = policy.get("Statement") or []
    for row in rows if isinstance(rows, list) else [rows]:
        principal = row.get("Principal")
        named = principal.get("Service") if isinstance(principal, Mapping) else principal
        if row.get("Effect") == "Allow" and {SERVICE, "*"} & set(named if isinstance(named, list) else [named]):
            return True
    return False
