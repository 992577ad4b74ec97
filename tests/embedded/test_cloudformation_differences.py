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

REGION = "eu-south-2"
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}


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
        return cfn.describe_stack_drift_detection_status(StackDriftDetectionId=found)["StackDriftStatus"]
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


TABLE = [
    (outputs_after_a_change_set, False, True),
    (events_of_resources, [], ["CREATE_COMPLETE"]),
    (replacement_is_said, [None], ["True"]),
    (a_failure_rolls_back, None, "ROLLBACK_COMPLETE"),
    (unknown_types, False, True),
    (cidr, "failed", "10.7.1.0/24"),
    (drift, "failed", "IN_SYNC"),
    (no_echo, "canary", "****"),
    (an_empty_change_set, None, "FAILED"),
    (termination_protection, None, "Stack [protected] cannot be deleted while TerminationProtection is enabled"),
]


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


@pytest.mark.parametrize("script", [row[0] for row in TABLE if row[1] is not None], ids=lambda script: script.__name__)
def test_where_moto_differs(plain_moto, script):
    expected = next(row[1] for row in TABLE if row[0] is script)
    assert seen(script, plain_moto) == expected


def seen(script, client):
    found = script(client)
    return found.strip() if isinstance(found, str) else found


def test_a_failure_with_moto_is_no_rollback(plain_moto):
    assert a_failure_rolls_back(plain_moto) != "ROLLBACK_COMPLETE"


HURRIED = """
import sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.2))
from awscli.clidriver import main
sys.exit(main())
"""
"""Its waiters look every 30 s."""


def aws(world, *words: str) -> str:
    """The AWS command line, a client that nobody here wrote."""
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIALOCALADMIN000000",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
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
    there = boto3.client(
        "cloudformation",
        region_name="us-east-1",
        endpoint_url=world.endpoint,
        aws_access_key_id="AKIALOCALADMIN000000",
        aws_secret_access_key="x",
    )
    assert "here" not in [stack["StackName"] for stack in there.describe_stacks()["Stacks"]]
