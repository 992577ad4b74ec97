"""Reading templates, and what refers to what."""

from __future__ import annotations

import json

import pytest

from hermes_cfn.cfn.template import Reference, Template, dependencies, references
from hermes_cfn.errors import HermesError

YAML = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Name: {Type: String, Default: yes-name}
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  Subnet:
    Type: AWS::EC2::Subnet
    DeletionPolicy: Retain
    DependsOn: Late
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]]
      Tags: [{Key: Name, Value: !Sub "${Name}-${Vpc.VpcId}-${!literal}"}]
  Late:
    Type: AWS::SNS::Topic
"""


def refused(source) -> str:
    with pytest.raises(HermesError) as caught:
        dependencies(Template.parse(source))
    assert caught.value.findings[0].code == "template-invalid"
    return caught.value.findings[0].what


def topic(**more):
    return {"Type": "AWS::SNS::Topic", **more}


def test_short_forms_are_the_long_ones():
    properties = Template.parse(YAML).resources["Subnet"].properties
    assert properties["VpcId"] == {"Ref": "Vpc"}
    assert properties["CidrBlock"]["Fn::Select"][1] == {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 4, 8]}


def test_a_date_stays_text():
    assert Template.parse(YAML).body["AWSTemplateFormatVersion"] == "2010-09-09"


def test_dependencies_by_ref_getatt_sub_and_depends_on():
    assert dependencies(Template.parse(YAML))["Subnet"] == {"Vpc", "Late"}


def test_json_and_yaml_read_the_same():
    template = Template.parse(YAML)
    assert Template.parse(json.dumps(template.body)) == template


def test_references_say_where():
    found = list(references({"A": [{"Fn::Join": ["", [{"Ref": "X"}, {"Fn::GetAtt": ["Y", "Arn"]}]]}]}))
    assert found == [Reference("X", None, "/A/0/1/0"), Reference("Y", "Arn", "/A/0/1/1")]


def test_policies_have_defaults():
    resources = Template.parse({"Resources": {"A": topic(), "D": {"Type": "AWS::RDS::DBInstance"}}}).resources
    assert resources["A"].deletion_policy == "Delete"
    assert resources["D"].deletion_policy == "Snapshot"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{", "Template format error: JSON not well-formed. (line 1, column 2)"),
        ("a: [", "Template format error: YAML not well-formed. (line 1, column 5)"),
        ("words", "Template format error: unsupported structure."),
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": {"A": topic()}, "Odd": 1}, "Invalid template property or properties [Odd]"),
        ({"Resources": {"a-b": topic()}}, "Template format error: Resource name a-b is non alphanumeric."),
        ({"Resources": {"A": topic(Propertys={})}}, "Invalid template resource property 'Propertys'"),
        (
            {"Resources": {"A": {}}},
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        (
            {"Resources": {"A": topic(DeletionPolicy="Keep")}},
            "Template format error: Unrecognized DeletionPolicy Keep for resource A",
        ),
        (
            {"Resources": {"A": topic(Properties={"X": {"Ref": "Nobody"}})}},
            "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template",
        ),
        (
            {"Resources": {"A": topic(Properties={"X": {"Fn::GetAtt": ["Nobody", "Arn"]}})}},
            "Template error: instance of Fn::GetAtt references undefined resource Nobody",
        ),
        (
            {
                "Resources": {
                    "A": topic(DependsOn="B"),
                    "B": topic(DependsOn=["A"]),
                    "C": topic(DependsOn="A"),
                }
            },
            "Circular dependency between resources: [A, B]",
        ),
        (
            {"Resources": {"A": topic()}, "Outputs": {"O": {"Description": "x"}}},
            "Template format error: Every Outputs member must contain a Value object",
        ),
        (
            {"Resources": {"A": topic()}, "Parameters": {"P": {}}},
            "Template format error: Every Parameters object must contain a Type member.",
        ),
        (
            {"Resources": {"A": topic()}, "Conditions": {"C": {"Fn::Equals": [{"Ref": "A"}, "x"]}}},
            "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of "
            "the template",
        ),
        (
            {
                "Resources": {"A": topic()},
                "Conditions": {"C": {"Fn::Not": [{"Condition": "D"}]}, "D": {"Fn::Not": [{"Condition": "C"}]}},
            },
            "Template error: Found circular condition dependency between [C, D]",
        ),
        (
            {"Resources": {"A": topic(Condition="Nobody")}},
            "Template format error: Unresolved condition dependency Nobody in the Resources block of the template",
        ),
        (
            {"Resources": {"A": topic()}, "Outputs": {"O": {"Value": {"Ref": "Nobody"}}}},
            "Template format error: Unresolved resource dependencies [Nobody] in the Outputs block of the template",
        ),
        (
            {"Resources": {"A": topic()}, "Outputs": {"O": {"Value": "x", "Export": {"Name": {"Ref": "A"}}}}},
            "Template format error: [/Outputs/O/Export] cannot depend on a resource.",
        ),
        (
            {"Resources": {"A": topic(), "B": topic(Properties={"X": {"Fn::ImportValue": {"Ref": "A"}}})}},
            "Template format error: [/Resources/B] Fn::ImportValue cannot depend on a resource.",
        ),
        (
            {"Resources": {f"A{number}": topic() for number in range(501)}},
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
        ),
        (
            {"Resources": {"A": topic()}, "AWSTemplateFormatVersion": "2010-09-10"},
            "Template format error: unsupported value for AWSTemplateFormatVersion.",
        ),
        (
            {"Resources": {"A": topic()}, "Parameters": {"a-b": {"Type": "String"}}},
            "Template format error: Parameter name a-b is non alphanumeric.",
        ),
    ],
)
def test_refused_in_cloudformations_words(source, words):
    assert refused(source) == words
