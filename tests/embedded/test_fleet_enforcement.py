"""IAM with enforcement: a caller that may not, cannot; and so does an instance."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.config import parse
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.permissions import INSTANCE, ROLES
from tests.embedded.conftest import World


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    state = tmp_path_factory.mktemp("strict")
    world = World(state, control.start(state, Options(follow_parent=True, enforce=True)).endpoint)
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    world.names["ann"] = (key["AccessKeyId"], key["SecretAccessKey"])
    yield world
    control.stop(state)


def allow(world, *statements):
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    world.client("iam").put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)


def ann(world, service):
    key, secret = world.names["ann"]
    return world.client(service, key, secret=secret)


def denied(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]


def test_only_what_a_policy_allows(strict):
    strict.client("ssm").put_parameter(Name="/a/one", Value="1", Type="String")
    strict.client("ssm").put_parameter(Name="/b/one", Value="1", Type="String")
    allow(strict, {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/a/*"})
    ssm = ann(strict, "ssm")
    assert ssm.get_parameter(Name="/a/one")["Parameter"]["Value"] == "1"
    error = denied(ssm.get_parameter, Name="/b/one")
    assert error["Code"] == "AccessDeniedException"
    assert "user/ann is not authorized to perform: ssm:GetParameter" in error["Message"]
    assert (
        denied(ssm.put_parameter, Name="/a/one", Value="2", Type="String", Overwrite=True)["Code"]
        == "AccessDeniedException"
    )
    assert ann(strict, "sts").get_caller_identity()["Arn"].endswith("user/ann")


@pytest.mark.parametrize(
    ("service", "action", "given", "code"),
    [
        ("ec2", "describe_instances", {}, "UnauthorizedOperation"),
        ("autoscaling", "describe_auto_scaling_groups", {}, "AccessDenied"),
        ("s3", "list_buckets", {}, "AccessDenied"),
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"k": {"S": "x"}}}, "AccessDeniedException"),
        ("cloudwatch", "describe_alarms", {}, "AccessDenied"),
        ("cloudformation", "describe_stacks", {"StackName": "x"}, "AccessDenied"),
        ("route53", "list_hosted_zones", {}, "AccessDenied"),
    ],
)
def test_each_service_words_its_refusal(strict, service, action, given, code):
    allow(strict, {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"})
    assert denied(getattr(ann(strict, service), action), **given)["Code"] == code


def test_rest_calls_have_names_too(strict):
    strict.client("s3").create_bucket(Bucket="notes", CreateBucketConfiguration={"LocationConstraint": "eu-south-2"})
    allow(strict, {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::notes/*"})
    s3 = ann(strict, "s3")
    s3.put_object(Bucket="notes", Key="a", Body=b"x")
    assert s3.get_object(Bucket="notes", Key="a")["Body"].read() == b"x"
    assert denied(s3.delete_object, Bucket="notes", Key="a")["Code"] == "AccessDenied"
    assert denied(s3.list_objects_v2, Bucket="notes")["Code"] == "AccessDenied"


def test_a_stranger_is_no_one(strict):
    assert (
        denied(strict.client("ssm", "AKIASTRANGER00000000").get_parameter, Name="/a/one")["Code"]
        == "UnrecognizedClientException"
    )


def test_an_instance_may_only_what_its_role_may(strict):
    strict.network()
    iam = strict.client("iam")
    statements = [
        {"Effect": "Allow", "Action": ["ecr:*", "ssm:GetParameter"], "Resource": "*"},
        {"Effect": "Allow", "Action": "autoscaling:CompleteLifecycleAction", "Resource": "*"},
    ]
    iam.put_role_policy(
        RoleName="fleet", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    strict.fleet("strict", 1)
    one = next(iter(strict.states("strict")))
    ended = strict.command(
        one,
        [
            "aws ssm get-parameter --name /fleet/image >/dev/null && echo may",
            "aws ssm put-parameter --name /x --value 1 --type String",
        ],
    )
    assert ended["StandardOutputContent"] == "may\n"
    assert "AccessDeniedException" in ended["StandardErrorContent"]


def row_of(rows, action):
    """The statement that a table has for an action, on every resource that it may name."""
    (row,) = [one for one in rows if action in one.actions]
    return {"Effect": "Allow", "Action": list(row.actions), "Resource": "*", "Condition": row.filled(parse(""))}


def test_an_environment_registers_in_its_own_service_and_closes_its_own_groups(strict):
    """Rows that are bound to tags, as the tables have them: on ours, on what nobody has tagged, and on another's."""
    mine = {"hermes:application": "hermes", "hermes:environment": "production"}
    other = {**mine, "hermes:environment": "staging"}

    def written(tags):
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    admin, ec2 = strict.client("servicediscovery"), strict.client("ec2")
    admin.create_http_namespace(Name="tagged")
    (namespace,) = [one["Id"] for one in admin.list_namespaces()["Namespaces"] if one["Name"] == "tagged"]
    services = [
        admin.create_service(Name=name, NamespaceId=namespace, Tags=written(tags))["Service"]["Id"]
        for name, tags in (("mine", mine), ("other", other))
    ]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    groups = {}
    for name, tags in (("mine", mine), ("bare", {}), ("other", other)):
        groups[name] = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        if tags:
            ec2.create_tags(Resources=[groups[name]], Tags=written(tags))
    rules = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    for group in groups.values():
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    allow(
        strict,
        row_of(INSTANCE, "servicediscovery:RegisterInstance"),
        row_of(ROLES["infrastructure"], "ec2:RevokeSecurityGroupIngress"),
    )
    register = ann(strict, "servicediscovery").register_instance
    given = {"InstanceId": "i-1", "Attributes": {"AWS_INSTANCE_IPV4": "10.0.0.1"}}
    assert register(ServiceId=services[0], **given)["OperationId"]
    assert denied(register, ServiceId=services[1], **given)["Code"] == "AccessDeniedException"
    revoke = ann(strict, "ec2").revoke_security_group_ingress
    for name in ("mine", "bare"):
        revoke(GroupId=groups[name], IpPermissions=rules)
    assert denied(revoke, GroupId=groups["other"], IpPermissions=rules)["Code"] == "UnauthorizedOperation"
