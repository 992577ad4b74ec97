"""The bill of the stacks that are made here: everything priced, nothing silently free."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn import bill, config, stacks
from hermes_cfn.bill import State, contract
from hermes_cfn.bill.rules import RULES
from hermes_cfn.config.usage import Usage
from hermes_cfn.pricing import books
from hermes_cfn.pricing.prices import Basis

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deployment():
    return stacks.build(config.load(ROOT / "hermes.toml"))


@pytest.mark.parametrize("region", ["eu-south-2", "us-east-1"])
def test_the_default_stacks_have_no_missing_price(deployment, region):
    if region != deployment.region:
        settings = config.load(ROOT / "hermes.toml")
        account = settings.account.model_copy(update={"region": region})
        made = stacks.build(settings.model_copy(update={"account": account}))
        assert {spec.region for spec in made} == {region}
    else:
        made = deployment
    found = bill.compute(made, books.load(region, "snapshot"))
    assert found.of(State.NOT_PRICED) == ()
    assert found.of(State.NOT_GIVEN) == ()


FULL = """
network.egress = "{egress}"
network.zones = ["{region}a", "{region}b", "{region}c"]
network.interface_endpoints = ["ssm"]
account.region = "{region}"
database.allow_list = false
usage.cpu_percent_of.NatGroup = 3
usage.endpoint_gb = 1
service.access_logs = true
service.waf = true
service.cluster = true
watch.enabled = true
watch.audit_trail = true
watch.emails = ["ops@example.com"]
edge.assets = true
edge.dns = "alias"
edge.hosted_zone_id = "Z0123456789ABC"
worldwide.cloudfront = true
worldwide.waf = true
budget.ceiling_usd = 100
"""


@pytest.mark.parametrize("region", ["eu-south-2", "us-east-1"])
@pytest.mark.parametrize("egress", ["nat-gateway-regional", "nat-instance"])
def test_with_everything_on_nothing_has_no_price(region, egress):
    made = stacks.build(config.parse(FULL.format(egress=egress, region=region)))
    found = bill.compute(made, books.load(region, "snapshot"))
    assert found.of(State.NOT_PRICED) == ()
    (registered,) = (line for line in found.lines if line.logical_id == "ClusterService")
    # 0.10 USD for each of two instances
    assert (registered.quantity, registered.monthly) == (2, D("0.2"))
    assert registered.usage_type.endswith("Cloud-Map-Resources")
    assert found.of(State.NOT_GIVEN) == ()


def test_no_type_of_the_stacks_is_free_by_oversight(deployment):
    types = {resource["Type"] for spec in deployment for resource in spec.template["Resources"].values()}
    charged = {name for name, one in contract.types().items() if one.cls is not contract.Class.FREE}
    assert types & charged <= RULES.keys()


def test_what_no_resource_shows_is_on_the_bill(deployment):
    what = {line.what for line in bill.compute(deployment, books.snapshot()).of(State.PRICED)}
    assert {
        "public IPv4 addresses, one in each of 3 zones",
        "public IPv4 address (Elastic IP)",
        "surplus CPU credits",
        "from other zones to the NAT gateway, the external database",
        "NAT, the external database",
        "transfer to the external database",
        "flow logs (vended)",
    } <= what


def test_a_path_beside_the_nat_gateway_takes_its_traffic_off_it(deployment):
    book = books.snapshot()
    nat = bill.compute(deployment, book, Usage())
    direct = bill.compute(deployment, book, Usage(database_path="ipv6"))
    assert not [line for line in direct.lines if line.what == "NAT, the external database"]
    assert direct.total < nat.total
    assert [line.monthly for line in direct.lines if line.what == "transfer to the external database"] == [
        line.monthly for line in nat.lines if line.what == "transfer to the external database"
    ]


def test_the_total_says_how_much_rests_on_inference(deployment):
    found = bill.compute(deployment, books.snapshot())
    assert found.inferred == sum(line.monthly for line in found.lines if line.basis is Basis.INFERRED)
    assert D(0) < found.inferred < found.total
    low, high = found.inference_range
    assert low <= found.total <= high


def test_the_deployments_own_usage_is_used(deployment):
    assert (
        bill.compute(deployment, books.snapshot()).total
        == bill.compute(deployment, books.snapshot(), Usage.model_validate(dict(deployment.usage))).total
    )


def test_hours_asleep_are_hours_without_instances_and_their_disks():
    """730 hours less 400; addresses, NAT gateway and load balancer stay and are paid for."""
    found = bill.compute(
        stacks.build(config.parse("compute.count = 1\nusage.asleep_hours = 400\n")),
        books.load("eu-south-2", "snapshot"),
    )
    quantity = {line.usage_type: line.quantity for line in found.lines}
    assert quantity["EUS2-BoxUsage:t4g.small"] == 330
    assert round(quantity["EUS2-EBS:VolumeUsage.gp3"], 3) == round(D(20) * 330 / 730, 3)
    assert quantity["EUS2-NatGateway-Hours"] == quantity["EUS2-LoadBalancerUsage"] == 730
