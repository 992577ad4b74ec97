"""CloudFormation acts as a stack's service role or, without one, as the caller; what they may not, it cannot."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests.embedded.conftest import REGION, World
from tests.local.test_cloudformation_stacks import ALL, deployment, fed

ROLE = "arn:aws:iam::123456789012:role/hermes-production-cloudformation"

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudformation.amazonaws.com"}}
GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/strict/a", "RetentionInDays": 7}}
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "strict"}, "DependsOn": "Group"}
LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DescribeLogGroups", "logs:ListTagsForResource"],
    "Resource": "*",
}
LOGS_GO = {"Effect": "Allow", "Action": "logs:DeleteLogGroup", "Resource": "*"}
ALL_OF_CFN = {"Effect": "Allow", "Action": ["cloudformation:*", "iam:PassRole"], "Resource": "*"}


def policy(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    state = tmp_path_factory.mktemp("role")
    world = World(state, control.start(state, Options(follow_parent=True, enforce=True)).endpoint)
    iam = world.client("iam")
    world.names["role"] = iam.create_role(RoleName="maker", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    world.names["ann"] = (key["AccessKeyId"], key["SecretAccessKey"])
    yield world
    control.stop(state)


def may(world, *statements) -> None:
    world.client("iam").put_role_policy(RoleName="maker", PolicyName="p", PolicyDocument=policy(*statements))


def ann(world, *statements):
    key, secret = world.names["ann"]
    world.client("iam").put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(*statements))
    return world.client("cloudformation", key, secret=secret)


def made(world, door, name, *resources, **more):
    """The stack when it rests, and why resources failed."""
    template = json.dumps({"Resources": dict(zip(("Group", "Topic"), resources, strict=False))})
    door.create_stack(StackName=name, TemplateBody=template, **more)
    return rested(world, name)


def rested(world, name):
    admin = world.client("cloudformation")

    def over():
        stack = admin.describe_stacks(StackName=name)["Stacks"][0]
        return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

    stack = world.until(over)
    events = admin.describe_stack_events(StackName=name)["StackEvents"]
    failed = {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED") and event["LogicalResourceId"] != name
    }
    return stack["StackStatus"], failed


def test_a_handler_may_what_the_service_role_may_whoever_calls(strict):
    may(strict, LOGS, LOGS_GO)
    door = ann(strict, ALL_OF_CFN)
    assert made(strict, door, "allowed", GROUP, RoleARN=strict.names["role"]) == ("CREATE_COMPLETE", {})
    assert door.describe_stacks(StackName="allowed")["Stacks"][0]["RoleARN"] == strict.names["role"]
    door.delete_stack(StackName="allowed")
    assert strict.until(lambda: not strict.client("logs").describe_log_groups()["logGroups"])


def test_what_the_role_may_not_fails_the_resource_and_the_stack_rolls_back(strict):
    may(strict, LOGS, LOGS_GO)
    status, failed = made(strict, strict.client("cloudformation"), "denied", GROUP, TOPIC, RoleARN=strict.names["role"])
    assert (status, list(failed)) == ("ROLLBACK_COMPLETE", ["Topic"])
    assert "assumed-role/maker/AWSCloudFormation is not authorized to perform: sns:CreateTopic" in failed["Topic"]
    assert failed["Topic"].endswith("(HandlerErrorCode: AccessDenied)")
    assert not strict.client("logs").describe_log_groups()["logGroups"]


def test_a_role_that_makes_but_may_not_delete_leaves_the_rollback_failed(strict):
    """The role stays with the stack: the administrator who deletes it does not act in its place."""
    may(strict, LOGS)
    admin = strict.client("cloudformation")
    status, failed = made(strict, admin, "half", GROUP, TOPIC, RoleARN=strict.names["role"])
    assert status == "ROLLBACK_FAILED" and "logs:DeleteLogGroup" in failed["Group"]
    admin.delete_stack(StackName="half")
    assert rested(strict, "half")[0] == "DELETE_FAILED"
    may(strict, LOGS, LOGS_GO)
    admin.delete_stack(StackName="half")
    assert strict.until(lambda: not strict.client("logs").describe_log_groups()["logGroups"])


def test_tags_of_the_stack_need_leave_to_tag(strict):
    may(strict, LOGS, LOGS_GO)
    tags = {"Tags": [{"Key": "team", "Value": "blue"}], "RoleARN": strict.names["role"]}
    status, failed = made(strict, strict.client("cloudformation"), "tagged", GROUP, **tags)
    assert status == "ROLLBACK_COMPLETE" and "logs:TagResource" in failed["Group"]
    no_tags = {"Effect": "Deny", "Action": "cloudformation:TagResource", "Resource": "*"}
    with pytest.raises(ClientError, match="cloudformation:TagResource"):
        made(strict, ann(strict, ALL_OF_CFN, no_tags), "untagged", GROUP, **tags)


def test_without_a_role_the_handlers_act_as_the_caller(strict):
    status, failed = made(strict, ann(strict, ALL_OF_CFN, LOGS, LOGS_GO), "own", GROUP, TOPIC)
    assert status == "ROLLBACK_COMPLETE" and "user/ann is not authorized to perform: sns:CreateTopic" in failed["Topic"]


@pytest.mark.parametrize("role", ["nobody", "untrusting"])
def test_a_role_that_cannot_be_assumed_is_refused(strict, role):
    if role == "untrusting":
        other = {**TRUST, "Principal": {"Service": "ec2.amazonaws.com"}}
        strict.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=policy(other))
    arn = f"arn:aws:iam::123456789012:role/{role}"
    with pytest.raises(ClientError, match=f"Role {arn} is invalid or cannot be assumed"):
        made(strict, strict.client("cloudformation"), "never", GROUP, RoleARN=arn)
    with pytest.raises(ClientError, match="does not exist"):
        strict.client("cloudformation").describe_stacks(StackName="never")


class Deployed:
    """Stacks of this project made by boto3, as ``deploy`` does: all but the account's with the environment's role."""

    def __init__(self, world) -> None:
        self.world = world
        self.outputs: dict[str, dict[str, str]] = {}
        self.client("s3", "us-east-1").create_bucket(Bucket="archive")

    def client(self, service, region=REGION):
        return boto3.client(
            service, region_name=region, endpoint_url=self.world.endpoint, aws_access_key_id="AKIALOCALADMIN000000",
            aws_secret_access_key="x", config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip

    def make(self, spec) -> str:
        body = json.dumps(spec.template)
        self.client("s3", "us-east-1").put_object(Bucket="archive", Key=spec.key, Body=body.encode())
        role = {} if spec.key == "foundation" else {"RoleARN": ROLE}
        pairs = {name: fed(source, self.outputs) for name, source in spec.parameters.items()}
        self.client("cloudformation", spec.region).create_stack(
            StackName=spec.name,
            TemplateURL=f"https://archive.s3.amazonaws.com/{spec.key}",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in pairs.items()],
            Tags=[{"Key": key, "Value": value} for key, value in spec.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **role,
        )
        return self.rested(spec, spec.name)

    def delete(self, spec) -> str:
        door = self.client("cloudformation", spec.region)
        arn = door.describe_stacks(StackName=spec.name)["Stacks"][0]["StackId"]
        door.delete_stack(StackName=spec.name)
        return self.rested(spec, arn)

    def rested(self, spec, name) -> str:
        door = self.client("cloudformation", spec.region)

        def over():
            stack = door.describe_stacks(StackName=name)["Stacks"][0]
            return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

        stack = self.world.until(over, 240)
        self.outputs[spec.key] = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        return stack["StackStatus"]


@pytest.mark.long
def test_the_service_role_of_this_project_suffices_for_all_its_stacks(tmp_path):
    """Every option switched on, made and deleted under enforcement; nothing is refused."""
    state = tmp_path / "state"
    options = Options(follow_parent=True, enforce=True, processes=False)
    world = World(state, control.start(state, options).endpoint)
    try:
        made = Deployed(world)
        zone = made.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
        sections = json.loads(json.dumps(ALL).replace("ZONE", zone.rpartition("/")[2]))
        specs = [spec for wave in deployment(tmp_path, sections).waves() for spec in wave]
        assert {spec.key: made.make(spec) for spec in specs} == {spec.key: "CREATE_COMPLETE" for spec in specs}
        elb = made.client("elbv2")
        off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        for balancer in elb.describe_load_balancers()["LoadBalancers"]:
            elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=off)
        assert {spec.key: made.delete(spec) for spec in reversed(specs)} == {
            spec.key: "DELETE_COMPLETE" for spec in specs
        }
        asked = [row for row in world.control("permissions")["asked"] if row[0].endswith("-cloudformation")]
        assert len(asked) > 100
        assert [row for row in asked if row[3]] == []
    finally:
        control.stop(state)
