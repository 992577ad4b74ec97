"""What AWS gives every account for nothing, always; once for an account, over all its stacks.

Dated trials and new accounts' credits are no allowances: they are notes, and off unless
``[usage]`` asks for them.  The twelve-month free tier no longer exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Allowance:
    """``quantity`` units a month for nothing."""

    name: str
    quantity: Decimal
    unit: str
    source: str


ALLOWANCES: dict[str, Allowance] = {
    item.name: item
    for item in (
        Allowance(
            "internet_out_gb",
            Decimal(100),
            "GB",
            "100 GB a month out to the internet over services and regions (aws.amazon.com/ec2/pricing/on-demand, data transfer)",
        ),
        Allowance("alarms", Decimal(10), "Alarms", "10 alarms (aws.amazon.com/cloudwatch/pricing, free tier)"),
        Allowance(
            "metrics", Decimal(10), "Metrics", "10 custom metrics (aws.amazon.com/cloudwatch/pricing, free tier)"
        ),
        Allowance(
            "dashboards", Decimal(3), "Dashboards", "3 dashboards (aws.amazon.com/cloudwatch/pricing, free tier)"
        ),
        Allowance(
            "logs_gb",
            Decimal(5),
            "GB",
            "5 GB of log data, ingested or kept (aws.amazon.com/cloudwatch/pricing, free tier)",
        ),
        Allowance(
            "cloudfront_out_gb", Decimal(1024), "GB", "1 TB out from CloudFront (aws.amazon.com/cloudfront/pricing)"
        ),
        Allowance(
            "cloudfront_requests",
            Decimal(10_000_000),
            "Requests",
            "10 million HTTP and HTTPS requests (aws.amazon.com/cloudfront/pricing)",
        ),
        Allowance(
            "dynamodb_reads",
            Decimal(25 * 744),
            "ReadCapacityUnit-Hrs",
            "25 units of provisioned capacity (aws.amazon.com/dynamodb/pricing/provisioned)",
        ),
        Allowance(
            "dynamodb_writes",
            Decimal(25 * 744),
            "WriteCapacityUnit-Hrs",
            "25 units of provisioned capacity (aws.amazon.com/dynamodb/pricing/provisioned)",
        ),
        Allowance("dynamodb_gb", Decimal(25), "GB-Mo", "25 GB stored (aws.amazon.com/dynamodb/pricing)"),
        Allowance(
            "lambda_requests", Decimal(1_000_000), "Request", "1 million requests (aws.amazon.com/lambda/pricing)"
        ),
        Allowance(
            "lambda_gb_seconds",
            Decimal(400_000),
            "Lambda-GB-Second",
            "400,000 GB-seconds (aws.amazon.com/lambda/pricing)",
        ),
        Allowance("sqs_requests", Decimal(1_000_000), "Requests", "1 million requests (aws.amazon.com/sqs/pricing)"),
        Allowance("sns_emails", Decimal(1_000), "Notifications", "1,000 emails (aws.amazon.com/sns/pricing)"),
        Allowance("kms_requests", Decimal(20_000), "Requests", "20,000 requests (aws.amazon.com/kms/pricing)"),
    )
}

NOTES: tuple[str, ...] = (
    "t4g.small: 750 hours a month of an account are on trial until 2026-12-31 (off here; "
    '[usage] trials = ["t4g.small"] takes it in)',
    "accounts opened since 2025-07-15 get up to USD 200 of credits and a six-month free plan, "
    "not counted here; the twelve-month free tier is gone",
)
"""Reductions that end, told under every bill."""

TRIALS: dict[str, tuple[str, Decimal, date]] = {
    "t4g.small": ("BoxUsage:t4g.small", Decimal(750), date(2026, 12, 31)),
}
"""Trial -> (usage type, hours a month of an account, last day)."""
