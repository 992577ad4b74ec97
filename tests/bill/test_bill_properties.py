"""What holds for every bill: never negative, monotone, continuous, and the same whatever the order."""

import importlib.util
import random
from decimal import Decimal as D
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_cfn import bill
from hermes_cfn.bill import State
from hermes_cfn.bill.quantity import evaluate
from hermes_cfn.bill.rules.balancing import lcu_hours
from hermes_cfn.cfn.template import Template
from hermes_cfn.config.usage import DRIVERS, Usage
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)
resource = bills.resource

SUBNETS = {
    f"Subnet{zone}": resource("AWS::EC2::Subnet", VpcId="vpc", AvailabilityZone=f"eu-south-2{zone}") for zone in "abc"
}
EVERYTHING = {
    **SUBNETS,
    "Nat": resource("AWS::EC2::NatGateway", SubnetId={"Ref": "Subneta"}),
    "Address": resource("AWS::EC2::EIP"),
    "Balancer": resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[{"Ref": name} for name in SUBNETS]),
    "One": resource("AWS::EC2::Instance", InstanceType="t4g.small"),
    "Two": resource("AWS::EC2::Instance", InstanceType="t4g.micro"),
    "Logs": resource("AWS::Logs::LogGroup"),
    "Bucket": resource("AWS::S3::Bucket"),
    "Other": resource("AWS::S3::Bucket"),
    "Table": resource("AWS::DynamoDB::Table", BillingMode="PAY_PER_REQUEST"),
    "Images": resource("AWS::ECR::Repository"),
    "Site": resource("AWS::CloudFront::Distribution"),
    "Zone": resource("AWS::Route53::HostedZone"),
    "Jobs": resource("AWS::SQS::Queue"),
    "Topic": resource("AWS::SNS::Topic"),
    "Function": resource("AWS::Lambda::Function", MemorySize=512),
    "Key": resource("AWS::KMS::Key"),
    "Secret": resource("AWS::SecretsManager::Secret"),
    "Flow": resource("AWS::EC2::FlowLog", ResourceId="vpc", LogGroupName="flows"),
    "Data": resource("AWS::RDS::DBInstance", DBInstanceClass="db.t3.medium", Engine="mysql", AllocatedStorage="20"),
    "Cluster": resource("AWS::RDS::DBCluster", Engine="aurora-mysql"),
    "Cache": resource(
        "AWS::ElastiCache::CacheCluster", CacheNodeType="cache.t3.micro", NumCacheNodes=1, Engine="redis"
    ),
    "Disk": resource("AWS::EC2::Volume", Size=10, VolumeType="gp3"),
    **{f"Alarm{n}": resource("AWS::CloudWatch::Alarm", Period=60) for n in range(12)},
}
BOOK = books.snapshot()
amounts = st.decimals(min_value=0, max_value=10**6, places=3, allow_nan=False)
DRIVEN = (
    "to_users_gb",
    "from_database_gb",
    "requests",
    "logs_gb",
    "s3_gb",
    "asset_requests",
    "cpu_percent",
    "releases",
)


def total(usage, resources=None):
    template = Template.parse({"Resources": resources or EVERYTHING})
    return bill.compute_template(template, "eu-south-2", BOOK, usage)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(DRIVEN), amounts))
def test_never_negative_and_lines_sum_to_the_total(given_):
    made = total(Usage.model_validate(given_))
    assert all(line.monthly >= 0 for line in made.lines)
    assert sum(line.monthly for line in made.lines) == made.total
    assert {line.state for line in made.lines} <= set(State)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([name for name in DRIVERS if name != "asleep_hours"]), amounts, amounts)
def test_more_use_never_costs_less(driver, first, second):
    low, high = sorted((first, second))
    assert total(Usage.model_validate({driver: low})).total <= total(Usage.model_validate({driver: high})).total


@settings(max_examples=10, deadline=None)
@given(st.decimals(0, 730, places=2), st.decimals(0, 730, places=2))
def test_more_sleep_never_costs_more(first, second):
    short, long = sorted((first, second))
    asleep = [total(Usage.model_validate({"asleep_hours": hours})).total for hours in (short, long)]
    assert asleep[1] <= asleep[0]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([price for price in BOOK if not price.flat]), amounts)
def test_tiers_are_continuous_and_monotone(price, quantity):
    tiny = D("0.000001")
    step = price.cost(quantity + tiny) - price.cost(quantity)
    assert 0 <= step <= tiny * max(tier.price for tier in price.tiers)


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_resources_changes_nothing(shuffle: random.Random):
    names = list(EVERYTHING)
    shuffle.shuffle(names)
    usage = Usage.model_validate({"to_users_gb": 300, "logs_gb": 9})
    again = total(usage, {name: EVERYTHING[name] for name in names})
    before = total(usage)
    assert again.lines == before.lines
    assert again.total == before.total


def test_the_same_template_gives_the_same_bill():
    first, second = total(Usage()), total(Usage())
    assert first.lines == second.lines
    assert (first.low, first.expected, first.high) == (second.low, second.expected, second.high)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=24, max_size=24).filter(any))
def test_a_days_profile_never_lowers_the_capacity_units(profile):
    values = {
        "new_connections": D(900_000),
        "active_connections": D(100),
        "to_users_gb": D(5),
        "from_users_gb": D(5),
        "requests": D(10**6),
    }
    flat = evaluate(lcu_hours(12), values, lambda number: number, max)
    held = tuple(map(D, profile))
    shaped = evaluate(lcu_hours(12, 1, held, (D(1),) * 24), values, lambda number: number, max)
    assert shaped >= flat - D("1e-20")


def test_a_profile_bites_when_connections_and_requests_peak_apart():
    values = dict.fromkeys(("from_users_gb", "requests"), D(0)) | {
        "new_connections": D(6_570_000),
        "active_connections": D(300),
        "to_users_gb": D(0),
    }
    night = (D(1),) + (D(0),) * 23
    shaped = evaluate(lcu_hours(1, 1, night, (D(1),) * 24), values, lambda number: number, max)
    # 73 LCU-hours of new connections in one hour of the day, 73 of active ones over all: 73 + 23/24 x 73
    assert round(shaped, 12) == round(D(73) + D(73) * 23 / 24, 12)


def test_difference_tells_only_what_changes():
    more = {**EVERYTHING, "Three": resource("AWS::EC2::Instance", InstanceType="t4g.small")}
    before, after = total(Usage()), total(Usage(), more)
    found = bill.difference(before, after)
    assert found.monthly == after.total - before.total
    assert ("Three", "1 × t4g.small") in {(change.logical_id, change.what) for change in found.changes}
    assert sum(change.monthly for change in found.changes) == found.monthly
    assert bill.difference(before, before).changes == ()
