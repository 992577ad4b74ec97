"""Inference against what is known: regions, charges, families, kinds and services are left out and guessed."""

from decimal import Decimal as D
from functools import cache

import pytest

from hermes_cfn.pricing import books, inference
from hermes_cfn.pricing.prices import Basis
from hermes_cfn.pricing.regions import PLACES

REGIONS = [region for region in books.packaged_regions() if region not in PLACES and inference.origin(region)]


def key(price):
    return price.service_code, price.stem, price.operation


LEVELS = {
    "charge": key,
    "family": lambda price: inference.family(price) or key(price),
    "kind": inference.kind,
    "service": lambda price: price.service_code,
}


EACH = 11
"""Of single charges every eleventh is left out, of larger groups every third: all of them take a minute."""


@cache
def guesses(level):
    """(price as published, its origin's, step of the guess) of known prices, with all that is like each at ``level`` left out."""
    return tuple(_guesses(level, LEVELS[level], {"charge": EACH, "family": 3}.get(level, 1)))


def _guesses(level, alike, every):
    for number, region in enumerate(REGIONS):
        known, origin = books.packaged(region), books.packaged(inference.origin(region))
        there = {key(price): price for price in origin}
        made = {}
        groups = sorted({alike(price) for price in known}, key=str)
        chosen = set(groups[number % every :: every])
        for price in known:
            base = there.get(key(price))
            group = alike(price)
            if base is None or not price.first or not base.first or group not in chosen:
                continue
            if group not in made:
                rest = [other for other in known if alike(other) != group]
                made[group] = inference.Ratios.of(region, rest, origin)
            yield price, base, made[group].step(base)


@pytest.mark.parametrize("level", LEVELS)
def test_the_spread_would_have_held_for_what_is_known(level):
    held = [step.low <= price.first / (base.first * step.factor) <= step.high for price, base, step in guesses(level)]
    assert len(held) > 300
    assert sum(held) / len(held) > 0.99


def test_half_of_the_guesses_are_right_to_two_per_cent():
    for level in LEVELS:
        off = sorted(abs(price.first / (base.first * step.factor) - 1) for price, base, step in guesses(level))
        assert off[len(off) // 2] < D("0.02"), level


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_published_stays_and_the_rest_is_inferred_with_a_step(region):
    filled = inference.fill(region, books.packaged)
    published = {key(price): price for price in books.packaged(region)}
    assert len({key(price) for price in filled}) == len(filled)
    for price in filled:
        if key(price) in published:
            assert price == published[key(price)]
        else:
            assert price.basis is Basis.INFERRED
            assert price.steps
            low, high = price.spread()
            assert low <= 1 <= high


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_of_the_book_has_what_a_deployment_needs(region):
    book = books.load(region, "snapshot")
    for service, usage_type, operation in (
        ("AmazonEC2", "BoxUsage:t4g.small", "RunInstances"),
        ("AmazonEC2", "NatGateway-Hours", "NatGateway"),
        ("AmazonEC2", "EBS:VolumeUsage.gp3", ""),
        ("AmazonVPC", "PublicIPv4:InUseAddress", ""),
        ("AWSELB", "LoadBalancerUsage", "LoadBalancing:Application"),
        ("AWSELB", "LCUUsage", "LoadBalancing:Application"),
        ("AmazonCloudWatch", "DataProcessing-Bytes", ""),
        ("AWSDataTransfer", "DataTransfer-Out-Bytes", ""),
    ):
        assert book.find(service, usage_type, region, operation).first > 0


def test_sizes_zones_and_engines_follow_from_what_is_known():
    book = books.snapshot()
    two = book.find("AmazonRDS", "Multi-AZUsage:db.m5.large", "us-east-1", "CreateDBInstance:0002")
    one = book.find("AmazonRDS", "InstanceUsage:db.m5.large", "us-east-1", "CreateDBInstance:0002")
    assert (two.first, two.basis) == (2 * one.first, Basis.INFERRED)
    large = book.find("AmazonRDS", "InstanceUsage:db.m5.4xlarge", "us-east-1", "CreateDBInstance:0002")
    assert large.first == 8 * one.first
    maria = book.find("AmazonRDS", "InstanceUsage:db.m5.large", "us-east-1", "CreateDBInstance:0018")
    assert (maria.first, maria.operation) == (one.first, "CreateDBInstance:0018")
    assert not book.candidates("AmazonEC2", "BoxUsage:t2.small", "eu-south-2")
    assert inference.weight("metal") is None


def test_a_secrets_request_is_one_charge_in_both_spellings():
    book = books.snapshot()
    for region in ("us-east-1", "eu-west-1", "eu-west-2", "eu-south-2"):
        assert book.find("AWSSecretsManager", "AWSSecretsManagerAPIRequest", region).first == D("0.000005")
    irish = book.find("AWSSecretsManager", "AWSSecretsManagerAPIRequest", "eu-west-1")
    assert irish.usage_type == "EU-AWSSecretsManager-APIRequests"
