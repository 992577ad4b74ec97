"""The bill in FOCUS, of every version."""

import calendar
import csv
import importlib.util
from datetime import date
from decimal import Decimal as D
from io import StringIO
from pathlib import Path

import pytest

from hermes_cfn.bill import focus, reconcile
from hermes_cfn.bill.lines import State
from hermes_cfn.bill.period import by_month
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)
resource, usage = bills.resource, bills.usage

AT = focus.Period(date(2026, 12, 1), date(2027, 1, 1))


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
    "AI and Machine Learning": ("AI Platforms",),
    "Compute": ("Containers", "Serverless Compute", "Virtual Machines"),
    "Databases": ("Caching", "NoSQL Databases", "Relational Databases"),
    "Integration": ("Messaging",),
    "Management and Governance": ("Observability", "Other (Management and Governance)"),
    "Networking": ("Application Networking", "Content Delivery", "Network Infrastructure"),
    "Security": ("Secret Management", "Other (Security)"),
    "Storage": ("Block Storage", "File Storage", "Object Storage"),
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


MANDATORY_BY = {
    "1.0": MANDATORY,
    "1.2": MANDATORY,
    "1.3": MANDATORY | {"HostProviderName", "ServiceProviderName"},
    "1.4": (MANDATORY | {"HostProviderName", "ServiceProviderName"}) - {"ProviderName", "PublisherName"},
}


@pytest.mark.parametrize("version", focus.VERSIONS)
def test_every_mandatory_column_is_there_and_filled(version):
    rows = read(focus.as_csv(made(), version, AT))
    assert rows
    for row in rows:
        assert tuple(row) == focus.COLUMNS[version]
        assert all(row[name] for name in MANDATORY_BY[version] - {"ChargeClass"})
        assert row["ServiceCategory"] in SUBCATEGORIES
        assert (row["ChargeCategory"], row["BillingCurrency"], row["ChargeClass"]) == ("Usage", "USD", "")
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")


def test_1_3_adds_eight_columns_and_1_4_drops_two_and_adds_two():
    """57, 65 and 65 columns of the specification; what nobody can say of an estimate is null."""
    own = {version: set(columns) - set(focus.OURS) for version, columns in focus.COLUMNS.items()}
    assert {version: len(own[version]) for version in ("1.2", "1.3", "1.4")} == {"1.2": 57, "1.3": 65, "1.4": 65}
    assert own["1.3"] - own["1.2"] == set(focus.ADDED_1_3)
    assert own["1.4"] - own["1.3"] == set(focus.ADDED_1_4)
    assert own["1.3"] - own["1.4"] == {"ProviderName", "PublisherName"}
    for row in read(focus.as_csv(made(), "1.4", AT)):
        filled = {name for name in (*focus.ADDED_1_3, *focus.ADDED_1_4) if row[name]}
        assert filled == {"ServiceProviderName", "HostProviderName"}


PERIODS = [
    focus.Period(date(2026, 2, 1), date(2026, 3, 1)),
    focus.Period(date(2026, 11, 1), date(2026, 12, 1)),
    AT,
    focus.Period(date(2026, 12, 1), date(2026, 12, 11)),
    focus.Period(date(2026, 12, 3), date(2026, 12, 31)),
]


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_a_period_costs_its_hours_and_its_share_of_a_month(period):
    for line, row in zip(made().of(State.PRICED), focus.rows(made(), "1.4", period), strict=True):
        hours = (period.last - period.first).days * 24
        share = D(hours) / calendar.monthrange(period.first.year, period.first.month)[1] / 24
        share = share if by_month(line.unit) else D(hours) / 730
        assert abs(D(row["BilledCost"]) - line.monthly * share) < D("1e-15")
        assert row["ChargePeriodStart"][:10] == str(period.first) and row["ChargePeriodEnd"][:10] == str(period.last)


@pytest.mark.parametrize("version", focus.VERSIONS)
@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_own_rows_reconcile_with_their_bill_to_the_cent(tmp_path, version, period):
    path = tmp_path / "own.csv"
    path.write_text(focus.as_csv(made(), version, period))
    found = reconcile.reconcile(made(), reconcile.read([str(path)]))
    assert (found.only_bill, found.only_charged, found.apart) == ((), (), {})
    assert found.hours == period.hours
    assert all(abs(match.difference) < D("0.00001") for match in found.matched)
    assert found.total and abs(found.total - found.expected) < D("0.0001")


UNITS = {
    "month": (
        "GB-Mo",
        "GB-month",
        "IOPS-Mo",
        "GiBps-mo",
        "Month",
        "Alarms",
        "Secrets",
        "Metrics",
        "HostedZone",
        "Keys",
    ),
    "use": ("Hrs", "hours", "GB", "Requests", "LCU-Hrs", "IOs", "vCPU-Hours", "Lambda-GB-Second", "Queries", ""),
}


@pytest.mark.parametrize(("kind", "unit"), [(kind, unit) for kind, units in UNITS.items() for unit in units])
def test_units_by_the_month_are_told_from_those_by_use(kind, unit):
    assert by_month(unit) is (kind == "month")


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


def test_price_times_quantity_is_the_cost():
    for version in focus.VERSIONS:
        for row in read(focus.as_csv(made(), version, AT)):
            assert abs(D(row["ListUnitPrice"]) * D(row["PricingQuantity"]) - D(row["ListCost"])) < D("1e-15")
