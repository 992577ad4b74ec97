"""A role of a service, always under the permissions boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awacs.aws
from awacs.aws import Action, Allow, Condition, PolicyDocument, Principal, Statement
from troposphere import Template, iam

from hermes_cfn.names import Names
from hermes_cfn.stacks.common import text


def boundary(names: Names) -> object:
    """The ARN of the permissions boundary, which ``foundation`` makes."""
    return text(f"arn:aws:iam::{names.account}:policy/{names.boundary}")


Tests = Mapping[str, Mapping[str, Any]]
"""A condition as IAM writes it: operator -> key -> value."""


def allow(sid: str, actions: Sequence[str], resources: Sequence[Any], condition: Tests | None = None) -> Statement:
    """``actions`` are written ``service:Name``."""
    more = {"Condition": when(condition)} if condition else {}
    return Statement(
        Sid=sid,
        Effect=Allow,
        Action=[Action(*action.split(":", 1)) for action in actions],
        Resource=list(resources),
        **more,
    )


def when(tests: Tests) -> Condition:
    """The condition that all ``tests`` hold."""
    return Condition([getattr(awacs.aws, operator.replace(":", ""))(keys) for operator, keys in tests.items()])


def policy(*statements: Statement) -> PolicyDocument:
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def service_role(
    stack: Template,
    title: str,
    names: Names,
    task: str,
    service: str,
    statements: Mapping[str, Sequence[Statement]],
    managed: Sequence[str] = (),
) -> iam.Role:
    """A role that ``service`` assumes, with one inline policy for each purpose."""
    role = iam.Role(
        title,
        RoleName=names.role(task),
        Path=names.made_path,
        PermissionsBoundary=boundary(names),
        AssumeRolePolicyDocument=policy(
            Statement(Effect=Allow, Principal=Principal("Service", service), Action=[Action("sts", "AssumeRole")])
        ),
        Policies=[
            iam.Policy(PolicyName=purpose, PolicyDocument=policy(*allowed)) for purpose, allowed in statements.items()
        ],
    )
    if managed:
        role.ManagedPolicyArns = list(managed)
    return stack.add_resource(role)
