"""Numbers for texts and texts for numbers, as references to parameters give them, reach the services typed."""

from __future__ import annotations

import pytest

P = {"Ref": "N"}
PROBES = {
    "a parameter's value": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": 5, "Description": 5}},
    "a matcher": {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": P, "Protocol": "HTTP", "VpcId": {"Ref": "V"}, "Matcher": {"HttpCode": 200}},
    },
    "a dimension": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "MetricName": "m", "Namespace": "n", "Dimensions": [{"Name": "a", "Value": 5}], "Period": P, "Threshold": P,
            "EvaluationPeriods": P, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
        },
    },
    "a group's name": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": 5, "RetentionInDays": "7"}},
    "a description": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": 5, "VpcId": {"Ref": "V"}},
    },
    "a metric's value": {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": {"Ref": "L"}, "FilterPattern": "",
            "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": 1}],
        },
    },
    "a priority and a limit": {
        "Type": "AWS::WAFv2::WebACL",
        "Properties": {
            "Scope": "REGIONAL", "DefaultAction": {"Allow": {}},
            "VisibilityConfig": {
                "SampledRequestsEnabled": "true", "CloudWatchMetricsEnabled": "true", "MetricName": "m"
            },
            "Rules": [
                {
                    "Name": "r", "Priority": "1", "Action": {"Block": {}},
                    "Statement": {"RateBasedStatement": {"Limit": "100", "AggregateKeyType": "IP"}},
                    "VisibilityConfig": {
                        "SampledRequestsEnabled": "true", "CloudWatchMetricsEnabled": "true", "MetricName": "m"
                    },
                }
            ],
        },
    },
    "a tag's value": {"Type": "AWS::SNS::Topic", "Properties": {"Tags": [{"Key": "a", "Value": 5}]}},
}  # fmt: skip


@pytest.mark.parametrize("what", PROBES)
def test_scalars_are_brought_to_the_schemas_type(cloud, what):
    around = {
        "V": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "L": {"Type": "AWS::Logs::LogGroup"},
    }
    sections = {"Parameters": {"N": {"Type": "Number", "Default": 60}}}
    assert cloud.create({**around, "X": PROBES[what]}, sections=sections) == "CREATE_COMPLETE", cloud.reasons(
        "CREATE_FAILED"
    )
    assert cloud.delete() == "DELETE_COMPLETE"
