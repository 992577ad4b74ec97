"""Who the tests are in an embedded cloud: its owner, a person who signed in, and a pipeline's job."""

import json

import boto3
from botocore.config import Config

from hermes_cfn.local import control

ACCOUNT = "123456789012"
GITHUB = "token.actions.githubusercontent.com"
SSO_PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
SSO_ROLE = "AWSReservedSSO_HermesOperator_0123456789abcdef"


def administrator(state) -> dict[str, str]:
    """The owner's access key, as boto3 takes it."""
    key = control.administrator(state)
    return {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}


def variables(state, region: str = "eu-south-2") -> dict[str, str]:
    """The owner's access key, as the AWS command line takes it."""
    key = control.administrator(state)
    return {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret, "AWS_DEFAULT_REGION": region}


def client(state, service: str, region: str = "eu-south-2", own=None, **config):
    """A client of the owner, or of whoever has the credentials ``own`` that STS answered."""
    given = administrator(state) if own is None else {
        "aws_access_key_id": own["AccessKeyId"], "aws_secret_access_key": own["SecretAccessKey"],
        "aws_session_token": own["SessionToken"],
    }  # fmt: skip
    endpoint = control.status(state).endpoint
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=Config(**config), **given)


def signed_in(state, role_arn: str, session: str = "ana") -> dict[str, str]:
    """What STS gives a person of the identity centre's permission set HermesOperator for a role that trusts them."""
    iam = client(state, "iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    if SSO_ROLE not in {one["RoleName"] for one in iam.list_roles(PathPrefix=SSO_PATH)["Roles"]}:
        iam.create_role(RoleName=SSO_ROLE, Path=SSO_PATH, AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(
            RoleName=SSO_ROLE, PolicyName="may", PolicyDocument=json.dumps({**document, "Statement": [may]})
        )
    arn = f"arn:aws:iam::{ACCOUNT}:role{SSO_PATH}{SSO_ROLE}"
    person = client(state, "sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
    return client(state, "sts", own=person).assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]


def on_a_runner(state, role_arn: str, **claims) -> dict[str, str]:
    """What STS gives a job of GitHub Actions whose token has ``claims`` (``sub`` at least)."""
    token = control.identity_token(state, GITHUB, **{"aud": "sts.amazonaws.com", **claims})
    sts = client(state, "sts")
    given = sts.assume_role_with_web_identity(RoleArn=role_arn, RoleSessionName="runner", WebIdentityToken=token)
    return given["Credentials"]
