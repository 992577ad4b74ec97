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


@cache
def whole_region(region):
    """(price as published, step of the guess, base's price) of a region of which nothing is known."""
    others = tuple(other for other in (*REGIONS, inference.BASE) if other != region)
    made = inference.Ratios.of_all(region, books.packaged, others)
    there = {key(price): price for price in books.packaged(inference.BASE)}
    pairs = ((price, there.get(key(price))) for price in books.packaged(region))
    return [(price, base, made.step(base)) for price, base in pairs if base is not None and price.first and base.first]


def test_a_region_that_nobody_has_read_would_have_been_told_within_its_spread():
    """Each region's prices are hidden, all of them, and guessed from how the others differ from the base."""
    shares = {}
    for region in REGIONS:
        held = [s.low <= p.first / (b.first * s.factor) <= s.high for p, b, s in whole_region(region)]
        assert len(held) > 100
        shares[region] = sum(held) / len(held)
    assert min(shares.values()) > 0.9, shares
    assert sum(shares.values()) / len(shares) > 0.98, shares


UNREAD = sorted(books.snapshot().unread)


def test_every_region_of_the_partition_has_a_book():
    assert {"mx-central-1", "af-south-1", "me-central-1", "ap-southeast-5"} <= set(UNREAD)
    assert not {region for region in UNREAD if region.startswith(("cn-", "us-gov-"))}


def test_a_guessed_region_is_none_to_choose_from_after_it_was_asked_for_either():
    book = books.snapshot()
    assert book.beginning("AmazonEC2", UNREAD[0], "BoxUsage:")
    assert set(UNREAD).isdisjoint(book.regions)
    assert set(UNREAD).isdisjoint(price.region for price in book)


@pytest.mark.parametrize("region", ["mx-central-1", "af-south-1"])
def test_a_region_that_nobody_has_read_has_what_a_deployment_needs_and_says_how(region):
    found = books.load(region, "snapshot").find("AmazonEC2", "NatGateway-Hours", region, "NatGateway")
    assert found.basis is Basis.INFERRED and found.first > 0
    (step,) = found.steps
    assert (step.region, step.origin) == (region, inference.BASE) and step.low < 1 < step.high
