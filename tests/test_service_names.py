"""Name rules of the services' prose: the table in both directions, in settings, and in the embedded CloudFormation."""

from __future__ import annotations

import pytest

from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.template import Resource
from hermes_cfn.config.reading import parse
from hermes_cfn.config.rules import names_of
from hermes_cfn.errors import HermesError
from hermes_cfn.local.cloudformation.properties import check_prose
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Failure
from hermes_cfn.names import Names
from hermes_cfn.service_names import NAME_RULES, refusal, tags_refusal


def of(rule, name) -> Resource:
    first, _, rest = rule.property.partition(".")
    return Resource("R", rule.type, {first: {rest: name} if rest else name})


@pytest.mark.parametrize("rule", NAME_RULES, ids=lambda rule: f"{rule.type}.{rule.property}")
def test_each_rule_takes_what_its_page_takes_and_refuses_what_it_refuses(rule):
    assert rule.page and rule.good and rule.bad
    for name in rule.good:
        assert not rule.refuses(name), name
    for name in rule.bad:
        assert rule.refuses(name), name
        assert refusal(rule.type, rule.property, name)
        with pytest.raises(Failure):
            check_prose(of(rule, name))


def test_rules_speak_of_properties_that_the_engine_knows():
    for rule in NAME_RULES:
        assert rule.property.partition(".")[0] in HANDLERS[rule.type].known
        assert rule.property.partition(".")[0] in schema(rule.type, "us-east-1").properties


@pytest.mark.parametrize(
    "name",
    ["internal-tools", "internal", "sg-web", "aws-tools", "aws", "ssm-x", "amazon", "aa--bb", "xn--a", "sthree-a"],
)
def test_an_application_that_a_service_would_refuse_is_refused_in_hermes_toml(name):
    if name == "internal":  # with the environment it begins the load balancer's name
        name = "internal-x"
    with pytest.raises(HermesError) as caught:
        parse(f'[application]\nname = "{name}"\n')
    assert any("application" in finding.where for finding in caught.value.findings)


@pytest.mark.parametrize("name", ["sg-prod", "a--b"])
def test_an_environment_that_a_service_would_refuse_is_refused(name):
    with pytest.raises(HermesError) as caught:
        parse(f'[environment]\nname = "{name}"\n')
    assert any("environment" in finding.where for finding in caught.value.findings)


@pytest.mark.parametrize("name", ["hermes", "awake", "my-internal", "assm", "a-b-c"])
def test_other_names_are_taken(name):
    if name == "awake":
        assert parse(f'[application]\nname = "{name}"\n').application.name == name
    else:
        assert parse(f'[application]\nname = "{name}"\n[environment]\nname = "live"\n').environment.name == "live"


def test_what_settings_check_is_what_the_names_are():
    names, checked = Names("app", "env", "123456789012", "eu-south-2"), names_of("app", "env")
    for kind, prop, name in [
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name", names.load_balancer),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name", names.target_group),
        ("AWS::EC2::SecurityGroup", "GroupName", names.balancer_security_group),
        ("AWS::ECR::Repository", "RepositoryName", names.repository),
        ("AWS::SSM::Parameter", "Name", names.goal_parameter),
        ("AWS::SSM::Document", "Name", names.document("run")),
        ("AWS::CloudTrail::Trail", "TrailName", names.trail),
        ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName", names.auto_scaling_group),
        ("AWS::DynamoDB::Table", "TableName", names.lock_table),
    ]:
        assert checked[kind, prop] == name


def test_tags_that_aws_does_not_take():
    assert tags_refusal(["a", "b"]) == "" and tags_refusal(map(str, range(50))) == ""
    for keys in (["aws:x"], ["AWS:x"], ["a", "a"], map(str, range(51))):
        assert tags_refusal(keys)


def test_user_data_above_its_limit_is_refused():
    import base64

    for size, good in ((16_384, True), (16_385, False)):
        text = base64.b64encode(b"x" * size).decode()
        for properties in ({"UserData": text}, {"LaunchTemplateData": {"UserData": text}}):
            resource = Resource("R", "AWS::EC2::Instance", properties)
            if good:
                check_prose(resource)
            else:
                with pytest.raises(Failure):
                    check_prose(resource)
