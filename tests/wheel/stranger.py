"""What somebody who has only hermes-cfn-cloud may write: run by ``make wheel`` in a directory with nothing else in it."""

import json
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, WaiterError


def template(value: str, broken: bool = False) -> str:
    resources = {"Setting": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}
    if broken:
        resources["Room"] = {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": "vpc-00000000000000000", "CidrBlock": "10.0.0.0/24"},
            "DependsOn": "Setting",
        }
    return json.dumps({"Resources": resources, "Outputs": {"Name": {"Value": {"Ref": "Setting"}}}})


class Stack:
    """A stack of one parameter, whose value is its template's."""

    def __init__(self, cloud) -> None:
        self.name = f"stack-{uuid4()}"
        self.cloudformation = cloud.client("cloudformation")
        self.cloudformation.create_stack(StackName=self.name, TemplateBody=template("first"))
        self.wait("stack_create_complete")

    def wait(self, until: str) -> None:
        self.cloudformation.get_waiter(until).wait(StackName=self.name, WaiterConfig={"Delay": 1})

    def described(self) -> dict:
        return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]


@pytest.fixture
def stack(embedded_cloud) -> Stack:
    return Stack(embedded_cloud)


def value(cloud, stack: Stack) -> str:
    (output,) = stack.described()["Outputs"]
    return cloud.client("ssm").get_parameter(Name=output["OutputValue"])["Parameter"]["Value"]


def test_an_update_that_fails_brings_back_what_was_there(embedded_cloud, stack: Stack) -> None:
    assert value(embedded_cloud, stack) == "first"
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=template("second", broken=True))
    with pytest.raises(WaiterError):
        stack.wait("stack_update_complete")
    assert stack.described()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert value(embedded_cloud, stack) == "first"


def test_a_change_by_hand_is_drift(embedded_cloud, stack: Stack) -> None:
    (output,) = stack.described()["Outputs"]
    embedded_cloud.client("ssm").put_parameter(Name=output["OutputValue"], Value="by hand", Overwrite=True)
    drift = stack.cloudformation.detect_stack_resource_drift(StackName=stack.name, LogicalResourceId="Setting")
    assert drift["StackResourceDrift"]["StackResourceDriftStatus"] == "MODIFIED"


def test_what_it_does_not_know_is_refused_by_name(stack: Stack) -> None:
    unknown = json.dumps({"Resources": {"Other": {"Type": "AWS::No::Such"}}})
    with pytest.raises(ClientError, match="AWS::No::Such"):
        stack.cloudformation.create_stack(StackName="other", TemplateBody=unknown)


def test_reset_leaves_nothing(embedded_cloud, stack: Stack) -> None:
    embedded_cloud.reset()
    assert embedded_cloud.client("cloudformation").list_stacks()["StackSummaries"] == []
    assert embedded_cloud.client("sts").get_caller_identity()["Arn"].endswith("user/administrator")
    assert embedded_cloud.endpoint.startswith("http://127.0.0.1:")
