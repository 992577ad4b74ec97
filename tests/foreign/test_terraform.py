"""States of Terraform and OpenTofu: what is kept is found, secrets are nowhere, and nothing breaks the reader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_cfn.errors import HermesError
from hermes_cfn.foreign import terraform
from hermes_cfn.foreign.terraform import Way


def state(*resources):
    return {
        "version": 4,
        "resources": [
            {"mode": "managed", "type": kind, "name": name, "instances": [{"attributes": attributes}]}
            for kind, name, attributes in resources
        ],
    }


VPC = ("aws_vpc", "main", {"id": "vpc-1"})
IGW = ("aws_internet_gateway", "main", {"id": "igw-1"})


def subnet(name, **more):
    return ("aws_subnet", name, {"id": f"subnet-{name}", "vpc_id": "vpc-1", "availability_zone": "eu-central-1a", **more})  # fmt: skip


def read(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return terraform.read(path)


def settings(found):
    return {f"{one.section}.{one.key}": one.value for one in found.taken}


@pytest.mark.parametrize(
    "public",
    [
        [subnet("p", map_public_ip_on_launch=True)],
        [subnet("p"), IGW, ("aws_route", "r", {"id": "r", "route_table_id": "rtb-1", "gateway_id": "igw-1"}), ("aws_route_table_association", "a", {"subnet_id": "subnet-p", "route_table_id": "rtb-1"})],
        [subnet("p"), ("aws_route_table", "t", {"id": "rtb-1", "route": [{"gateway_id": "igw-1"}]}), ("aws_route_table_association", "a", {"subnet_id": "subnet-p", "route_table_id": "rtb-1"})],
    ],
    ids=["by its flag", "by a route", "by a route in its table"],
)  # fmt: skip
def test_a_subnet_is_public_by_any_of_the_ways_in_which_one_is(tmp_path, public):
    said = settings(read(tmp_path, state(VPC, subnet("q"), *public)))
    assert said["network.public_subnets"] == ("subnet-p",) and said["network.private_subnets"] == ("subnet-q",)
    assert said["account.region"] == "eu-central-1"


def test_what_there_are_several_of_is_somebodys_to_choose(tmp_path):
    found = read(tmp_path, state(VPC, ("aws_vpc", "other", {"id": "vpc-2"})))
    assert not found.taken and found.left[0].nearest == "network.vpc_id"


def test_show_with_modules_says_the_same_as_the_state(tmp_path):
    inner = {"address": "module.net.aws_vpc.main", "mode": "managed", "type": "aws_vpc", "values": {"id": "vpc-1"}}
    shown = {"format_version": "1.0", "values": {"root_module": {"child_modules": [{"resources": [inner]}]}}}
    found = read(tmp_path, shown)
    assert settings(found) == {"network.vpc_id": "vpc-1"} and found.resources[0].address == "module.net.aws_vpc.main"


def test_its_own_tool_is_told_to_remove_what_is_beside_and_nothing_that_is_kept_or_not_known(tmp_path):
    found = read(tmp_path, state(VPC, ("aws_lb", "a", {"id": "x"}), ("aws_strange", "s", {"id": "y"}), ("aws_route53_record", "r", {"type": "A", "zone_id": "Z1"})))  # fmt: skip
    told = "\n".join(found.removal())
    assert "-target='aws_lb.a'" in told and "state rm 'aws_route53_record.r'" in told
    assert "aws_vpc" not in told and "aws_strange" not in told


@pytest.mark.parametrize("kind", sorted(terraform.table()))
def test_no_secret_of_a_state_is_kept_whatever_its_type(tmp_path, kind):
    hidden = dict.fromkeys(
        ("password", "value", "secret_string", "user_data", "master_password", "private_key"), "hunter2"
    )
    found = read(tmp_path, state((kind, "x", {"id": "an-id", **hidden})))
    assert "hunter2" not in repr(found) and found.resources[0].way in Way


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "state-unknown"), ("[]", "state-unknown"), ('{"version": 3}', "state-unknown"), ('{"encrypted_data": "x"}', "state-encrypted"), ("[" * 100_000, "state-unknown")],
)  # fmt: skip
def test_what_is_no_state_is_said(tmp_path, content, code):
    with pytest.raises(HermesError) as caught:
        read(tmp_path, content)
    assert [one.code for one in caught.value.findings] == [code] and caught.value.findings[0].next


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["resources", "instances", "attributes", "mode", "type", "name", "id", "route", "index_key"]), inner, max_size=4), max_leaves=12)  # fmt: skip


@given(JSON)
def test_whatever_stands_in_a_state_is_read_or_refused(tmp_path_factory, inner):
    path = tmp_path_factory.mktemp("state") / "s.json"
    for content in ({"version": 4, "resources": inner}, {"values": inner}, {"version": 4, "resources": [{"mode": "managed", "type": "aws_route_table", "instances": inner}]}):  # fmt: skip
        path.write_text(json.dumps(content))
        assert terraform.read(path).resources is not None
