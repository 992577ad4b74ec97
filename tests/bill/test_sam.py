"""SAM templates: expanded by AWS's own library, then billed like any other; nothing is asked of AWS."""

import json
import os
import sys
from decimal import Decimal as D

import pytest
from click.testing import CliRunner

from hermes_cfn.bill import sam
from hermes_cfn.cfn.template import Template
from hermes_cfn.cli import hermes
from hermes_cfn.errors import HermesError

HEAD = "Transform: AWS::Serverless-2016-10-31\n"
FUNCTION = "F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: a.b, CodeUri: ./code}}"
SHOP = f"""{HEAD}
Globals: {{Function: {{MemorySize: 1024, Timeout: 5}}}}
Resources:
  {FUNCTION}
  T: {{Type: AWS::Serverless::SimpleTable}}
  A:
    Type: AWS::Serverless::HttpApi
  S:
    Type: AWS::Serverless::StateMachine
    Properties: {{DefinitionUri: machine.json, Role: arn:aws:iam::123456789012:role/r}}
"""


def billed(tmp_path, text, *words):
    (tmp_path / "t.yaml").write_text(text)
    said = CliRunner().invoke(
        hermes, ["cost", "--template", str(tmp_path / "t.yaml"), *words, "--format", "json"], standalone_mode=False
    )
    if said.exception:
        raise said.exception
    return json.loads(said.stdout)


def test_globals_reach_the_bill(tmp_path):
    (tmp_path / "use.toml").write_text("lambda_requests = 2_000_000\nlambda_ms = 1000\n")
    made = billed(tmp_path, SHOP, "--usage", str(tmp_path / "use.toml"))
    # 2 M seconds of 1 GB, less 400,000 GB-seconds; a million requests beyond the first
    duration = {
        line["what"]: D(line["monthly"]) for line in made["lines"] if line["resource_type"] == "AWS::Lambda::Function"
    }
    assert sum(duration.values()) == pytest.approx(D(1_600_000) * D("0.0000166667") + D("0.20"), abs=D("0.001"))
    types = {line["resource_type"] for line in made["lines"]}
    assert {"AWS::DynamoDB::Table", "AWS::ApiGatewayV2::Api", "AWS::StepFunctions::StateMachine"} <= types
    assert not any(type_.startswith("AWS::Serverless") for type_ in types)


@pytest.mark.parametrize(
    ("said", "type_"),
    [
        ("A: {Type: AWS::Serverless::Api, Properties: {StageName: p, DefinitionUri: api.yaml}}", "AWS::ApiGateway::RestApi"),
        ("L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}", "AWS::Lambda::LayerVersion"),
        ("N: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}", "AWS::CloudFormation::Stack"),
        ("F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}", "AWS::Lambda::Function"),
        (f"{FUNCTION}\n  Q: {{Type: AWS::SQS::Queue}}\n  C: {{Type: AWS::Serverless::Connector, Properties: {{Source: {{Id: F}}, Destination: {{Id: Q}}, Permissions: [Write]}}}}", "AWS::IAM::ManagedPolicy"),
    ],
)  # fmt: skip
def test_what_lies_beside_the_template_is_not_needed(tmp_path, said, type_):
    made = billed(tmp_path, f"{HEAD}Resources:\n  {said}\n")
    assert type_ in {line["resource_type"] for line in made["lines"]}


def test_a_template_that_left_the_transform_out_is_read_the_same(tmp_path):
    with_it, without = (billed(tmp_path, head + f"Resources:\n  {FUNCTION}\n") for head in (HEAD, ""))
    assert with_it["lines"] == without["lines"]


def test_a_parameter_is_taken_into_the_expansion(tmp_path):
    text = HEAD + "Parameters: {M: {Type: Number, Default: 128}}\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: a.b, InlineCode: x, MemorySize: !Ref M}}\n"  # fmt: skip
    (tmp_path / "use.toml").write_text("lambda_requests = 1_000_000\nlambda_ms = 1000\n")
    small, large = (
        D(billed(tmp_path, text, "--usage", str(tmp_path / "use.toml"), *words)["total"])
        for words in ((), ("--parameter", "M=1024"))
    )
    assert (small, large) == (0, D("600000") * D("0.0000166667"))


def test_neither_region_nor_profile_nor_credentials_are_needed_and_the_environment_stays(tmp_path, monkeypatch):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-it")
    before = dict(os.environ)
    billed(tmp_path, SHOP)
    assert {name: value for name, value in os.environ.items() if name.startswith("AWS")} == {
        name: value for name, value in before.items() if name.startswith("AWS")
    }


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12}}\n",
        HEAD + "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: [1]}\n",
        HEAD
        + "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {Events: 1, Handler: a, InlineCode: x}}\n",
        HEAD + "Globals: [1]\nResources:\n  F: {Type: AWS::Serverless::SimpleTable}\n",
        HEAD + "Globals: {Nothing: {A: 1}}\nResources:\n  F: {Type: AWS::Serverless::SimpleTable}\n",
        HEAD + "Resources: [1]\n",
        HEAD + "Resources:\n  F: 1\n",
    ],
)
def test_what_the_library_refuses_is_one_finding(tmp_path, text):
    with pytest.raises(HermesError) as error:
        billed(tmp_path, text)
    assert {finding.code for finding in error.value.findings} == {"template-invalid"}
    assert all("t.yaml" in finding.where for finding in error.value.findings)


def test_without_the_library_the_resources_are_said_to_have_no_price(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "samtranslator"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "samtranslator", None)
    made = billed(tmp_path, SHOP)
    assert {line["state"] for line in made["lines"] if line["resource_type"].startswith("AWS::Serverless")} == {
        "not priced"
    }


def test_other_templates_are_left_alone_and_the_library_is_not_loaded():
    body = {"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}
    assert sam.expanded(body, "us-east-1") is body
    assert Template.parse(sam.expanded(body, "us-east-1"))
