"""Nested stacks whose templates lie beside their parent's are on its bill, as if all were written in one file."""

import json
from decimal import Decimal as D

import pytest

from hermes_cfn.bill import compute_templates
from hermes_cfn.bill.lines import State
from hermes_cfn.cli import given_templates
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

LAUNCH = """
Parameters: {Size: {Type: String, Default: m5.4xlarge}}
Resources:
  Launch: {Type: 'AWS::EC2::LaunchTemplate', Properties: {LaunchTemplateData: {InstanceType: !Ref Size}}}
Outputs: {Id: {Value: !Ref Launch}, Version: {Value: !GetAtt Launch.LatestVersionNumber}}
"""
GROUP = """
Parameters: {Launch: {Type: String}, Version: {Type: String}, Zones: {Type: CommaDelimitedList}, Count: {Type: Number}}
Resources:
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: !Ref Count
      MaxSize: '9'
      AvailabilityZones: !Ref Zones
      LaunchTemplate: {LaunchTemplateId: !Ref Launch, Version: !Ref Version}
"""
ROOT = """
Parameters: {Stage: {Type: String}, Size: {Type: String, Default: m5.large}}
Conditions: {IsLive: !Equals [!Ref Stage, live]}
Resources:
  Web:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stacks/group.yaml
      Parameters:
        Launch: !GetAtt Machines.Outputs.Id
        Version: !GetAtt Machines.Outputs.Version
        Zones: !Join [',', [us-east-1a, us-east-1b]]
        Count: 3
  Machines:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: ./stacks/launch.yaml, Parameters: {Size: !Ref Size}}
  Address:
    Type: AWS::CloudFormation::Stack
    Condition: IsLive
    Properties: {TemplateURL: stacks/address.json}
"""
ADDRESS = json.dumps({"Resources": {"Ip": {"Type": "AWS::EC2::EIP"}}})


@pytest.fixture
def app(tmp_path):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "root.yaml").write_text(ROOT)
    (tmp_path / "stacks/launch.yaml").write_text(LAUNCH)
    (tmp_path / "stacks/group.yaml").write_text(GROUP)
    (tmp_path / "stacks/address.json").write_text(ADDRESS)
    return tmp_path


def bill_of(*paths, **given):
    return compute_templates(given_templates.read(paths, given), "us-east-1", books.snapshot(), None, given)


def priced(bill):
    return {(line.stack, line.what): (line.monthly, line.high) for line in bill.lines if line.state is State.PRICED}


MACHINES = ("template>Web", "3 × m5.large")


def test_parameters_and_outputs_go_from_one_nested_stack_to_the_other(app):
    found = priced(bill_of(app / "root.yaml", Stage="test"))
    assert found[MACHINES][0] == D("210.24"), "3 × 0.096 × 730, and not the default of the nested template"
    assert not [stack for stack, _ in found if stack.endswith("Address")]


def test_a_condition_of_the_parent_decides_over_what_is_nested(app):
    live, test = (bill_of(app / "root.yaml", Stage=stage) for stage in ("live", "test"))
    assert live.total - test.total == D("3.65")
    unknown = bill_of(app / "root.yaml")
    assert (unknown.total, unknown.total_high) == (test.total, live.total)


def test_a_folder_has_what_is_nested_once(app):
    templates = given_templates.read([app])
    assert set(templates) == {"root"}
    alone = bill_of(app / "root.yaml", Stage="live")
    assert bill_of(app, Stage="live").total == alone.total
    assert set(given_templates.read([app / "root.yaml", app / "stacks/launch.yaml"])) == {"root", "launch"}


def test_a_stack_with_its_own_nested_stacks(app):
    outer = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "root.yaml", "Parameters": {"Stage": "live"}},
    }
    (app / "outer.json").write_text(json.dumps({"Resources": {"App": outer}}))
    found = bill_of(app / "outer.json")
    assert ("template>App>Web", MACHINES[1]) in priced(found)
    assert found.total == bill_of(app / "root.yaml", Stage="live").total


def test_what_cdk_synthesizes_names_its_file_as_an_asset(app):
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Metadata": {"aws:asset:path": "stacks/address.json", "aws:asset:property": "TemplateURL"},
        "Properties": {"TemplateURL": {"Fn::Join": ["", ["https://s3.", {"Ref": "AWS::URLSuffix"}, "/b/k.json"]]}},
    }
    (app / "cdk.template.json").write_text(json.dumps({"Resources": {"Nested": nested}}))
    assert bill_of(app / "cdk.template.json").total == D("3.65")


@pytest.mark.parametrize(
    "url", ["https://example-bucket.s3.amazonaws.com/a.yaml", "stacks/none.yaml", {"Ref": "AWS::Region"}]
)
def test_one_that_is_not_there_is_said(app, url):
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    (app / "one.json").write_text(json.dumps({"Resources": {"Nested": nested}}))
    (line,) = bill_of(app / "one.json").lines
    assert line.state is State.NOT_PRICED
    assert "--template" in line.note


def test_one_that_nests_itself_or_is_no_template_is_one_finding(app):
    (app / "stacks/address.json").write_text(
        json.dumps(
            {
                "Resources": {
                    "Again": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "../root.yaml"}}
                }
            }
        )
    )
    for text, where in ((None, "address.json: Again"), ("nothing", "address.json")):
        if text is not None:
            (app / "stacks/address.json").write_text(text)
        with pytest.raises(HermesError) as caught:
            bill_of(app / "root.yaml")
        (finding,) = caught.value.findings
        assert finding.code == "template-invalid"
        assert where in finding.where
