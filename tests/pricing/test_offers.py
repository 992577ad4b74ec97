"""AWS's own forms: recorded GetProducts items, reserved terms, offer files."""

import csv
import json
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books, commitments, offers

RECORDED = Path(__file__).parent / "recorded"


def recorded(name):
    return json.loads((RECORDED / name).read_text())


def by_usage(name):
    return {one.usage_type: one for one in offers.prices(json.dumps(item) for item in recorded(name))}


def test_s3_in_madrid_has_its_tiers():
    storage = by_usage("s3-eu-south-2.json")["EUS2-TimedStorage-ByteHrs"]
    assert [(tier.start, tier.end, tier.price) for tier in storage.tiers] == [
        (0, 51200, D("0.023")),
        (51200, 512000, D("0.022")),
        (512000, None, D("0.021")),
    ]
    assert (storage.region, storage.unit, storage.sku) == ("eu-south-2", "GB-Mo", "J4G6TDWKTHGQ4EUR")
    assert (storage.effective, storage.published) == ("2026-06-01", "2026-06-12")
    assert by_usage("s3-eu-south-2.json")["EUS2-Requests-Tier1"].first == D("0.0000053")


def test_the_ebs_family_in_two_regions():
    ebs = by_usage("ebs.json")
    assert ebs["EBS:VolumeUsage.gp3"].first == D("0.08")
    assert ebs["EU-EBS:VolumeUsage.gp3"].first == D("0.088")
    assert ebs["EBS:VolumeP-Throughput.gp3"].unit == "GiBps-mo"
    assert ebs["EBS:VolumeP-Throughput.gp3"].first == D("40.96")
    assert ebs["EU-EBS:VolumeUsage.gp2"].stem == "EBS:VolumeUsage.gp2"


def test_cloudfront_in_europe_has_no_region_but_edges():
    found = by_usage("cloudfront-europe.json")
    out = found["EU-DataTransfer-Out-Bytes"]
    assert out.region == "europe"
    assert out.cost(D(10241)) == D("10240") * D("0.085") + D("0.080")
    assert found["EU-Requests-Tier2-HTTPS"].first == D("0.0000012")


def test_t3_medium_and_its_reserved_offers():
    items = recorded("t3.medium-us-east-1.json")
    (on_demand,) = offers.prices(items)
    assert (on_demand.operation, on_demand.first) == ("RunInstances", D("0.0416"))
    terms = list(offers.reserved(items))
    assert len(terms) == 12
    saved = {
        term.payment: round(commitments.of_reserved(term, "test").saves(on_demand.first) * 100, 1)
        for term in terms
        if term.years == 1 and term.offering == "standard"
    }
    assert saved == {"No Upfront": D("37.3"), "Partial Upfront": D("40.3"), "All Upfront": D("41.6")}


def test_break_even_is_the_month_in_which_all_that_is_owed_is_earned():
    plan = commitments.Offer("one year", "t3.medium", "us-east-1", 1, D("213"), D(0), "test")
    assert plan.break_even_months(D("0.0416")) == D(213) / (D("0.0416") * 730)
    dear = commitments.Offer("one year", "t3.medium", "us-east-1", 1, D("500"), D(0), "test")
    assert dear.break_even_months(D("0.0416")) is None


def test_the_package_carries_offers_with_their_origin():
    assert {offer.instance_type for offer in commitments.snapshot()} >= {"t3.medium", "t3.small", "t4g.small"}
    assert all(offer.source for offer in commitments.snapshot())
    cheapest, *_ = commitments.for_instance("t4g.small", "eu-south-2", books.snapshot())
    assert (cheapest.name, cheapest.effective) == ("spot, low end of what was seen", D("0.0037"))


def offer_of(instance_type, region, name, book=None):
    book = book or books.snapshot()
    (found,) = (offer for offer in commitments.for_instance(instance_type, region, book) if offer.name == name)
    return found


def test_a_commitment_that_nobody_published_takes_the_share_of_one_that_is_and_says_so():
    offer = offer_of("t4g.small", "eu-south-2", "reserved 1 year, no upfront, standard")
    # 0.0261 of 0.0416 for t3.medium in us-east-1, of 0.0184 on demand
    assert (offer.basis, offer.hourly, offer.upfront) == ("inferred", D("0.01154"), 0)
    assert "t3.medium in us-east-1 (3 known pairs +0.0 % to +0.8 %)" in offer.source
    assert offer.low == 1 < offer.high < D("1.01")
    # a type that is not burstable lies farther off: m6a.xlarge is the only one that is known
    assert D("1.12") < offer_of("m7g.large", "us-east-1", "reserved 1 year, no upfront, standard").high < D("1.13")
    plan = offer_of("t4g.small", "eu-south-2", "EC2Instance savings plan 1 year, all upfront")
    assert plan.upfront == offer_of("t4g.small", "eu-south-2", "reserved 1 year, all upfront, standard").upfront
    assert plan.source.endswith("as standard reserved instances")


def test_what_was_published_or_billed_is_taken_before_what_is_inferred():
    offer = offer_of("t4g.medium", "eu-west-1", "reserved 1 year, all upfront, standard")
    assert (offer.basis, offer.upfront) == ("billed", 190)
    # the report that it is from: four of them saved 44.97 in a month of 744 hours
    assert round(4 * 744 * (D("0.0368") - offer.effective), 2) == D("44.97")
    plan = offer_of("m6a.xlarge", "us-east-1", "Compute savings plan 1 year, no upfront")
    assert (plan.basis, plan.effective) == ("published", D("0.13965"))


def test_a_book_without_the_prices_on_demand_infers_nothing():
    assert commitments.inferred("t4g.small", "eu-south-2", books.guide()) == ()
    assert commitments.inferred("x9.huge", "eu-south-2", books.snapshot()) == ()


def test_offers_come_back_from_their_file_as_they_were():
    known = commitments.for_instance("t4g.small", "eu-south-2", books.snapshot())
    assert commitments.parse(csv.DictReader(commitments.write(known).splitlines())) == known


def test_a_savings_plan_rate_becomes_an_offer():
    rate = {
        "savingsPlanOffering": {
            "planType": "Compute",
            "paymentOption": "No Upfront",
            "durationSeconds": 31536000,
            "currency": "USD",
        },
        "rate": "0.0122",
        "unit": "Hrs",
        "usageType": "EUS2-BoxUsage:t4g.small",
        "properties": [{"name": "instanceType", "value": "t4g.small"}, {"name": "region", "value": "eu-south-2"}],
    }
    offer = commitments.of_savings_plan(rate, "eu-south-2")
    assert (offer.name, offer.years, offer.effective) == ("Compute savings plan 1 year, no upfront", 1, D("0.0122"))
    assert offer.upfront == 0
    rate["savingsPlanOffering"] |= {
        "paymentOption": "All Upfront",
        "planType": "EC2Instance",
        "durationSeconds": 94608000,
    }
    offer = commitments.of_savings_plan(rate, "eu-south-2")
    # three years of 8,760 hours at 0.0122, all at once
    assert (offer.upfront, offer.hourly, offer.effective) == (D("320.616"), 0, D("0.0122"))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"product": {}}', '{"product": {"sku": "A"}, "terms": {"OnDemand": {"x": 1}}}']
)
def test_broken_items_say_so(text):
    with pytest.raises(HermesError) as caught:
        list(offers.prices([text]))
    assert caught.value.findings[0].code == "price-list-broken"


HEADER = (
    '"SKU","OfferTermCode","RateCode","TermType","PriceDescription","EffectiveDate","StartingRange","EndingRange",'
    '"Unit","PricePerUnit","Currency","Product Family","serviceCode","usageType","operation","Region Code"'
)


def offer_file(rows, meta=True):
    yield '"FormatVersion","v1.0"'
    yield '"Publication Date","2026-09-04T23:11:17Z"'
    yield '"Version","20260904231117"'
    yield '"OfferCode","AmazonEC2"'
    yield HEADER
    yield from rows


def nat(start="0", end="Inf", usd="0.0480000000", usage="EU-NatGateway-Hours", term="OnDemand"):
    return (
        f'"SKU1","JRTCKXETXF","SKU1.X","{term}","$0.048 per NAT Gateway Hour","2026-09-01","{start}","{end}","Hrs",'
        f'"{usd}","USD","NAT Gateway","AmazonEC2","{usage}","NatGateway","eu-west-1"'
    )


def test_an_offer_file_is_filtered_by_usage_type_and_term():
    rows = [nat(), nat(usage="EU-RegionalNatGateway-Hours"), nat(term="Reserved", usd="1")]
    (found,) = offers.bulk(offer_file(rows), lambda usage_type, _: usage_type == "EU-NatGateway-Hours")
    assert (found.first, found.region, found.operation) == (D("0.048"), "eu-west-1", "NatGateway")
    assert found.published == "2026-09-04"
    assert "20260904231117" in found.source


def test_tiers_of_an_offer_file_are_put_in_order():
    rows = [nat("100", "Inf", "1"), nat("0", "100", "2")]
    (found,) = offers.bulk(offer_file(rows), lambda usage_type, _: usage_type == "EU-NatGateway-Hours")
    assert found.cost(D(101)) == 201


def test_transfer_belongs_to_the_region_that_it_comes_from():
    """Transfer has no ``regionCode``: ``fromRegionCode``, or ``From Region Code`` in an offer file."""
    item = {
        "product": {
            "sku": "HQEH3ZWJVT46JHRG",
            "attributes": {
                "servicecode": "AWSDataTransfer",
                "transferType": "AWS Outbound",
                "fromLocation": "EU (Spain)",
                "fromRegionCode": "eu-south-2",
                "toLocation": "External",
                "usagetype": "EUS2-DataTransfer-Out-Bytes",
                "operation": "",
            },
        },
        "serviceCode": "AWSDataTransfer",
        "terms": {
            "OnDemand": {
                "x": {
                    "priceDimensions": {
                        "y": {"unit": "GB", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": "0.09"}}
                    }
                }
            }
        },
    }
    (out,) = offers.prices([json.dumps(item)])
    assert (out.region, out.stem) == ("eu-south-2", "DataTransfer-Out-Bytes")
    header = HEADER.replace('"Region Code"', '"From Region Code"')
    row = nat(usage="EU-DataTransfer-Out-Bytes").replace('"AmazonEC2"', '"AWSDataTransfer"')
    (out,) = offers.bulk([header, row], lambda *_: True)
    assert out.region == "eu-west-1"


def test_a_file_that_is_no_offer_file_says_so():
    with pytest.raises(HermesError) as caught:
        list(offers.bulk(["<html>", "no"], lambda *_: True))
    assert caught.value.findings[0].code == "price-list-broken"
