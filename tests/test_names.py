"""Names on which two parties must agree."""

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.errors import ConfigurationError
from hermes_cfn.names import OPTIONAL, Names, output_id, output_name

NAMES = Names("hermes", "production", "123456789012", "eu-south-2")


def test_the_guides_names():
    assert NAMES.log_group == "/aws/ec2/production/hermes"
    assert NAMES.app_security_group == "production-app-sg"
    assert NAMES.repository == "hermes"


def test_the_environment_is_in_every_name_but_the_foundations():
    assert NAMES.stack("network") == "hermes-production-network"
    assert NAMES.stack("foundation") == "hermes-foundation"
    assert NAMES.goal_parameter == "/hermes/production/release/goal"
    assert NAMES.stable_parameter == "/hermes/production/release/stable"
    assert NAMES.secret("SECRET_KEY_BASE") == "/hermes/production/secret/SECRET_KEY_BASE"
    assert NAMES.instance_report("i-1") == "/hermes/production/instances/i-1"
    assert NAMES.document("deploy") == "hermes-production-deploy"
    assert NAMES.role("release") == "hermes-production-release"
    assert NAMES.artifacts_bucket == "hermes-artifacts-123456789012-eu-south-2"
    assert NAMES.release_key("r1") == "releases/production/r1.json"


def test_templates_leave_the_account_to_aws():
    assert Names.of(parse("")).artifacts_bucket == "hermes-artifacts-${AWS::AccountId}-eu-south-2"


@pytest.mark.parametrize(
    "name, identifier",
    [("alb_dns_name", "AlbDnsName"), ("nat_public_ips", "NatPublicIps"), ("nat_gateway_id_a", "NatGatewayIdA")],
)
def test_output_names_there_and_back(name, identifier):
    assert output_id(name) == identifier
    assert output_name(identifier) == name


def test_the_longest_names_fit():
    longest = Names.of(
        parse("[application]\nname = 'abcdefghijklmnop'\n[environment]\nname = 'abcdefghijklmno'\n"), "1" * 12
    )
    assert max(len(longest.target_group), len(longest.load_balancer)) <= 32
    assert max(len(bucket) for bucket in (longest.artifacts_bucket, longest.assets_bucket, longest.logs_bucket)) <= 63
    assert len(longest.role("infrastructure")) <= 64
    with pytest.raises(ConfigurationError, match="at most 31 together"):
        parse("[application]\nname = 'abcdefghijklmnop'\n[environment]\nname = 'abcdefghijklmnop'\n")


def test_the_optional_stacks_are_those_that_settings_switch_on() -> None:
    """Those of which a plan must say that they are left behind; the network is, where an existing one takes its place."""
    everything = "[watch]\nenabled = true\n[edge]\nassets = true\n[worldwide]\ncloudfront = true\n"
    assert set(stacks.build(parse(everything)).keys) - {"foundation", "service"} == set(OPTIONAL)
