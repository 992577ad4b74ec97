"""Cost Explorer: what ``aws ce get-cost-and-usage`` prints, by usage type, service, operation, or in total.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from hermes_cfn.bill.exports.columns import CUR_KINDS, Category
from hermes_cfn.bill.exports.files import unreadable
from hermes_cfn.bill.exports.lines import ZERO, Charged, Export, Span, inside, month_of
from hermes_cfn.bill.exports.statement import Selection
from hermes_cfn.bill.period import after, moment
from hermes_cfn.errors import Finding, HermesError, Severity

METRIC = "UnblendedCost"
HOW = "aws ce get-cost-and-usage --metrics UnblendedCost UsageQuantity --group-by Type=DIMENSION,Key=USAGE_TYPE"

SERVICES = {
    "Amazon CloudFront": "AmazonCloudFront",
    "Amazon DynamoDB": "AmazonDynamoDB",
    "Amazon EC2 Container Registry (ECR)": "AmazonECR",
    "Amazon ElastiCache": "AmazonElastiCache",
    "Amazon Elastic Compute Cloud": "AmazonEC2",
    "Amazon Elastic Compute Cloud - Compute": "AmazonEC2",
    "Amazon Elastic Container Service": "AmazonECS",
    "Amazon Elastic Load Balancing": "AWSELB",
    "Amazon Relational Database Service": "AmazonRDS",
    "Amazon Relational Database Service (RDS)": "AmazonRDS",
    "Amazon Route 53": "AmazonRoute53",
    "Amazon Simple Notification Service": "AmazonSNS",
    "Amazon Simple Queue Service": "AWSQueueService",
    "Amazon Simple Storage Service": "AmazonS3",
    "Amazon Virtual Private Cloud": "AmazonVPC",
    "AmazonCloudWatch": "AmazonCloudWatch",
    "Amazon CloudWatch": "AmazonCloudWatch",
    "AWS CloudTrail": "AWSCloudTrail",
    "AWS Key Management Service": "awskms",
    "AWS Lambda": "AWSLambda",
    "AWS Secrets Manager": "AWSSecretsManager",
    "AWS Systems Manager": "AWSSystemsManager",
    "AWS WAF": "awswaf",
    "EC2 - Other": "AmazonEC2",
    "Elastic Load Balancing": "AWSELB",
}
"""What Cost Explorer and FOCUS call a service -> its code; another name stays as it is."""


def read(documents: Iterable[tuple[str, Any]], chosen: Selection) -> Export:
    """The answers of one or several calls.  Raises ``export-unreadable``, ``export-cut-off``, ``currency-no-rate``."""
    lines: list[Charged] = []
    spans: dict[date, Span] = {}
    notes: list[Finding] = []
    for shown, said in documents:
        if chosen.accounts or chosen.tags:
            raise unreadable(
                shown, "Cost Explorer's answer is summed already", "the filter in the call itself: --filter"
            )
        for number, result in enumerate(_results(shown, said)):
            where = f"{shown}, ResultsByTime[{number}]"
            begin, end = _period(where, result)
            if not inside(begin, chosen):
                continue
            _add(spans, begin, end)
            lines += _lines(where, result, _names(said), chosen)
            if result.get("Estimated"):
                notes.append(
                    Finding(
                        "export-estimated", where, "AWS says that these costs are estimated", severity=Severity.INFO
                    )
                )
    return Export("Cost Explorer", tuple(lines), tuple(spans.values()), tuple(notes[:1]))


def _results(shown: str, said: Any) -> list[dict[str, Any]]:
    results = said.get("ResultsByTime") if isinstance(said, dict) else None
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise unreadable(shown, "is JSON, but not what aws ce get-cost-and-usage prints", HOW)
    if not results:
        raise unreadable(shown, "has no ResultsByTime", HOW)
    if said.get("NextPageToken"):
        raise HermesError(
            Finding(
                "export-cut-off",
                f"{shown}, NextPageToken",
                "the answer goes on in another page",
                why="part of a bill is no bill",
                next="ask again with --next-page-token, and give all the files",
            )
        )
    return results


def _names(said: dict[str, Any]) -> list[str]:
    return [str(definition.get("Key", "")) for definition in said.get("GroupDefinitions", ())]


def _period(where: str, result: dict[str, Any]) -> tuple[datetime, datetime]:
    try:
        period = result["TimePeriod"]
        begin, end = (datetime.fromisoformat(period[key].replace("Z", "+00:00")) for key in ("Start", "End"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(f"{where}, TimePeriod", "is no period of a Start and an End", HOW) from error
    return begin.replace(tzinfo=begin.tzinfo or UTC), end.replace(tzinfo=end.tzinfo or UTC)


def _add(spans: dict[date, Span], begin: datetime, end: datetime) -> None:
    """A period's hours under the months that it lies in."""
    while begin < end:
        month = month_of(begin)
        until = min(end, moment(after(month)))
        hours = Decimal(int((until - begin).total_seconds())) / 3600
        spans[month] = Span(month, spans.get(month, Span(month, ZERO)).hours + hours)
        begin = until


def _lines(where: str, result: dict[str, Any], names: list[str], chosen: Selection) -> list[Charged]:
    groups = result.get("Groups") or []
    if not groups:
        total = result.get("Total") or {}
        return [_line(f"{where}, Total", {}, total, chosen)] if total else []
    made = []
    for number, group in enumerate(groups):
        at = f"{where}, Groups[{number}]"
        keys, metrics = group.get("Keys"), group.get("Metrics")
        if not isinstance(keys, list) or not isinstance(metrics, dict):
            raise unreadable(at, "has no Keys and Metrics", HOW)
        made.append(_line(at, dict(zip(names or ["USAGE_TYPE"], keys, strict=False)), metrics, chosen))
    return made


def _line(where: str, keys: dict[str, str], metrics: dict[str, Any], chosen: Selection) -> Charged:
    if METRIC not in metrics:
        there = ", ".join(metrics) or "no metric"
        raise HermesError(
            Finding(
                "export-metric",
                f"{where}, Metrics",
                f"has {there}, and the bill is compared with {METRIC}",
                why="amortized and blended costs spread what was paid over other months and accounts",
                next=HOW,
            )
        )
    cost = _amount(f"{where}, {METRIC}", metrics[METRIC].get("Amount"))
    currency = str(metrics[METRIC].get("Unit", "USD")).upper()
    if currency not in ("USD", "N/A", "") and cost:
        if currency not in chosen.rates:
            raise no_rate(f"{where}, {METRIC}.Unit", [currency])
        cost *= chosen.rates[currency]
    usage_type = keys.get("USAGE_TYPE", "")
    service = keys.get("SERVICE", "")
    record = keys.get("RECORD_TYPE", "Tax" if service == "Tax" else "Usage")
    return Charged(
        SERVICES.get(service, service),
        usage_type,
        keys.get("OPERATION", ""),
        keys.get("REGION", ""),
        _amount(f"{where}, UsageQuantity", metrics.get("UsageQuantity", {}).get("Amount")),
        cost,
        _category(record),
    )


def _amount(where: str, said: Any) -> Decimal:
    try:
        amount = Decimal(str(said)) if said is not None else ZERO
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise unreadable(where, f"{str(said)[:60]!r} is no amount", HOW)
    return amount


def _category(record: str) -> str:
    """``RECORD_TYPE``, which Cost Explorer writes in words: ``Savings Plan Recurring Fee``."""
    word = record.replace(" ", "")
    if word.endswith("Discount"):
        return Category.DISCOUNTS
    if word.startswith(("Recurring", "Upfront")):
        return Category.COMMITMENTS
    return CUR_KINDS.get(word, Category.FEES if word.endswith(("Fee", "Support")) else word)


def no_rate(where: str, currencies: list[str]) -> HermesError:
    """``currency-no-rate``: amounts that no rate turns into USD."""
    first = currencies[0]
    return HermesError(
        Finding(
            "currency-no-rate",
            where,
            f"amounts in {', '.join(currencies)}, and the bill is in USD",
            why="currencies are never added",
            next=f"--rate {first}=USD for one {first}",
        )
    )
