"""STS gives out a session with a role to whom the role's trust policy means, and to nobody else."""

import json

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.local import control
from tests import owners

ROOT = f"arn:aws:iam::{owners.ACCOUNT}:root"
ADMINISTRATOR = f"arn:aws:iam::{owners.ACCOUNT}:user/administrator"
PROVIDER = f"arn:aws:iam::{owners.ACCOUNT}:oidc-provider/{owners.GITHUB}"
SUB = f"{owners.GITHUB}:sub"
YES, NO = True, False


def role(world, *statements) -> str:
    iam = world.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if "trusted" in [one["RoleName"] for one in iam.list_roles()["Roles"]]:
        iam.update_assume_role_policy(RoleName="trusted", PolicyDocument=document)
    else:
        iam.create_role(RoleName="trusted", AssumeRolePolicyDocument=document)
    return f"arn:aws:iam::{owners.ACCOUNT}:role/trusted"


def row(principal, effect="Allow", action="sts:AssumeRole", **condition) -> dict:
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        **({"Condition": condition} if condition else {}),
    }


def given(call, **parameters) -> str:
    """Empty when credentials are given, or else the error's code."""
    try:
        call(**parameters)
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return ""


@pytest.mark.parametrize(
    ("statements", "more", "expected"),
    [
        ([row({"AWS": ROOT})], {}, YES),
        ([row({"AWS": owners.ACCOUNT})], {}, YES),
        ([row({"AWS": ADMINISTRATOR})], {}, YES),
        ([row("*")], {}, YES),
        ([row({"AWS": ["arn:aws:iam::666666666666:root", ROOT]})], {}, YES),
        ([row({"Service": "lambda.amazonaws.com"})], {}, NO),
        ([row({"AWS": "arn:aws:iam::666666666666:root"})], {}, NO),
        ([row({"AWS": f"arn:aws:iam::{owners.ACCOUNT}:user/other"})], {}, NO),
        ([row({"Service": "ec2.amazonaws.com"})], {}, NO),
        ([row({"Federated": PROVIDER})], {}, NO),
        ([row({"AWS": ROOT}, action="sts:AssumeRoleWithWebIdentity")], {}, NO),
        ([row({"AWS": ROOT}), row({"AWS": ADMINISTRATOR}, "Deny")], {}, NO),
        ([row({"AWS": ROOT}, StringEquals={"sts:ExternalId": "one"})], {"ExternalId": "one"}, YES),
        ([row({"AWS": ROOT}, StringEquals={"sts:ExternalId": "one"})], {"ExternalId": "two"}, NO),
        ([row({"AWS": ROOT}, StringEquals={"sts:ExternalId": "one"})], {}, NO),
        ([row({"AWS": ROOT}, ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:user/admin*"})], {}, YES),
        ([row({"AWS": ROOT}, ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/*"})], {}, NO),
        ([row({"AWS": ROOT}, StringLike={"sts:RoleSessionName": "an?"})], {}, YES),
        ([row({"AWS": ROOT}, StringEquals={"aws:SourceAccount": owners.ACCOUNT})], {}, NO),
        ([row({"AWS": ROOT}, Bool={"aws:MultiFactorAuthPresent": "true"})], {}, NO),
        ([row({"AWS": ROOT}, DateGreaterThan={"aws:CurrentTime": "2099-01-01T00:00:00Z"})], {}, NO),
        ([row({"AWS": ROOT}), row("*", "Deny", DateLessThan={"aws:CurrentTime": "2099-01-01T00:00:00Z"})], {}, NO),
    ],
)
def test_assume_role(books, statements, more, expected):
    arn = role(books, *statements)
    code = given(books.client("sts").assume_role, RoleArn=arn, RoleSessionName="ana", **more)
    assert code == ("" if expected else "AccessDenied")


def test_a_role_that_is_not_there_or_of_another_account_is_denied(books):
    for arn in (f"arn:aws:iam::{owners.ACCOUNT}:role/none", "arn:aws:iam::666666666666:role/trusted"):
        assert given(books.client("sts").assume_role, RoleArn=arn, RoleSessionName="ana") == "AccessDenied"


def test_durations_are_held_to(books):
    arn = role(books, row({"AWS": ROOT}))
    sts = books.client("sts")
    assert given(sts.assume_role, RoleArn=arn, RoleSessionName="ana", DurationSeconds=3601) == "ValidationError"
    one = sts.assume_role(RoleArn=arn, RoleSessionName="ana", DurationSeconds=3600)["Credentials"]
    chained = owners.client(books.state, "sts", own=one)
    assert given(chained.assume_role, RoleArn=arn, RoleSessionName="bob", DurationSeconds=7200) == "ValidationError"
    assert given(chained.assume_role, RoleArn=arn, RoleSessionName="bob") == ""


def test_what_else_gives_out_credentials_is_refused(books):
    sts = books.client("sts")
    assert given(sts.get_session_token) == given(sts.get_federation_token, Name="ana") == "EmbeddedCloudUnsupported"


@pytest.fixture
def provider(books):
    iam = books.client("iam")
    if PROVIDER not in [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]:
        iam.create_open_id_connect_provider(Url=f"https://{owners.GITHUB}", ClientIDList=["sts.amazonaws.com"])
    return PROVIDER


@pytest.mark.parametrize(
    ("federated", "condition", "claims", "expected"),
    [
        (PROVIDER, {"StringEquals": {SUB: "repo:a/b:ref:refs/heads/main"}}, {}, ""),
        (PROVIDER, {"StringLike": {SUB: "repo:a/*"}}, {}, ""),
        (PROVIDER, {"StringEquals": {SUB: "repo:a/b:ref:refs/heads/main", f"{owners.GITHUB}:ref": "refs/heads/main"}}, {"ref": "refs/heads/main"}, ""),
        (PROVIDER, {"StringEquals": {f"{owners.GITHUB}:ref": "refs/heads/main"}}, {}, "AccessDenied"),
        (PROVIDER, {"StringEquals": {SUB: "repo:a/b:environment:production"}}, {}, "AccessDenied"),
        (PROVIDER, {"StringEquals": {SUB: "repo:a/b:ref:refs/heads/main"}}, {"sub": "repo:evil/b:ref:refs/heads/main"}, "AccessDenied"),
        (PROVIDER, {}, {"aud": "https://github.com/a"}, "InvalidIdentityToken"),
        (f"arn:aws:iam::{owners.ACCOUNT}:oidc-provider/gitlab.example", {}, {}, "AccessDenied"),
        ("arn:aws:iam::666666666666:oidc-provider/" + owners.GITHUB, {}, {}, "AccessDenied"),
        ("cognito-identity.amazonaws.com", {}, {}, "AccessDenied"),
    ],
)  # fmt: skip
def test_web_identities(books, provider, federated, condition, claims, expected):
    arn = role(books, row({"Federated": federated}, action="sts:AssumeRoleWithWebIdentity", **condition))
    told = {"sub": "repo:a/b:ref:refs/heads/main", "aud": "sts.amazonaws.com", **claims}
    token = control.identity_token(books.state, owners.GITHUB, **told)
    assume = books.client("sts").assume_role_with_web_identity
    assert given(assume, RoleArn=arn, RoleSessionName="job", WebIdentityToken=token) == expected


def test_tokens_that_nobody_made_are_over_or_are_of_another_provider(books, world, provider):
    arn = role(books, row({"Federated": PROVIDER}, action="sts:AssumeRoleWithWebIdentity"))
    claims = {"sub": "repo:a/b", "aud": "sts.amazonaws.com"}
    good = control.identity_token(books.state, owners.GITHUB, **claims)
    head, body, signature = good.split(".")
    foreign = control.identity_token(books.state, "gitlab.example", **claims)
    for token in (f"{head}.{body}.", f"{head}.{body}x.{signature}", f"{head}.{body}.{signature[:-2]}AA", "a.b.c", "none",
                  control.identity_token(world.state, owners.GITHUB, **claims), foreign):  # fmt: skip
        assume = books.client("sts").assume_role_with_web_identity
        assert given(assume, RoleArn=arn, RoleSessionName="job", WebIdentityToken=token) == "InvalidIdentityToken"
    over = control.identity_token(books.state, owners.GITHUB, exp=1, **claims)
    assert given(assume, RoleArn=arn, RoleSessionName="job", WebIdentityToken=over) == "ExpiredTokenException"
    assert given(assume, RoleArn=arn, RoleSessionName="job", WebIdentityToken=good) == ""
