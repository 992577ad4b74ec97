"""Regions, and the prefixes that usage types carry in each.

The prefix of eu-west-1 is ``EU`` (no number), us-east-1 has none for EC2 and ELB and
``USE1`` for CloudWatch and others; KMS spells the region out (AWS Billing User Guide, "Understanding your usage
reports"; the price list itself).  CloudFront's are those of its edge locations.
"""

from __future__ import annotations

from functools import cache

PREFIXES: dict[str, tuple[str, ...]] = {
    "us-east-1": ("USE1", ""),
    "us-east-2": ("USE2",),
    "us-west-1": ("USW1",),
    "us-west-2": ("USW2",),
    "ca-central-1": ("CAN1",),
    "ca-west-1": ("CAN2",),
    "sa-east-1": ("SAE1",),
    "eu-west-1": ("EU", "EUW1"),
    "eu-west-2": ("EUW2",),
    "eu-west-3": ("EUW3",),
    "eu-central-1": ("EUC1",),
    "eu-central-2": ("EUC2",),
    "eu-north-1": ("EUN1",),
    "eu-south-1": ("EUS1",),
    "eu-south-2": ("EUS2",),
    "me-south-1": ("MES1",),
    "me-central-1": ("MEC1",),
    "il-central-1": ("ILC1",),
    "af-south-1": ("AFS1",),
    "ap-south-1": ("APS3",),
    "ap-south-2": ("APS5",),
    "ap-southeast-1": ("APS1",),
    "ap-southeast-2": ("APS2",),
    "ap-southeast-3": ("APS4",),
    "ap-southeast-4": ("APS6",),
    "ap-northeast-1": ("APN1",),
    "ap-northeast-2": ("APN2",),
    "ap-northeast-3": ("APN3",),
    "ap-east-1": ("APE1",),
    "ap-east-2": ("APE2",),
    "ap-southeast-5": ("APS7",),
    "ap-southeast-6": ("APS8",),
    "ap-southeast-7": ("APS9",),
    "mx-central-1": ("MXC1",),
    "us-gov-west-1": ("UGW1",),
    "us-gov-east-1": ("UGE1",),
    "cn-north-1": ("CNN1",),
    "cn-northwest-1": ("CNW1",),
    "europe": ("EU",),
    "united-states": ("US",),
    "global": ("Global", ""),
}
"""Region -> prefixes, the one most used first; ``europe`` and ``united-states`` are CloudFront's edges."""

PLACES = frozenset({"europe", "united-states", "global"})
"""What prices name as a region although it is none."""


SPELLED_OUT = frozenset({"awskms"})
"""Services whose usage types carry the region's own name."""


PARTITIONS: dict[str, tuple[str, str]] = {"cn-": ("aws-cn", "CNY"), "us-gov-": ("aws-us-gov", "USD")}
"""Beginning of a region -> its partition and the currency that AWS bills there."""


def partition(region: str) -> str:
    """``aws``, ``aws-cn`` or ``aws-us-gov``: accounts and price lists of one are not those of another."""
    return next((name for start, (name, _) in PARTITIONS.items() if region.startswith(start)), "aws")


def currency(region: str) -> str:
    """The currency of the bills of a region."""
    return next((money for start, (_, money) in PARTITIONS.items() if region.startswith(start)), "USD")


SAME_CHARGE = {"AWSSecretsManager-APIRequests": "AWSSecretsManagerAPIRequest"}
"""How eu-west-1 alone spells a usage type -> how every other region does."""


def known(region: str) -> bool:
    """Whether ``region`` is one in which a stack can be."""
    return region in PREFIXES and region not in PLACES


@cache
def stem(usage_type: str, region: str) -> str:
    """``usage_type`` without the prefix of ``region``: ``EUS2-NatGateway-Hours`` is ``NatGateway-Hours``."""
    for prefix in (*PREFIXES.get(region, ()), region):
        if prefix and usage_type.startswith(prefix + "-"):
            bare = usage_type[len(prefix) + 1 :]
            return SAME_CHARGE.get(bare, bare)
    return SAME_CHARGE.get(usage_type, usage_type)


def prefixed(stem_: str, region: str, service_code: str = "") -> str:
    """The usage type as that region's bill most likely spells it."""
    if service_code in SPELLED_OUT:
        return f"{region}-{stem_}"
    prefixes = PREFIXES.get(region, ("",))
    prefix = "" if "" in prefixes else prefixes[0]
    return f"{prefix}-{stem_}" if prefix else stem_
