"""CPU credits that the planned load is charged for beyond what the bill of ``[usage]`` already has."""

from __future__ import annotations

from decimal import Decimal

from hermes_cfn.bill import Bill
from hermes_cfn.bill.charge import Charge
from hermes_cfn.bill.lines import BillLine
from hermes_cfn.config.planning import Planning

from ..sizing.credits import Machine
from ..sizing.fleet import surplus_month

ZERO = Decimal(0)


def is_credits(line: Charge | BillLine) -> bool:
    """Whether a line is surplus CPU credits of the instances of the service."""
    return "CPUCredits" in line.usage_type and line.resource_type == "AWS::AutoScaling::AutoScalingGroup"


def unbilled(found: Bill, planning: Planning, kind: Machine, count: int) -> Decimal:
    """USD a month to add to a bill; 0 where its own CPU use is the greater, or it has no price for credits."""
    lines = [line for line in found.lines if is_credits(line)]
    price = max((line.unit_price or ZERO for line in lines), default=ZERO)
    billed = sum((line.monthly for line in lines), ZERO)
    return max(ZERO, surplus_month(planning, kind, count, price) - billed)
