"""The bill in FOCUS, the FinOps Open Cost and Usage Specification (focus.finops.org), 1.2 to 1.4 and 1.0.

One row for each line that has a price and a quantity, for one month or some days of it: what costs by the hour costs
the hours of that period, not the 730 of a bill's month (``bill/period.py``).  Our own columns follow with ``x_``, those
that AWS has by AWS's names.  1.0 is there for its public validator, focus-validator 1.0.0, whose rules ask for five
columns by the names of a draft: :data:`DRAFT_NAMES` follow the columns of the specification with the same values
(``make focus`` runs the validator, and the rules of the later versions that are in ``tests/focus``).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

from hermes_cfn.bill.lines import Bill, BillLine, State
from hermes_cfn.bill.period import after, due, hours_of
from hermes_cfn.clock import SystemClock
from hermes_cfn.pricing.regions import PLACES

VERSIONS = ("1.4", "1.3", "1.2", "1.0")

MANDATORY_1_0 = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
)
ADDED_1_2 = (
    "BillingAccountType",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "InvoiceId",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "ServiceSubcategory",
    "SkuMeter",
    "SkuPriceDetails",
    "SubAccountType",
)
ADDED_1_3 = (
    "AllocatedMethodDetails",
    "AllocatedMethodId",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
    "ContractApplied",
    "HostProviderName",
    "ServiceProviderName",
)
"""Of December 2025; ``ServiceProviderName`` and ``HostProviderName`` take the place of two columns that 1.4 drops."""
ADDED_1_4 = ("CommitmentProgramEligibilityDetails", "InvoiceDetailId")
REMOVED_1_4 = ("ProviderName", "PublisherName")
"""Of June 2026."""
OURS = ("x_ServiceCode", "x_UsageType", "x_Operation", "x_PriceBasis")
DRAFT_NAMES = {
    "ChargeType": "ChargeCategory",
    "InvoiceIssuer": "InvoiceIssuerName",
    "Provider": "ProviderName",
    "Publisher": "PublisherName",
    "ResourceID": "ResourceId",
}
"""What focus-validator 1.0.0 calls a column of 1.0 -> the column."""

NO_ACCOUNT = "estimate"
"""The account of a bill that nobody was sent; the validator takes digits for a number."""

_1_2 = {*MANDATORY_1_0, *ADDED_1_2}
COLUMNS = {
    "1.0": (*MANDATORY_1_0, *DRAFT_NAMES, *OURS),
    "1.2": (*sorted(_1_2), *OURS),
    "1.3": (*sorted(_1_2 | set(ADDED_1_3)), *OURS),
    "1.4": (*sorted((_1_2 | {*ADDED_1_3, *ADDED_1_4}) - set(REMOVED_1_4)), *OURS),
}

SERVICES: dict[str, tuple[str, str, str]] = {
    "AmazonEC2": ("Amazon Elastic Compute Cloud", "Compute", "Virtual Machines"),
    "AmazonVPC": ("Amazon Virtual Private Cloud", "Networking", "Network Infrastructure"),
    "AWSDataTransfer": ("AWS Data Transfer", "Networking", "Network Infrastructure"),
    "AWSELB": ("Elastic Load Balancing", "Networking", "Application Networking"),
    "AmazonCloudFront": ("Amazon CloudFront", "Networking", "Content Delivery"),
    "AWSCloudMap": ("AWS Cloud Map", "Networking", "Application Networking"),
    "AmazonRoute53": ("Amazon Route 53", "Networking", "Application Networking"),
    "AmazonS3": ("Amazon Simple Storage Service", "Storage", "Object Storage"),
    "AmazonECR": ("Amazon EC2 Container Registry (ECR)", "Compute", "Containers"),
    "AmazonECS": ("Amazon Elastic Container Service", "Compute", "Containers"),
    "AWSLambda": ("AWS Lambda", "Compute", "Serverless Compute"),
    "AmazonDynamoDB": ("Amazon DynamoDB", "Databases", "NoSQL Databases"),
    "AmazonRDS": ("Amazon Relational Database Service", "Databases", "Relational Databases"),
    "AmazonElastiCache": ("Amazon ElastiCache", "Databases", "Caching"),
    "AmazonCloudWatch": ("AmazonCloudWatch", "Management and Governance", "Observability"),
    "AWSCloudTrail": ("AWS CloudTrail", "Management and Governance", "Observability"),
    "AWSSystemsManager": ("AWS Systems Manager", "Management and Governance", "Other (Management and Governance)"),
    "AmazonSNS": ("Amazon Simple Notification Service", "Integration", "Messaging"),
    "AWSQueueService": ("Amazon Simple Queue Service", "Integration", "Messaging"),
    "awswaf": ("AWS WAF", "Security", "Other (Security)"),
    "awskms": ("AWS Key Management Service", "Security", "Secret Management"),
    "AWSSecretsManager": ("AWS Secrets Manager", "Security", "Secret Management"),
    "AmazonEKS": ("Amazon Elastic Kubernetes Service", "Compute", "Containers"),
    "CodeBuild": ("AWS CodeBuild", "Compute", "Serverless Compute"),
    "AWSGlue": ("AWS Glue", "Compute", "Serverless Compute"),
    "AmazonMWAA": ("Amazon Managed Workflows for Apache Airflow", "Compute", "Serverless Compute"),
    "AmazonEFS": ("Amazon Elastic File System", "Storage", "File Storage"),
    "AmazonFSx": ("Amazon FSx", "Storage", "File Storage"),
    "AmazonES": ("Amazon OpenSearch Service", "Databases", "NoSQL Databases"),
    "AmazonDocDB": ("Amazon DocumentDB", "Databases", "NoSQL Databases"),
    "AmazonRedshift": ("Amazon Redshift", "Databases", "Relational Databases"),
    "AWSDatabaseMigrationSvc": ("AWS Database Migration Service", "Databases", "Relational Databases"),
    "AWSAppRunner": ("AWS App Runner", "Compute", "Serverless Compute"),
    "AWSAppSync": ("AWS AppSync", "Networking", "Application Networking"),
    "AmazonDAX": ("Amazon DynamoDB Accelerator", "Databases", "Caching"),
    "AmazonMemoryDB": ("Amazon MemoryDB", "Databases", "Caching"),
    "AmazonNeptune": ("Amazon Neptune", "Databases", "NoSQL Databases"),
    "AmazonSageMaker": ("Amazon SageMaker", "AI and Machine Learning", "AI Platforms"),
    "AmazonKinesis": ("Amazon Kinesis", "Integration", "Messaging"),
    "AmazonMQ": ("Amazon MQ", "Integration", "Messaging"),
    "AmazonMSK": ("Amazon Managed Streaming for Apache Kafka", "Integration", "Messaging"),
    "AWSEvents": ("Amazon EventBridge", "Integration", "Messaging"),
    "AmazonStates": ("AWS Step Functions", "Integration", "Messaging"),
    "AmazonApiGateway": ("Amazon API Gateway", "Networking", "Application Networking"),
    "AWSGlobalAccelerator": ("AWS Global Accelerator", "Networking", "Content Delivery"),
    "AWSDirectConnect": ("AWS Direct Connect", "Networking", "Network Infrastructure"),
    "AWSTransfer": ("AWS Transfer Family", "Networking", "Network Infrastructure"),
    "AWSNetworkFirewall": ("AWS Network Firewall", "Security", "Other (Security)"),
    "AWSDirectoryService": ("AWS Directory Service", "Security", "Other (Security)"),
    "AWSCertificateManager": ("AWS Certificate Manager", "Security", "Secret Management"),
    "CloudHSM": ("AWS CloudHSM", "Security", "Secret Management"),
    "AWSConfig": ("AWS Config", "Management and Governance", "Other (Management and Governance)"),
    "AmazonGrafana": ("Amazon Managed Grafana", "Management and Governance", "Observability"),
}
"""Service code -> (AWS's name on a bill, FOCUS service category, subcategory)."""


def service(line: BillLine) -> tuple[str, str, str]:
    """Name, category and subcategory of a line's service."""
    if line.service_code == "AmazonEC2" and "EBS:" in line.usage_type:
        return "Amazon Elastic Compute Cloud", "Storage", "Block Storage"
    if line.service_code == "AmazonEC2" and "NatGateway" in line.usage_type:
        return "Amazon Elastic Compute Cloud", "Networking", "Network Infrastructure"
    return SERVICES.get(line.service_code, (line.service_code, "Other", "Other (Other)"))


@dataclass(frozen=True, slots=True)
class Period:
    """Days of one month: from the first to before the last."""

    first: date
    last: date

    @property
    def month(self) -> date:
        return self.first.replace(day=1)

    @property
    def hours(self) -> Decimal:
        return Decimal((self.last - self.first).days * 24)

    @property
    def months(self) -> Decimal:
        return self.hours / hours_of(self.month)

    @classmethod
    def of(cls, at: datetime) -> Period:
        """The month of ``at``."""
        month = at.astimezone(UTC).date().replace(day=1)
        return cls(month, after(month))


def _iso(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def rows(bill: Bill, version: str = "1.2", period: Period | None = None) -> Iterator[dict[str, str]]:
    """A row for each priced line, for a period (default: this month); empty text is null."""
    chosen = period or Period.of(SystemClock().now())
    for line in bill.of(State.PRICED):
        yield _row(line, version, chosen)


def _decimal(number: Decimal) -> str:
    """A number with its point: the validator takes a column without one for integers and refuses it."""
    text = f"{number:f}"
    return text if "." in text else f"{text}.0"


def _row(line: BillLine, version: str, period: Period) -> dict[str, str]:
    name, category, subcategory = service(line)
    share = due(line.unit, period.hours, period.months)
    quantity = (line.quantity or line.allowed) * share
    charged = quantity - line.allowed * share
    monthly = line.monthly * share
    price = monthly / charged if charged else (line.unit_price or monthly)
    cost = _decimal(monthly)
    unit_price = _decimal(price)
    filled = {
        "BilledCost": cost,
        "BillingAccountId": NO_ACCOUNT,
        "BillingAccountName": "estimate",
        "BillingAccountType": "Account",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _iso(after(period.month)),
        "BillingPeriodStart": _iso(period.month),
        "ChargeCategory": "Usage",
        "ChargeDescription": line.what,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _iso(period.last),
        "ChargePeriodStart": _iso(period.first),
        "ConsumedQuantity": _decimal(quantity),
        "ConsumedUnit": line.unit,
        "ContractedCost": cost,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": cost,
        "HostProviderName": "AWS",
        "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "ListCost": cost,
        "ListUnitPrice": unit_price,
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": unit_price,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": unit_price,
        "PricingQuantity": _decimal(charged),
        "PricingUnit": line.unit,
        "ProviderName": "AWS",
        "PublisherName": "AWS",
        "RegionId": "" if line.region in PLACES else line.region,
        "RegionName": "" if line.region in PLACES else line.region,
        "ResourceId": f"{line.stack}/{line.logical_id}",
        "ResourceName": line.logical_id,
        "ResourceType": line.resource_type,
        "ServiceCategory": category,
        "ServiceName": name,
        "ServiceProviderName": "AWS",
        "ServiceSubcategory": subcategory,
        "SkuId": line.sku or f"{line.service_code}/{line.usage_type}",
        "SkuMeter": line.usage_type,
        "SkuPriceId": line.sku or f"{line.service_code}/{line.usage_type}",
        "SubAccountId": NO_ACCOUNT,
        "SubAccountName": "estimate",
        "SubAccountType": "Account",
        "Tags": "{}",
        "x_ServiceCode": line.service_code,
        "x_UsageType": line.usage_type,
        "x_Operation": line.operation,
        "x_PriceBasis": str(line.basis or ""),
    }
    filled |= {draft: filled[name] for draft, name in DRAFT_NAMES.items()}
    return {column: filled.get(column, "") for column in COLUMNS[version]}


def as_csv(bill: Bill, version: str = "1.2", period: Period | None = None) -> str:
    """The rows as CSV with a heading."""
    out = StringIO()
    writer = csv.DictWriter(out, COLUMNS[version], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(bill, version, period))
    return out.getvalue()
