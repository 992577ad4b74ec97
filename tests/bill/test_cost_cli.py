"""``cost`` and ``prices`` as a person types them."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D
from io import StringIO
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hermes_cfn import bill, config, stacks, templates
from hermes_cfn.cli import hermes
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.pricing import books, cache

ROOT = Path(__file__).parents[2]
CDK = Path(__file__).parent / "templates/cdk-fargate.json"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with a hermes.toml and its rendered stacks; an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "hermes.toml").write_text((ROOT / "hermes.toml").read_text())
    templates.write(stacks.build(config.load(tmp_path / "hermes.toml")), tmp_path / "templates/production")
    return tmp_path


def typed(place, *words):
    return CliRunner().invoke(
        hermes, ["--config", str(place / "hermes.toml"), *words], standalone_mode=False, catch_exceptions=True
    )


def test_the_rendered_stacks_are_billed(place):
    said = typed(place, "cost", "--format", "json").output
    expected = bill.compute(templates.read(place / "templates/production"), books.snapshot())
    assert D(json.loads(said)["total"]) == expected.total
    assert "2 × t4g.small" in typed(place, "cost").output
    assert typed(place, "cost", "--format", "markdown").output.startswith("* ")
    rows = list(csv.DictReader(StringIO(typed(place, "cost", "--format", "csv").output)))
    assert sum(D(row["monthly"]) for row in rows) == expected.total


def test_focus_rows(place):
    rows = list(csv.DictReader(StringIO(typed(place, "cost", "--focus", "1.2").output)))
    assert {row["ProviderName"] for row in rows} == {"AWS"}


def test_a_limit_ends_with_its_own_exit_code(place):
    assert typed(place, "cost", "--limit", "100000").return_value == ExitCode.OK
    assert typed(place, "cost", "--limit", "1").return_value == ExitCode.OVER_BUDGET


def test_the_guides_book_prices_what_the_guide_priced(place):
    made = json.loads(typed(place, "cost", "--book", "guide", "--format", "json").output)
    priced = {line["what"]: D(line["monthly"]) for line in made["lines"] if line["state"] == "priced"}
    assert priced["2 × t4g.small"] == D("24.528")
    assert priced["NAT gateway"] == D("32.85")
    assert made["coverage"]["not_priced"] > 0


def test_usage_from_a_file(place):
    (place / "use.toml").write_text("[usage]\nto_users_gb = 1100\nfrom_users_gb = 0\n")
    words = ("cost", "--usage", str(place / "use.toml"), "--format", "json")
    lines = json.loads(typed(place, *words).output)["lines"]
    (out,) = [line for line in lines if line["what"] == "transfer to users"]
    assert D(out["quantity"]) == 1100
    (place / "use.toml").write_text("requests = -1\n")
    assert "usage-invalid" in typed(place, *words).exception.findings[0].code


def test_reconcile_reads_an_export(place):
    export = place / "cur.csv"
    export.write_text(
        "line_item_product_code,line_item_usage_type,line_item_operation,line_item_usage_amount,"
        "line_item_unblended_cost,line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date\n"
        "AmazonEC2,EUS2-NatGateway-Hours,NatGateway,744,35.71,Usage,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z\n"
    )
    said = json.loads(typed(place, "cost", "reconcile", str(export), "--format", "json").output)
    assert said["matched"][0]["difference"] == "$0.00"
    assert "only on the bill" in typed(place, "cost", "reconcile", str(export)).output


def test_reconcile_compares_the_bill_that_was_asked_for(place):
    export = place / "cur.csv"
    export.write_text(
        "line_item_product_code,line_item_usage_type,line_item_operation,line_item_usage_amount,"
        "line_item_unblended_cost,line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date\n"
        "AmazonECS,EU-Fargate-GB-Hours,,1460,6.49,Usage,2026-10-01T00:00:00Z,2026-10-31T10:00:00Z\n"
    )
    before = ("cost", "--template", str(CDK), "--region", "eu-west-1", "reconcile", str(export), "--format", "json")
    (match,) = json.loads(typed(place, *before).output)["matched"]
    assert (match["usage type"], match["bill"], match["difference"]) == ("EU-Fargate-GB-Hours", "$6.49", "$0.00")


def test_a_price_shows_everything_that_it_carries(place):
    words = ("prices", "show", "NatGateway-Hours", "--region", "eu-south-2", "--format")
    (nat,) = [one for one in json.loads(typed(place, *words, "json").output) if one["operation"] == "NatGateway"]
    assert set(nat) == {
        "region", "service_code", "usage_type", "operation", "unit", "currency", "tiers", "effective", "published", "sku",
        "basis", "source", "steps",
    }  # fmt: skip
    assert (nat["basis"], nat["tiers"][0]["price"], len(nat["steps"])) == ("published", "0.048", 0)
    assert "EUS2-NatGateway-Hours,NatGateway,Hrs,0,Inf,0.048" in typed(place, *words, "csv").output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("cost", "--template", "nothing.yaml"), "file-unreadable"),
        (("cost", "--template", str(CDK), "--region", "mars-1"), "region-unknown"),
        (("cost", "--template", str(CDK), "--region", "cn-north-1"), "book-missing"),
        (("cost", "--template", str(CDK), "--region", "us-gov-east-1"), "book-missing"),
        (("cost", "--template", str(ROOT / "README.md")), "template-invalid"),
        (("cost", "--template", str(CDK), "--parameter", "Nothing=1"), "template-invalid"),
        (("cost", "--book", "live"), "book-missing"),
        (("prices", "refresh", "--region", "mars-1"), "region-unknown"),
    ],
)
def test_bad_input_says_what_and_what_next(place, words, code):
    error = typed(place, *words).exception
    assert isinstance(error, HermesError)
    assert error.findings[0].code == code


@pytest.mark.parametrize("words", [("--parameter", "Nothing"), ("--limit", "much")])
def test_an_option_that_makes_no_sense_stops_before_anything_is_said(place, words):
    ended = typed(place, "cost", "--template", str(CDK), *words)
    assert isinstance(ended.exception, click.BadParameter)
    assert ended.output == ""


def test_prices_can_be_searched_and_compared(place):
    assert "EUS2-NatGateway-Hours" in typed(place, "prices", "show", "natgateway", "--region", "eu-south-2").output
    differ = typed(place, "prices", "diff", "guide", "snapshot")
    assert differ.return_value == ExitCode.CHANGES
    assert "+9.5 %" in differ.output
    assert "79.9 %" in typed(place, "prices", "commitments", "t4g.small").output


def test_a_difference_in_a_later_tier_or_in_what_has_one_price_for_the_world_is_told(place):
    """A book that was fetched: S3's second tier and a hosted zone are dearer than the snapshot's."""
    known = books.snapshot()
    storage = known.find("AmazonS3", "TimedStorage-ByteHrs", "eu-south-2")
    zone = known.find("AmazonRoute53", "HostedZone", "global")
    first, second, *rest = storage.tiers
    changed = (
        replace(storage, tiers=(first, replace(second, price=D("0.0225")), *rest)),
        replace(zone, tiers=(replace(zone.tiers[0], price=D("0.6")), *zone.tiers[1:])),
    )
    cache.write("eu-south-2", changed, datetime.now(UTC), "api")
    differ = typed(place, "prices", "diff", "snapshot", "live")
    assert differ.return_value == ExitCode.CHANGES
    assert "2 differ, 0 only in snapshot, 0 only in live" in differ.output
    assert "0.0225 from 51,200" in differ.output


def test_prices_come_from_an_offer_file_on_disk(place):
    offer = place / "offer.csv"
    offer.write_text(
        '"FormatVersion","v1.0"\n"Publication Date","2026-11-01T00:00:00Z"\n"Version","1"\n"OfferCode","AmazonEC2"\n'
        '"SKU","OfferTermCode","RateCode","TermType","EffectiveDate","StartingRange","EndingRange","Unit",'
        '"PricePerUnit","Currency","serviceCode","usageType","operation","Region Code"\n'
        '"S","J","R","OnDemand","2026-11-01","0","Inf","Hrs","0.0499","USD","AmazonEC2","EUS2-NatGateway-Hours",'
        '"NatGateway","eu-south-2"\n'
    )
    assert "1 prices of eu-south-2" in typed(place, "prices", "refresh", "--offer", str(offer)).output
    lines = json.loads(typed(place, "cost", "--format", "json").output)["lines"]
    (nat,) = [line for line in lines if line["what"] == "NAT gateway"]
    assert (D(nat["monthly"]), nat["basis"]) == (D("36.427"), "published")


def test_without_credentials_prices_come_from_the_public_offer_files(place, monkeypatch):
    from hermes_cfn.aws import prices as door

    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(place / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(place / "none"))
    nat = books.snapshot().find("AmazonEC2", "NatGateway-Hours", "eu-west-1", "NatGateway")
    monkeypatch.setattr(door, "bulk", lambda region: door.Fetched((nat,)))
    said = typed(place, "prices", "refresh", "--region", "eu-west-1").output
    assert "no credentials for the Pricing API" in said
    assert "1 prices of eu-west-1 from offer-files" in said


def test_the_bill_of_a_template_imports_neither_troposphere_nor_cfnlint_nor_boto3(tmp_path):
    program = (
        "import sys; from hermes_cfn.cli import hermes; "
        f"hermes.main(['cost', '--template', {str(CDK)!r}, '--region', 'eu-west-1', '--format', 'csv'], standalone_mode=False); "
        "print(sorted({'troposphere', 'awacs', 'cfnlint', 'boto3', 'botocore', 'moto', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"
    assert ",NAT gateway," in ended.stdout


def test_reconcile_takes_several_exports_or_a_table_but_not_both(place, tmp_path):
    rows = typed(place, "cost", "--focus", "1.4", "--period", "2026-11").output
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(rows)
    one = json.loads(typed(place, "cost", "reconcile", str(tmp_path / "a.csv"), "--format", "json").output)
    both = json.loads(typed(place, "cost", "reconcile", str(tmp_path / "?.csv"), "--format", "json").output)
    assert (one["hours"], D(both["charged"])) == ("720", 2 * D(one["charged"]))
    assert abs(D(one["charged"]) - D(one["expected"])) < D("0.001")
    assert "in all" in typed(place, "cost", "reconcile", str(tmp_path / "a.csv")).output
    for words in ([], ["a.csv", "--athena", "w", "--table", "d.t"], ["--athena", "w"], ["a.csv", "--table", "d.t"]):
        assert isinstance(typed(place, "cost", "reconcile", *words).exception, click.UsageError)


@pytest.mark.parametrize(
    "words",
    [
        ["--period", "November"],
        ["--period", "2026-13"],
        ["--period", "2026-11-02..2026-11-01"],
        ["--tag", "Team"],
        ["--tag", "=web"],
        ["--rate", "CNY"],
        ["--rate", "CNY=-1"],
        ["--rate", "CNY=nan"],
        ["--rate", "yuan=0.1"],
    ],
)
def test_what_reconcile_cannot_choose_by_is_said(place, words):
    assert isinstance(typed(place, "cost", "reconcile", "a.csv", *words).exception, click.BadParameter)


def test_focus_rows_are_of_one_month(place):
    said = typed(place, "cost", "--focus", "1.4", "--period", "2026-11-15..2026-12-15")
    assert isinstance(said.exception, click.BadParameter)
    assert typed(place, "cost", "--focus", "1.4", "--period", "2026-11-15..2026-12-01").exception is None


@pytest.mark.parametrize(("answer", "asked"), [("n\n", False), ("y\n", True)])
def test_what_a_query_costs_is_said_before_it_is_asked(place, monkeypatch, answer, asked):
    from hermes_cfn.aws import athena, clients
    from hermes_cfn.bill.exports import Charged, Export

    class Door:
        queries = []

        def table(self, name):
            columns = ("line_item_usage_type", "line_item_unblended_cost", "line_item_usage_start_date")
            columns = (*columns, "line_item_usage_end_date")
            return athena.Table("AwsDataCatalog", "d", "t", tuple((name, "string") for name in columns), (), "s3://b/")

        def estimate(self, table, workgroup, chosen):
            return athena.Estimate(2 * 10**12, 0)

    def read(door, table, workgroup, chosen):
        Door.queries.append(workgroup)
        return Export("CUR 2.0", (Charged("AmazonEC2", "EUS2-Odd", "", "eu-south-2", D(1), D(7)),), ()), 10**12

    monkeypatch.setattr(clients, "connect", lambda *_: None)
    monkeypatch.setattr(athena.Athena, "of", lambda _: Door())
    monkeypatch.setattr(athena, "read", read)
    words = ["--config", str(place / "hermes.toml"), "cost", "reconcile", "--athena", "w", "--table", "d.t"]
    said = CliRunner().invoke(hermes, words, input=answer, standalone_mode=False)
    assert "$10.00" in said.output
    assert (said.return_value, Door.queries) == ((ExitCode.OK, ["w"]) if asked else (ExitCode.REFUSED, []))
    assert ("$5.00" in said.output.partition("it read")[2]) is asked
