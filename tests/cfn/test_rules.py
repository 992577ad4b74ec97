"""The Rules section: what an assertion about parameters lets through."""

import pytest

from hermes_cfn.cfn.rules import check_rules
from hermes_cfn.cfn.template import Template
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.errors import HermesError

PRODUCTION = {"Fn::Equals": [{"Ref": "Stage"}, "production"]}


def check(assertion, condition=None, **parameters):
    rule = {"Assertions": [{"Assert": assertion, "AssertDescription": "said by the template"}]}
    if condition is not None:
        rule["RuleCondition"] = condition
    body = {"Rules": {"R": rule}, "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    check_rules(Template.parse(body), {"Stage": "production", "Zones": ["a", "b"], **parameters})


@pytest.mark.parametrize(
    ("holds", "not_so"),
    [
        (PRODUCTION, {"Fn::Not": [PRODUCTION]}),
        ({"Fn::Contains": [["production", "test"], {"Ref": "Stage"}]}, {"Fn::Contains": [["1", 2], {"Ref": "Stage"}]}),
        ({"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b", "c"]]}, {"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a"]]}),
        ({"Fn::EachMemberEquals": [["a", "a"], "a"]}, {"Fn::EachMemberEquals": [{"Ref": "Zones"}, "a"]}),
        ({"Fn::Or": [{"Fn::Not": [PRODUCTION]}, PRODUCTION]}, {"Fn::And": [PRODUCTION, {"Fn::Not": [PRODUCTION]}]}),
    ],
)
def test_an_assertion_that_does_not_hold_is_refused_with_its_description(holds, not_so):
    check(holds)
    with pytest.raises(HermesError) as caught:
        check(not_so)
    assert caught.value.findings[0].what == "Template validation error: said by the template"


def test_a_rule_counts_only_when_its_condition_holds():
    check({"Fn::Not": [PRODUCTION]}, condition={"Fn::Not": [PRODUCTION]})


def test_what_is_not_known_is_left_open():
    check({"Fn::Not": [PRODUCTION]}, Stage=Unknown("SSM parameter /stage"))
    check(
        {
            "Fn::EachMemberIn": [
                {"Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", "VpcId"]},
                {"Fn::RefAll": "AWS::EC2::VPC::Id"},
            ]
        }
    )


def test_functions_of_resources_are_none_of_rules():
    with pytest.raises(HermesError):
        check({"Fn::GetAtt": ["T", "Arn"]})
