"""CloudFormation acts as a stack's service role or, without one, as the caller; what they may not, it cannot."""

from __future__ import annotations

import json

import pytest
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


def named(name):
    return {**GROUP, "Properties": {**GROUP["Properties"], "LogGroupName": name}}


TYPED = {
    "Parameters": {"Name": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/strict/name"}},
    "Resources": {"Group": named({"Ref": "Name"})},
}
COMPOSED = {
    "Parameters": {"Stage": {"Type": "String", "Default": "strict"}},
    "Resources": {
        "Group": named({"Fn::Sub": "{{resolve:ssm:/${Stage}/name}}"}),
    },
}
PLACED = {
    "Parameters": {"Net": {"Type": "AWS::EC2::VPC::Id"}},
    "Resources": {"Group": named({"Ref": "Net"})},
}
ZONED = {
    "Resources": {
        "Group": named({"Fn::Select": ["0", {"Fn::GetAZs": ""}]}),
    }
}
READS = {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "arn:aws:ssm:*:*:parameter/strict/*"}


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def refused_or_failed(strict, door, name, template, **more) -> str:
    """Why a stack cannot be made: what the call says, or what the resource says."""
    try:
        door.create_stack(StackName=name, TemplateBody=json.dumps(template), RoleARN=strict.names["role"], **more)
    except ClientError as error:
        return error.response["Error"]["Message"]
    return (
        rested(strict, name)[1].get("Group")
        or strict.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatusReason"]
    )


@pytest.mark.parametrize(
    ("name", "template", "needs", "words"),
    [
        ("typed", TYPED, READS, "AccessDenied. User doesn't have permission to call ssm:GetParameters"),
        ("composed", COMPOSED, READS, "AccessDenied. User doesn't have permission to call ssm:GetParameters"),
        ("placed", PLACED, allow("ec2:DescribeVpcs"), "is not authorized to perform: ec2:DescribeVpcs"),
        ("zoned", ZONED, allow("ec2:DescribeAvailabilityZones"), "not authorized to perform: ec2:DescribeAvailability"),
    ],
)
def test_what_a_template_names_is_looked_up_as_the_service_role_whoever_calls(strict, name, template, needs, words):
    strict.client("ssm").put_parameter(Name="/strict/name", Value="/strict/named", Type="String", Overwrite=True)
    more = {}
    if template is PLACED:
        vpc = strict.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        more = {"Parameters": [{"ParameterKey": "Net", "ParameterValue": vpc}]}
    may(strict, LOGS, LOGS_GO)
    assert words in refused_or_failed(strict, strict.client("cloudformation"), f"{name}-no", template, **more)
    may(strict, LOGS, LOGS_GO, needs)
    door = ann(strict, ALL_OF_CFN)
    door.create_stack(StackName=name, TemplateBody=json.dumps(template), RoleARN=strict.names["role"], **more)
    assert rested(strict, name) == ("CREATE_COMPLETE", {})
    door.delete_stack(StackName=name)
    assert strict.until(lambda: not strict.client("logs").describe_log_groups()["logGroups"])


def test_a_template_in_a_bucket_is_read_as_the_caller_whatever_role_the_stack_has(strict):
    strict.client("s3").create_bucket(
        Bucket="shelf", CreateBucketConfiguration={"LocationConstraint": REGION}, ObjectOwnership="BucketOwnerEnforced"
    )
    body = json.dumps({"Resources": {"Group": GROUP}})
    strict.client("s3").put_object(Bucket="shelf", Key="t.json", Body=body.encode())
    url = {"TemplateURL": "https://shelf.s3.eu-south-2.amazonaws.com/t.json"}
    may(strict, LOGS, LOGS_GO, allow("s3:GetObject"))
    door = ann(strict, ALL_OF_CFN)
    for call, more in (
        (door.create_stack, {"StackName": "far", "RoleARN": strict.names["role"]}),
        (door.create_change_set, {"StackName": "far", "ChangeSetName": "c", "ChangeSetType": "CREATE"}),
        (door.validate_template, {}),
        (door.get_template_summary, {}),
    ):
        with pytest.raises(ClientError, match="S3 error: Access Denied\nFor more information check http://docs"):
            call(**url, **more)
    may(strict, LOGS, LOGS_GO)
    own = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shelf/t.json"}
    ann(strict, ALL_OF_CFN, own).create_stack(StackName="far", RoleARN=strict.names["role"], **url)
    assert rested(strict, "far") == ("CREATE_COMPLETE", {})
    strict.client("cloudformation").delete_stack(StackName="far")
    assert strict.until(lambda: not strict.client("logs").describe_log_groups()["logGroups"])


def test_drift_is_read_as_whoever_detects_it_and_what_they_may_not_read_fails_the_detection(strict):
    may(strict, LOGS, LOGS_GO)
    assert made(strict, strict.client("cloudformation"), "drifts", GROUP, RoleARN=strict.names["role"])[1] == {}
    strict.client("logs").put_retention_policy(logGroupName="/strict/a", retentionInDays=1)

    def detected(door):
        one = door.detect_stack_drift(StackName="drifts")["StackDriftDetectionId"]

        def over():
            found = door.describe_stack_drift_detection_status(StackDriftDetectionId=one)
            return found if found["DetectionStatus"] != "DETECTION_IN_PROGRESS" else None

        return strict.until(over)

    blind = ann(strict, ALL_OF_CFN)
    found = detected(blind)
    assert (
        found["DetectionStatus"] == "DETECTION_FAILED"
        and "user/ann is not authorized" in found["DetectionStatusReason"]
    )
    with pytest.raises(ClientError, match="user/ann is not authorized to perform: logs:DescribeLogGroups"):
        blind.detect_stack_resource_drift(StackName="drifts", LogicalResourceId="Group")
    may(strict, {**LOGS_GO, "Action": "logs:DeleteLogGroup"})
    seeing = ann(strict, ALL_OF_CFN, LOGS)
    assert (found := detected(seeing))["DetectionStatus"] == "DETECTION_COMPLETE", found
    assert found["StackDriftStatus"] == "DRIFTED"
    alone = {"Effect": "Deny", "Action": "cloudformation:DetectStackResourceDrift", "Resource": "*"}
    with pytest.raises(ClientError, match="cloudformation:DetectStackResourceDrift"):
        detected(ann(strict, ALL_OF_CFN, LOGS, alone))
    may(strict, LOGS, LOGS_GO)
    strict.client("cloudformation").delete_stack(StackName="drifts")
    assert strict.until(lambda: not strict.client("logs").describe_log_groups()["logGroups"])


class Deployed:
    """Stacks of this project made by boto3, as ``deploy`` does: all but the account's with the environment's role."""

    def __init__(self, world) -> None:
        self.world = world
        self.outputs: dict[str, dict[str, str]] = {}
        self.client("s3", "us-east-1").create_bucket(Bucket="archive")

    def client(self, service, region=REGION):
        return self.world.client(service, region=region, s3={"addressing_style": "path"})

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
