"""Fetched prices on disk: whole or not at all, used when old and said to be old."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books, cache
from hermes_cfn.pricing.prices import Basis, Price, Tier

NOW = datetime(2026, 10, 10, 12, tzinfo=UTC)


def nat(usd="0.0499"):
    return Price(
        "AmazonEC2",
        "EUS2-NatGateway-Hours",
        "NatGateway",
        "eu-south-2",
        "Hrs",
        (Tier(D(0), None, D(usd)),),
        Basis.PUBLISHED,
        "AWS Pricing API",
        published="2026-10-09",
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_was_fetched_goes_before_the_snapshot_and_the_rest_is_filled():
    cache.write("eu-south-2", [nat()], NOW, "api")
    book = books.load("eu-south-2", now=NOW)
    assert book.find("AmazonEC2", "NatGateway-Hours", "eu-south-2").first == D("0.0499")
    assert book.find("AmazonEC2", "BoxUsage:t4g.small", "eu-south-2").first == D("0.0184")
    assert book.name == "api"


def test_prices_of_every_fetched_region_are_used_and_each_is_named():
    """A deployment has stacks in us-east-1, too."""
    alarm = replace(
        books.snapshot().find("AmazonCloudWatch", "CW:AlarmMonitorUsage", "us-east-1"),
        tiers=(Tier(D(0), None, D("0.11")),),
    )
    cache.write("us-east-1", [alarm], NOW, "offer-files")
    book = books.load("eu-south-2", now=NOW)
    assert book.find("AmazonCloudWatch", "CW:AlarmMonitorUsage", "us-east-1").first == D("0.11")
    assert (book.name, book.fetched) == ("snapshot", None)
    assert "us-east-1: 1 prices from offer-files" in book.note
    with pytest.raises(HermesError) as caught:
        books.load("eu-south-2", "live", now=NOW)
    assert caught.value.findings[0].code == "book-missing"


def test_a_fetched_price_replaces_the_snapshots_although_aws_names_its_operation():
    logs = replace(
        books.snapshot().find("AmazonCloudWatch", "DataProcessing-Bytes", "eu-west-1"),
        operation="PutLogEvents",
        tiers=(Tier(D(0), None, D("0.60")),),
    )
    cache.write("eu-west-1", [logs], NOW, "api")
    book = books.load("eu-west-1", now=NOW)
    assert book.find("AmazonCloudWatch", "DataProcessing-Bytes", "eu-west-1", "").first == D("0.60")


def test_without_a_cache_it_is_the_snapshot():
    assert books.load("eu-south-2").name == "snapshot"


def test_an_old_cache_is_used_and_said_to_be_old():
    cache.write("eu-south-2", [nat()], NOW, "api")
    assert "days old" not in books.load("eu-south-2", now=NOW + timedelta(days=1)).note
    late = books.load("eu-south-2", now=NOW + timedelta(days=40))
    assert "40 days old: next: hermes-cfn prices refresh" in late.note
    assert late.find("AmazonEC2", "NatGateway-Hours", "eu-south-2").first == D("0.0499")


def test_a_refresh_that_fails_half_way_leaves_the_old_book_whole():
    cache.write("eu-south-2", [nat("0.0411")], NOW, "api")

    def halfway():
        yield nat("0.0422")
        raise OSError("the network went")

    with pytest.raises(OSError):
        cache.write("eu-south-2", halfway(), NOW, "api")
    assert books.load("eu-south-2", now=NOW).find("AmazonEC2", "NatGateway-Hours", "eu-south-2").first == D("0.0411")
    assert [path.name for path in cache.home().iterdir()] == ["eu-south-2.csv"]


@pytest.mark.parametrize("text", ["", "# api\n", "nonsense", "# api 2026-10-10T12:00:00+00:00\nregion\n1\n"])
def test_a_damaged_cache_counts_as_none(text):
    cache.home().mkdir(parents=True)
    (cache.home() / "eu-south-2.csv").write_text(text)
    assert books.load("eu-south-2").name == "snapshot"


def test_everything_that_is_kept_is_its_owners_alone(tmp_path, monkeypatch):
    """Whatever the mask of the process says: what this month has cost is nobody else's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/.cache"))
    before = os.umask(0)
    try:
        cache.write("eu-south-2", [nat()], NOW, "api")
        cache.keep(cache.base() / "month-123456789012-hermes.json", "{}")
        cache.keep(cache.base() / "month-123456789012-hermes.json", "{}")
    finally:
        os.umask(before)
    made = list((tmp_path / "home").rglob("*"))
    assert len(made) == 5
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700, 0o600}
