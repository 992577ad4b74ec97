"""Exports as AWS, the FinOps Foundation and people's tools write them: each is read, or refused by one finding."""

import csv
import gzip
import io
import json
import zipfile
from datetime import date
from decimal import Decimal as D

import duckdb
import pytest

from hermes_cfn.bill import exports
from hermes_cfn.bill.exports import Category, Selection, columns, statement
from hermes_cfn.errors import HermesError

CUR2 = [
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_usage_account_id",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_usage_amount",
    "line_item_currency_code",
    "line_item_unblended_cost",
    "product_servicecode",
    "product_region_code",
    "resource_tags",
]
LEGACY = [
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
    "lineItem/UsageAccountId",
    "lineItem/ProductCode",
    "lineItem/UsageType",
    "lineItem/Operation",
    "lineItem/UsageAmount",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
    "product/servicecode",
    "product/regionCode",
    "resourceTags/user:Team",
]
OCTOBER = ("2026-10-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z")
TYPE = "EUS2-BoxUsage:t4g.small"


def line(
    cost="27.3792", kind="Usage", period=OCTOBER, account="111111111111", usage_type=TYPE, currency="USD", team=""
):
    return [
        *(kind, *period, account, "AmazonEC2", usage_type, "RunInstances"),
        *("1488", currency, cost, "AmazonEC2", "eu-south-2", team),
    ]


def written(path, *lines, head=CUR2, delimiter=",", encoding="utf-8", end="\n", null=""):
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=delimiter, lineterminator=end)
    rows.writerow(head)
    rows.writerows([null if cell is None else cell for cell in one] for one in lines)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def read(*paths, **chosen):
    return exports.read([str(path) for path in paths], Selection(**chosen))


def cost(found, category=Category.USAGE):
    return sum((one.cost for one in found.lines if one.category == category), D(0))


def refused(*paths, **chosen):
    with pytest.raises(HermesError) as caught:
        read(*paths, **chosen)
    (finding,) = caught.value.findings
    assert "Traceback" not in finding.what
    return finding


# How it is packed


def gzipped(path, data):
    path.write_bytes(gzip.compress(data))


def members(path, data):
    """Two gzip members one after the other, as tools that append write them."""
    path.write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]))


def zipped(path, data):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._part.csv", "\0")
        archive.writestr("a/part.csv", data)
        archive.writestr("a/manifest.json", "{}")


PACKINGS = {
    "plain.csv": lambda path, data: path.write_bytes(data),
    "no suffix": lambda path, data: path.write_bytes(data),
    "with [brackets] and 'quotes'.csv": lambda path, data: path.write_bytes(data),
    "part.csv.gz": gzipped,
    "members.csv.gz": members,
    "part.zip": zipped,
}


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("head", [CUR2, LEGACY], ids=["CUR 2.0", "CUR"])
def test_both_spellings_are_read_however_they_are_packed(tmp_path, name, head):
    data = written(tmp_path / "made", line(), line("1.5", "Tax"), head=head).read_bytes()
    PACKINGS[name](tmp_path / name, data)
    found = read(tmp_path / name)
    assert (found.kind, found.hours, found.count) == ("CUR 2.0" if head is CUR2 else "CUR", 744, 2)
    assert (cost(found), cost(found, Category.TAX)) == (D("27.3792"), D("1.5"))
    (use,) = [one for one in found.lines if one.category == Category.USAGE]
    assert (use.service, use.usage_type, use.operation, use.region, use.usage) == (
        *("AmazonEC2", TYPE, "RunInstances", "eu-south-2"),
        1488,
    )


@pytest.mark.parametrize("typed", ["CAST(x AS VARCHAR)", "typed"])
def test_parquet_is_read_with_texts_and_with_types(tmp_path, typed):
    source = written(tmp_path / "made.csv", line(team='{"user_team": "web"}'), line("1.5", "Tax"))
    kinds = "" if typed != "typed" else (
        "REPLACE (CAST(line_item_unblended_cost AS DOUBLE) AS line_item_unblended_cost, "
        "CAST(line_item_usage_amount AS DOUBLE) AS line_item_usage_amount, "
        "CAST(REPLACE(line_item_usage_start_date, 'Z', '') AS TIMESTAMP) AS line_item_usage_start_date, "
        "CAST(REPLACE(line_item_usage_end_date, 'Z', '') AS TIMESTAMPTZ) AS line_item_usage_end_date, "
        "MAP {'user_team': 'web'} AS resource_tags)"
    )  # fmt: skip
    path = tmp_path / "part.snappy.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY (SELECT * {kinds} FROM read_csv('{source}', all_varchar = true)) TO '{path}'")
    found = read(path)
    assert (found.hours, cost(found), cost(found, Category.TAX)) == (744, D("27.3792"), D("1.5"))
    assert cost(read(path, tags=(("Team", "web"),))) == D("27.3792")
    source.unlink()
    assert cost(read(tmp_path)) == D("27.3792")


def test_several_files_folders_and_globs_are_one_export(tmp_path):
    october, september = tmp_path / "BILLING_PERIOD=2026-10", tmp_path / "BILLING_PERIOD=2026-09"
    for folder in (october, september):
        folder.mkdir()
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/export-Manifest.json").write_text("{}")
    written(october / "part-1.csv", line("1"))
    written(october / "part-2.csv", line("2"), head=[*CUR2[:-1], "another_column"])
    written(september / "part-1.csv", line("4", period=("2026-09-01 00:00:00", "2026-10-01 00:00:00")))
    whole = read(tmp_path)
    assert (whole.hours, cost(whole)) == (720 + 744, 7)
    assert cost(read(october)) == 3
    assert cost(read(tmp_path / "*" / "part-1.csv")) == 5
    assert cost(read(october / "part-1.csv", october, october / "part-1.csv")) == 3, "no file counts twice"


def test_columns_whose_names_differ_in_case_alone_are_two(tmp_path):
    """A legacy CUR has a column for each tag: ``resourceTags/user:name`` beside ``resourceTags/user:Name``."""
    head = [*LEGACY, "resourceTags/user:team", "resourceTags/user:TEAM"]
    path = written(tmp_path / "a.csv", [*line("1", team="web"), "x", "y"], [*line("2", team="db"), "x", "y"], head=head)
    assert cost(read(path)) == 3
    assert cost(read(path, tags=(("Team", "web"),))) == 1


# How it is written


@pytest.mark.parametrize("null", ["", *columns.NULLS])
def test_nothing_is_written_in_many_ways(tmp_path, null):
    """Of what a line may lack; a tax line lacks nearly all."""
    tax = ["Tax", None, None, None, "AmazonEC2", None, None, None, None, "1.25", None, None, None]
    path = written(tmp_path / "a.csv", line(), tax, line(cost=None), null=null)
    found = read(path)
    assert (found.hours, cost(found), cost(found, Category.TAX)) == (744, D("27.3792"), D("1.25"))
    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{tmp_path / 'a.csv'}', all_varchar = true, nullstr = 'no')) TO '{path}'"
        )
    found = read(path)
    assert (found.hours, cost(found), cost(found, Category.TAX)) == (744, D("27.3792"), D("1.25"))


@pytest.mark.parametrize(
    "odd", ["a\u2028b", "a\u0085b", "a\x0cb", "a\x1cb", "one\ntwo", "one\r\ntwo", 'a "b", c', "é漢"]
)
@pytest.mark.parametrize("first", [True, False])
def test_texts_may_hold_what_texts_hold(tmp_path, odd, first):
    head = ["description", *CUR2] if first else [*CUR2, "description"]
    lines = [[odd, *line()], [odd, *line("1")]] if first else [[*line(), odd], [*line("1"), odd]]
    found = read(written(tmp_path / "a.csv", *lines, head=head))
    assert (found.count, cost(found)) == (2, D("28.3792"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_line_ends_and_byte_order_marks(tmp_path, delimiter, encoding, end):
    found = read(written(tmp_path / "a.csv", line(), line("1"), delimiter=delimiter, encoding=encoding, end=end))
    assert cost(found) == D("28.3792")


@pytest.mark.parametrize("amount", ["1e-7", "1E-07", "0.0000001", "+0.0000001", " 0.0000001 "])
def test_small_amounts_however_written(tmp_path, amount):
    assert cost(read(written(tmp_path / "a.csv", line(amount)))) == D("0.0000001")


@pytest.mark.parametrize(
    "begin",
    [
        "2026-10-01T00:00:00.000Z",
        "2026-10-01T00:00:00Z",
        "2026-10-01 00:00:00",
        "2026-10-01 00:00:00 UTC",
        "2026-10-01",
    ],
)
def test_dates_however_written(tmp_path, begin):
    assert read(written(tmp_path / "a.csv", line(period=(begin, OCTOBER[1])))).hours == 744


# FOCUS

FOCUS_LINE = {
    "BilledCost": "27.3792",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-01T00:00:00Z",
    "ChargePeriodEnd": "2026-11-01T00:00:00Z",
    "ConsumedQuantity": "1488",
    "RegionId": "eu-south-2",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "SubAccountId": "111111111111",
}
FOCUS_SHAPES = {
    "1.0 of AWS": {
        "ProviderName": "AWS",
        "x_ServiceCode": "AmazonEC2",
        "x_UsageType": TYPE,
        "x_Operation": "RunInstances",
    },
    "1.2 of AWS": {
        "ProviderName": "AWS",
        "x_ServiceCode": "AmazonEC2",
        "SkuMeter": TYPE,
        "x_Operation": "RunInstances",
    },
    "1.3": {"ProviderName": "AWS", "ServiceProviderName": "AWS", "SkuMeter": TYPE, "x_ServiceCode": "AmazonEC2"},
    "1.4": {"ServiceProviderName": "Amazon Web Services, Inc.", "HostProviderName": "AWS", "SkuMeter": TYPE},
    "1.0-preview": {"Provider": "AWS", "x_UsageType": TYPE, "Region": "eu-south-2", "UsageQuantity": "1488"},
}


def focus(path, *rows):
    head = list(dict.fromkeys(name for row in rows for name in row))
    return written(path, *([row.get(name, "") for name in head] for row in rows), head=head)


@pytest.mark.parametrize("shape", FOCUS_SHAPES)
def test_focus_of_every_version(tmp_path, shape):
    found = read(focus(tmp_path / "a.csv", {**FOCUS_LINE, **FOCUS_SHAPES[shape]}))
    (use,) = found.lines
    assert (found.kind, found.hours) == ("FOCUS", 744)
    assert (use.service, use.usage_type, use.region, use.cost, use.usage) == (
        "AmazonEC2",
        TYPE,
        "eu-south-2",
        D("27.3792"),
        1488,
    )


def test_focus_as_the_finops_samples_write_it(tmp_path):
    """The word NULL, no usage type but a SKU, three providers in one table."""
    sample = {**FOCUS_LINE, "ProviderName": "AWS", "SkuId": "J4G6TDWKTHGQ4EUR", "CommitmentDiscountId": "NULL"}
    sample |= {
        "ChargePeriodStart": "2026-10-01 00:00:00",
        "ChargePeriodEnd": "2026-10-01 01:00:00",
        "ChargeClass": "NULL",
    }
    path = focus(
        tmp_path / "a.csv", sample, {**sample, "ProviderName": "Microsoft", "BillingCurrency": "EUR", "BilledCost": "0"}
    )
    found = read(path)
    assert {one.category: (one.service, one.sku, one.usage_type, one.cost) for one in found.lines} == {
        Category.USAGE: ("AmazonEC2", "J4G6TDWKTHGQ4EUR", "", D("27.3792")),
        Category.OTHERS: ("AmazonEC2", "J4G6TDWKTHGQ4EUR", "", 0),
    }
    assert found.hours == 1


CUR_CATEGORIES = {
    **columns.CUR_KINDS,
    **dict.fromkeys(
        ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "RiVolumeDiscount", "SppDiscount", "Discount"),
        Category.DISCOUNTS,
    ),
    "": Category.USAGE,
    "SomethingNew": "SomethingNew",
}


@pytest.mark.parametrize("kind", CUR_CATEGORIES)
def test_each_kind_of_line_stands_where_it_belongs(tmp_path, kind):
    found = read(written(tmp_path / "a.csv", line("3.5", kind)))
    assert cost(found, CUR_CATEGORIES[kind]) == D("3.5")


@pytest.mark.parametrize("usage_type", ["EUS2-HeavyUsage:t4g.small", "ComputeSP:1yrAllUpfront"])
def test_a_fee_that_buys_a_commitment_is_one(tmp_path, usage_type):
    assert (
        cost(read(written(tmp_path / "a.csv", line("500", "Fee", usage_type=usage_type))), Category.COMMITMENTS) == 500
    )
    assert cost(read(written(tmp_path / "a.csv", line("29", "Fee", usage_type="Dollar"))), Category.FEES) == 29


FOCUS_CATEGORIES = [
    ({"ChargeCategory": "Tax"}, Category.TAX),
    ({"ChargeCategory": "Credit"}, Category.CREDITS),
    ({"ChargeCategory": "Adjustment"}, Category.REFUNDS),
    ({"ChargeClass": "Correction"}, Category.REFUNDS),
    ({"ChargeCategory": "Purchase"}, Category.FEES),
    ({"ChargeCategory": "Purchase", "CommitmentDiscountId": "arn:x"}, Category.COMMITMENTS),
    ({"ChargeCategory": "Purchase", "SkuMeter": "ComputeSP:1yrNoUpfront"}, Category.COMMITMENTS),
    ({"CommitmentDiscountId": "arn:x", "CommitmentDiscountStatus": "Used"}, Category.COVERED),
    ({"CommitmentDiscountId": "arn:x", "CommitmentDiscountStatus": "Unused"}, Category.COMMITMENTS),
    ({"ServiceProviderName": "Google Cloud"}, Category.OTHERS),
    ({"ChargeCategory": "SomethingNew"}, "SomethingNew"),
    ({}, Category.USAGE),
]


@pytest.mark.parametrize(("cells", "category"), FOCUS_CATEGORIES, ids=str)
def test_each_kind_of_focus_row_stands_where_it_belongs(tmp_path, cells, category):
    found = read(focus(tmp_path / "a.csv", {**FOCUS_LINE, "SkuMeter": TYPE, **cells}))
    assert cost(found, category) == D("27.3792")


# The hours


def test_hours_are_those_of_use_and_not_of_tax_or_monthly_lines(tmp_path):
    hours = [(f"2026-10-{day:02}T00:00:00Z", f"2026-10-{day:02}T04:00:00Z") for day in range(1, 15)]
    path = written(
        tmp_path / "a.csv",
        *(line("1", period=period) for period in hours),
        line("9", "Tax"),
        line("0.5", usage_type="HostedZone"),
        line("7", "RIFee"),
    )
    found = read(path)
    assert found.hours == 13 * 24 + 4
    assert {one.usage_type: one.whole for one in found.lines if one.category == Category.USAGE} == {
        TYPE: False,
        "HostedZone": True,
    }


def test_a_month_between_two_does_not_count(tmp_path):
    path = written(
        tmp_path / "a.csv",
        line("1", period=("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")),
        line("1", period=("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")),
    )
    found = read(path)
    assert (found.hours, found.months) == (672 + 744, 2)


# Which lines


def test_accounts_tags_and_periods_choose(tmp_path):
    september = ("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z")
    path = written(
        tmp_path / "a.csv",
        line("1", account="111111111111", team='{"user_team": "web", "user_cost_centre": "a\'b"}'),
        line("2", account="222222222222", team='{"user_team": "db"}'),
        line("4", account="222222222222", period=september, team="not json"),
        line("8", "Tax", account="333333333333"),
    )
    whole = read(path)
    assert (cost(whole), [note.code for note in whole.notes]) == (7, ["export-accounts"])
    assert cost(read(path, accounts=("111111111111",))) == 1
    assert read(path, accounts=("111111111111",)).notes == ()
    assert cost(read(path, accounts=("111111111111", "222222222222"))) == 7
    assert cost(read(path, period=(date(2026, 9, 1), date(2026, 10, 1)))) == 4
    assert cost(read(path, tags=(("Team", "web"),))) == 1
    assert cost(read(path, tags=(("Team", "web"), ("Cost Centre", "a'b")))) == 1, "two keys are one and the other"
    assert refused(path, tags=(("Team", "db"), ("Cost Centre", "a'b"))).code == "export-empty"
    assert cost(read(path, tags=(("Team", "web"), ("Team", "db")))) == 3, "values of one key are alternatives"
    assert cost(read(path, tags=(("Cost Centre", "a'b"),))) == 1
    assert refused(path, accounts=("999999999999",)).code == "export-empty"


def test_a_tag_without_a_column_is_told(tmp_path):
    path = written(tmp_path / "a.csv", line()[:-1], head=CUR2[:-1])
    assert (refused(path, tags=(("Team", "web"),)).code, refused(path, tags=(("a'b", "c'd"),)).where) == (
        "tag-unknown",
        "--tag a'b",
    )


# Currencies


def test_currencies_are_never_added(tmp_path):
    path = written(tmp_path / "a.csv", line("1"), line("2"), line("198", currency="CNY"), line("0", currency="EUR"))
    finding = refused(path)
    assert (finding.code, finding.where) == ("currency-no-rate", f"{path}, row 4, column line_item_currency_code")
    assert cost(read(path, rates={"CNY": D("0.14")})) == D("30.72")


# What is refused: one finding, with file, row and column where there are any


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("line_item_unblended_cost", "$1.50"),
        ("line_item_unblended_cost", "1,234.50"),
        ("line_item_unblended_cost", "x"),
        ("line_item_usage_amount", "many"),
        ("line_item_usage_amount", "inf"),
        ("line_item_usage_amount", "9" * 400),
        ("line_item_usage_start_date", "10/1/2026 0:00"),
        ("line_item_usage_end_date", "46296.5"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_a_wrong_cell_is_told_with_file_row_and_column(tmp_path, column, cell, name):
    lines = [line("1"), line("2"), line("3")]
    lines[1][CUR2.index(column)] = cell
    good, bad = written(tmp_path / "0.csv", line("5")), written(tmp_path / "made", *lines)
    if name.endswith("parquet"):
        with duckdb.connect() as connection:
            connection.execute(f"COPY (FROM read_csv('{bad}', all_varchar = true)) TO '{tmp_path / name}'")
    else:
        PACKINGS["part.csv.gz" if name.endswith("gz") else "plain.csv"](tmp_path / name, bad.read_bytes())
    finding = refused(good, tmp_path / name)
    row = 2 if name.endswith("parquet") else 3
    assert (finding.code, finding.where) == ("export-cell-wrong", f"{tmp_path / name}, row {row}, column {column}")
    assert cell[:50] in finding.what


def test_a_row_that_is_cut_off_is_told(tmp_path):
    path = written(tmp_path / "a.csv", line("1"), line("2"), line("3"))
    text = path.read_text().splitlines()
    text[2] = ",".join(text[2].split(",")[:5])
    path.write_text("\n".join(text) + "\n")
    finding = refused(path)
    assert finding.code == "export-row-broken"
    assert finding.where.startswith(f"{path}, row 3, column")


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_none_in_parquet(tmp_path, value):
    path = tmp_path / "a.parquet"
    made = written(tmp_path / "a.csv", line())
    with duckdb.connect() as connection:
        replaced = f"* REPLACE (CAST('{value}' AS DOUBLE) AS line_item_unblended_cost)"
        connection.execute(f"COPY (SELECT {replaced} FROM read_csv('{made}', all_varchar = true)) TO '{path}'")
    assert refused(path).where == f"{path}, row 1, column line_item_unblended_cost"


def cut(data):
    return data[: len(data) // 2]


AZURE = "InvoiceSectionName,MeterCategory,MeterId,CostInBillingCurrency,Quantity\na,b,c,1,1\n"
REFUSED = {
    "empty": ("a.csv", b""),
    "other columns": ("a.csv", b"a,b\n1,2\n"),
    "one column": ("a.csv", b"BilledCost\nx\n"),
    "broken JSON": ("a.json", b"{"),
    "JSON of something else": ("a.json", b'{"a": 1}'),
    "JSON without results": ("a.json", b'{"ResultsByTime": []}'),
    "a list": ("a.json", b"[1, 2]"),
    "JSON too deep": ("a.json", b"[" * 100_000),
    "a template": ("t.json", json.dumps({"Resources": {"A" * 1000: "b" * 1_000_000}}).encode()),
    "bytes": ("a.csv", bytes(range(256)) * 20),
    "UTF-16": ("a.csv", ",".join(CUR2).encode("utf-16")),
    "Parquet without an end": ("a.parquet", b"PAR1\x00\xff\x15"),
    "gzip without an end": ("a.csv.gz", cut(gzip.compress(("\n".join(f"{n},{n}" for n in range(99999))).encode()))),
    "gzip of nothing": ("a.csv.gz", b"\x1f\x8b"),
    "zip without an end": ("a.zip", b"PK\x03\x04" + b"\0" * 40),
    "an invoice": ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "Azure": ("a.csv", AZURE.encode()),
    "Google": ("a.csv", b"billing_account_id,service.description,sku.description,cost\na,b,c,1\n"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_export_is_refused_by_one_finding(tmp_path, kind):
    name, data = REFUSED[kind]
    path = tmp_path / name
    path.write_bytes(data)
    finding = refused(path)
    assert (finding.code, finding.where.startswith(str(path))) == ("export-unreadable", True)
    assert len(str(finding)) < 700


def test_another_providers_export_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(AZURE)
    assert "Microsoft Azure" in refused(path).what


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.zip"])
def test_what_is_cut_off_is_refused_and_nothing_of_it_used(tmp_path, name):
    made = written(tmp_path / "made.csv", *(line(f"{number}.5") for number in range(20_000)))
    path = tmp_path / name
    if name.endswith("parquet"):
        with duckdb.connect() as connection:
            connection.execute(f"COPY (FROM read_csv('{made}', all_varchar = true)) TO '{path}'")
    else:
        PACKINGS["part.csv.gz" if name.endswith("gz") else "part.zip"](path, made.read_bytes())
    assert cost(read(path)) == sum(D(f"{number}.5") for number in range(20_000))
    path.write_bytes(path.read_bytes()[:-200])
    assert (refused(path).code, str(path) in refused(made, path).where) == ("export-unreadable", True)


def test_two_kinds_beside_each_other_are_refused(tmp_path):
    written(tmp_path / "2026-09.csv", line())
    focus(tmp_path / "2026-10.csv", FOCUS_LINE)
    finding = refused(tmp_path)
    assert (finding.code, finding.where) == ("export-unreadable", str(tmp_path / "2026-10.csv"))
    assert str(tmp_path / "2026-09.csv") in finding.what
    (tmp_path / "2026-11.json").write_text('{"ResultsByTime": []}')
    assert refused(tmp_path).code == "export-unreadable"


def test_nothing_there_is_told(tmp_path):
    assert refused(tmp_path).code == "export-unreadable"
    assert refused(tmp_path / "none.csv").code == "export-unreadable"
    assert refused(tmp_path / "*.parquet").code == "export-unreadable"
    assert refused(written(tmp_path / "head.csv")).code == "export-empty"


# Cost Explorer


def ce(path, metrics, keys=("USAGE_TYPE",), **more):
    definitions = [{"Type": "DIMENSION", "Key": key} for key in keys]
    period = {"Start": "2026-10-01", "End": "2026-11-01"}
    groups = [{"Keys": [TYPE] * len(keys), "Metrics": metrics}]
    said = {"GroupDefinitions": definitions, "ResultsByTime": [{"TimePeriod": period, "Groups": groups}], **more}
    path.write_text(json.dumps(said))
    return path


def test_cost_explorers_metric_currency_and_pages(tmp_path):
    path = tmp_path / "a.json"
    finding = refused(ce(path, {"AmortizedCost": {"Amount": "1", "Unit": "USD"}}))
    assert (finding.code, "AmortizedCost" in finding.what) == ("export-metric", True)
    finding = refused(ce(path, {"UnblendedCost": {"Amount": "198", "Unit": "CNY"}}))
    assert (finding.code, "Groups[0]" in finding.where) == ("currency-no-rate", True)
    assert cost(read(path, rates={"CNY": D("0.5")})) == 99
    assert refused(ce(path, {"UnblendedCost": {"Amount": "x", "Unit": "USD"}})).code == "export-unreadable"
    assert (
        refused(ce(path, {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}, NextPageToken="t")).code == "export-cut-off"
    )


def test_cost_explorer_by_the_day_in_two_files(tmp_path):
    paths = []
    for month, days in (("09", 30), ("10", 31)):
        results = [
            {
                "TimePeriod": {"Start": f"2026-{month}-{day:02}", "End": f"2026-{month}-{day + 1:02}" if day < days else f"2026-{int(month) + 1:02}-01"},
                "Groups": [{"Keys": [TYPE], "Metrics": {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}}],
            }
            for day in range(1, days + 1)
        ]  # fmt: skip
        paths.append(tmp_path / f"{month}.json")
        definitions = [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}]
        paths[-1].write_text(json.dumps({"GroupDefinitions": definitions, "ResultsByTime": results}))
    found = read(*paths)
    assert (found.hours, found.months, cost(found)) == (61 * 24, 2, 61)
    assert read(*paths, period=(date(2026, 10, 1), date(2026, 10, 11))).hours == 240


# The engine


def test_without_duckdb_the_finding_says_what_to_install(tmp_path, monkeypatch):
    import sys

    path = written(tmp_path / "a.csv", line())
    monkeypatch.setitem(sys.modules, "duckdb", None)
    finding = refused(path)
    assert (finding.code, "hermes-cfn[reconcile]" in str(finding.next)) == ("duckdb-missing", True)


def test_every_role_of_a_layout_has_a_use_in_the_statement():
    known = {*statement.TEXT, "began", "ended", "period", "quantity", "cost", "commitment", "tags"}
    assert set(columns.ROLES) == known
