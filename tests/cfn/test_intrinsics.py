"""Intrinsic functions, conditions and parameters, by their documentation's own examples."""

from __future__ import annotations

import pytest

from hermes_cfn.cfn.intrinsics import (
    Scope,
    Unknown,
    active_resources,
    evaluate,
    has_unknown,
    outputs,
    resolve_parameters,
)
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError

TEMPLATE = Template.parse(
    {
        "Parameters": {
            "Name": {"Type": "String"},
            "Zones": {"Type": "CommaDelimitedList"},
            "Production": {"Type": "String"},
        },
        "Mappings": {
            "Images": {"eu-south-2": {"arm64": "ami-1", "64": 7}},
            "Names": {"of": {"images": "Images"}},
        },
        "Conditions": {
            "IsProduction": {"Fn::Equals": [{"Ref": "Production"}, "true"]},
            "Not": {"Fn::Not": [{"Condition": "IsProduction"}]},
            "Both": {"Fn::And": [{"Condition": "IsProduction"}, {"Fn::Equals": ["a", "a"]}]},
            "Either": {"Fn::Or": [{"Condition": "Not"}, {"Condition": "IsProduction"}]},
        },
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC"},
            "Only": {"Type": "AWS::SNS::Topic", "Condition": "IsProduction"},
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "DisplayName": {"Fn::If": ["IsProduction", {"Ref": "Name"}, {"Ref": "AWS::NoValue"}]},
                    "Tags": [{"Fn::If": ["Not", {"Key": "a", "Value": "b"}, {"Ref": "AWS::NoValue"}]}],
                },
            },
        },
        "Outputs": {
            "Vpc": {"Value": {"Ref": "Vpc"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-vpc"}}},
            "Gone": {"Condition": "Not", "Value": "x"},
        },
    }
)


def scope(**more):
    known = {("Vpc", None): "vpc-1", ("Vpc", "CidrBlock"): "10.0.0.0/16"}
    return Scope(
        parameters={"Name": "hermes", "Zones": ["a", "b"], "Production": "true", **more},
        region="eu-south-2",
        stack_name="hermes-production-network",
        attributes=lambda name, attribute: known.get((name, attribute), Unknown(f"{name}.{attribute}")),
        imports={"other-vpc": "vpc-9"},
        ssm={"/ami": "ami-2", "/ami:3": "ami-3"},
        zones=("eu-south-2a", "eu-south-2b"),
    )


def gives(value, **more):
    return evaluate(value, TEMPLATE, scope(**more))


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Name"}, "hermes"),
        ({"Ref": "Vpc"}, "vpc-1"),
        ({"Ref": "AWS::Region"}, "eu-south-2"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Fn::GetAtt": ["Vpc", "CidrBlock"]}, "10.0.0.0/16"),
        ({"Fn::Sub": "${Name}:${Vpc.CidrBlock}:${!Name}:${AWS::Partition}"}, "hermes:10.0.0.0/16:${Name}:aws"),
        ({"Fn::Sub": ["${X}-${Name}", {"X": {"Ref": "Vpc"}}]}, "vpc-1-hermes"),
        ({"Fn::Join": [":", ["a", 1, True, {"Ref": "Vpc"}]]}, "a:1:true:vpc-1"),
        ({"Fn::Join": ["-", {"Ref": "Zones"}]}, "a-b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["|", "a|b||c|"]}]}, "b"),
        ({"Fn::Split": ["|", "a||c|"]}, ["a", "", "c", ""]),
        ({"Fn::If": ["IsProduction", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 1),
        ({"Fn::If": ["Not", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "arm64"]}, "ami-1"),
        ({"Fn::FindInMap": ["Images", "eu-south-2", 64]}, 7),
        ({"Fn::FindInMap": [{"Fn::FindInMap": ["Names", "of", "images"]}, {"Ref": "AWS::Region"}, "arm64"]}, "ami-1"),
        ({"Fn::Base64": "AWS CloudFormation"}, "QVdTIENsb3VkRm9ybWF0aW9u"),
        ({"Fn::Cidr": ["192.168.0.0/24", 6, 5]}, [f"192.168.0.{n * 32}/27" for n in range(6)]),
        ({"Fn::Cidr": ["fd00::/56", "2", "64"]}, ["fd00::/64", "fd00:0:0:1::/64"]),
        ({"Fn::GetAZs": ""}, ["eu-south-2a", "eu-south-2b"]),
        ({"Fn::ImportValue": "other-vpc"}, "vpc-9"),
        ("x-{{resolve:ssm:/ami}}-{{resolve:ssm:/ami:3}}", "x-ami-2-ami-3"),
        ("{{resolve:secretsmanager:s:SecretString:p}}", "{{resolve:secretsmanager:s:SecretString:p}}"),
        ({"Condition": {"StringEquals": 1}}, {"Condition": {"StringEquals": 1}}),
    ],
)
def test_functions(value, result):
    assert gives(value) == result


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Sub": "${Vpc.Odd}"},
        {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["Vpc", "Odd"]}]]},
        {"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Odd"]}]},
        {"Fn::Base64": {"Fn::GetAtt": ["Vpc", "Odd"]}},
        {"Fn::ImportValue": "nobody"},
        {"Fn::GetAZs": "us-east-1"},
        "{{resolve:ssm:/nobody}}",
    ],
)
def test_unknown_makes_unknown(value):
    assert isinstance(gives(value), Unknown)


def test_containers_keep_unknown_leaves():
    value = gives({"A": ["x", {"Fn::GetAtt": ["Vpc", "Odd"]}]})
    assert value == {"A": ["x", Unknown("Vpc.Odd")]}
    assert has_unknown(value)


def test_and_is_decided_by_one_false_even_when_the_other_is_unknown():
    template = Template.parse(
        {
            "Parameters": {"P": {"Type": "String"}},
            "Conditions": {
                "And": {"Fn::And": [{"Fn::Equals": [{"Ref": "P"}, "x"]}, {"Fn::Equals": ["a", "b"]}]},
                "Or": {"Fn::Or": [{"Fn::Equals": [{"Ref": "P"}, "x"]}, {"Fn::Equals": ["a", "b"]}]},
            },
            "Resources": {"A": {"Type": "AWS::SNS::Topic"}},
        }
    )
    at = Scope(parameters={"P": Unknown("later")})
    assert evaluate({"Fn::If": ["And", 1, 2]}, template, at) == 2
    assert evaluate({"Fn::If": ["Or", 1, 2]}, template, at) == Unknown("later")


def test_conditions_and_no_value():
    production = active_resources(TEMPLATE, scope())
    assert set(production) == {"Vpc", "Only", "Topic"}
    assert production["Topic"].properties == {"DisplayName": "hermes", "Tags": []}
    other = active_resources(TEMPLATE, scope(Production="no"))
    assert set(other) == {"Vpc", "Topic"}
    assert other["Topic"].properties == {"Tags": [{"Key": "a", "Value": "b"}]}


def test_outputs():
    assert outputs(TEMPLATE, scope()) == {"Vpc": {"Value": "vpc-1", "Export": "hermes-production-network-vpc"}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::Foo": 1}, "Template error: Encountered unsupported function: Fn::Foo Supported functions are: ["),
        ({"Fn::Join": ["a"]}, "Template error: every Fn::Join object requires two parameters"),
        ({"Fn::Select": [5, ["a"]]}, "Template error: Fn::Select cannot select nonexistent value at index 5"),
        ({"Fn::Split": ["", "a"]}, "Template error: every Fn::Split object requires two parameters"),
        ({"Fn::If": ["IsProduction", 1]}, "Template error: Fn::If requires a list argument with three parameters"),
        (
            {"Fn::FindInMap": ["Images", {"Fn::Sub": "${AWS::Region}"}, "arm64"]},
            "Template error: Fn::FindInMap may use only Ref and Fn::FindInMap in its keys, not Fn::Sub",
        ),
        (
            {"Fn::FindInMap": ["Images", "mars", "arm64"]},
            "Template error: Unable to get mapping for Images::mars::arm64",
        ),
        ({"Fn::Sub": "${Zones}"}, "Template error: variable Zones in Fn::Sub expression does not resolve to a string"),
        ({"Fn::Sub": 1}, "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments."),
        ({"Fn::GetAtt": ["No", "Arn"]}, "Template error: instance of Fn::GetAtt references undefined resource No"),
        ({"Fn::GetAtt": "Vpc"}, "Template error: every Fn::GetAtt object requires two non-empty parameters"),
        ({"Fn::Cidr": ["10.0.0.0/24", 300]}, "Template error: Fn::Cidr cannot make 300 blocks"),
        ({"Fn::Not": ["x"]}, "Template format error: Conditions can only be boolean operations on parameters and"),
    ],
)
def test_refused_in_cloudformations_words(value, words):
    with pytest.raises(HermesError) as caught:
        gives(value)
    assert caught.value.findings[0].what.startswith(words)


def parameters(given, **spec):
    template = Template.parse(
        {"Parameters": {"P": {"Type": "String", **spec}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    )
    return resolve_parameters(template, given, ssm={"/ami": "ami-5"})


@pytest.mark.parametrize(
    ("given", "spec", "result"),
    [
        ({}, {"Default": 4}, "4"),
        ({"P": "a, b"}, {"Type": "CommaDelimitedList"}, ["a", "b"]),
        ({"P": "subnet-1,subnet-2"}, {"Type": "List<AWS::EC2::Subnet::Id>"}, ["subnet-1", "subnet-2"]),
        ({"P": "/ami"}, {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}, "ami-5"),
        ({"P": "/no"}, {"Type": "AWS::SSM::Parameter::Value<String>"}, Unknown("SSM parameter /no")),
        ({"P": Unknown("later")}, {"AllowedValues": ["a"]}, Unknown("later")),
    ],
)
def test_parameters(given, spec, result):
    assert parameters(given, **spec) == {"P": result}


@pytest.mark.parametrize(
    ("given", "spec", "words"),
    [
        ({}, {}, "Parameters: [P] must have values"),
        ({"P": "a", "Q": "b"}, {}, "Parameters: [Q] do not exist in the template"),
        ({"P": "c"}, {"AllowedValues": ["a", "b"]}, "Parameter 'P' must be one of AllowedValues"),
        ({"P": "C"}, {"AllowedPattern": "[a-z]+"}, "Parameter 'P' must match pattern [a-z]+"),
        (
            {"P": "C"},
            {"AllowedPattern": "[a-z]+", "ConstraintDescription": "small letters"},
            "Parameter P failed to satisfy constraint: small letters",
        ),
        ({"P": "ab"}, {"MaxLength": 1}, "Parameter 'P' must contain at most 1 characters"),
        ({"P": ""}, {"MinLength": 1}, "Parameter 'P' must contain at least 1 characters"),
        ({"P": "0"}, {"Type": "Number", "MinValue": 1}, "Parameter 'P' must be a number not less than 1"),
        ({"P": "x"}, {"Type": "Number"}, "Parameter 'P' must be a number."),
        ({"P": "x"}, {"Type": "Odd"}, "Template format error: Unrecognized parameter type: Odd"),
    ],
)
def test_parameters_refused(given, spec, words):
    with pytest.raises(HermesError) as caught:
        parameters(given, **spec)
    assert caught.value.findings[0].what == words
