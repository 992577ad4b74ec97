"""Who may operate is written as exactly as AWS lets one write it."""

import pytest

from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError

SSO = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com"


def settings(*arns: str, account: str = "123456789012"):
    return parse(f"[account]\nid = '{account}'\noperators = {list(arns)!r}\n")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/operator",
        f"{SSO}/eu-west-1/AWSReservedSSO_Operator_0123456789abcdef",
        f"{SSO}/eu-west-1/AWSReservedSSO_Operator_*",
        f"{SSO}/*/AWSReservedSSO_Operator_*",
        f"{SSO}/AWSReservedSSO_Operator_*",
    ],
)
def test_one_role_or_one_permission_set_of_this_account(arn):
    assert settings(arn).account.operators == (arn,)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:role/oper*",
        "arn:aws:iam::123456789012:role/*/operator",
        "arn:aws:iam::123456789012:role/aws-reserved/*",
        f"{SSO}/*",
        f"{SSO}/*/AWSReservedSSO_*",
        f"{SSO}/*/*_Operator_*",
        "arn:aws:iam::666666666666:role/operator",
        "arn:aws:iam::666666666666:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operator_*",
    ],
)
def test_what_means_more_or_others_is_one_finding(arn):
    with pytest.raises(HermesError) as refused:
        settings(arn)
    (finding,) = refused.value.findings
    assert "operators" in finding.where
