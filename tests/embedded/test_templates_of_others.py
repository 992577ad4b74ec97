"""What CDK synthesizes for a VPC with a load balancer and a group: deployed whole, or refused by name.

``templates/cdk-web.json`` is the output of aws-cdk-lib 2.276.0 for ``templates/cdk-web.js`` (npm install aws-cdk-lib
constructs; node cdk-web.js).
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

TEXT = (Path(__file__).parent / "templates" / "cdk-web.json").read_text()
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"


def over(cfn, name: str, seconds: float = 240.0) -> dict:
    end = time.monotonic() + seconds
    while True:
        stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > end:
            return stack
        time.sleep(0.1)


def with_other_user_data(text: str) -> str:
    """CDK replaces the launch configuration; the group's update policy then rolls over the instances."""
    template = json.loads(text)
    (configuration,) = (
        one for one in template["Resources"].values() if one["Type"] == "AWS::AutoScaling::LaunchConfiguration"
    )
    configuration["Properties"]["UserData"] = {"Fn::Base64": "#!/bin/bash\necho another"}
    return json.dumps(template)


def test_what_cdk_synthesizes_deploys_changes_and_goes(world):
    cfn, ssm = world.client("cloudformation"), world.client("ssm")
    call = {"StackName": "Web", "TemplateBody": TEXT, "Capabilities": ["CAPABILITY_IAM"]}
    ssm.put_parameter(Name=BOOTSTRAP, Value="5", Type="String", Overwrite=True)
    with pytest.raises(ClientError, match="CDK bootstrap stack version 6 required"):
        cfn.create_stack(**call)
    ssm.put_parameter(Name=BOOTSTRAP, Value="21", Type="String", Overwrite=True)
    arn = cfn.create_stack(**call)["StackId"]
    stack = over(cfn, "Web")
    assert stack["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName="Web")["StackEvents"][:6]
    assert "elb" in stack["Outputs"][0]["OutputValue"]
    named = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in cfn.list_stack_resources(StackName="Web")["StackResourceSummaries"]
    }
    assert set(named) == set(json.loads(TEXT)["Resources"])
    group = next(value for key, value in named.items() if key.startswith("ASG46"))
    assert len(world.group(group)["Instances"]) == 2
    targets = next(value for key, value in named.items() if key.startswith("LBListenerTargetGroup"))
    world.until(lambda: set(world.health(targets)) == set(world.states(group)), 120)
    before = set(world.states(group))
    cfn.update_stack(**{**call, "TemplateBody": with_other_user_data(TEXT)})
    assert over(cfn, "Web")["StackStatus"] == "UPDATE_COMPLETE"
    world.until(lambda: not before & set(world.states(group)), 120)  # the rolling update policy replaces them all
    cfn.delete_stack(StackName="Web")
    assert over(cfn, arn)["StackStatus"] == "DELETE_COMPLETE"
    assert not world.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])[
        "AutoScalingGroups"
    ]


def test_what_is_not_supported_is_named_and_nothing_is_made(world):
    cfn = world.client("cloudformation")
    template = json.loads(TEXT)
    template["Resources"]["Restrict"] = {"Type": "Custom::VpcRestrictDefaultSG", "Properties": {"ServiceToken": "x"}}
    with pytest.raises(ClientError, match=r"does not support resource types \[Custom::VpcRestrictDefaultSG\]"):
        cfn.create_stack(StackName="Odd", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    assert "Odd" not in [stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]]
