"""Templates that nobody here wrote: no crash, coverage stated, nothing wrongly free."""

import importlib.util
import json
import re
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn import bill
from hermes_cfn.bill import State, contract
from hermes_cfn.bill.rules import RULES
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

ROOT = Path(__file__).parents[2]
FOREIGN = sorted((ROOT / "../shared/foreign-templates").glob("*.[jy][sa]*"))
MAKE_NOTHING = ("AWS::CDK::Metadata", "Custom::")
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
        if line.what == "resource" and line.state is State.FREE and not line.resource_type.startswith(MAKE_NOTHING):
            free = contract.types()[line.resource_type].cls is contract.Class.FREE
            assert free or line.resource_type in RULES
    cover = made.coverage
    assert cover.resources == len(seen)
    assert cover.priced + cover.not_given + cover.free + cover.not_priced + cover.depends == cover.resources


def test_what_the_docs_count_of_templates_that_are_not_carried_is_as_counted_now():
    """Where they are at hand, :func:`counted` counts anew."""
    spec = importlib.util.spec_from_file_location("make_costs", ROOT / "docs/make_costs.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    kept = json.loads(page.RECORD.read_text())
    assert page.counted() == kept
    assert {"root volume", "public IPv4 address", "ReplicationConfiguration"} == set(kept["dozen"]["unpriced"])
    assert kept["dozen"]["unknown"] == 0
    assert len(kept["cases"]) >= 64
    assert [row["case"] for row in kept["cases"] if not row["now"].startswith(("$", "refused: `book-missing`"))] == []


def test_a_nested_stack_and_a_custom_resource_say_what_they_are():
    template = Template.parse(
        {
            "Resources": {
                "Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://x"}},
                "Own": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "arn:aws:lambda:x"}},
                "Sam": {"Type": "AWS::Serverless::Function"},
            }
        }
    )
    states = {line.logical_id: line for line in bill.compute_template(template, "us-east-1", books.snapshot()).lines}
    assert (states["Inner"].state, states["Own"].state) == (State.NOT_PRICED, State.FREE)
    assert "--template" in states["Inner"].note
    assert "hermes-cfn[sam]" in states["Sam"].note


@pytest.mark.parametrize(
    ("kind_", "plain", "dear"),
    [
        ("AWS::ApiGateway::Stage", {}, {"CacheClusterEnabled": True, "CacheClusterSize": "28.4"}),
        ("AWS::Lambda::Alias", {}, {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 2}}),
        ("AWS::ECS::Cluster", {}, {"ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]}),
        ("AWS::CertificateManager::Certificate", {}, {"CertificateAuthorityArn": "arn:aws:acm-pca:x"}),
        ("AWS::CertificateManager::Certificate", {}, {"CertificateExport": "ENABLED"}),
        ("AWS::ECR::ReplicationConfiguration", {}, {"ReplicationConfiguration": {"Rules": [{"Destinations": []}]}}),
    ],
)
def test_what_costs_nothing_until_it_is_asked_for_more_is_not_wrongly_free(kind_, plain, dear):
    for properties, state in ((plain, State.FREE), (dear, State.NOT_PRICED)):
        template = Template.parse({"Resources": {"One": {"Type": kind_, "Properties": properties}}})
        (line,) = bill.compute_template(template, "us-east-1", books.snapshot()).lines
        assert line.state is state


@pytest.mark.parametrize(
    ("kind_", "properties", "usage_type"),
    [
        ("AWS::DynamoDB::Table", {"TableClass": "STANDARD_INFREQUENT_ACCESS"}, "IA-TimedStorage-ByteHrs"),
    ],
)
def test_a_class_with_prices_of_its_own_is_not_taken_for_the_usual_one(kind_, properties, usage_type):
    template = Template.parse({"Resources": {"One": {"Type": kind_, "Properties": properties}}})
    lines = bill.compute_template(template, "us-east-1", books.snapshot()).of(State.NOT_PRICED)
    assert usage_type in {line.usage_type for line in lines}


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


def test_what_cdk_synthesized_has_a_price_for_every_resource():
    """Made by aws-cdk-lib 2.276.0: network, Fargate behind a balancer, workers, database, cache, site, queue, function."""
    template = Template.parse((Path(__file__).parent / "templates/cdk-shop.json").read_text())
    made = bill.compute_template(template, "eu-west-1", books.snapshot())
    assert made.of(State.NOT_PRICED) == ()
    fixed = {line.what: line.monthly for line in made.of(State.PRICED) if line.monthly}
    assert fixed == {
        "1 × cache.t4g.small redis": D("24.820"),
        "2 tasks, memory": D("5.1976"),
        "2 tasks, vCPU": D("23.6374"),
        "2 × t4g.small": D("26.864"),
        "NAT gateway": D("35.04"),
        "db.t3.medium postgres": D("56.940"),
        "detailed monitoring (7 metrics an instance)": D("1.2"),
        "disk gp3": D("3.52"),
        "endpoint in 2 zones": D("16.06"),
        "key": D("1"),
        "load balancer": D("18.396"),
        "public IPv4 address (Elastic IP)": D("3.65"),
        "public IPv4 addresses, one in each of 2 zones": D("7.3"),
        "secret": D("0.4"),
        "storage": D("6.35"),
    }


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
