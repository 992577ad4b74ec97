"""What AWS charged, from the three exports it offers: CUR 2.0, FOCUS and Cost Explorer.

CUR 2.0 columns: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html;
FOCUS with AWS's columns ``x_ServiceCode``, ``x_UsageType``, ``x_Operation``:
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-0-aws.html;
Cost Explorer: what ``aws ce get-cost-and-usage`` prints, grouped by USAGE_TYPE alone, by
SERVICE and USAGE_TYPE, or by USAGE_TYPE and OPERATION.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.regions import PREFIXES

ZERO = Decimal(0)
COMMITMENTS = ("RIFee", "DiscountedUsage", "SavingsPlan", "Purchase")
APART = {"Tax": "tax", "Credit": "credits", "Refund": "credits", "Adjustment": "credits"}


SERVICES = {
    "Amazon CloudFront": "AmazonCloudFront",
    "Amazon DynamoDB": "AmazonDynamoDB",
    "Amazon EC2 Container Registry (ECR)": "AmazonECR",
    "Amazon ElastiCache": "AmazonElastiCache",
    "Amazon Elastic Compute Cloud - Compute": "AmazonEC2",
    "Amazon Elastic Container Service": "AmazonECS",
    "Amazon Elastic Load Balancing": "AWSELB",
    "Amazon Relational Database Service": "AmazonRDS",
    "Amazon Route 53": "AmazonRoute53",
    "Amazon Simple Notification Service": "AmazonSNS",
    "Amazon Simple Queue Service": "AWSQueueService",
    "Amazon Simple Storage Service": "AmazonS3",
    "Amazon Virtual Private Cloud": "AmazonVPC",
    "AmazonCloudWatch": "AmazonCloudWatch",
    "AWS CloudTrail": "AWSCloudTrail",
    "AWS Key Management Service": "awskms",
    "AWS Lambda": "AWSLambda",
    "AWS Secrets Manager": "AWSSecretsManager",
    "AWS Systems Manager": "AWSSystemsManager",
    "AWS WAF": "awswaf",
    "EC2 - Other": "AmazonEC2",
}
"""What Cost Explorer calls a service -> its code; another name matches without the service."""


@dataclass(frozen=True, slots=True)
class Charged:
    """A line of an export: USD as billed, ``usage`` in AWS's unit.  ``category`` is
    ``usage``, ``tax``, ``credits`` or ``commitments``."""

    service: str
    usage_type: str
    operation: str
    region: str
    usage: Decimal
    cost: Decimal
    category: str = "usage"


@dataclass(frozen=True, slots=True)
class Export:
    """All lines, and the hours that they cover."""

    kind: str
    lines: tuple[Charged, ...]
    hours: Decimal


def read(path: Path) -> Export:
    """Any of the three, plain or gzipped.  Raises :class:`HermesError` ``export-unreadable``."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
        if text.lstrip()[:1] in "{[":
            return _cost_explorer(json.loads(text))
        rows = list(csv.DictReader(text.splitlines()))
        if rows and "line_item_usage_type" in rows[0]:
            return _cur(rows)
        if rows and "BilledCost" in rows[0]:
            return _focus(rows)
    except UnicodeDecodeError as error:
        raise HermesError(
            Finding(
                "export-unreadable", str(path), "is not text", next="export it as CSV, gzipped or not, not as Parquet"
            )
        ) from error
    except (OSError, ValueError, KeyError, IndexError, InvalidOperation, TypeError) as error:
        raise HermesError(Finding("export-unreadable", str(path), f"{type(error).__name__}: {error}")) from error
    raise HermesError(
        Finding(
            "export-unreadable",
            str(path),
            "neither a CUR 2.0 nor a FOCUS nor a Cost Explorer export",
            next="export line_item_usage_type and line_item_unblended_cost, or BilledCost and x_UsageType",
        )
    )


def region_of(usage_type: str) -> str:
    """The region that the prefix of a usage type names; us-east-1 has none."""
    prefix = usage_type.split("-", 1)[0]
    for region, prefixes in PREFIXES.items():
        if prefix in prefixes and prefix and "-" in region:
            return region
    return "us-east-1"


def _when(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" UTC", ""))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _hours(starts: Iterable[str], ends: Iterable[str]) -> Decimal:
    begin, end = min(map(_when, starts)), max(map(_when, ends))
    return Decimal(int((end - begin).total_seconds())) / 3600


def _money(text: str | None) -> Decimal:
    return Decimal(text) if text else ZERO


def _category(kind: str) -> str:
    if kind in APART:
        return APART[kind]
    return "commitments" if kind.startswith(COMMITMENTS) else "usage"


def _cur(rows: list[dict[str, str]]) -> Export:
    lines = tuple(
        Charged(
            row.get("product_servicecode") or row.get("line_item_product_code", ""),
            row["line_item_usage_type"],
            row.get("line_item_operation", ""),
            row.get("product_region_code") or region_of(row["line_item_usage_type"]),
            _money(row.get("line_item_usage_amount")),
            _money(row["line_item_unblended_cost"]),
            _category(row.get("line_item_line_item_type", "Usage")),
        )
        for row in rows
    )
    hours = _hours(
        (row["line_item_usage_start_date"] for row in rows), (row["line_item_usage_end_date"] for row in rows)
    )
    return Export("CUR 2.0", lines, hours)


def _focus(rows: list[dict[str, str]]) -> Export:
    def category(row: Mapping[str, str]) -> str:
        if row.get("CommitmentDiscountId"):
            return "commitments"
        return _category(row.get("ChargeCategory", "Usage"))

    lines = tuple(
        Charged(
            row.get("x_ServiceCode", ""),
            row.get("x_UsageType", ""),
            row.get("x_Operation", ""),
            row.get("RegionId") or region_of(row.get("x_UsageType", "")),
            _money(row.get("ConsumedQuantity")),
            _money(row["BilledCost"]),
            category(row),
        )
        for row in rows
    )
    hours = _hours((row["ChargePeriodStart"] for row in rows), (row["ChargePeriodEnd"] for row in rows))
    return Export("FOCUS", lines, hours)


def _cost_explorer(said: Any) -> Export:
    results = said["ResultsByTime"]
    names = [definition["Key"] for definition in said.get("GroupDefinitions", ())]
    lines: list[Charged] = []
    for period in results:
        for group in period.get("Groups", ()):
            keys = dict(zip(names or ["USAGE_TYPE"], group["Keys"], strict=False))
            metrics = group["Metrics"]
            usage_type = keys.get("USAGE_TYPE", "")
            record = keys.get("RECORD_TYPE", "Tax" if keys.get("SERVICE") == "Tax" else "Usage")
            lines.append(
                Charged(
                    SERVICES.get(keys.get("SERVICE", ""), ""),
                    usage_type,
                    keys.get("OPERATION", ""),
                    region_of(usage_type),
                    _money(metrics.get("UsageQuantity", {}).get("Amount")),
                    _money(metrics["UnblendedCost"]["Amount"]),
                    _category(record),
                )
            )
    hours = _hours((part["TimePeriod"]["Start"] for part in results), (part["TimePeriod"]["End"] for part in results))
    return Export("Cost Explorer", tuple(lines), hours)
