"""The guide's cost section, reproduced figure by figure.

Figures whose inputs the guide gives are computed with the book ``guide``; figures without
inputs are inverted into the quantity that they mean.  Ranges are (low, high) in USD a month.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from hermes_cfn.pricing import books
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import HOURS_PER_MONTH as HOURS
from hermes_cfn.units import dollars, rounded

REGION = "eu-south-2"
Range = tuple[Decimal, Decimal]


class Verdict(StrEnum):
    """What comes of a figure."""

    REPRODUCED = "reproduced"
    ROUNDED = "rounded"
    TRUNCATED = "truncated"
    CONTRADICTS = "contradicts itself"
    UNSUPPORTED = "unsupported"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the guide: what it says, ours under its assumptions (USD), what it implies,
    ours with Madrid's prices (USD), and the verdict with its reason."""

    name: str
    says: str
    ours: Range | None
    implies: str
    madrid: Range | None
    verdict: Verdict
    why: str


def judged(says: int, ours: Decimal) -> Verdict:
    """How a whole number of dollars came of ``ours``; half-up rounding is told from truncation where they differ."""
    if ours == says:
        return Verdict.REPRODUCED
    if rounded(ours, Decimal(1)) == says:
        return Verdict.ROUNDED
    return Verdict.TRUNCATED if int(ours) == says else Verdict.CONTRADICTS


def _point(amount: Decimal) -> Range:
    return amount, amount


def _of(book: PriceBook, service: str, usage_type: str, quantity: Decimal) -> Decimal:
    return book.find(service, usage_type, REGION).cost(quantity)


def ec2(book: PriceBook, count: int = 2, kind: str = "t4g.small") -> Decimal:
    """``count`` instances for a month."""
    return _of(book, "AmazonEC2", f"BoxUsage:{kind}", HOURS * count)


def _hours(book: PriceBook, kind: str, region: str) -> Decimal:
    return book.find("AmazonEC2", f"BoxUsage:{kind}", region).cost(HOURS)


def _arm_saves(book: PriceBook, region: str) -> Decimal:
    """Percent that a t4g.small costs less than a t3.small."""
    return (1 - _hours(book, "t4g.small", region) / _hours(book, "t3.small", region)) * 100


def nat(book: PriceBook) -> Decimal:
    """One NAT gateway's hours for a month."""
    return _of(book, "AmazonEC2", "NatGateway-Hours", HOURS)


def balancer(book: PriceBook) -> Decimal:
    """One load balancer's hours for a month."""
    return book.find("AWSELB", "LoadBalancerUsage", REGION, "LoadBalancing:Application").cost(HOURS)


LCU_SAYS = Decimal(7)
TRANSFER_SAYS: Range = (Decimal(5), Decimal(10))
LOGS_SAYS: Range = (Decimal(2), Decimal(5))
STATE_SAYS = Decimal(1)
LOGS_PRICE = Decimal("0.50")
"""USD a GB of log ingestion in us-east-1, by which the guide's $2-5 is 4 to 10 GB."""

FLY_512, FLY_1024, FLY_ADDRESS = Decimal("5.06"), Decimal("8.53"), Decimal("2.00")
"""USD for 30 days: shared-cpu-2x in fra with 512 MB and 1 GB, and a dedicated IPv4 address
(superfly/docs, snippets/RegionPricingSelector.jsx at 12704c08 and about/pricing.mdx, 2026)."""


def _of_730(thirty_days: Decimal) -> Decimal:
    """What costs ``thirty_days`` in 30 days, by the second, in our month of 730 hours."""
    return thirty_days * HOURS / (30 * 24)


def transfer_gb(usd: Decimal) -> Decimal:
    """GB a month that ``usd`` of transfer buys in the guide: the first 100 are free, then 0.09."""
    free, paid = books.guide().find("AWSDataTransfer", "DataTransfer-Out-Bytes", REGION).tiers
    return paid.start + (usd - free.price) / paid.price


def lcu(usd: Decimal) -> Decimal:
    """LCU on average that ``usd`` a month buys."""
    return usd / (books.guide().find("AWSELB", "LCUUsage", REGION).first * HOURS)


def total(book: PriceBook, count: int = 2, kind: str = "t4g.small") -> Range:
    """The guide's sum before its rounding: its fixed lines priced to the cent, its usage lines as it says them."""
    fixed = (ec2(book, count, kind), nat(book), balancer(book))
    base = sum((rounded(part) for part in fixed), LCU_SAYS)
    return base + TRANSFER_SAYS[0] + LOGS_SAYS[0], base + TRANSFER_SAYS[1] + LOGS_SAYS[1] + STATE_SAYS


def _less(book: PriceBook, share: Decimal) -> Range:
    low, high = total(book)
    saved = ec2(book) * share
    return low - saved, high - saved


def figures() -> tuple[Figure, ...]:
    """Every figure of the cost section, in its order."""
    ours, real = books.guide(), books.snapshot()
    return (
        Figure(
            "EC2, 2 × t4g.small",
            "~$24 ($0.0168 × 2 × 730)",
            _point(ec2(ours)),
            "",
            _point(ec2(real)),
            judged(24, ec2(ours)),
            "0.0168 is us-east-1's price; Madrid's is 0.0184",
        ),
        Figure(
            "Application Load Balancer, fixed",
            "$16",
            _point(balancer(ours)),
            "",
            _point(balancer(real)),
            judged(16, balancer(ours)),
            "0.0225 is us-east-1's price",
        ),
        Figure(
            "Load balancer, LCU",
            "~$7",
            None,
            f"{_short(lcu(LCU_SAYS))} LCU on average",
            None,
            Verdict.UNSUPPORTED,
            "no traffic is given that would use them",
        ),
        Figure(
            "Application Load Balancer",
            "~$23",
            _point(balancer(ours) + LCU_SAYS),
            "",
            _point(balancer(real) + LCU_SAYS),
            judged(23, balancer(ours) + LCU_SAYS),
            "16.43 + 7",
        ),
        Figure(
            "NAT gateway",
            "~$32 ($0.045 × 730)",
            _point(nat(ours)),
            "",
            _point(nat(real)),
            judged(32, nat(ours)),
            "hours only: 0.045 a GB besides is left out",
        ),
        Figure(
            "Data transfer",
            "~$5-10",
            TRANSFER_SAYS,
            " to ".join(_short(transfer_gb(usd), 0) for usd in TRANSFER_SAYS) + " GB a month",
            None,
            Verdict.UNSUPPORTED,
            "no traffic is given",
        ),
        Figure(
            "CloudWatch Logs",
            "~$2-5",
            LOGS_SAYS,
            " to ".join(_short(usd / LOGS_PRICE, 0) for usd in LOGS_SAYS) + " GB a month",
            None,
            Verdict.UNSUPPORTED,
            "at us-east-1's 0.50 a GB, without the 5 GB that are free",
        ),
        Figure(
            "S3 + DynamoDB (Terraform state)",
            "<$1",
            (Decimal(0), STATE_SAYS),
            "",
            (Decimal(0), Decimal(0)),
            Verdict.UNSUPPORTED,
            "CloudFormation keeps its own state",
        ),
        Figure(
            "Total",
            "~$86-95",
            total(ours),
            "",
            total(real),
            Verdict.TRUNCATED,
            "truncated parts summed: 24 + 23 + 32 + 5 + 2 = 86 to 24 + 23 + 32 + 10 + 5 + 1 = 95",
        ),
        Figure(
            "Total in the comparison",
            "$86-94",
            total(ours),
            "",
            None,
            Verdict.CONTRADICTS,
            "95 a page before; 94 is the sum without the $1 of state",
        ),
        Figure(
            "Reserved instances, 1 year",
            "~$24 → ~$16, total ~$78-86",
            _less(ours, Decimal("0.35")),
            "",
            None,
            judged(16, ec2(ours) * Decimal("0.65")),
            "30-40 % off 24.53 is 14.72 to 17.17; 16 is about 35 %; AWS's own: 37 to 41 % (t3.medium)",
        ),
        Figure(
            "Compute savings plan",
            "~$24 → ~$18, total ~$80-88",
            _less(ours, Decimal("0.25")),
            "",
            None,
            judged(18, ec2(ours) * Decimal("0.75")),
            "20-30 % off 24.53 is 17.17 to 19.62; 18 is about 25 %",
        ),
        Figure(
            "One instance",
            "EC2 ~$12, total ~$74-82",
            total(ours, 1),
            "",
            total(real, 1),
            Verdict.TRUNCATED,
            "86 - 12 and 94 - 12: the truncation and the 94 go on",
        ),
        Figure(
            "2 × t4g.micro",
            "EC2 ~$12 (512MB RAM), total ~$74-82",
            total(ours, 2, "t4g.micro"),
            "",
            total(real, 2, "t4g.micro"),
            Verdict.CONTRADICTS,
            "t4g.micro has 1 GiB; t4g.nano has 512 MiB",
        ),
        Figure(
            "Blue-green",
            "+$24",
            _point(ec2(ours)),
            "",
            _point(ec2(real)),
            judged(24, ec2(ours)),
            "two more instances, if they run all month",
        ),
        Figure(
            "Fly.io Frankfurt",
            "$12-20",
            (2 * FLY_512 + FLY_ADDRESS, 2 * FLY_1024 + FLY_ADDRESS),
            "two machines of 512 MB to 1 GB (two shared vCPUs each) and an IPv4 address",
            None,
            Verdict.ROUNDED,
            "Fly.io's month has 30 days; of 730 hours it is "
            + _money((2 * _of_730(FLY_512) + FLY_ADDRESS, 2 * _of_730(FLY_1024) + FLY_ADDRESS)),
        ),
        Figure(
            "Extra for AWS",
            "$66-74",
            (Decimal(86 - 20), Decimal(94 - 20)),
            "",
            None,
            judged(66, Decimal(86 - 20)),
            "86-20 to 94-20, of its own figures: the dearest Fly.io against both; cheapest against cheapest it is 74",
        ),
        Figure(
            "Extra for AWS, again",
            "~$70-80",
            (Decimal(86 - 20), Decimal(94 - 20)),
            "",
            None,
            Verdict.CONTRADICTS,
            "66-74 two pages before",
        ),
        Figure(
            "Shares", "36 % + 26 % + 27 % + 11 %", None, "of about 90", None, Verdict.ROUNDED, "32, 23, 24 and 10 of 89"
        ),
        Figure(
            "NAT instance instead of the gateway",
            "~$3",
            _point(_hours(real, "t4g.nano", "us-east-1")),
            "",
            _point(_hours(real, "t4g.nano", REGION)),
            judged(3, _hours(real, "t4g.nano", "us-east-1")),
            "one t4g.nano at us-east-1's price; its public address is 3.65 more",
        ),
        Figure(
            "ARM instead of x86",
            "20 % less",
            None,
            f"{_short(_arm_saves(real, 'us-east-1'))} % in us-east-1, {_short(_arm_saves(real, REGION))} % in Madrid",
            None,
            Verdict.ROUNDED,
            "t4g.small against t3.small",
        ),
        _missing(
            "Public IPv4 addresses",
            "AmazonVPC",
            "PublicIPv4:InUseAddress",
            HOURS * 4,
            "one a zone of the load balancer (3) and one for NAT",
        ),
        _missing("Disks, 2 × 20 GB gp3", "AmazonEC2", "EBS:VolumeUsage.gp3", Decimal(40), "the root volumes"),
        _missing(
            "NAT, 50 GB processed",
            "AmazonEC2",
            "NatGateway-Bytes",
            Decimal(50),
            "both directions, with the external database most of all",
        ),
    )


def _missing(name: str, service: str, usage_type: str, quantity: Decimal, why: str) -> Figure:
    cost = _of(books.snapshot(), service, usage_type, quantity)
    return Figure(name, "", None, "", _point(cost), Verdict.LEFT_OUT, why)


def _short(number: Decimal, places: int = 1) -> str:
    return f"{number:.{places}f}"


def _money(amount: Range | None) -> str:
    if amount is None:
        return ""
    low, high = (dollars(part) for part in amount)
    return low if low == high else f"{low} to {high}"


def table(made: Callable[[], tuple[Figure, ...]] = figures) -> str:
    """The figures as a Markdown table."""
    head = "| figure | the guide | ours, its assumptions | implies | ours, Madrid's prices | verdict | why |"
    lines = [
        f"| {item.name} | {item.says} | {_money(item.ours)} | {item.implies} | {_money(item.madrid)} "
        f"| {item.verdict} | {item.why} |"
        for item in made()
    ]
    return "\n".join([head, "|---" * 7 + "|", *lines]) + "\n"
