"""The bill beside what AWS charged."""

import gzip
import importlib.util
import json
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn.bill import reconcile
from hermes_cfn.bill.exports import Selection

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)
resource, usage = bills.resource, bills.usage


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
    found = reconcile.reconcile(made(), reconcile.read([str(path)]))
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


def test_a_cost_explorer_answer(tmp_path):
    group = {"Keys": ["EUS2-NatGateway-Hours"], "Metrics": {"UnblendedCost": {"Amount": "35.71", "Unit": "USD"}}}
    tax = {"Keys": ["NoUsageType"], "Metrics": {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}}
    period = {"TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"}, "Groups": [group, tax]}
    path = tmp_path / "ce.json"
    path.write_text(
        json.dumps({"GroupDefinitions": [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}], "ResultsByTime": [period]})
    )
    found = reconcile.reconcile(made(), reconcile.read([str(path)]))
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
    found = reconcile.reconcile(made(), reconcile.read([str(path)]))
    assert {(match.service, match.charged) for match in found.matched} == {("AmazonS3", D(1390))}
    assert [(line.service, line.charged) for line in found.only_charged] == [("AmazonDynamoDB", D(7))]


@pytest.mark.parametrize("service", ["AmazonEC2", "AWSELB"])
def test_transfer_that_cur_books_under_the_service_that_sent_matches(tmp_path, service):
    balancer = resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=["a", "b"])
    bill = bills.of({"Balancer": balancer}, "eu-south-2", usage(to_users_gb=200, from_users_gb=1))
    row = f"{service},,EUS2-DataTransfer-Out-Bytes,LoadBalancing,eu-south-2,33,3,Usage,{DAYS}"
    found = reconcile.reconcile(bill, reconcile.read([str(cur(tmp_path, [row]))]))
    assert [match.usage_type for match in found.matched] == ["EUS2-DataTransfer-Out-Bytes"]


INSTANCES = {"A": resource("AWS::EC2::Instance", InstanceType="t4g.small")}
OF_OCTOBER = "2026-10-01 00:00:00 UTC,2026-11-01 00:00:00 UTC"


def found_of(tmp_path, bill, *rows, **selection):
    chosen = Selection(**selection) if selection else None
    return reconcile.reconcile(bill, reconcile.read([str(cur(tmp_path, rows))], chosen))


def test_what_a_commitment_covered_is_not_said_to_be_missing(tmp_path):
    """744 hours: 300 on demand, the rest covered; together they are what the bill expects."""
    bill = bills.of(INSTANCES, "eu-south-2", usage(cpu_percent=5))
    found = found_of(
        tmp_path,
        bill,
        f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.small,RunInstances,eu-south-2,300,5.52,Usage,{OF_OCTOBER}",
        f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.small,RunInstances,eu-south-2,444,8.1696,SavingsPlanCoveredUsage,{OF_OCTOBER}",
        f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.small,RunInstances,eu-south-2,444,-8.1696,SavingsPlanNegation,{OF_OCTOBER}",
        f"ComputeSavingsPlans,ComputeSavingsPlans,ComputeSP:1yrNoUpfront,None,,1,6.2,SavingsPlanRecurringFee,{OF_OCTOBER}",
    )
    (match,), (covered,) = found.matched, found.covered
    assert (bills.cents(match.expected), match.charged, bills.cents(match.difference)) == (D("5.52"), D("5.52"), 0)
    assert (covered.used, bills.cents(covered.expected)) == (444, D("8.17"))
    assert found.apart == {"commitments": D("6.2"), "covered use": 0}
    assert not [line for line in found.only_bill if "BoxUsage" in line.usage_type]
    assert found.total == D("11.72")


def test_unmatched_charges_are_one_sum_a_usage_type_and_the_rest_one_line(tmp_path):
    rows = [
        f"AmazonS3,AmazonS3,EUS2-Odd-{number % 30},Put,eu-south-2,1,{number % 30}.5,Usage,{OF_OCTOBER}"
        for number in range(300)
    ]
    found = found_of(tmp_path, bills.of(INSTANCES, "eu-south-2"), *rows)
    assert len(found.only_charged) == 30
    assert [(one.usage_type, one.charged, one.lines) for one in found.only_charged[:2]] == [
        ("EUS2-Odd-29", D("295"), 10),
        ("EUS2-Odd-28", D("285"), 10),
    ]
    assert len(reconcile.as_data(found)["only_charged"]) == 30
    assert sum("Odd-" in said for said in reconcile.summary(found)) == reconcile.SHOWN
    assert found.total == sum(D(f"{number % 30}.5") for number in range(300))


def test_a_months_charge_in_a_running_month_is_expected_whole(tmp_path):
    zone = {**INSTANCES, "Zone": resource("AWS::Route53::HostedZone", Name="x.y")}
    found = found_of(
        tmp_path,
        bills.of(zone, "eu-south-2", usage(cpu_percent=5)),
        f"AmazonEC2,AmazonEC2,EUS2-BoxUsage:t4g.small,RunInstances,eu-south-2,240,4.416,Usage,{DAYS}",
        f"AmazonRoute53,AmazonRoute53,HostedZone,HostedZone,,1,0.5,Usage,{OF_OCTOBER}",
        f"AmazonEC2,,,,,1,1.85,Tax,{OF_OCTOBER}",
    )
    assert found.hours == 240
    assert {match.usage_type: bills.cents(match.difference) for match in found.matched} == {
        "EUS2-BoxUsage:t4g.small": 0,
        "HostedZone": 0,
    }


def ce(tmp_path, keys, groups, total=None, **more):
    path = tmp_path / "ce.json"
    period = {"TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"}, "Total": total or {}, "Groups": groups}
    definitions = [{"Type": "DIMENSION", "Key": key} for key in keys]
    path.write_text(json.dumps({"GroupDefinitions": definitions, "ResultsByTime": [period], **more}))
    return path


def usd(amount, **more):
    return {"UnblendedCost": {"Amount": amount, "Unit": "USD"}, **more}


def test_cost_explorer_by_service_alone_is_compared_service_by_service(tmp_path):
    bill = bills.of(INSTANCES, "eu-south-2", usage(cpu_percent=5))
    groups = [
        {"Keys": ["Amazon Elastic Compute Cloud - Compute"], "Metrics": usd("13.6896")},
        {"Keys": ["Amazon Simple Storage Service"], "Metrics": usd("2")},
        {"Keys": ["Tax"], "Metrics": usd("3")},
    ]
    found = reconcile.reconcile(bill, reconcile.read([str(ce(tmp_path, ["SERVICE"], groups))]))
    match = next(match for match in found.matched if match.service == "AmazonEC2")
    assert (match.usage_type, match.charged) == (reconcile.ALL, D("13.6896"))
    assert [(one.service, one.charged) for one in found.only_charged] == [("AmazonS3", 2)]
    assert (found.apart, found.total) == ({"tax": 3}, D("18.6896"))


def test_cost_explorers_total_is_compared_with_the_whole_bill(tmp_path):
    bill = bills.of(INSTANCES, "eu-south-2", usage(cpu_percent=5))
    path = ce(tmp_path, [], [], total=usd("114.20"))
    (match,) = reconcile.reconcile(bill, reconcile.read([str(path)])).matched
    assert (match.service, match.charged) == (reconcile.ALL, D("114.20"))
    assert bills.cents(match.expected) == bills.cents(bill.total * 744 / 730)


def test_bills_and_exports_in_any_order_sum_to_what_was_charged(tmp_path):
    """Whatever matches, nothing charged is lost or counted twice."""
    kinds = ["Usage", "Tax", "Credit", "RIFee", "EdpDiscount", "SavingsPlanCoveredUsage", "Fee", "NewKindOfLine"]
    lines = [
        f"AmazonEC2,AmazonEC2,EUS2-{usage_type},RunInstances,eu-south-2,1,{number}.25,{kind},{OF_OCTOBER}"
        for number, (kind, usage_type) in enumerate(
            (kind, usage_type) for kind in kinds for usage_type in ("BoxUsage:t4g.small", "NatGateway-Hours", "Odd")
        )
    ]
    every = sum(D(line.split(",")[6]) for line in lines)
    for rows in (lines, lines[::-1], lines[::2] + lines[1::2]):
        found = found_of(tmp_path, made(), *rows)
        assert found.total == every
        assert found.apart["NewKindOfLine"] == D("66.75")
