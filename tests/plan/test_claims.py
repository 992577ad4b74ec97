"""What a replacement claims while the old one still holds it; layouts that stay; values that nobody knows."""

import itertools
import json
from dataclasses import replace
from ipaddress import ip_network

import pytest
from deployments import as_there, built, planned

from hermes_cfn.cfn.template import Template
from hermes_cfn.config.network import MOST_ZONES, Network
from hermes_cfn.plan.claims import USER_DATA_BYTES, own_name

REGION = "eu-south-2"
LETTERS = "abcdefgh"
IPV6 = "network.egress = 'ipv6'\ndatabase.allow_list = false\ndatabase.addresses = ['ipv6']"


def zones(letters: str) -> str:
    return f"network.zones = {[REGION + letter for letter in letters]}"


def codes(before: str, after: str) -> set[str]:
    return {finding.code for finding in planned(built(after), as_there(built(before))).errors}


def test_another_port_needs_a_new_target_group_whose_name_the_old_one_has() -> None:
    (finding,) = planned(built("[application]\nport = 5000\n[env]\nPORT = '5000'"), as_there(built())).errors
    assert (finding.code, finding.where) == ("name-taken", "service/TargetGroup")


@pytest.mark.parametrize(
    ("before", "after"), [("abc", "cab"), ("abc", "ac"), ("ac", "abc"), ("ab", "ba"), ("bc", "abc"), ("abc", "ab")]
)
@pytest.mark.parametrize("egress", ["nat-gateway", "ipv6"])
def test_whatever_the_zones_no_subnet_that_stays_is_replaced(before, after, egress) -> None:
    if egress == "ipv6":
        before_text, after_text = (f"{zones(each)}\n{IPV6}" for each in (before, after))
    else:
        before_text, after_text = zones(before), zones(after)
    plan = planned(built(after_text), as_there(built(before_text)))
    subnets = [change for change in plan.changes if change.resource_type == "AWS::EC2::Subnet"]
    assert {change.action for change in subnets} <= {"Add", "Remove"}
    assert not {"range-taken", "name-taken"} & {finding.code for finding in plan.errors}


def test_a_zone_keeps_its_ranges_for_any_set_of_zones_in_any_order() -> None:
    found: dict[str, set[tuple[object, ...]]] = {}
    for size in (2, 3, 4):
        for letters in itertools.permutations("abcdef", size):
            network = Network(zones=tuple(REGION + letter for letter in letters))
            rows = zip(network.subnets, network.ipv6_places, strict=True)
            for (zone, public, private), places in rows:
                found.setdefault(zone, set()).add((public, private, *places))
    assert {zone: len(each) for zone, each in found.items()} == {REGION + letter: 1 for letter in "abcdef"}


@pytest.mark.parametrize("layout", ["zone", "order"])
def test_no_two_ranges_overlap(layout) -> None:
    for letters in itertools.combinations(LETTERS, 6):
        network = Network(zones=tuple(REGION + letter for letter in letters), layout=layout)
        ranges = [ip_network(block) for _, *pair in network.subnets for block in pair]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(ranges, 2))
        places = [place for pair in network.ipv6_places for place in pair]
        assert len(set(places)) == 12 and max(places) < 2 * MOST_ZONES


def test_a_deployment_laid_out_by_order_keeps_its_ranges_when_told_and_is_refused_otherwise() -> None:
    old = f"{zones('bc')}\nnetwork.layout = 'order'"
    assert "range-taken" in codes(old, zones("bc"))
    assert not planned(built(old), as_there(built(old))).changes


def test_two_unknown_values_are_equal_only_where_the_templates_write_the_same() -> None:
    """A third zone with addresses by order moves what is there: both values are unknown, and the change is shown."""
    order = f"{IPV6}\nnetwork.layout = 'order'"
    plan = planned(built(f"{zones('abc')}\n{order}"), as_there(built(f"{zones('ab')}\n{order}")))
    moved = {c.logical_id for c in plan.changes if any(shown.path == "Ipv6CidrBlock" for shown in c.details)}
    assert {"PrivateSubnetA", "PrivateSubnetB"} <= moved
    same = built(f"{zones('abc')}\n{IPV6}")
    assert planned(same, as_there(same)).empty


@pytest.mark.parametrize(
    ("kind", "properties", "name"),
    [
        ("AWS::ElasticLoadBalancingV2::TargetGroup", {"Name": "a", "Port": 1}, "a"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"Name": "a"}, "a"),
        ("AWS::EC2::SecurityGroup", {"GroupName": "a", "GroupDescription": "b"}, "a"),
        ("AWS::EC2::LaunchTemplate", {"LaunchTemplateName": "a"}, "a"),
        ("AWS::AutoScaling::AutoScalingGroup", {"AutoScalingGroupName": "a", "LaunchConfigurationName": "b"}, "a"),
        ("AWS::IAM::Role", {"RoleName": "a"}, "a"),
        ("AWS::S3::Bucket", {"BucketName": "a"}, "a"),
        ("AWS::Logs::LogGroup", {"LogGroupName": "a"}, "a"),
        ("AWS::DynamoDB::Table", {"TableName": "a"}, "a"),
        ("AWS::SQS::Queue", {"QueueName": "a"}, "a"),
        ("AWS::SNS::Topic", {"TopicName": "a"}, "a"),
        ("AWS::RDS::DBInstance", {"DBInstanceIdentifier": "a", "DBSubnetGroupName": "b"}, "a"),
        ("AWS::RDS::DBInstance", {"DBSubnetGroupName": "b"}, ""),
        ("AWS::EC2::VPCEndpoint", {"ServiceName": "com.amazonaws.eu-south-2.s3"}, ""),
        ("AWS::EC2::Instance", {"KeyName": "a"}, ""),
        ("AWS::EC2::SecurityGroup", {"GroupDescription": "b"}, ""),
        ("AWS::Nobody::Knows", {"Name": "a"}, ""),
    ],
)
def test_a_resource_s_own_name_is_told_from_the_names_of_others(kind, properties, name) -> None:
    template = Template.parse({"Resources": {"A": {"Type": kind, "Properties": properties}}})
    assert own_name(template.resources["A"], "us-east-1") == name


def test_user_data_that_ec2_does_not_take_is_refused() -> None:
    wide = f"[application]\nhealth_codes = {list(range(200, 500))}"
    (finding,) = [one for one in planned(built(wide), {}).errors if one.code == "user-data-too-long"]
    assert finding.where.startswith("service/") and f"{USER_DATA_BYTES:,}" in finding.what
    assert not planned(built(), {}).errors


def test_a_name_that_moves_to_another_logical_id_is_taken() -> None:
    deployment = built()
    service = deployment.stack("service")
    renamed = replace(service, template=json.loads(json.dumps(service.template).replace('"LogGroup"', '"Renamed"')))
    moved = replace(deployment, stacks=tuple(renamed if s.key == "service" else s for s in deployment.stacks))
    assert "name-taken" in {finding.code for finding in planned(moved, as_there(deployment)).errors}


def test_the_order_of_the_zones_moves_no_nat_gateway_and_a_zone_before_it_is_refused() -> None:
    plan = planned(built(zones("cab")), as_there(built(zones("abc"))))
    assert not [change for change in plan.changes if change.resource_type == "AWS::EC2::NatGateway"]
    assert "address-taken" in codes(zones("bc"), zones("abc"))
