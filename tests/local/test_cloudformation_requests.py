"""What is refused before anything is made, and what templates may ask for."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from hermes_cfn.cfn.schemas import schema
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.cloudformation.service import ACTIONS, CloudFormation
from hermes_cfn.local.providers import HANDLERS, OUTSIDE
from hermes_cfn.local.wire import ServiceError

REGION = "eu-south-2"
HERE = Path(__file__).parents[2]


def make():
    made = {}

    def client(service, region=REGION):
        if (service, region) not in made:
            made[service, region] = boto3.client(
                service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
            )
        return made[service, region]

    return CloudFormation(lambda service, region, _: client(service, region), ServiceClock(20)), client


@pytest.fixture
def cloud():
    with mock_aws():
        service, client = make()
        yield service, client
        service.stop()


def refused(service, action="CreateStack", **params) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        service.handle(action, params)
    return caught.value.code, caught.value.message


def body(resources, **sections) -> str:
    return json.dumps({"Resources": resources, **sections})


TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (body({"A": {"Type": "AWS::Nobody::Knows"}}), "Unrecognized resource types: [AWS::Nobody::Knows]"),
        (body({"A": {"Type": "AWS::Budgets::Budget"}}), "Unrecognized resource types: [AWS::Budgets::Budget]"),
        (body({"A": {"Type": "AWS::Lambda::Function"}}), "does not support resource types [AWS::Lambda::Function]"),
        (
            body({"A": {"Type": "Custom::VpcRestrictDefaultSG"}, "B": {"Type": "AWS::CDK::Metadata"}}),
            "does not support resource types [Custom::VpcRestrictDefaultSG]",
        ),
        (body({"A": {"Type": "AWS::CloudFormation::StackSet"}}), "AWS::CloudFormation::StackSet"),
        (
            body({"A": {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}}),
            "does not support properties [A.ObjectLockEnabled (AWS::S3::Bucket)]",
        ),
        (body({"A": TOPIC}, Transform="AWS::Serverless-2016-10-31"), "transforms [AWS::Serverless-2016-10-31]"),
        (
            body({"A": TOPIC, "B": {**TOPIC, "Properties": {"TopicName": {"Fn::GetAtt": ["A", "Nothing"]}}}}),
            "Template error: resource A does not support attribute type Nothing in Fn::GetAtt",
        ),
        (
            body({"A": {**TOPIC, "Properties": {"TopicName": {"Fn::FindInMap": ["M", "x", "y"]}}}}, Mappings={"M": {}}),
            "Template error: Unable to get mapping for M::x::y",
        ),
        ("{", "Template format error: JSON not well-formed."),
        (body({"A": TOPIC}, Parameters={"P": {"Type": "String"}}), "Parameters: [P] must have values"),
        (
            body({"A": TOPIC}, Parameters={"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/no"}}),
            "Unable to fetch parameters [/no] from parameter store for this account.",
        ),
        (
            body({"A": {**TOPIC, "Properties": {"TopicName": "{{resolve:ssm-secure:/secret}}"}}}),
            "SSM Secure reference is not supported in: [AWS::SNS::Topic/Properties/TopicName]",
        ),
        (
            body({"A": {**TOPIC, "Properties": {"TopicName": "{{resolve:ssm:/secret}}"}}}),
            "Parameters [/secret] referenced by template have types not supported by CloudFormation.",
        ),
        (
            body({"A": TOPIC}, Parameters={"P": {"Type": "AWS::EC2::VPC::Id", "Default": "vpc-0"}}),
            "parameter value vpc-0 for parameter name P does not exist",
        ),
        (
            body(
                {"A": TOPIC},
                Parameters={"P": {"Type": "String", "Default": "x"}},
                Rules={"R": {"Assertions": [{"Assert": {"Fn::Contains": [["y"], {"Ref": "P"}]}}]}},
            ),
            "Template validation error: the assertion of rule R does not hold",
        ),
        (
            body({"A": {**TOPIC, "DeletionPolicy": "Snapshot"}}),
            "AWS::SNS::Topic of A does not support the policy Snapshot",
        ),
        (
            body({"A": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "network"}}}),
            "does not support load balancers of type network (A)",
        ),
        (
            body({"A": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Protocol": "TCP"}}}),
            "does not support target groups with Protocol TCP (A)",
        ),
        (
            body(
                {
                    "A": {
                        "Type": "AWS::AutoScaling::AutoScalingGroup",
                        "Properties": {"MinSize": "0", "MaxSize": "0"},
                        "UpdatePolicy": {"AutoScalingInstanceRefresh": {"Strategy": "ReplaceRootVolume"}},
                    }
                }
            ),
            "does not support the strategy ReplaceRootVolume of an instance refresh (A)",
        ),
        (body({"A": TOPIC}, Transform=["AWS::LanguageExtensions", "Count"]), "transforms [Count]"),
        (body({"A": TOPIC}, Transform="AWS::Serverless-2016-10-31", Globals={}), "transforms [AWS::Serverless-2016-"),
        (body({"A": {"Type": "x", "Count": 2}}, Transform="Count"), "transforms [Count]"),
        (
            body({"A": {**TOPIC, "Properties": {"Fn::Transform": {"Name": "AWS::Include"}}}}),
            "does not support transforms [Fn::Transform]",
        ),
        (body({"A": TOPIC}, Hooks={}), "does not support the template section Hooks"),
        ("x" * 51_201, "failed to satisfy constraint: Member must have length less than or equal to 51200"),
    ],
)
def test_refused_by_name(cloud, text, words):
    cloud[1]("ssm").put_parameter(Name="/secret", Value="x", Type="SecureString")
    code, message = refused(cloud[0], StackName="s", TemplateBody=text)
    assert code == "ValidationError" and words in message
    assert cloud[0].handle("DescribeStacks", {}) == {"Stacks": []}


def test_properties_that_no_schema_knows_fail_the_resource(cloud):
    service, _ = cloud
    service.handle("CreateStack", {"StackName": "s", "TemplateBody": body({"A": {**TOPIC, "Properties": {"Odd": 1}}})})
    assert service.engine.scheduler.settle(180)
    events = service.handle("DescribeStackEvents", {"StackName": "s"})["StackEvents"]
    assert any("extraneous key [Odd] is not permitted" in e.get("ResourceStatusReason", "") for e in events)


def test_capabilities(cloud):
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    named = {**role, "Properties": {**role["Properties"], "RoleName": "r"}}
    code, message = refused(cloud[0], StackName="s", TemplateBody=body({"A": role}))
    assert (code, message) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    _, message = refused(cloud[0], StackName="s", TemplateBody=body({"A": named}), Capabilities=["CAPABILITY_IAM"])
    assert message == "Requires capabilities : [CAPABILITY_NAMED_IAM]"


def test_large_templates_come_from_a_bucket(cloud):
    service, client = cloud
    s3 = client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="templates", Key="k/t.json", Body=body({"A": TOPIC}, Description="x" * 60_000).encode())
    for url in (
        f"https://templates.s3.{REGION}.amazonaws.com/k/t.json",
        f"https://s3.{REGION}.amazonaws.com/templates/k/t.json",
    ):
        assert "Description" in service.handle("GetTemplateSummary", {"TemplateURL": url})


def test_no_echo_is_masked_everywhere(cloud):
    service, _ = cloud
    sections = {"Parameters": {"Secret": {"Type": "String", "NoEcho": True}}}
    failing = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::Sub": "not a name: ${Secret}!"}}}
    given = {
        "StackName": "s",
        "TemplateBody": body({"T": failing}, **sections),
        "Parameters": [{"ParameterKey": "Secret", "ParameterValue": "canary-4711"}],
    }
    service.handle("CreateStack", given)
    assert service.engine.scheduler.settle(180)
    stack = service.handle("DescribeStacks", {"StackName": "s"})["Stacks"][0]
    assert stack["Parameters"] == [{"ParameterKey": "Secret", "ParameterValue": "****"}]
    for action in ("DescribeStacks", "DescribeStackEvents", "DescribeStackResources", "GetTemplate"):
        assert "canary" not in json.dumps(service.handle(action, {"StackName": "s"}), default=str)


def test_previous_values_and_ssm_parameters_read_anew(cloud):
    service, client = cloud
    client("ssm").put_parameter(Name="/ami", Value="one", Type="String")
    text = body(
        {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Image"}}}},
        Parameters={"Image": {"Type": "AWS::SSM::Parameter::Value<String>"}},
    )
    given = [{"ParameterKey": "Image", "ParameterValue": "/ami"}]
    service.handle("CreateStack", {"StackName": "s", "TemplateBody": text, "Parameters": given})
    assert service.engine.scheduler.settle(180)
    shown = service.handle("DescribeStacks", {"StackName": "s"})["Stacks"][0]["Parameters"]
    assert shown == [{"ParameterKey": "Image", "ParameterValue": "/ami", "ResolvedValue": "one"}]
    client("ssm").put_parameter(Name="/ami", Value="two", Type="String", Overwrite=True)
    same = [{"ParameterKey": "Image", "UsePreviousValue": True}]
    service.handle("UpdateStack", {"StackName": "s", "UsePreviousTemplate": True, "Parameters": same})
    assert service.engine.scheduler.settle(180)
    shown = service.handle("DescribeStacks", {"StackName": "s"})["Stacks"][0]["Parameters"]
    assert shown[0]["ResolvedValue"] == "two"


def test_dynamic_references_are_fetched_also_when_a_function_composes_them(cloud):
    service, client = cloud
    for version in ("first", "second"):
        client("ssm").put_parameter(Name="/test/topic", Value=version, Type="String", Overwrite=True)
    names = {"Composed": "{{resolve:ssm:/${Stage}/topic}}-c", "Pinned": "{{resolve:ssm:/${Stage}/topic:1}}-p"}
    topics = {key: {**TOPIC, "Properties": {"TopicName": {"Fn::Sub": name}}} for key, name in names.items()}
    text = body(topics, Parameters={"Stage": {"Type": "String", "Default": "test"}})
    service.handle("CreateStack", {"StackName": "s", "TemplateBody": text})
    assert service.engine.scheduler.settle(180)
    found = {one["TopicArn"].rpartition(":")[2] for one in client("sns").list_topics()["Topics"]}
    assert found == {"second-c", "first-p"}


def test_a_dynamic_reference_to_nothing_fails_the_resource(cloud):
    service, _ = cloud
    topic = {**TOPIC, "Properties": {"TopicName": {"Fn::Sub": "{{resolve:ssm:/${AWS::StackName}/no}}"}}}
    service.handle("CreateStack", {"StackName": "s", "TemplateBody": body({"T": topic})})
    assert service.engine.scheduler.settle(180)
    events = service.handle("DescribeStackEvents", {"StackName": "s"})["StackEvents"]
    assert "Parameters: [ssm:/s/no] cannot be found." in [event.get("ResourceStatusReason") for event in events]


def test_stack_tags_reach_the_resources(cloud):
    service, client = cloud
    tags = [{"Key": "hermes:environment", "Value": "production"}]
    service.handle("CreateStack", {"StackName": "s", "TemplateBody": body({"V": vpc()}), "Tags": tags})
    assert service.engine.scheduler.settle(180)
    found = client("ec2").describe_vpcs(Filters=[{"Name": "tag:hermes:environment", "Values": ["production"]}])
    keys = {tag["Key"] for tag in found["Vpcs"][0]["Tags"]}
    assert "aws:cloudformation:stack-name" in keys


def vpc():
    return {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}


def test_validate_and_summary(cloud):
    service, _ = cloud
    text = body({"A": TOPIC}, Parameters={"P": {"Type": "String", "Default": "x", "NoEcho": True}}, Description="d")
    found = service.handle("ValidateTemplate", {"TemplateBody": text})
    assert found["Parameters"] == [{"ParameterKey": "P", "DefaultValue": "x", "NoEcho": True, "Description": ""}]
    assert service.handle("GetTemplateSummary", {"TemplateBody": text})["ResourceTypes"] == ["AWS::SNS::Topic"]


def test_every_action_has_a_method_and_an_unknown_one_is_refused(cloud):
    service, _ = cloud
    for action in ACTIONS:
        with pytest.raises((ServiceError, KeyError)):
            service.handle(action, {"StackName": "nobody"} if action != "DescribeStacks" else {"StackName": "x"})
            raise KeyError
    code, message = refused(service, "CreateStackSet")
    assert code == "EmbeddedCloudUnsupported" and "CreateStackSet" in message


def test_handlers_know_only_properties_that_aws_has():
    odd = {}
    for kind, handler in HANDLERS.items():
        if kind in OUTSIDE:
            continue
        known = schema(kind, "us-east-1")
        assert known is not None, kind
        extra = (handler.known | handler.accepted) - known.properties
        if extra:
            odd[kind] = sorted(extra)
    assert not odd


def rendered() -> list[Path]:
    return sorted((HERE / "templates").glob("*/*.template.json"))


def test_every_type_and_property_of_our_stacks_has_a_handler():
    lacking = {
        f"{resource['Type']}.{name}"
        for path in rendered()
        for resource in json.loads(path.read_text())["Resources"].values()
        for name in ["", *resource.get("Properties", {})]
        if resource["Type"] not in HANDLERS
        or (name and name not in HANDLERS[resource["Type"]].known | HANDLERS[resource["Type"]].accepted)
    }
    assert not lacking


TAKEN = {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain", "Properties": {"LogGroupName": "/b"}}
IMPORTED = {"ResourceType": "AWS::Logs::LogGroup", "LogicalResourceId": "A"}


def importing(**identifier):
    return {"ChangeSetType": "IMPORT", "ResourcesToImport": [{**IMPORTED, "ResourceIdentifier": identifier}]}


@pytest.mark.parametrize(
    ("action", "params", "words"),
    [
        ("CreateStack", {"StackName": "a" * 129}, "'stackName' failed to satisfy constraint: Member must have length less"),
        ("CreateStack", {"Tags": [{"Key": str(i), "Value": ""} for i in range(51)]}, "'tags' failed to satisfy constraint"),
        ("CreateStack", {"Tags": [{"Key": "aws:x", "Value": ""}]}, "aws: prefixed tag key names are not allowed"),
        ("CreateStack", {"TemplateURL": "https://b.s3.amazonaws.com/k"}, "only one of TemplateBody and TemplateURL"),
        ("CreateStack", {"ResourceTypes": ["AWS::EC2::*"]}, "does not support ResourceTypes"),
        (
            "CreateStack",
            {"DeploymentConfig": {"Mode": "EXPRESS"}, "OnFailure": "DELETE"},
            "DeploymentConfig cannot be specified together with DisableRollback or OnFailure",
        ),
        ("CreateChangeSet", {"ChangeSetName": "1 x"}, "pattern: [a-zA-Z][-a-zA-Z0-9]*"),
        ("ListStacks", {"StackStatusFilter": ["NO"]}, "'stackStatusFilter' failed to satisfy constraint: Member must satisfy enum"),
        ("ListStacks", {"NextToken": "?"}, "next token is invalid"),
        ("UpdateStack", {"StackName": "nobody"}, "Stack [nobody] does not exist"),
        ("DescribeStackEvents", {"StackName": "nobody"}, "Stack [nobody] does not exist"),
        ("CreateChangeSet", importing(Name="/b"), "Identifier of A must have the keys [LogGroupName]"),
        ("CreateChangeSet", importing(LogGroupName="/c"), "the template has LogGroupName /b, the resource /c"),
        ("CreateChangeSet", importing(LogGroupName="/b"), "does not exist in the account and region"),
    ],
)  # fmt: skip
def test_what_the_api_does_not_take_is_refused_and_leaves_nothing(cloud, action, params, words):
    service, _ = cloud
    body_of = {"TemplateBody": body({"A": TAKEN})} if action in ("CreateStack", "CreateChangeSet") else {}
    name = {} if action == "ListStacks" else {"StackName": "s"}
    given = {"ChangeSetName": "c"} if action == "CreateChangeSet" else {}
    assert words in refused(service, action, **{**name, **body_of, **given, **params})[1]
    assert service.handle("DescribeStacks", {})["Stacks"] == []


def test_long_answers_come_in_pages_and_a_page_ends_where_the_next_begins_whatever_happens_meanwhile(cloud):
    service, _ = cloud
    service.handle(
        "CreateStack", {"StackName": "s", "TemplateBody": body({f"T{number}": TOPIC for number in range(101)})}
    )
    assert service.engine.scheduler.settle(60)
    first = service.handle("ListStackResources", {"StackName": "s"})
    rest = service.handle("ListStackResources", {"StackName": "s", "NextToken": first["NextToken"]})
    assert [len(one["StackResourceSummaries"]) for one in (first, rest)] == [100, 1] and "NextToken" not in rest
    page = service.handle("DescribeStackEvents", {"StackName": "s"})
    seen = [one["EventId"] for one in page["StackEvents"]]
    service.handle("UpdateStack", {"StackName": "s", "TemplateBody": body({"T0": TOPIC})})
    assert service.engine.scheduler.settle(60)
    while "NextToken" in page:
        page = service.handle("DescribeStackEvents", {"StackName": "s", "NextToken": page["NextToken"]})
        seen += [one["EventId"] for one in page["StackEvents"]]
    assert len(seen) == len(set(seen)) == 2 + 3 * 101


def test_a_summary_names_capabilities_identifiers_and_metadata(cloud):
    service, _ = cloud
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    text = body({"R": role, "T": TOPIC}, Metadata={"a": 1}, AWSTemplateFormatVersion="2010-09-09")
    found = service.handle("GetTemplateSummary", {"TemplateBody": text})
    assert found["Capabilities"] == ["CAPABILITY_IAM"] and "[AWS::IAM::Role]" in found["CapabilitiesReason"]
    assert (found["Metadata"], found["Version"]) == ('{"a": 1}', "2010-09-09")
    assert {
        "ResourceType": "AWS::IAM::Role",
        "LogicalResourceIds": ["R"],
        "ResourceIdentifiers": ["RoleName"],
    } in found["ResourceIdentifierSummaries"]
    role["Properties"]["RoleName"] = "r"
    assert service.handle("ValidateTemplate", {"TemplateBody": body({"R": role})})["Capabilities"] == [
        "CAPABILITY_NAMED_IAM"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
        "/aws/service/debian/release/12/latest/arm64",
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    ],
)
def test_machine_images_of_others_are_there_by_their_public_parameters(cloud, name):
    from hermes_cfn.local import moto_tidy

    moto_tidy.install()
    parameter = {"P": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": name}}
    machine = {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": {"Ref": "P"}, "InstanceType": "t3.micro"}}
    cloud[0].handle("CreateStack", {"StackName": "s", "TemplateBody": body({"I": machine}, Parameters=parameter)})
    assert cloud[0].engine.scheduler.settle(60)
    assert cloud[0].handle("DescribeStacks", {"StackName": "s"})["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
