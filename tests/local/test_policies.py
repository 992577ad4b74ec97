"""Policy evaluation, by IAM's logic."""

from __future__ import annotations

import pytest

from hermes_cfn.local.services.policies import Asked, allowed


def policy(effect="Allow", action="*", resource="*", **more):
    return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


ASKED = Asked(
    "ssm:GetParameter",
    "arn:aws:ssm:eu-south-2:123456789012:parameter/hermes/goal",
    {
        "aws:requestedregion": ("eu-south-2",),
        "aws:resourcetag/env": ("production",),
        "ec2:sourceinstancearn": ("arn:x",),
    },
)


@pytest.mark.parametrize(
    ("statements", "yes"),
    [
        (policy(action="ssm:Get*"), True),
        (policy(action="SSM:getparameter"), True),
        (policy(action="ssm:PutParameter"), False),
        (policy(resource="arn:aws:ssm:*:*:parameter/hermes/*"), True),
        (policy(resource="arn:aws:ssm:*:*:parameter/other/*"), False),
        (policy(resource="${ec2:SourceInstanceArn}"), False),
        (policy(resource="${aws:username}"), False),
        (policy(Condition={"StringEquals": {"aws:ResourceTag/env": ["test", "production"]}}), True),
        (policy(Condition={"StringEquals": {"aws:ResourceTag/env": "test"}}), False),
        (policy(Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}), True),
        (policy(Condition={"StringEquals": {"aws:absent": "x"}}), False),
        (policy(Condition={"StringEqualsIfExists": {"aws:absent": "x"}}), True),
        (policy(Condition={"Null": {"aws:absent": "true"}}), True),
        (policy(Condition={"MadeUpOperator": {"aws:RequestedRegion": "eu-south-2"}}), False),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}, True),
    ],
)
def test_statements(statements, yes):
    assert (allowed(ASKED, [statements], None) == "") is yes


def test_a_deny_wins_and_a_boundary_limits():
    everything = policy()
    assert "explicit deny" in allowed(ASKED, [everything, policy("Deny", "ssm:*")], None)
    assert "permissions boundary" in allowed(ASKED, [everything], policy(action="ec2:*"))
    assert allowed(ASKED, [everything], policy(action="ssm:*")) == ""
