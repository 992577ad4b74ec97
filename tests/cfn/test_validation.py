"""Values that do not fit a type's schema, in the words that events show."""

import pytest

from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.validation import violations
from hermes_cfn.cfn.values import Unknown

POLICY, RECORD = "AWS::IAM::Policy", "AWS::Route53::RecordSet"
VPC, GROUP, LOGS = "AWS::EC2::VPC", "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::Logs::LogGroup"


@pytest.mark.parametrize(
    ("kind", "properties", "words"),
    [
        (LOGS, {"RetentionInDays": 4}, ["#/RetentionInDays: failed validation constraint for keyword [enum]"]),
        (LOGS, {"RetentionInDays": "7", "LogGroupName": "/a"}, []),
        (LOGS, {"RetentionInDays": "week"}, ["#/RetentionInDays: expected type: Integer, found: String"]),
        (LOGS, {"LogGroupName": "not a name"}, ["#/LogGroupName: failed validation constraint for keyword [pattern]"]),
        (LOGS, {"LogGroupName": ["x"]}, ["#/LogGroupName: expected type: String, found: JSONArray"]),
        (LOGS, {"Odd": 1}, ["#: extraneous key [Odd] is not permitted"]),
        (LOGS, {"Tags": [{"Key": "a"}]}, ["#/Tags/0: required key [Value] not found"]),
        (LOGS, {"LogGroupName": Unknown("later")}, []),
        (VPC, {"EnableDnsHostnames": "true", "CidrBlock": "10.0.0.0/16"}, []),
        (VPC, {"EnableDnsHostnames": "yes"}, ["#/EnableDnsHostnames: expected type: Boolean, found: String"]),
        (GROUP, {"Matcher": {"HttpCode": "200", "Odd": 1}}, ["#/Matcher: extraneous key [Odd] is not permitted"]),
        (POLICY, {"PolicyName": "p", "PolicyDocument": {}}, ["#: no subschema matched out of the total 3 subschemas"]),
        (POLICY, {"PolicyName": "p", "PolicyDocument": {}, "Roles": [Unknown("later")]}, []),
        (RECORD, {"Name": "a.example", "Type": "A"}, ["#: 0 subschemas matched instead of one"]),
        (
            RECORD,
            {"Name": "a.example", "Type": "A", "HostedZoneId": "Z1", "HostedZoneName": "example."},
            ["#: 2 subschemas matched instead of one"],
        ),
        (RECORD, {"Name": "a.example", "Type": "A", "HostedZoneId": "Z1"}, []),
        (
            "AWS::EC2::Instance",
            {"LaunchTemplate": {"Version": "1"}},
            ["#/LaunchTemplate: 0 subschemas matched instead of one"],
        ),
        (
            "AWS::EC2::VPCEndpoint",
            {"VpcId": "vpc-1", "ServiceName": "s", "SubnetIds": ["a", "b", "a"]},
            ["#/SubnetIds: array items are not unique"],
        ),
        (
            "AWS::ElasticLoadBalancingV2::Listener",
            {},
            ["#: required key [DefaultActions] not found", "#: required key [LoadBalancerArn] not found"],
        ),
    ],
)
def test_what_does_not_fit_is_said(kind, properties, words):
    known = schema(kind, "eu-south-2")
    assert known is not None and sorted(violations(properties, known)) == sorted(words)
