"""Templates in the shapes that people publish: each deploys whole and goes again, or is refused naming what is not known.

``templates/`` holds some of each kind, written for this test; a directory of others' templates beside the project is
run through as well.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from moto import mock_aws

from hermes_cfn.cfn.template import Template
from tests.local.test_cloudformation_requests import make, refused

OWN = Path(__file__).parent / "templates"
FOREIGN = Path(__file__).parents[3] / "shared" / "foreign-templates"
REFUSED = {
    "function.yaml": "resource types [AWS::Lambda::Function]",
    "group-of-many-kinds.yaml": "properties [Group.MixedInstancesPolicy (AWS::AutoScaling::AutoScalingGroup)]",
    "serverless.yaml": "transforms [AWS::Serverless-2016-10-31]",
    "stateful.yaml": "resource types [AWS::CloudFormation::WaitCondition]",
    "AutoScaling-AutoScalingMultiAZWithNotifications.json": "Unable to get mapping for Region2Examples::eu-south-2",
    "AutoScaling-AutoScalingRollingUpdates.yaml": "AWS::ElasticLoadBalancing::LoadBalancer",
    "ECS-FargateLaunchType-clusters-public-vpc.yaml": "AWS::ECS::Cluster",
    "ECS-FargateLaunchType-services-public-service.yaml": "AWS::ECS::TaskDefinition",
    "ElasticLoadBalancing-ELBStickinessSample.json": "'null' values are not allowed in templates",
    "ElasticLoadBalancing-NetworkLoadBalancerWithEIPs.yaml": "load balancers of type network",
    "Lambda-LambdaSample.yaml": "AWS::Lambda::Function",
    "RDS-RDS_MySQL_With_Read_Replica.yaml": "AWS::RDS::DBInstance",
    "S3-compliant-static-website.json": "ObjectLockEnabled (AWS::S3::Bucket)",
}
DEPLOYS = {
    "network.json",
    "table-and-alarms.yaml",
    "web-rolling.yaml",
    "DynamoDB-DynamoDB_Table.json",
    "EC2-EIP_With_Association.yaml",
    "VPC-VPC_With_Managed_NAT_And_Private_Subnet.yaml",
}
TEMPLATES = sorted([*OWN.iterdir(), *FOREIGN.glob("*-*.*")], key=lambda path: path.name)


def test_some_of_each_kind_are_here():
    names = {path.name for path in OWN.iterdir()}
    assert names & DEPLOYS and names & set(REFUSED) and names <= DEPLOYS | set(REFUSED)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_that_nobody_here_wrote_deploy_or_are_refused_by_name(path):
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        service, client = make()
        ec2 = client("ec2")
        ec2.create_key_pair(KeyName="k")
        text = path.read_text()
        call = {"StackName": "s", "TemplateBody": text, "Parameters": values(text, ec2)}
        call["Capabilities"] = ["CAPABILITY_NAMED_IAM"]
        if path.name in REFUSED:
            _, message = refused(service, **call)
            assert REFUSED[path.name] in message
            assert service.handle("DescribeStacks", {}) == {"Stacks": []}
        else:
            assert path.name in DEPLOYS
            arn = service.handle("CreateStack", call)["StackId"]
            assert ended(service, arn) == ("CREATE_COMPLETE", [])
            service.handle("DeleteStack", {"StackName": arn})
            assert ended(service, arn) == ("DELETE_COMPLETE", [])
        service.stop()


def ended(service, arn: str) -> tuple[str, list[str]]:
    """The stack's status when it rests, and why resources failed."""
    assert service.engine.scheduler.settle(180)
    events = service.handle("DescribeStackEvents", {"StackName": arn})["StackEvents"]
    failed = [event.get("ResourceStatusReason", "") for event in events if event["ResourceStatus"].endswith("FAILED")]
    return service.engine.stacks[arn].status, failed


def values(text: str, ec2) -> list[dict[str, str]]:
    """A value for each parameter that has no default."""
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    known = {
        "VPC::Id": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "List<AWS::EC2::Subnet": ",".join(subnets),
        "Subnet::Id": subnets[0],
        "SecurityGroup::Id": ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
        "KeyPair": "k",
    }
    found = []
    for name, spec in Template.parse(text).parameters.items():
        plain = "value@example.com" if "mail" in name.lower() else "value1"
        value = next((each for kind, each in known.items() if kind in spec["Type"]), plain)
        if "Default" not in spec:
            found.append({"ParameterKey": name, "ParameterValue": value})
    return found
