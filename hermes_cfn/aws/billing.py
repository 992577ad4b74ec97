"""Cost Explorer, a cent a request: what this month has cost so far, and which tags it can tell costs apart by."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hermes_cfn.aws.calls import AwsError, Calls

REGION = "us-east-1"
"""Cost Explorer answers there (AWS, "AWS Cost Explorer endpoints and quotas")."""

PRICE_OF_A_REQUEST = Decimal("0.01")
"""USD for each paginated API request (AWS, "AWS Cost Explorer pricing")."""


class Billing:
    """The account's bill."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def month_to_date(self, today: date, tag: tuple[str, str]) -> Decimal | None:
        """Unblended USD from the first of the month through yesterday of what carries the tag.

        None where billing may not be read, and on the first of a month.
        """
        first = today.replace(day=1)
        if today == first:
            return None
        try:
            found = self._calls.get_cost_and_usage(
                TimePeriod={"Start": first.isoformat(), "End": today.isoformat()},
                Granularity="MONTHLY",
                Metrics=["UnblendedCost"],
                Filter={"Tags": {"Key": tag[0], "Values": [tag[1]]}},
            )
        except AwsError:
            return None
        return sum((Decimal(part["Total"]["UnblendedCost"]["Amount"]) for part in found["ResultsByTime"]), Decimal(0))

    def tag_status(self, key: str) -> str:
        """``Active`` or ``Inactive``, ``absent`` for a tag that billing does not know (up to a day after a resource
        first carries it), ``member`` in a member account of an organization, where only the management account is
        told (AWS, Billing user guide, "Using user-defined cost allocation tags"); ``denied``.
        """
        try:
            found = self._calls.list_cost_allocation_tags(TagKeys=[key], Type="UserDefined")["CostAllocationTags"]
        except AwsError as error:
            return "member" if "Linked account" in error.message else "denied"
        return str(found[0]["Status"]) if found else "absent"


def share_of_month(today: date) -> Decimal:
    """How much of the month is over before ``today``, 0 to 1."""
    first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Decimal((today - first).days) / Decimal((following - first).days)
