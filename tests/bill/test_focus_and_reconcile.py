"""The bill in FOCUS, and beside what AWS charged."""

import csv
import gzip
import importlib.util
import json
from datetime import UTC, datetime
from decimal import Decimal as D
from io import StringIO
from pathlib import Path

import pytest

from hermes_cfn.bill import focus, reconcile
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)
resource, usage = bills.resource, bills.usage

AT = datetime(2026, 12, 15, tzinfo=UTC)


def made():
    return bills.of(
        {
            "Nat": resource("AWS::EC2::NatGateway", SubnetId="s"),
            "One": resource("AWS::EC2::Instance", InstanceType="t4g.small"),
            "Bucket": resource("AWS::S3::Bucket"),
            "Logs": resource("AWS::Logs::LogGroup"),
        },
        "eu-south-2",
        usage(s3_gb=60_000, s3_puts=1000, s3_gets=1000, logs_gb=4, logs_kept_gb=3, cpu_percent=5),
    )


def read(text):
    return list(csv.DictReader(StringIO(text)))


MANDATORY = {
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *(
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargePeriodEnd",
        "ChargePeriodStart",
    ),
    *("ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
}
"""The 21 columns whose feature level is mandatory (https://focus.finops.org/focus-specification/v1-2/, "Columns")."""
OTHERS = {
    *(
        "AvailabilityZone",
        "BillingAccountType",
        "CapacityReservationId",
        "CapacityReservationStatus",
        "ChargeFrequency",
    ),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity"),
    *(
        "CommitmentDiscountStatus",
        "CommitmentDiscountType",
        "CommitmentDiscountUnit",
        "ConsumedQuantity",
        "ConsumedUnit",
    ),
    *("ContractedUnitPrice", "InvoiceId", "ListUnitPrice", "PricingCategory", "PricingCurrency"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "RegionId"),
    *("RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
}
"""The conditional and recommended columns of the same page."""
NULL = {
    *("AvailabilityZone", "CapacityReservationId", "CapacityReservationStatus", "ChargeClass", "InvoiceId"),
    *(name for name in OTHERS if name.startswith("CommitmentDiscount")),
    "SkuPriceDetails",
}
"""What must be null on a row of usage that nobody has billed, committed or reserved capacity for; RegionId may be."""
ALLOWED = {
    "ChargeCategory": {"Usage"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "BillingCurrency": {"USD"},
    "PricingCurrency": {"USD"},
}
SUBCATEGORIES = {
    "Compute": ("Containers", "Serverless Compute", "Virtual Machines"),
    "Databases": ("Caching", "NoSQL Databases", "Relational Databases"),
    "Integration": ("Messaging",),
    "Management and Governance": ("Observability", "Other (Management and Governance)"),
    "Networking": ("Application Networking", "Content Delivery", "Network Infrastructure"),
    "Security": ("Secret Management", "Other (Security)"),
    "Storage": ("Block Storage", "Object Storage"),
}
"""Those of the page's service categories and subcategories that AWS's services here belong to."""


def test_1_2_has_the_columns_of_the_specification_and_no_others():
    assert len(MANDATORY) == 21
    assert set(focus.COLUMNS["1.2"]) == {*MANDATORY, *OTHERS, *focus.OURS}
    assert all(name.startswith("x_") for name in focus.OURS)


def test_1_2_fills_what_must_be_filled_and_nothing_that_must_be_null():
    for row in read(focus.as_csv(made(), "1.2", AT)):
        empty = {name for name, value in row.items() if not value}
        assert empty - {"RegionId", "RegionName", "x_Operation"} == NULL
        assert all(row[name] in values for name, values in ALLOWED.items())
        assert row["ServiceSubcategory"] in SUBCATEGORIES[row["ServiceCategory"]]


def test_every_service_has_a_category_and_subcategory_of_the_specification():
    for _, category, subcategory in focus.SERVICES.values():
        assert subcategory in SUBCATEGORIES[category]
    charged = {price.service_code for price in books.snapshot()}
    assert charged <= set(focus.SERVICES)


@pytest.mark.parametrize("version", focus.VERSIONS)
def test_every_mandatory_column_is_there_and_filled(version):
    rows = read(focus.as_csv(made(), version, AT))
    assert rows
    for row in rows:
        assert tuple(row) == focus.COLUMNS[version]
        assert all(row[name] for name in MANDATORY - {"ChargeClass"})
        assert row["ServiceCategory"] in SUBCATEGORIES
        assert (row["ChargeCategory"], row["BillingCurrency"], row["ChargeClass"]) == ("Usage", "USD", "")
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")


def test_1_2_has_what_it_added():
    assert set(focus.ADDED_1_2) <= set(focus.COLUMNS["1.2"])
    assert not set(focus.ADDED_1_2) & set(focus.COLUMNS["1.0"])
    assert {row["PricingCurrency"] for row in read(focus.as_csv(made(), "1.2", AT))} == {"USD"}


def test_1_0_is_what_its_validator_reads():
    """``make focus`` runs it; this tells earlier, and without it, what it stumbles over."""
    rows = read(focus.as_csv(made(), "1.0", AT))
    for row in rows:
        assert {draft: row[draft] for draft in focus.DRAFT_NAMES} == {
            draft: row[name] for draft, name in focus.DRAFT_NAMES.items()
        }
        assert not row["BillingAccountId"].isdigit()
        assert all("." in row[name] for name in ("ListUnitPrice", "PricingQuantity", "ConsumedQuantity", "BilledCost"))
    assert not set(focus.DRAFT_NAMES) & set(focus.COLUMNS["1.2"])


def test_what_belongs_to_no_region_names_none():
    bill = bills.of({"Zone": resource("AWS::Route53::HostedZone", Name="x.")}, given=usage(dns_queries=1))
    assert {row["RegionId"] for row in read(focus.as_csv(bill, "1.2", AT))} == {""}


def test_costs_sum_to_the_total_and_price_times_quantity_is_the_cost():
    bill = made()
    rows = read(focus.as_csv(bill, "1.2", AT))
    assert sum(D(row["BilledCost"]) for row in rows) == bill.total
    for row in rows:
        assert abs(D(row["ListUnitPrice"]) * D(row["PricingQuantity"]) - D(row["ListCost"])) < D("1e-15")


def cur(tmp_path, rows, name="cur.csv"):
    columns = (
        "line_item_product_code,product_servicecode,line_item_usage_type,line_item_operation,product_region_code,"
        "line_item_usage_amount,line_item_unblended_cost,line_item_line_item_type,"
        "line_item_usage_start_date,line_item_usage_end_date"
    )
    text = "\n".join([columns, *rows]) + "\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


DAYS = "2026-10-01 00:00:00 UTC,2026-10-11 00:00:00 UTC"


@pytest.mark.parametrize("name", ["cur.csv", "cur.csv.gz"])
def test_a_cur_of_ten_days_is_scaled_and_matched(tmp_path, name):
    path = cur(
        tmp_path,
        [
            f"AmazonEC2,AmazonEC2,EUS2-NatGateway-Hours,NatGateway,eu-south-2,240,11.60,Usage,{DAYS}",
            f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.small,RunInstances,eu-south-2,240,4.416,Usage,{DAYS}",
            f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.large,RunInstances,eu-south-2,240,17.66,Usage,{DAYS}",
            f"AmazonEC2,,EUS2-Tax,,eu-south-2,1,7.10,Tax,{DAYS}",
            f"AmazonEC2,,EUS2-Credit,,eu-south-2,1,-5.00,Credit,{DAYS}",
            f"AmazonEC2,,EUS2-HeavyUsage:t4g.small,,eu-south-2,240,2.00,RIFee,{DAYS}",
        ],
        name,
    )
    found = reconcile.reconcile(made(), reconcile.read(path))
    assert (found.kind, found.hours) == ("CUR 2.0", 240)
    by_type = {match.usage_type: match for match in found.matched}
    nat = by_type["EUS2-NatGateway-Hours"]
    assert nat.expected == D("35.040") * 240 / 730
    assert bills.cents(nat.difference) == D("0.08")
    assert bills.cents(by_type["EUS2-BoxUsage:t4g.small"].difference) == 0
    assert [line.usage_type for line in found.only_charged] == ["EUS2-BoxUsage:t4g.large"]
    assert "EUS2-TimedStorage-ByteHrs" in {line.usage_type for line in found.only_bill}
    assert found.apart == {"tax": D("7.10"), "credits": D("-5.00"), "commitments": D("2.00")}
    assert any("only charged: AmazonEC2 EUS2-BoxUsage:t4g.large" in said for said in reconcile.summary(found))


def test_our_own_focus_rows_reconcile_with_the_bill_they_came_from(tmp_path):
    world = bills.of(
        {"Zone": resource("AWS::Route53::HostedZone"), "Acl": resource("AWS::WAFv2::WebACL", Scope="CLOUDFRONT")},
        given=usage(dns_queries=5_000_000, asset_requests=10),
    )
    path = tmp_path / "focus.csv"
    path.write_text(focus.as_csv(world, "1.2", AT))
    found = reconcile.reconcile(world, reconcile.read(path))
    assert (found.only_bill, found.only_charged, found.charged) == ((), (), world.total)
    path.write_text(focus.as_csv(made(), "1.0", AT))
    found = reconcile.reconcile(made(), reconcile.read(path))
    assert found.kind == "FOCUS"
    assert (found.only_bill, found.only_charged) == ((), ())
    assert found.charged == made().total
    assert found.hours == 744


def test_a_cost_explorer_answer(tmp_path):
    group = {"Keys": ["EUS2-NatGateway-Hours"], "Metrics": {"UnblendedCost": {"Amount": "35.71", "Unit": "USD"}}}
    tax = {"Keys": ["NoUsageType"], "Metrics": {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}}
    period = {"TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"}, "Groups": [group, tax]}
    path = tmp_path / "ce.json"
    path.write_text(
        json.dumps({"GroupDefinitions": [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}], "ResultsByTime": [period]})
    )
    found = reconcile.reconcile(made(), reconcile.read(path))
    (nat,) = found.matched
    assert bills.cents(nat.expected) == D("35.71")
    assert reconcile.as_data(found)["kind"] == "Cost Explorer"


def test_cost_explorers_names_of_services_keep_like_usage_types_apart(tmp_path):
    """``TimedStorage-ByteHrs`` is S3's, CloudWatch's, ECR's and DynamoDB's."""

    def group(service, usd):
        return {
            "Keys": [service, "EUS2-TimedStorage-ByteHrs"],
            "Metrics": {"UnblendedCost": {"Amount": usd, "Unit": "USD"}},
        }

    period = {
        "TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"},
        "Groups": [group("Amazon Simple Storage Service", "1390"), group("Amazon DynamoDB", "7")],
    }
    definitions = [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "USAGE_TYPE")]
    path = tmp_path / "ce.json"
    path.write_text(json.dumps({"GroupDefinitions": definitions, "ResultsByTime": [period]}))
    found = reconcile.reconcile(made(), reconcile.read(path))
    assert {(match.service, match.charged) for match in found.matched} == {("AmazonS3", D(1390))}
    assert [(line.service, line.cost) for line in found.only_charged] == [("AmazonDynamoDB", D(7))]


@pytest.mark.parametrize("service", ["AmazonEC2", "AWSELB"])
def test_transfer_that_cur_books_under_the_service_that_sent_matches(tmp_path, service):
    balancer = resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=["a", "b"])
    bill = bills.of({"Balancer": balancer}, "eu-south-2", usage(to_users_gb=200, from_users_gb=1))
    row = f"{service},,EUS2-DataTransfer-Out-Bytes,LoadBalancing,eu-south-2,33,3,Usage,{DAYS}"
    found = reconcile.reconcile(bill, reconcile.read(cur(tmp_path, [row])))
    assert [match.usage_type for match in found.matched] == ["EUS2-DataTransfer-Out-Bytes"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "{", '{"ResultsByTime": []}', "BilledCost\nx\n"])
def test_what_is_no_export_says_so(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(HermesError) as caught:
        reconcile.read(path)
    assert caught.value.findings[0].code == "export-unreadable"


def test_parquet_is_told_apart(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1\x00\xff\x15")
    with pytest.raises(HermesError) as caught:
        reconcile.read(path)
    assert (caught.value.findings[0].what, caught.value.findings[0].next) == (
        "is not text", "export it as CSV, gzipped or not, not as Parquet",
    )  # fmt: skip
