"""CloudFormation over moto's models, in process."""

from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws, settings

from hermes_cfn.local import moto_tidy
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.cloudformation.service import CloudFormation
from hermes_cfn.local.moto_side import CERTIFICATES_AT_ONCE
from hermes_cfn.local.wire import CALL, Call, ServiceError

REGION = "eu-south-2"


class Cloud:
    """CloudFormation with its calls as methods, and a wait."""

    def __init__(self, speed: float = 20, real_time: bool = False) -> None:
        moto_tidy.install()
        settings.ACM_VALIDATION_WAIT = CERTIFICATES_AT_ONCE
        self.made: dict[tuple[str, str], object] = {}
        self.clock = ServiceClock(speed)
        self.service = CloudFormation(lambda service, region, _: self.client(service, region), self.clock, real_time)

    def client(self, service: str, region: str = REGION):
        if (service, region) not in self.made:
            self.made[service, region] = boto3.client(
                service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
            )
        return self.made[service, region]

    def __call__(self, action: str, **params):
        return self.service.handle(action, params)

    def settle(self) -> None:
        assert self.service.engine.scheduler.settle(180)

    def stack(self, name: str = "s"):
        return self("DescribeStacks", StackName=name)["Stacks"][0]

    def status(self, name: str = "s") -> str:
        return self.stack(name)["StackStatus"]

    def create(self, resources, name: str = "s", **more):
        self("CreateStack", StackName=name, TemplateBody=body(resources, **more.pop("sections", {})), **more)
        self.settle()
        return self.status(name)

    def update(self, resources, name: str = "s", **more):
        self("UpdateStack", StackName=name, TemplateBody=body(resources, **more.pop("sections", {})), **more)
        self.settle()
        return self.status(name)

    def delete(self, name: str = "s", **more) -> str:
        arn = self.stack(name)["StackId"]
        self("DeleteStack", StackName=name, **more)
        self.settle()
        return self.status(arn)

    def change_set(self, resources, kind="UPDATE", name="c", stack="s", **more):
        self(
            "CreateChangeSet",
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=body(resources, **more.pop("sections", {})),
            **more,
        )
        self.settle()
        return self("DescribeChangeSet", StackName=stack, ChangeSetName=name)

    def execute(self, name="c", stack="s", **more) -> str:
        self("ExecuteChangeSet", StackName=stack, ChangeSetName=name, **more)
        self.settle()
        return self.status(stack)

    def events(self, logical_id=None, name="s") -> list[str]:
        found = self("DescribeStackEvents", StackName=name)["StackEvents"]
        return [e["ResourceStatus"] for e in reversed(found) if logical_id in (None, e["LogicalResourceId"])]

    def reasons(self, status, name="s") -> list[str]:
        found = self("DescribeStackEvents", StackName=name)["StackEvents"]
        return [e.get("ResourceStatusReason", "") for e in reversed(found) if e["ResourceStatus"] == status]

    def physical(self, logical_id, name="s") -> str:
        found = self("DescribeStackResources", StackName=name, LogicalResourceId=logical_id)["StackResources"]
        return found[0]["PhysicalResourceId"]

    def resources(self, name="s") -> set[str]:
        found = self("ListStackResources", StackName=name)["StackResourceSummaries"]
        return {each["LogicalResourceId"] for each in found}

    def fail(self, logical_id: str, action: str, why: str = "no capacity") -> None:
        def fault(_stack, name, _kind, what):
            return why if (name, what) == (logical_id, action) else None

        self.service.engine.fault = fault

    def mend(self) -> None:
        self.service.engine.fault = lambda *_: None


def body(resources, **sections) -> str:
    return json.dumps({"Resources": resources, **sections})


def topic(**properties):
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def parameter(value, **more):
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **more}}


def group(name, **more):
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **more}}


def refused(code, call, **params) -> str:
    with pytest.raises(ServiceError) as caught:
        call(**params)
    assert caught.value.code == code
    return caught.value.message


@pytest.fixture(autouse=True)
def called():
    """A call in whose name the service works."""
    token = CALL.set(Call("cloudformation", REGION, "a"))
    yield
    CALL.reset(token)


@pytest.fixture
def cloud():
    with mock_aws():
        made = Cloud()
        yield made
        made.service.stop()
