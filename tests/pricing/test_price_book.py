"""Prices: prefixes, exactly one match, tiers at their edges, inference step by step."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books, coverage, tables
from hermes_cfn.pricing.prices import Basis, Price, PriceBook, Tier
from hermes_cfn.pricing.regions import prefixed, stem


def price(
    usage_type="NatGateway-Hours", usd="0.045", operation="", region="us-east-1", tiers=None, service="AmazonEC2"
):
    steps = tiers or (Tier(D(0), None, D(usd)),)
    return Price(service, usage_type, operation, region, "Hrs", steps, Basis.PUBLISHED, "a test")


@pytest.mark.parametrize(
    ("usage_type", "region", "bare"),
    [
        ("EUS2-NatGateway-Hours", "eu-south-2", "NatGateway-Hours"),
        ("EU-LCUUsage", "eu-west-1", "LCUUsage"),
        ("EUW2-LCUUsage", "eu-west-2", "LCUUsage"),
        ("LCUUsage", "us-east-1", "LCUUsage"),
        ("USE1-CW:AlarmMonitorUsage", "us-east-1", "CW:AlarmMonitorUsage"),
        ("us-east-1-KMS-Keys", "us-east-1", "KMS-Keys"),
        ("EU-DataTransfer-Out-Bytes", "europe", "DataTransfer-Out-Bytes"),
        ("EU-LCUUsage", "eu-south-2", "EU-LCUUsage"),
    ],
)
def test_the_prefix_of_its_region_is_taken_off(usage_type, region, bare):
    assert stem(usage_type, region) == bare


def test_prefixes_are_put_on_as_bills_spell_them():
    assert prefixed("NatGateway-Hours", "eu-south-2") == "EUS2-NatGateway-Hours"
    assert prefixed("NatGateway-Hours", "eu-west-1") == "EU-NatGateway-Hours"
    assert prefixed("NatGateway-Hours", "us-east-1") == "NatGateway-Hours"
    assert prefixed("KMS-Keys", "eu-south-2", "awskms") == "eu-south-2-KMS-Keys"


def test_decoys_beside_the_real_price_do_not_match():
    book = PriceBook(
        "test",
        [
            price("EU-LCUUsage", "0.008", "LoadBalancing:Application", "eu-west-1", service="AWSELB"),
            price("EU-Outposts-LCUUsage", "0", "LoadBalancing:Application", "eu-west-1", service="AWSELB"),
            price("EU-ReservedLCUUsage", "0.004", "LoadBalancing:Application", "eu-west-1", service="AWSELB"),
        ],
    )
    assert book.find("AWSELB", "LCUUsage", "eu-west-1").first == D("0.008")


def test_two_matches_are_an_error_that_names_both():
    book = PriceBook("test", [price(operation="NatGateway"), price(usd="0.05", operation="Other")])
    with pytest.raises(HermesError) as caught:
        book.find("AmazonEC2", "NatGateway-Hours", "us-east-1")
    finding = caught.value.findings[0]
    assert finding.code == "price-ambiguous"
    assert "0.045" in finding.evidence
    assert "0.05" in finding.evidence
    assert book.find("AmazonEC2", "NatGateway-Hours", "us-east-1", "Other").first == D("0.05")


def test_the_same_product_twice_is_ambiguous_too():
    book = PriceBook("test", [price(), replace(price(), sku="ANOTHER")])
    with pytest.raises(HermesError, match="exactly one must"):
        book.find("AmazonEC2", "NatGateway-Hours", "us-east-1", "")


def test_no_match_is_an_error():
    with pytest.raises(HermesError) as caught:
        PriceBook("test", []).find("AmazonEC2", "NatGateway-Hours", "us-east-1")
    assert caught.value.findings[0].code == "price-missing"


S3 = price(
    "TimedStorage-ByteHrs",
    tiers=(
        Tier(D(0), D(51200), D("0.023")),
        Tier(D(51200), D(512000), D("0.022")),
        Tier(D(512000), None, D("0.021")),
    ),
)


@pytest.mark.parametrize(
    ("quantity", "usd"),
    [
        ("0", "0"),
        ("1", "0.023"),
        ("51200", "1177.600"),
        ("51201", "1177.622"),
        ("512000", "11315.200"),
        ("512001", "11315.221"),
    ],
)
def test_tiers_at_their_edges(quantity, usd):
    assert S3.cost(D(quantity)) == D(usd)


def test_marginal_and_blended():
    assert S3.marginal(D(51199)) == D("0.023")
    assert S3.marginal(D(51200)) == D("0.022")
    assert S3.blended(D(102400)) == (D("1177.6") + D("1126.4")) / 102400
    assert S3.blended(D(0)) == D("0.023")


def test_beyond_the_last_known_tier_nothing_becomes_free():
    known = price(tiers=(Tier(D(0), D(10240), D("0.09")),))
    assert known.cost(D(10241)) == D("0.09") * 10241


def test_the_snapshot_says_where_each_price_comes_from():
    for one in books.snapshot():
        assert one.source, one
        assert one.published or one.effective, one
        assert one.unit
        assert one.tiers[0].start == 0
        for before, after in zip(one.tiers, one.tiers[1:], strict=False):
            assert before.end == after.start


def test_madrid_is_inferred_step_by_step_with_its_spread():
    nat = books.snapshot().find("AmazonEC2", "NatGateway-Hours", "eu-south-2")
    assert (nat.first, nat.basis, nat.usage_type) == (D("0.048"), Basis.PUBLISHED, "EUS2-NatGateway-Hours")
    hour = books.snapshot().find("AWSELB", "LoadBalancerUsage", "eu-south-2", "LoadBalancing:Application")
    assert (hour.first, hour.basis, hour.usage_type) == (D("0.0252"), Basis.INFERRED, "EUS2-LoadBalancerUsage")
    assert [(step.region, step.origin) for step in hour.steps] == [("eu-south-2", "eu-west-1")]
    shard = books.snapshot().find("AmazonKinesis", "Storage-ShardHour", "eu-south-2")
    assert [step.origin for step in shard.steps] == ["us-east-1", "eu-west-1"]
    assert shard.spread() == (shard.steps[0].low * shard.steps[1].low, shard.steps[0].high * shard.steps[1].high)


def test_a_published_price_is_never_replaced_by_an_inferred_one():
    put = books.snapshot().find("AmazonS3", "Requests-Tier1", "eu-south-2")
    assert (put.basis, put.first) == (Basis.PUBLISHED, D("0.0000053"))


def test_nothing_is_inferred_for_types_that_a_region_does_not_have():
    assert not books.snapshot().candidates("AmazonEC2", "BoxUsage:t2.small", "eu-south-2")
    assert books.snapshot().candidates("AmazonEC2", "BoxUsage:t2.small", "us-east-1")


def test_a_regional_gateways_gigabyte_is_its_twins_where_nothing_better_is_known():
    book = books.snapshot()
    found = book.find("AmazonEC2", "RegionalNatGateway-Bytes", "us-east-1")
    assert (found.first, found.basis) == (D("0.045"), Basis.INFERRED)
    assert str(found.steps[0]).startswith("us-east-1 ← NatGateway-Bytes (+0 to +0 %: hours equal")
    assert book.find("AmazonEC2", "RegionalNatGateway-Bytes", "eu-west-1").basis is Basis.PUBLISHED


def test_tables_round_trip():
    first = [one for one in books.snapshot() if not one.steps]
    again = tables.parse(__import__("csv").DictReader(tables.write(first).splitlines()))
    assert sorted(again, key=str) == sorted(first, key=str)


def test_an_unknown_region_and_one_without_a_book_say_which_have_one():
    with pytest.raises(HermesError) as caught:
        books.load("eu-madrid-1", "snapshot")
    assert caught.value.findings[0].code == "region-unknown"
    assert "eu-south-2" in str(caught.value.findings[0].next)
    with pytest.raises(HermesError) as caught:
        books.load("cn-north-1", "snapshot")
    finding = caught.value.findings[0]
    assert finding.code == "book-missing"
    assert "us-east-1" in finding.evidence
    assert "prices refresh --region cn-north-1" in str(finding.next)


def test_coverage_names_what_is_missing():
    book = books.snapshot()
    text = coverage.table(book)
    assert "| AmazonEC2 | NatGateway-Hours | NatGateway | published | published | published |" in text
    assert coverage.state(book, ("AmazonRoute53", "HostedZone", ""), "eu-south-2") == "published"
    steps = coverage.steps(book)
    assert {step.split(" (")[0] for step in steps} >= {"eu-west-1 ← us-east-1", "eu-south-2 ← eu-west-1"}
    assert len(steps) == len(set(steps))


def test_the_table_of_commitments_says_what_is_inferred():
    table = coverage.commitments(books.snapshot())
    assert "| t4g.small | eu-south-2 | 12 inferred | 6 inferred | 6 inferred | 2 published |" in table
    assert "| t3.medium | us-east-1 | 12 published | 6 inferred | 6 inferred | 2 inferred |" in table
    assert "| t4g.medium | eu-west-1 | 1 billed, 11 inferred |" in table
    # a region without the type has no row
    assert "| t2.micro | eu-south-2 |" not in table


def test_whether_there_is_any_price_is_known_without_reading_a_region():
    def read(region):
        raise AssertionError(f"{region} was read")

    assert PriceBook("lazy", of=read, places=("eu-south-2",))
    assert not PriceBook("empty")
