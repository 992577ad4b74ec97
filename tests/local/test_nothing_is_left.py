"""Whatever goes wrong inside ends the resource as failed, and the rollback takes away what was half made."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto import mock_aws

from hermes_cfn.local.providers import HANDLERS
from tests.local.conftest import Cloud, group, parameter, topic
from tests.soak.corpus import inventory

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}


def subnet(zone, block, **more):
    return {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "V"}, "CidrBlock": block, "AvailabilityZone": f"eu-south-2{zone}", **more},
    }


SUBNETS = {"V": VPC, "A": subnet("a", "10.0.0.0/24"), "B": subnet("b", "10.0.1.0/24")}
MADE_IN_SEVERAL_CALLS = {
    "AWS::S3::Bucket": {
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        "Tags": [{"Key": "a", "Value": "b"}],
    },
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": True},
    },
    "AWS::ECR::Repository": {"RepositoryPolicyText": DOCUMENT},
    "AWS::IAM::Role": {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "p", "PolicyDocument": DOCUMENT}],
    },
    "AWS::IAM::ManagedPolicy": {"PolicyDocument": DOCUMENT, "Roles": ["there"]},
    "AWS::IAM::InstanceProfile": {"Roles": ["there"]},
    "AWS::Logs::LogGroup": {"RetentionInDays": 7},
    "AWS::SNS::Topic": {"Subscription": [{"Protocol": "email", "Endpoint": "a@example.com"}]},
    "AWS::Events::Rule": {
        "ScheduleExpression": "rate(1 day)",
        "Targets": [{"Id": "a", "Arn": "arn:aws:sns:eu-south-2:123456789012:a"}],
    },
    "AWS::EC2::VPC": {"CidrBlock": "10.9.0.0/16", "EnableDnsHostnames": True},
    "AWS::EC2::Subnet": {"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.2.0/24", "MapPublicIpOnLaunch": True},
    "AWS::EC2::SecurityGroup": {
        "GroupDescription": "g",
        "VpcId": {"Ref": "V"},
        "SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}],
        "SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}],
    },
    "AWS::EC2::LaunchTemplate": {"LaunchTemplateData": {"InstanceType": "t3.micro"}},
    "AWS::EC2::Instance": {"ImageId": "ami-12c6146b", "SubnetId": {"Ref": "A"}, "SourceDestCheck": False},
    "AWS::EC2::EIP": {"InstanceId": {"Ref": "I"}},
    "AWS::EC2::VPCEndpoint": {"VpcId": {"Ref": "V"}, "ServiceName": "com.amazonaws.eu-south-2.s3"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "Subnets": [{"Ref": "A"}, {"Ref": "B"}],
        "LoadBalancerAttributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "30"}],
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        "Port": 80,
        "Protocol": "HTTP",
        "VpcId": {"Ref": "V"},
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    },
    "AWS::CertificateManager::Certificate": {
        "DomainName": "a.example.com",
        "ValidationMethod": "DNS",
        "DomainValidationOptions": [{"DomainName": "a.example.com", "HostedZoneId": "{zone}"}],
    },
    "AWS::CloudTrail::Trail": {"IsLogging": True, "S3BucketName": "the-logs"},
}
"""For each type whose creation is more than one call, properties that make all of them."""
AROUND = {
    **SUBNETS,
    "I": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "ami-12c6146b", "SubnetId": {"Ref": "A"}}},
}


class Cut:
    """Clients of which the n-th call that changes something is refused."""

    def __init__(self, real, at: int) -> None:
        self.real, self.at, self.calls, self.on = real, at, 0, False

    def __call__(self, service, region, session):
        return _Client(self, self.real(service, region, session))


class _Client:
    def __init__(self, cut: Cut, client) -> None:
        self._cut, self._client = cut, client

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if not callable(found) or name.startswith(("get", "list", "can")):
            return found

        def call(**arguments):
            if self._cut.on:
                self._cut.calls += 1
                if self._cut.calls == self._cut.at:
                    raise ClientError({"Error": {"Code": "Throttling", "Message": "cut"}}, name)
            return found(**arguments)

        return call


def needs(properties) -> set[str]:
    """Logical IDs of AROUND that the properties ask for."""
    found = {name for name in AROUND if json.dumps({"Ref": name}) in json.dumps(properties)}
    return found | ({"V"} if found & {"A", "B", "I"} else set()) | ({"A"} if "I" in found else set())


@pytest.mark.parametrize("kind", sorted(MADE_IN_SEVERAL_CALLS))
def test_what_a_failed_creation_had_made_goes_with_the_rollback(kind, monkeypatch):
    handler, properties = HANDLERS[kind], MADE_IN_SEVERAL_CALLS[kind]
    with mock_aws():
        cloud = Cloud()
        cut = Cut(cloud.service.engine._clients, 0)
        cloud.service.engine._clients = cut
        create = handler.create

        def watched(context, given):
            cut.on = context.logical_id == "X"
            try:
                return create(context, given)
            finally:
                cut.on = False

        monkeypatch.setattr(handler, "create", watched)
        cloud.client("s3").create_bucket(
            Bucket="the-logs", CreateBucketConfiguration={"LocationConstraint": "eu-south-2"}
        )
        cloud.client("iam").create_role(RoleName="there", AssumeRolePolicyDocument=json.dumps(TRUST))
        zone = cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="z")["HostedZone"]["Id"]
        properties = json.loads(json.dumps(properties).replace("{zone}", zone.rpartition("/")[2]))
        resources = {name: AROUND[name] for name in needs(properties)} | {"X": {"Type": kind, "Properties": properties}}
        before = inventory(cloud.client)
        for at in range(1, 50):
            cut.at, cut.calls = at, 0
            ended = cloud.create(resources, f"s{at}", Capabilities=["CAPABILITY_NAMED_IAM"])
            if ended == "CREATE_COMPLETE":
                break
            assert ended == "ROLLBACK_COMPLETE", cloud.reasons("DELETE_FAILED", f"s{at}")
            left = {
                what: names - before[what] for what, names in inventory(cloud.client).items() if names - before[what]
            }
            assert left == {}, f"cut at call {at}"
            cloud.delete(f"s{at}")
        assert at > 2, "there is more than one call to cut"
        arn = cloud.stack(f"s{at}")["StackId"]
        assert cloud.delete(f"s{at}") == "DELETE_COMPLETE", cloud.reasons("DELETE_FAILED", arn)
        assert inventory(cloud.client) == before
        cloud.service.stop()


@pytest.mark.parametrize(
    "problem", [ResponseParserError("no XML"), RecursionError("deep"), AttributeError("x"), KeyError("y")]
)
@pytest.mark.parametrize("method", ["create", "ready", "update", "delete", "gone", "replaces"])
def test_an_exception_inside_ends_the_resource_and_never_hangs_the_stack(cloud, monkeypatch, method, problem):
    def broken(*_):
        raise problem

    resources = {"A": group("/a"), "B": parameter("x")}
    changed = {"A": group("/a", RetentionInDays=7, LogGroupClass="INFREQUENT_ACCESS"), "B": parameter("x")}
    if method in ("create", "ready"):
        monkeypatch.setattr(HANDLERS["AWS::Logs::LogGroup"], method, broken)
        assert cloud.create(resources) == "ROLLBACK_COMPLETE"
        assert cloud.events("A").count("CREATE_FAILED") == 1
        monkeypatch.undo()
    else:
        assert cloud.create(resources) == "CREATE_COMPLETE"
        monkeypatch.setattr(HANDLERS["AWS::Logs::LogGroup"], method, broken)
        if method == "replaces":
            monkeypatch.setattr("hermes_cfn.local.cloudformation.steps.Steps._replaces", broken)
        if method in ("delete", "gone"):
            assert cloud.delete() == "DELETE_FAILED"
        else:
            assert cloud.update(changed).startswith("UPDATE_ROLLBACK")
            assert "UPDATE_FAILED" in cloud.events("A")
        monkeypatch.undo()
    assert cloud.delete() == "DELETE_COMPLETE"


def test_a_fault_of_the_engine_itself_ends_the_stack(cloud, monkeypatch):
    def broken(*_):
        raise RuntimeError("inside")

    monkeypatch.setattr("hermes_cfn.local.cloudformation.operations.outputs", broken)
    assert cloud.create({"A": topic()}) == "ROLLBACK_COMPLETE"
    monkeypatch.undo()
    monkeypatch.setattr("hermes_cfn.local.cloudformation.operations.active_resources", broken)
    assert cloud.create({"A": topic()}, "t") == "ROLLBACK_COMPLETE"


def test_a_resource_that_somebody_else_deletes_meanwhile_is_gone(cloud, monkeypatch):
    cloud.create({"A": group("/a")})
    handler = HANDLERS["AWS::Logs::LogGroup"]

    def late(context, physical_id, properties):
        context.client("logs").delete_log_group(logGroupName=physical_id)
        context.client("logs").delete_log_group(logGroupName=physical_id)

    monkeypatch.setattr(handler, "delete", late)
    assert cloud.delete() == "DELETE_COMPLETE"


def test_a_rolled_back_creation_has_no_outputs_and_no_exports(cloud):
    beyond = {"Fn::Select": ["7", {"Fn::Split": [":", {"Ref": "A"}]}]}
    sections = {"Outputs": {"O": {"Value": "x", "Export": {"Name": "mine"}}, "P": {"Value": beyond}}}
    assert cloud.create({"A": topic()}, "s", sections=sections) == "ROLLBACK_COMPLETE"
    assert "Outputs" not in cloud.stack() or cloud.stack()["Outputs"] == []
    assert cloud("ListExports")["Exports"] == []


def test_reasons_name_only_resources_with_an_event_of_failure(cloud):
    cloud.create({"A": topic(), "B": parameter("x")})
    changed = {"A": topic(), "B": parameter("x"), "C": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "A_B"}}}
    assert cloud.update(changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.reasons("UPDATE_ROLLBACK_IN_PROGRESS") == ["The following resource(s) failed to create: [C]."]


@pytest.mark.parametrize("kept", [False, True])
def test_volumes_go_with_their_instance_unless_the_mapping_says_otherwise(cloud, kept):
    disk = {"VolumeSize": 8, **({"DeleteOnTermination": False} if kept else {})}
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": disk}, {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}]
    machine = {
        "Type": "AWS::EC2::Instance",
        "Properties": {
            "ImageId": "ami-12c6146b",
            "BlockDeviceMappings": [*mappings, {"DeviceName": "/dev/sdc", "NoDevice": {}}],
        },
    }
    assert cloud.create({"I": machine}) == "CREATE_COMPLETE"
    assert cloud.delete() == "DELETE_COMPLETE"
    assert len(cloud.client("ec2").describe_volumes()["Volumes"]) == kept


def test_a_security_group_that_is_not_there_is_the_caller_s_fault(cloud):
    machine = {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "ami-12c6146b", "SecurityGroups": ["nobody"]}}
    assert cloud.create({"I": machine}) == "ROLLBACK_COMPLETE"
    assert "InvalidGroup.NotFound" in cloud.reasons("CREATE_FAILED")[0]
