"""A failed stack ends with its root cause: eleven kinds of failure, made by the embedded cloud."""

import json
from dataclasses import dataclass, field

import pytest

from hermes_cfn import stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.config import parse
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import destroy
from hermes_cfn.flows.base.context import stand
from hermes_cfn.flows.stacks.deployer import StackDeployer
from hermes_cfn.local import control
from hermes_cfn.local.options import Options


def resource(kind: str, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


VPC = resource("EC2::VPC", CidrBlock="10.0.0.0/16")
ROLE = resource(
    "IAM::Role",
    RoleName="taken",
    AssumeRolePolicyDocument={
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}],
    },
)


def subnet(cidr: str):
    return resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock=cidr, AvailabilityZone="eu-south-2a")


@dataclass(frozen=True)
class Failure:
    """Resources of which ``guilty`` fails, by ``fault`` where AWS would and the cloud cannot; what is said then.

    Beside it stands a slow NAT gateway's address and more, which CloudFormation cancels: consequences, no causes.
    """

    guilty: str
    says: str
    means: str
    resources: dict = field(default_factory=dict)
    fault: str = ""


def by_fault(guilty: str, kind: dict, message: str, means: str) -> Failure:
    return Failure(guilty, message, means, {guilty: kind}, message)


FAILURES = {
    "overlapping ranges": Failure(
        "Second",
        "conflicts with another subnet",
        "an address range overlaps",
        {"Vpc": VPC, "First": subnet("10.0.0.0/24"), "Second": {**subnet("10.0.0.0/25"), "DependsOn": "First"}},
    ),
    "value refused": Failure(
        "Log", "Nonsense", "a value that AWS does not accept", {"Log": resource("Logs::LogGroup", Nonsense=4)}
    ),
    "quota": by_fault(
        "Address",
        resource("EC2::EIP", Domain="vpc"),
        "The maximum number of addresses has been reached. (Service: Ec2, Status Code: 400)",
        "a quota of the account is used up",
    ),
    "permission": by_fault(
        "Vpc",
        VPC,
        "API: ec2:CreateVpc You are not authorized to perform this operation. User: arn:aws:iam::123456789012:role/x",
        "the deploying role lacks a permission",
    ),
    "key pair": by_fault(
        "Template",
        resource("EC2::LaunchTemplate", LaunchTemplateData={"KeyName": "ops"}),
        "The key pair 'ops' does not exist (Service: Ec2, Error Code: InvalidKeyPair.NotFound)",
        "the key pair is not in this region",
    ),
    "zone without the type": by_fault(
        "Log",
        resource("Logs::LogGroup"),
        "Your requested instance type (t4g.small) is not supported in your requested Availability Zone (eu-south-2a).",
        "not to be had in a zone",
    ),
    "certificate": by_fault(
        "Topic",
        resource("SNS::Topic"),
        "Certificate 'arn:aws:acm:us-east-1:1:certificate/x' not found (Error Code: CertificateNotFound)",
        "the certificate is not issued",
    ),
    "stabilise": by_fault(
        "Topic",
        resource("SNS::Topic"),
        "Resource of type 'AWS::SNS::Topic' with identifier 'x' did not stabilize.",
        "AWS gave up waiting",
    ),
    "signals": by_fault(
        "Topic",
        resource("SNS::Topic"),
        "Received 0 SUCCESS signal(s) out of 2.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement",
        "instances did not report in time",
    ),
    "throttled": by_fault(
        "Topic", resource("SNS::Topic"), "Rate exceeded (Status Code: 400)", "AWS asked to slow down"
    ),
}
BESIDE = {
    "SlowAddress": resource("EC2::EIP", Domain="vpc"),
    "SlowVpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
    "SlowGate": resource("EC2::InternetGateway"),
}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    state = tmp_path_factory.mktemp("causes")
    status = control.start(state, Options(follow_parent=True))
    patch = pytest.MonkeyPatch()
    patch.setenv("HERMES_STATE", str(state))
    try:
        settings = parse("")
        clients = connect(None, "eu-south-2", status.endpoint, control.administrator(state))
        clients.session.client("iam", endpoint_url=clients.endpoint_url).create_role(
            RoleName="taken", AssumeRolePolicyDocument=json.dumps(ROLE["Properties"]["AssumeRolePolicyDocument"])
        )
        yield stand(clients, settings, stacks.build(settings))
    finally:
        patch.undo()
        control.reset(state)


def spec(name: str, resources: dict) -> StackSpec:
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    return StackSpec(name, f"cause-{name.replace(' ', '-')}", "eu-south-2", template)


def fault(context, **body) -> None:
    control.ask(control.default_state(), "faults", body)


def findings(story) -> dict[str, object]:
    """What a story that must fail is stopped with, by code."""
    with pytest.raises(HermesError) as caught:
        list(story)
    return {finding.code: finding for finding in caught.value.findings}


EARLY = ("change-set-failed", "the change set is FAILED")
"""How it ends where a property does not fit its schema: that is found before anything is made."""


@pytest.mark.parametrize("name", FAILURES)
def test_the_cause_is_the_first_failing_resource_with_its_message_and_the_way_on(context, name) -> None:
    failure = FAILURES[name]
    if failure.fault:
        fault(context, set="create-fails", subject=failure.guilty, value=failure.fault)
    try:
        found = findings(StackDeployer(context, [spec(name, {**BESIDE, **failure.resources})]).run(lambda: None))
    finally:
        fault(context, clear=True)
    cause = found["root-cause"]
    assert f"/ {failure.guilty} (" in cause.where
    assert failure.says in cause.what
    assert failure.means in cause.why
    assert cause.next
    code, ended = EARLY if name == "value refused" else ("stack-failed", "ended in ROLLBACK_COMPLETE")
    assert found[code].what == ended


def test_a_name_that_is_taken_is_said_by_the_change_set_already(context) -> None:
    found = findings(StackDeployer(context, [spec("taken", {**BESIDE, "Role": ROLE})]).run(lambda: None))
    assert "Role" in found["root-cause"].what
    assert "the name is taken" in found["root-cause"].why
    assert found["root-cause"].next


def test_what_an_early_validation_finds_is_said_of_each_resource(context) -> None:
    """CloudFormation itself only says that there is something: the messages are in its DescribeEvents."""
    there = "Resource of type 'AWS::SNS::Topic' with identifier 'x' already exists."
    fault(context, set="validation-fails", subject="Topic", value=there)
    fault(context, set="validation-fails", subject="SlowVpc", value="Required property [CidrBlock] not found")
    try:
        with pytest.raises(HermesError) as caught:
            list(StackDeployer(context, [spec("early", {**BESIDE, "Topic": resource("SNS::Topic")})]).run(lambda: None))
    finally:
        fault(context, clear=True)
    refused, *causes = caught.value.findings
    assert refused.code == "change-set-failed"
    said = {cause.where.partition(" / ")[2]: cause for cause in causes}
    assert set(said) == {"Topic (AWS::SNS::Topic)", "SlowVpc (AWS::EC2::VPC)"}
    assert said["Topic (AWS::SNS::Topic)"].what == f"{there} at /Resources/Topic"
    assert "the name is taken" in said["Topic (AWS::SNS::Topic)"].why


def test_an_update_that_fails_and_whose_rollback_fails_is_continued_by_the_next_deployment(context) -> None:
    topic = spec("stuck", {"Topic": resource("SNS::Topic", DisplayName="one")})
    assert run(StackDeployer(context, [topic])) == {"stuck": "CREATE_COMPLETE"}
    other = spec("stuck", {"Topic": resource("SNS::Topic", DisplayName="two")})
    fault(context, set="update-fails", subject="Topic", value="You are not authorized to perform this operation")
    found = findings(StackDeployer(context, [other]).run(lambda: None))
    assert "UPDATE_ROLLBACK_FAILED" in found["stack-failed"].what
    assert "lacks a permission" in found["root-cause"].why
    fault(context, clear=True)
    assert run(StackDeployer(context, [other])) == {"stuck": "UPDATE_COMPLETE"}


def run(deployer: StackDeployer) -> dict[str, str]:
    story = deployer.run(lambda: None)
    while True:
        try:
            next(story)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("guilty", "body", "means"),
    [
        ("Bucket", resource("S3::Bucket", BucketName="cause-full-bucket"), "a bucket still holds objects"),
        ("Vpc", VPC, "something else still uses it"),
    ],
    ids=["bucket not empty", "still in use"],
)
def test_a_deletion_that_fails_says_why(context, guilty, body, means) -> None:
    made = spec(f"undeletable {guilty}", {guilty: body})
    run(StackDeployer(context, [made]))
    if guilty == "Bucket":
        context.clients.s3.put("cause-full-bucket", "key", b"object")
    else:
        fault(
            context, set="delete-fails", subject="Vpc", value="The vpc 'vpc-1' has dependencies and cannot be deleted."
        )
    try:
        found = findings(destroy.StackDeleter(context, [made], destroy.Consent()).run(None))
    finally:
        fault(context, clear=True)
    assert means in found["root-cause"].why
    assert f"/ {guilty} (" in found["root-cause"].where
    list(destroy.StackDeleter(context, [made], destroy.Consent(empty_buckets=True)).run(None))
    assert context.clients.cloudformation().observe(made.name).status is None
