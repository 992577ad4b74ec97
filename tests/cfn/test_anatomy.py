"""The form of whole templates: what stands wrong is refused also where nothing refers to it."""

from __future__ import annotations

import json

import pytest

from hermes_cfn.cfn import anatomy
from hermes_cfn.cfn.intrinsics import Scope, active_resources, outputs, resolve_parameters
from hermes_cfn.cfn.template import Template, dependencies
from hermes_cfn.errors import HermesError

TOPIC = {"Type": "AWS::SNS::Topic"}


def template(resource=None, **sections):
    return {"Resources": {"T": {**TOPIC, **(resource or {})}}, **sections}


def value(given):
    return template({"Properties": {"DisplayName": given}})


def checked(source) -> Template:
    made = Template.parse(source)
    anatomy.check(made)
    dependencies(made)
    return made


CONDITION = "Conditions can only be boolean operations on parameters and other conditions"
MALFORMED = {
    "a null in a section that is not used": (template(Metadata={"a": {"b": None}}), "[/Metadata/a/b] 'null' values"),
    "a null property": (value(None), "[/Resources/T/Properties/DisplayName] 'null' values are not allowed"),
    "a null in a list": (template({"Properties": {"Tags": [None]}}), "[/Resources/T/Properties/Tags/0] 'null'"),
    "a description that is a map": (template(Description={"a": "b"}), "Every Description member must be a string."),
    "a long description": (template(Description="x" * 1025), "'Description' length is greater than 1024."),
    "a description long in bytes": (template(Description="é" * 600), "'Description' length is greater than 1024."),
    "a parameter's key": (template(Parameters={"P": {"Type": "String", "Defualt": "x"}}), "property 'Defualt'"),
    "a parameter's type": (template(Parameters={"P": {"Type": "Strin"}}), "Unrecognized parameter type: Strin"),
    "a default that is a function": (
        template(Parameters={"P": {"Type": "String", "Default": {"Ref": "Q"}}}),
        "Every Default member must be a string.",
    ),
    "a default that is a list": (
        template(Parameters={"P": {"Type": "CommaDelimitedList", "Default": ["a", "b"]}}),
        "Every Default member must be a string.",
    ),
    "a parameter's long description": (
        template(Parameters={"P": {"Type": "String", "Description": "x" * 4001}}),
        "'Description' length is greater than 4000.",
    ),
    "no list of allowed values": (template(Parameters={"P": {"Type": "String", "AllowedValues": 5}}), "AllowedValues"),
    "a length that is none": (template(Parameters={"P": {"Type": "String", "MinLength": "x"}}), "MinLength"),
    "NoEcho that is neither": (template(Parameters={"P": {"Type": "String", "NoEcho": "maybe"}}), "NoEcho"),
    "a parameter with a resource's name": (template(Parameters={"T": {"Type": "String"}}), "share the name T"),
    "a mapping of one level": (template(Mappings={"M": {"a": "b"}}), "must be a map"),
    "a mapping of three levels": (template(Mappings={"M": {"a": {"b": {"c": "d"}}}}), "must be a String or a List."),
    "a function in a mapping": (template(Mappings={"M": {"a": {"b": {"Ref": "T"}}}}), "must be a String or a List."),
    "a mapping that is a list": (template(Mappings={"M": ["a"]}), "must be a map"),
    "a condition that is a reference": (template(Conditions={"C": {"Ref": "AWS::Region"}}), CONDITION),
    "a condition that is a text": (template(Conditions={"C": "true"}), CONDITION),
    "a condition that is true": (template(Conditions={"C": True}), CONDITION),
    "Fn::If in conditions": (template(Conditions={"C": {"Fn::If": ["A", "b", "c"]}}), CONDITION),
    "Fn::Select in conditions": (template(Conditions={"C": {"Fn::Select": [0, ["a"]]}}), CONDITION),
    "Fn::GetAZs in conditions": (template(Conditions={"C": {"Fn::Equals": [{"Fn::GetAZs": ""}, "a"]}}), CONDITION),
    "Fn::ImportValue in conditions": (
        template(Conditions={"C": {"Fn::Equals": [{"Fn::ImportValue": "e"}, "a"]}}),
        "Cannot use Fn::ImportValue in Conditions.",
    ),
    "Fn::And of one": (template(Conditions={"C": {"Fn::And": [{"Fn::Equals": ["a", "b"]}]}}), "at least 2 and at most"),
    "Fn::Equals of three": (template(Conditions={"C": {"Fn::Equals": ["a", "b", "c"]}}), "two string parameters."),
    "a condition nobody has": (
        template(Conditions={"C": {"Fn::Not": [{"Condition": "D"}]}}),
        "Unresolved condition dependency D",
    ),
    "a rule without assertions": (template(Rules={"R": {"RuleCondition": True}}), "list of Assertions"),
    "a rule's key": (template(Rules={"R": {"Assertions": [{"Assert": {}}], "Odd": 1}}), "only RuleCondition"),
    "a resource's condition that is a function": (
        template({"Condition": {"Fn::Equals": ["a", "a"]}}),
        "must be the name of a condition",
    ),
    "a deletion policy by function": (template({"DeletionPolicy": {"Ref": "AWS::Region"}}), "DeletionPolicy"),
    "an update policy that is a text": (template({"UpdatePolicy": "x"}), "must be an object"),
    "an update policy's key": (template({"UpdatePolicy": {"Rolling": {}}}), "unsupported property Rolling"),
    "a creation policy's key": (template({"CreationPolicy": {"Signal": {}}}), "unsupported property Signal"),
    "metadata that is a text": (template({"Metadata": "x"}), "must be an object"),
    "an output's key": (template(Outputs={"O": {"Value": "x", "Exports": {}}}), "output property 'Exports'"),
    "an output's description": (template(Outputs={"O": {"Value": "x", "Description": {"Ref": "T"}}}), "Description"),
    "an output that is a list": (template(Outputs={"O": {"Value": ["a"]}}), "must evaluate to a String"),
    "an output of zones": (template(Outputs={"O": {"Value": {"Fn::GetAZs": ""}}}), "must evaluate to a String"),
    "an output's condition": (template(Outputs={"O": {"Value": "x", "Condition": "C"}}), "dependency C in the Outputs"),
    "an export's name": (template(Outputs={"O": {"Value": "x", "Export": {"Name": "a b/c"}}}), "Output O is malformed"),
    "an export without a name": (template(Outputs={"O": {"Value": "x", "Export": "e"}}), "Output O is malformed"),
    "two exports of one name": (
        template(Outputs={name: {"Value": "x", "Export": {"Name": "e"}} for name in "OP"}),
        "duplicate Export names: [e]",
    ),
    "a function nobody has": (value({"Fn::Nothing": "x"}), "unsupported function: Fn::Nothing"),
    "Ref of a list": (value({"Ref": ["a"]}), "every Ref object must have a single String value."),
    "Fn::Join of three": (value({"Fn::Join": [",", ["a"], "b"]}), "every Fn::Join object"),
    "Fn::Select of one": (value({"Fn::Select": ["0"]}), "every Fn::Select object"),
    "Fn::If of two": (value({"Fn::If": ["C", "a"]}), "Fn::If requires a list argument with three parameters"),
    "Fn::If on no condition": (value({"Fn::If": ["C", "a", "b"]}), "Unresolved condition dependency C"),
    "Fn::FindInMap in no mapping": (value({"Fn::FindInMap": ["M", "a", "b"]}), "Mapping named 'M' is not present"),
    "bash's default in Fn::Sub": (value({"Fn::Sub": "${x:-y}"}), anatomy.SUB),
    "nothing in Fn::Sub": (value({"Fn::Sub": "${}"}), anatomy.SUB),
    "an open variable in Fn::Sub": (value({"Fn::Sub": "a ${AWS::Region"}), anatomy.SUB),
    "a variable in a variable": (value({"Fn::Sub": "${a${AWS::Region}}"}), anatomy.SUB),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_written_wrong_is_refused(what):
    source, words = MALFORMED[what]
    with pytest.raises(HermesError) as caught:
        checked(source)
    assert caught.value.findings[0].code == "template-invalid"
    assert words in caught.value.findings[0].what


WELL = {
    "a literal and spaces in Fn::Sub": value({"Fn::Sub": "${!x} ${ AWS::Region } $ {y} $z"}),
    "the default of a number": template(Parameters={"P": {"Type": "Number", "Default": 80, "MinValue": 1}}),
    "a list in a mapping": template(Mappings={"M": {"a": {"b": ["c", "d"], "e": 1}}}),
    "a policy that a condition decides": template(
        {"UpdatePolicy": {"Fn::If": ["C", {"AutoScalingRollingUpdate": {}}, {"Ref": "AWS::NoValue"}]}},
        Conditions={"C": {"Fn::Equals": ["a", "b"]}},
    ),
    "a condition in a condition, as SAM writes it": template(
        Conditions={"C": {"Fn::Equals": ["a", "a"]}, "D": {"Condition": {"Condition": "C"}}}
    ),
    "one export name under two conditions": template(
        Conditions={"C": {"Fn::Equals": ["a", "a"]}, "D": {"Fn::Not": [{"Condition": "C"}]}},
        Outputs={
            name: {"Value": "x", "Export": {"Name": "e"}, "Condition": gate} for name, gate in (("O", "C"), ("P", "D"))
        },
    ),
    "a description of its full length": template(Description="x" * 1024),
}


@pytest.mark.parametrize("what", WELL)
def test_what_is_written_well_is_taken(what):
    made = checked(WELL[what])
    scope = Scope(resolve_parameters(made, {}))
    assert active_resources(made, scope) and outputs(made, scope) is not None


def test_twins_in_json_and_yaml_are_refused_alike():
    import yaml

    for source, words in MALFORMED.values():
        for text in (json.dumps(source), yaml.safe_dump(source)):
            with pytest.raises(HermesError) as caught:
                checked(text)
            assert words in caught.value.findings[0].what


@pytest.mark.parametrize(
    "text", ["a: !!int x", "a: !!timestamp 2020-99-99", "{{a: b}: c}: d", "[" * 3000, '{"a":' * 3000, "a: " + "[" * 500]
)
def test_what_no_reader_takes_is_refused_and_never_an_exception(text):
    with pytest.raises(HermesError):
        Template.parse(text)


def test_the_last_of_two_equal_keys_holds_as_on_aws():
    for text in (
        '{"Resources": {"A": {"Type": "x"}, "A": {"Type": "y"}}}',
        "Resources:\n  A: {Type: x}\n  A: {Type: y}",
    ):
        assert Template.parse(text).resources["A"].type == "y"


def test_an_empty_list_has_one_empty_item():
    made = Template.parse(template(Parameters={"L": {"Type": "CommaDelimitedList", "Default": ""}}))
    assert resolve_parameters(made, {}) == {"L": [""]}


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [(r"(?<name>a+)b", "aab", "b"), (r"\p{Alpha}+", "abc", "a1"), (r"[\p{Upper}_]+", "A_B", "ab"), ("[a-z]*", "", "A")],
)
def test_patterns_are_those_of_java(pattern, good, bad):
    made = Template.parse(template(Parameters={"P": {"Type": "String", "AllowedPattern": pattern}}))
    assert resolve_parameters(made, {"P": good}) == {"P": good}
    with pytest.raises(HermesError):
        resolve_parameters(made, {"P": bad})


def test_a_value_of_4096_bytes_is_the_longest():
    made = Template.parse(template(Parameters={"P": {"Type": "String"}}))
    assert resolve_parameters(made, {"P": "x" * 4096})
    with pytest.raises(HermesError):
        resolve_parameters(made, {"P": "é" * 2049})
