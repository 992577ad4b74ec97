"""Templates that nobody here wrote: no crash, coverage stated, nothing wrongly free."""

import json
import re
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn import bill
from hermes_cfn.bill import State
from hermes_cfn.cfn.kinds import kind
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

ROOT = Path(__file__).parents[2]
FOREIGN = sorted((ROOT / "../shared/foreign-templates").glob("*.[jy][sa]*"))
CARRIED = sorted((Path(__file__).parent / "templates").glob("*.json"))


@pytest.mark.parametrize("path", [*CARRIED, *FOREIGN], ids=lambda path: path.stem)
@pytest.mark.parametrize("region", ["us-east-1", "eu-south-2"])
def test_every_resource_has_an_answer(path, region):
    template = Template.parse(path.read_text())
    made = bill.compute_template(template, region, books.load(region, "snapshot"))
    seen = {line.logical_id for line in made.lines}
    assert seen <= set(template.resources)
    for line in made.lines:
        assert line.state is not State.NOT_PRICED or line.note
        if line.what == "resource" and line.state is State.FREE and line.resource_type != "AWS::CDK::Metadata":
            assert kind(line.resource_type).billing == "free"
    cover = made.coverage
    assert cover.resources == len(seen)
    assert cover.priced + cover.not_given + cover.free + cover.not_priced == cover.resources


def test_an_unknown_type_is_not_priced_and_never_free():
    template = Template.parse({"Resources": {"X": {"Type": "AWS::QuantumLedger::Fridge"}}})
    made = bill.compute_template(template, "us-east-1", books.snapshot())
    (line,) = made.lines
    assert (line.state, made.total) == (State.NOT_PRICED, 0)
    assert made.coverage.types_not_priced == ("AWS::QuantumLedger::Fridge",)


def test_cdk_output_is_read_with_its_metadata_and_parameters():
    template = Template.parse((Path(__file__).parent / "templates/cdk-fargate.json").read_text())
    made = bill.compute_template(template, "eu-west-1", books.load("eu-west-1", "snapshot"))
    priced = {line.what for line in made.of(State.PRICED)}
    assert {"NAT gateway", "load balancer", "2 tasks, vCPU"} <= priced


def test_conditions_and_parameters_decide():
    text = json.dumps(
        {
            "Parameters": {"Nat": {"Type": "String", "Default": "no", "AllowedValues": ["yes", "no"]}},
            "Conditions": {"WithNat": {"Fn::Equals": [{"Ref": "Nat"}, "yes"]}},
            "Resources": {
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
                "Gateway": {"Type": "AWS::EC2::NatGateway", "Condition": "WithNat", "Properties": {"SubnetId": "s"}},
            },
        }
    )
    book = books.snapshot()
    assert bill.compute_template(Template.parse(text), "us-east-1", book).total == 0
    made = bill.compute_template(Template.parse(text), "us-east-1", book, parameters={"Nat": "yes"})
    assert made.total == D("32.85")
    with pytest.raises(HermesError) as caught:
        bill.compute_template(Template.parse(text), "us-east-1", book, parameters={"Nat": "perhaps"})
    assert caught.value.findings[0].code == "template-invalid"


def test_what_is_not_known_is_said_and_not_guessed():
    resources = {
        "Group": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {"MinSize": {"Ref": "Size"}, "MaxSize": "9"},
        },
        "Bare": {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": {"Ref": "Kind"}}},
    }
    parameters = {"Size": {"Type": "Number"}, "Kind": {"Type": "String"}}
    template = Template.parse({"Parameters": parameters, "Resources": resources})
    made = bill.compute_template(template, "us-east-1", books.snapshot())
    assert made.total == 0
    notes = {line.note for line in made.of(State.NOT_PRICED)}
    assert {"the size of the group is not known", "the instance type is not known"} <= notes


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", '{"Resources": {}}', "a: [", "Resources: 3"])
def test_what_is_no_template_says_so(text):
    with pytest.raises(HermesError) as caught:
        Template.parse(text)
    assert re.match("template-", caught.value.findings[0].code)
