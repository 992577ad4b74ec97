"""One script against plain moto and against the embedded cloud: what moto does not do, and this does.

The points are those on which a deployer depends.  Each function is the script, and answers
what a deployer would see; the table says what moto shows and what AWS documents.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import types
import warnings

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests import owners

REGION = "eu-south-2"
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}
IMPORTED = {"Fn::ImportValue": "difference"}


def body(resources, **sections) -> str:
    return json.dumps({"Resources": resources, **sections})


def settle(cfn, name):
    for _ in range(1800):
        stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS") or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            return stack
        time.sleep(0.05)
    raise AssertionError(stack["StackStatus"])


def change_set(cfn, name, kind, text, **more):
    cfn.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=text, **more)
    for _ in range(1800):
        found = cfn.describe_change_set(StackName=name, ChangeSetName="c")
        if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return found
        time.sleep(0.05)
    raise AssertionError(found["Status"])


def outputs_after_a_change_set(client):
    cfn = client("cloudformation")
    change_set(cfn, "outputs", "CREATE", body({"T": TOPIC}, Outputs={"Arn": {"Value": {"Ref": "T"}}}))
    cfn.execute_change_set(StackName="outputs", ChangeSetName="c")
    return bool(settle(cfn, "outputs").get("Outputs"))


def events_of_resources(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="events", TemplateBody=body({"T": TOPIC}))
    settle(cfn, "events")
    found = cfn.describe_stack_events(StackName="events")["StackEvents"]
    return [e["ResourceStatus"] for e in reversed(found) if e["LogicalResourceId"] == "T"][-1:]


def replacement_is_said(client):
    cfn = client("cloudformation")

    def group(name):
        return body({"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}})

    cfn.create_stack(StackName="replacement", TemplateBody=group("/difference/a"))
    settle(cfn, "replacement")
    found = change_set(cfn, "replacement", "UPDATE", group("/difference/b"))
    return [each["ResourceChange"].get("Replacement") for each in found["Changes"]]


def a_failure_rolls_back(client):
    cfn = client("cloudformation")
    wrong = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/24"}}
    try:
        cfn.create_stack(StackName="rollback", TemplateBody=body({"T": TOPIC, "S": {**wrong, "DependsOn": "T"}}))
        return settle(cfn, "rollback")["StackStatus"]
    except ClientError as error:
        return error.response["Error"]["Code"]


def unknown_types(client):
    cfn = client("cloudformation")
    try:
        cfn.create_stack(StackName="unknown", TemplateBody=body({"X": {"Type": "AWS::Nobody::Knows"}, "T": TOPIC}))
    except ClientError as error:
        return "Unrecognized resource types: [AWS::Nobody::Knows]" in str(error)
    return False


def cidr(client):
    cfn = client("cloudformation")
    block = {"Fn::Select": [1, {"Fn::Cidr": ["10.7.0.0/16", 4, 8]}]}
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}
    try:
        cfn.create_stack(
            StackName="cidr",
            TemplateBody=body({"V": vpc}, Outputs={"C": {"Value": {"Fn::GetAtt": ["V", "CidrBlock"]}}}),
        )
        return settle(cfn, "cidr")["Outputs"][0]["OutputValue"]
    except Exception:
        return "failed"


def drift(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="drift", TemplateBody=body({"T": TOPIC}))
    settle(cfn, "drift")
    try:
        found = cfn.detect_stack_drift(StackName="drift")["StackDriftDetectionId"]
        for _ in range(200):
            shown = cfn.describe_stack_drift_detection_status(StackDriftDetectionId=found)
            if shown["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            time.sleep(0.05)
        return shown["StackDriftStatus"]
    except Exception:
        return "failed"


def no_echo(client):
    cfn = client("cloudformation")
    sections = {"Parameters": {"P": {"Type": "String", "NoEcho": True}}}
    cfn.create_stack(
        StackName="secret",
        TemplateBody=body({"T": TOPIC}, **sections),
        Parameters=[{"ParameterKey": "P", "ParameterValue": "canary"}],
    )
    return settle(cfn, "secret")["Parameters"][0]["ParameterValue"]


def an_empty_change_set(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="empty", TemplateBody=body({"T": TOPIC}))
    settle(cfn, "empty")
    return change_set(cfn, "empty", "UPDATE", body({"T": TOPIC}))["Status"]


def termination_protection(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="protected", TemplateBody=body({"T": TOPIC}), EnableTerminationProtection=True)
    settle(cfn, "protected")
    try:
        cfn.delete_stack(StackName="protected")
        return "deleted"
    except ClientError as error:
        return error.response["Error"]["Message"]


def a_failed_update_keeps_what_was_there(client):
    cfn, sns = client("cloudformation"), client("sns")
    wrong = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/24"}, "DependsOn": "T"}
    named = {**TOPIC, "Properties": {"TopicName": "kept", "DisplayName": "before"}}
    cfn.create_stack(StackName="kept", TemplateBody=body({"T": named}))
    settle(cfn, "kept")
    changed = {**TOPIC, "Properties": {"TopicName": "kept", "DisplayName": "after"}}
    try:
        cfn.update_stack(StackName="kept", TemplateBody=body({"T": changed, "S": wrong}))
        settle(cfn, "kept")
    except ClientError:
        pass
    arn = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":kept"))
    return sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"]


def a_stale_change_set(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="stale", TemplateBody=body({"T": TOPIC}))
    settle(cfn, "stale")
    change_set(cfn, "stale", "UPDATE", body({"T": TOPIC, "U": TOPIC}))
    cfn.update_stack(StackName="stale", TemplateBody=body({"T": {**TOPIC, "Properties": {"DisplayName": "x"}}}))
    settle(cfn, "stale")
    try:
        cfn.execute_change_set(StackName="stale", ChangeSetName="c")
        return "executed"
    except ClientError as error:
        return error.response["Error"]["Code"]


def a_property_that_no_schema_knows(client):
    cfn = client("cloudformation")
    try:
        odd = {**TOPIC, "Properties": {"Nonsense": "x"}}
        cfn.create_stack(StackName="odd", TemplateBody=body({"T": odd}))
        return settle(cfn, "odd")["StackStatus"]
    except ClientError as error:
        return error.response["Error"]["Code"]


def an_export_in_use(client):
    cfn = client("cloudformation")
    out = {"Outputs": {"O": {"Value": {"Ref": "T"}, "Export": {"Name": "difference"}}}}
    cfn.create_stack(StackName="exporter", TemplateBody=body({"T": TOPIC}, **out))
    settle(cfn, "exporter")
    using = {**TOPIC, "Properties": {"DisplayName": {"Fn::Select": [5, {"Fn::Split": [":", IMPORTED]}]}}}
    cfn.create_stack(StackName="importer", TemplateBody=body({"T": using}))
    settle(cfn, "importer")
    try:
        cfn.delete_stack(StackName="exporter")
        return "deleted"
    except ClientError as error:
        return error.response["Error"]["Message"]


def a_stack_policy(client):
    cfn = client("cloudformation")
    cfn.create_stack(StackName="policy", TemplateBody=body({"T": TOPIC}))
    settle(cfn, "policy")
    deny = {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    cfn.set_stack_policy(StackName="policy", StackPolicyBody=json.dumps({"Statement": [deny]}))
    cfn.update_stack(StackName="policy", TemplateBody=body({"T": {**TOPIC, "Properties": {"DisplayName": "x"}}}))
    return settle(cfn, "policy")["StackStatus"]


def a_parameter_from_the_store_is_read_anew(client):
    cfn, ssm = client("cloudformation"), client("ssm")
    ssm.put_parameter(Name="/difference", Value="first", Type="String")
    sections = {
        "Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/difference"}},
        "Outputs": {"O": {"Value": {"Ref": "P"}}},
    }
    text = body({"T": {**TOPIC, "Properties": {"DisplayName": {"Ref": "P"}}}}, **sections)
    cfn.create_stack(StackName="anew", TemplateBody=text)
    settle(cfn, "anew")
    ssm.put_parameter(Name="/difference", Value="second", Type="String", Overwrite=True)
    try:
        change_set(cfn, "anew", "UPDATE", text, Parameters=[{"ParameterKey": "P", "UsePreviousValue": True}])
    except ClientError as error:
        return error.response["Error"]["Code"]
    cfn.execute_change_set(StackName="anew", ChangeSetName="c")
    return (settle(cfn, "anew").get("Outputs") or [{}])[0].get("OutputValue")


def what_is_retained_stays(client):
    cfn, sns = client("cloudformation"), client("sns")
    kept = {**TOPIC, "Properties": {"TopicName": "retained"}, "DeletionPolicy": "Retain"}
    cfn.create_stack(StackName="retained", TemplateBody=body({"T": kept}))
    settle(cfn, "retained")
    cfn.delete_stack(StackName="retained")
    for _ in range(100):
        if "retained" not in [stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]]:
            break
        time.sleep(0.05)
    return any(one["TopicArn"].endswith(":retained") for one in sns.list_topics()["Topics"])


def capabilities_are_asked_for(client):
    trust = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    try:
        client("cloudformation").create_stack(StackName="iam", TemplateBody=body({"R": role}))
        return "made"
    except ClientError as error:
        return error.response["Error"]["Code"]


def an_import(client):
    cfn = client("cloudformation")
    client("logs").create_log_group(logGroupName="/difference/there")
    there = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": "/difference/there"},
        "DeletionPolicy": "Retain",
    }
    asked = [
        {
            "ResourceType": there["Type"],
            "LogicalResourceId": "G",
            "ResourceIdentifier": {"LogGroupName": "/difference/there"},
        }
    ]
    try:
        found = change_set(cfn, "imported", "IMPORT", body({"G": there}), ResourcesToImport=asked)
        return [each["ResourceChange"]["Action"] for each in found["Changes"]]
    except Exception:
        return "failed"


def launched(client) -> tuple[str, str]:
    """One instance in a group behind a load balancer: its ID and its target group."""
    ec2, elb, scaling = client("ec2"), client("elbv2"), client("autoscaling")
    groups = elb.describe_target_groups()["TargetGroups"]
    named = next((one["TargetGroupArn"] for one in groups if one["TargetGroupName"] == "difference"), None)
    if named is None:
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=REGION + zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("ab")
        ]
        named = elb.create_target_group(Name="difference", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
            "TargetGroupArn"
        ]
        balancer = elb.create_load_balancer(Name="difference", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        forward = [{"Type": "forward", "TargetGroupArn": named}]
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        machine = {"ImageId": image, "InstanceType": "t4g.small"}
        ec2.create_launch_template(LaunchTemplateName="difference", LaunchTemplateData=machine)
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="difference",
            LaunchTemplate={"LaunchTemplateName": "difference", "Version": "1"},
            MinSize=0,
            MaxSize=2,
            DesiredCapacity=1,
            TargetGroupARNs=[named],
            VPCZoneIdentifier=",".join(subnets),
        )
    for _ in range(400):
        group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["difference"])["AutoScalingGroups"][0]
        if group["Instances"] and group["Instances"][0]["LifecycleState"] in ("InService", "Standby"):
            return group["Instances"][0]["InstanceId"], named
        time.sleep(0.05)
    raise AssertionError(group)


def a_command_is_run(client):
    instance, _ = launched(client)
    ssm = client("ssm")
    for _ in range(400):
        try:
            sent = ssm.send_command(
                InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["echo $((6 * 7))"]}
            )["Command"]["CommandId"]
            break
        except ClientError:
            time.sleep(0.05)  # not yet registered
    for _ in range(400):
        found = ssm.get_command_invocation(CommandId=sent, InstanceId=instance)
        if found["Status"] not in ("Pending", "InProgress"):
            return found["StandardOutputContent"]
        time.sleep(0.05)
    raise AssertionError(found)


def standby_takes_the_target_out(client):
    instance, group = launched(client)
    client("autoscaling").enter_standby(
        AutoScalingGroupName="difference", InstanceIds=[instance], ShouldDecrementDesiredCapacity=True
    )
    found = client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {one["TargetHealth"]["State"] for one in found} <= {"draining", "unused"}


def prices_are_there(client):
    wanted = [{"Type": "TERM_MATCH", "Field": "usagetype", "Value": "EU-LoadBalancerUsage"}]
    try:
        found = client("pricing").get_products(ServiceCode="AWSELB", Filters=wanted)["PriceList"]
        return bool(found) and "OnDemand" in json.loads(found[0])["terms"]
    except Exception:
        return False


def a_parameter_must_exist(client):
    sections = {"Parameters": {"V": {"Type": "AWS::EC2::VPC::Id", "Default": "vpc-0"}}}
    try:
        client("cloudformation").create_stack(StackName="absent", TemplateBody=body({"T": TOPIC}, **sections))
        return "made"
    except ClientError as error:
        return error.response["Error"]["Code"]


TABLE = [
    (outputs_after_a_change_set, False, True),
    (events_of_resources, [], ["CREATE_COMPLETE"]),
    (replacement_is_said, [None], ["True"]),
    (a_failure_rolls_back, "InvalidVpcID.NotFound", "ROLLBACK_COMPLETE"),
    (a_failed_update_keeps_what_was_there, "before", "before"),
    (a_property_that_no_schema_knows, "CREATE_COMPLETE", "ROLLBACK_COMPLETE"),
    (unknown_types, False, True),
    (cidr, "failed", "10.7.1.0/24"),
    (drift, "failed", "IN_SYNC"),
    (no_echo, "canary", "****"),
    (an_empty_change_set, "FAILED", "FAILED"),
    (a_stale_change_set, "executed", "InvalidChangeSetStatus"),
    (an_import, ["Add"], ["Import"]),
    (an_export_in_use, "deleted", "Export difference cannot be deleted as it is in use by importer"),
    (a_stack_policy, "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
    (termination_protection, "deleted", "Stack [protected] cannot be deleted while TerminationProtection is enabled"),
    (a_parameter_from_the_store_is_read_anew, "ValidationError", "second"),
    (a_parameter_must_exist, "made", "ValidationError"),
    (what_is_retained_stays, True, True),
    (capabilities_are_asked_for, "made", "InsufficientCapabilitiesException"),
    (a_command_is_run, "", "42"),
    (standby_takes_the_target_out, False, True),
    (prices_are_there, False, True),
]
"""A script, what plain moto (5.2.5) shows, and what AWS documents."""


def moto(service):
    return boto3.client(service, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")


@pytest.mark.parametrize("script", [row[0] for row in TABLE], ids=lambda script: script.__name__)
def test_as_aws_documents(world, script):
    expected = next(row[2] for row in TABLE if row[0] is script)
    assert seen(script, world.client) == expected


@pytest.fixture
def plain_moto(monkeypatch):
    """moto without the parts that API Gateway needs, which nothing here uses."""
    absent = types.ModuleType("openapi_spec_validator")
    absent.validate = absent.validate_spec = lambda *_: None
    errors = types.ModuleType("openapi_spec_validator.validation.exceptions")
    errors.OpenAPIValidationError = ValueError
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", absent)
    monkeypatch.setitem(sys.modules, "openapi_spec_validator.exceptions", errors)
    monkeypatch.setitem(sys.modules, "openapi_spec_validator.validation", types.ModuleType("validation"))
    monkeypatch.setitem(sys.modules, "openapi_spec_validator.validation.exceptions", errors)
    with mock_aws(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield moto


@pytest.mark.parametrize("script", [row[0] for row in TABLE], ids=lambda script: script.__name__)
def test_what_moto_shows(plain_moto, script):
    expected = next(row[1] for row in TABLE if row[0] is script)
    assert seen(script, plain_moto) == expected


def seen(script, client):
    found = script(client)
    return found.strip() if isinstance(found, str) else found


def test_there_are_twenty_three_points_and_moto_meets_three():
    assert len(TABLE) == 23
    assert sum(shown == documented for _, shown, documented in TABLE) == 3


HURRIED = """
import sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.2))
from awscli.clidriver import main
from tests import owners
sys.exit(main())
"""
"""Its waiters look every 30 s."""


def aws(world, *words: str) -> str:
    """The AWS command line, a client that nobody here wrote."""
    environment = {
        **owners.variables(world.state, REGION),
        "PATH": "/usr/bin:/bin",
        "AWS_PAGER": "",
    }
    command = [sys.executable, "-c", HURRIED, "--endpoint-url", world.endpoint, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_aws_command_line_deploys(world, tmp_path):
    template = tmp_path / "t.json"
    template.write_text(body({"T": TOPIC}, Outputs={"Arn": {"Value": {"Ref": "T"}}}))
    shown = aws(world, "cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(template))
    assert "Successfully created/updated stack - cli" in shown
    named = int(time.time())
    while int(time.time()) == named:
        time.sleep(0.05)  # its change sets are named after the second
    again = ("cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(template))
    assert "No changes to deploy" in aws(world, *again, "--no-fail-on-empty-changeset")
    events = json.loads(aws(world, "cloudformation", "describe-stack-events", "--stack-name", "cli"))
    assert events["StackEvents"][0]["ResourceStatus"] == "CREATE_COMPLETE"


def test_waiters_and_paginators_of_boto3_work(world):
    cfn = world.client("cloudformation")
    cfn.create_stack(StackName="waited", TemplateBody=body({"T": TOPIC}))
    cfn.get_waiter("stack_create_complete").wait(StackName="waited", WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    pages = cfn.get_paginator("describe_stack_events").paginate(StackName="waited")
    assert sum(len(page["StackEvents"]) for page in pages) == 5
    cfn.delete_stack(StackName="waited")
    cfn.get_waiter("stack_delete_complete").wait(StackName="waited", WaiterConfig={"Delay": 1, "MaxAttempts": 10})


def test_regions_have_stacks_of_their_own(world):
    world.client("cloudformation").create_stack(StackName="here", TemplateBody=body({"T": TOPIC}))
    there = world.client("cloudformation", region="us-east-1")
    assert "here" not in [stack["StackName"] for stack in there.describe_stacks()["Stacks"]]
