"""What somebody who has only hermes-cfn-cloud may write: run by ``make wheel`` in a directory with nothing else in it."""

import json

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


@pytest.fixture
def stack(embedded_cloud):
    embedded_cloud.reset()
    cloudformation = embedded_cloud.client("cloudformation")
    cloudformation.create_stack(StackName="one", TemplateBody=template("first"))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="one", WaiterConfig={"Delay": 1})
    return cloudformation


def status(cloudformation) -> str:
    return cloudformation.describe_stacks(StackName="one")["Stacks"][0]["StackStatus"]


def value(embedded_cloud, cloudformation) -> str:
    (output,) = cloudformation.describe_stacks(StackName="one")["Stacks"][0]["Outputs"]
    return embedded_cloud.client("ssm").get_parameter(Name=output["OutputValue"])["Parameter"]["Value"]


def test_a_stack_has_its_outputs(embedded_cloud, stack) -> None:
    assert value(embedded_cloud, stack) == "first"


def test_an_update_that_fails_brings_back_what_was_there(embedded_cloud, stack) -> None:
    stack.update_stack(StackName="one", TemplateBody=template("second", broken=True))
    with pytest.raises(WaiterError):
        stack.get_waiter("stack_update_complete").wait(StackName="one", WaiterConfig={"Delay": 1})
    assert status(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert value(embedded_cloud, stack) == "first"


def test_what_it_does_not_know_is_refused_by_name(stack) -> None:
    unknown = json.dumps({"Resources": {"Other": {"Type": "AWS::No::Such"}}})
    with pytest.raises(ClientError, match="AWS::No::Such"):
        stack.create_stack(StackName="two", TemplateBody=unknown)


def test_reset_leaves_nothing(embedded_cloud, stack) -> None:
    embedded_cloud.reset()
    with pytest.raises(ClientError):
        status(embedded_cloud.client("cloudformation"))
    assert embedded_cloud.client("sts").get_caller_identity()["Arn"].endswith("user/administrator")
    assert embedded_cloud.endpoint.startswith("http://127.0.0.1:")
