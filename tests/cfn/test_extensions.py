"""AWS::LanguageExtensions: the examples of its pages, and what it cannot do."""

from __future__ import annotations

import pytest

from hermes_cfn.cfn.intrinsics import Scope, active_resources, outputs, resolve_parameters
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::Sub": "${Name}.fifo"}, "FifoTopic": True}}


def parsed(given=None, **sections) -> Template:
    return Template.parse({"Transform": "AWS::LanguageExtensions", **sections}, given)


def evaluated(template, given=None):
    return active_resources(template, Scope(resolve_parameters(template, given or {})))


def test_a_loop_makes_a_resource_an_item():
    """intrinsic-function-reference-foreach-example-resource.html"""
    made = parsed(Resources={"Fn::ForEach::Topics": ["Name", ["Success", "Failure"], {"Topic${Name}": TOPIC}]})
    assert {name: one.properties["TopicName"] for name, one in evaluated(made).items()} == {
        "TopicSuccess": "Success.fifo",
        "TopicFailure": "Failure.fifo",
    }


def test_a_loop_over_a_parameter_takes_what_is_given():
    sections = {
        "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
        "Resources": {"Fn::ForEach::T": ["Name", {"Ref": "Names"}, {"T${Name}": TOPIC}]},
    }
    assert set(parsed(**sections).resources) == {"Ta", "Tb"}
    assert set(parsed({"Names": "c"}, **sections).resources) == {"Tc"}


def test_loops_in_loops_in_properties_and_outputs():
    made = parsed(
        Resources={
            "Fn::ForEach::A": [
                "X",
                ["1", "2"],
                {"Fn::ForEach::B": ["Y", ["10.0", "b/c"], {"T${X}&{Y}": {"Type": "AWS::SNS::Topic"}}]},
            ],
            "P": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Fn::ForEach::V": ["K", ["Value"], {"${K}": {"Ref": "K"}}]},
            },
        },
        Outputs={"Fn::ForEach::O": ["X", ["1", "2"], {"O${X}": {"Value": {"Ref": "T${X}100"}}}]},
    )
    assert set(made.resources) == {"T1100", "T1bc", "T2100", "T2bc", "P"}
    assert made.resources["P"].properties == {"Type": "String", "Value": "Value"}
    assert set(outputs(made, Scope())) == {"O1", "O2"}


def test_length_json_string_and_a_default_of_a_mapping():
    made = parsed(
        Mappings={"M": {"a": {"b": "c"}}},
        Parameters={"L": {"Type": "CommaDelimitedList", "Default": "x,y,z"}},
        Resources={
            "T": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "A": {"Fn::Length": {"Ref": "L"}},
                    "B": {"Fn::ToJsonString": {"k": {"Ref": "L"}}},
                    "C": {"Fn::FindInMap": ["M", "no", "b", {"DefaultValue": "d"}]},
                    "D": {"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": "d"}]},
                },
            }
        },
    )
    assert evaluated(made)["T"].properties == {"A": 3, "B": '{"k":["x","y","z"]}', "C": "d", "D": "c"}


def test_a_policy_by_parameter_holds():
    sections = {
        "Parameters": {"P": {"Type": "String", "Default": "Retain"}},
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "DeletionPolicy": {"Ref": "P"}}},
    }
    assert parsed(**sections).resources["T"].deletion_policy == "Retain"
    assert parsed({"P": "Delete"}, **sections).resources["T"].deletion_policy == "Delete"


@pytest.mark.parametrize(
    "resources",
    [
        {"Fn::ForEach::T": ["Name", ["a", "a"], {"T${Name}": TOPIC}]},
        {"Fn::ForEach::T": ["Name", ["a", "b"], {"T": TOPIC}]},
        {"Fn::ForEach::T": ["Name", ["a"]]},
        {"Fn::ForEach::T": ["Name", {"Fn::GetAtt": ["X", "Y"]}, {"T${Name}": TOPIC}]},
        {"Fn::ForEach::T": ["Name", [{"Ref": "Nobody"}], {"T${Name}": TOPIC}]},
        {"T": {**TOPIC, "DeletionPolicy": {"Ref": "Nobody"}}},
    ],
)
def test_what_cannot_be_unrolled_is_refused(resources):
    with pytest.raises(HermesError):
        parsed(Resources=resources)


@pytest.mark.parametrize("function", [{"Fn::Length": ["a"]}, {"Fn::ToJsonString": {"a": "b"}}])
def test_its_functions_need_the_transform(function):
    made = Template.parse({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"A": function}}}})
    with pytest.raises(HermesError):
        evaluated(made)
