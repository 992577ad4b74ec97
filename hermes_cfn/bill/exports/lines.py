"""What an export says, summed: charges, the months and hours that they cover, and what was noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from hermes_cfn.bill.exports.columns import Category
from hermes_cfn.bill.exports.statement import Selection
from hermes_cfn.bill.period import hours_of
from hermes_cfn.errors import Finding

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charged:
    """Lines that are alike, summed: ``cost`` in USD as billed, ``usage`` in AWS's unit.

    ``category`` is a :class:`Category`, or the line's own kind where that is none.  ``whole`` are charges of a whole
    month at once, whatever of it has passed.
    """

    service: str
    usage_type: str
    operation: str
    region: str
    usage: Decimal
    cost: Decimal
    category: str = Category.USAGE
    sku: str = ""
    whole: bool = False
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Span:
    """The hours of one month in which there was use."""

    month: date
    hours: Decimal

    @property
    def whole(self) -> Decimal:
        """The hours of the whole month: 672 to 744."""
        return hours_of(self.month)


@dataclass(frozen=True, slots=True)
class Export:
    """All that was charged, and when."""

    kind: str
    lines: tuple[Charged, ...]
    spans: tuple[Span, ...]
    notes: tuple[Finding, ...] = ()
    count: int = 0

    @property
    def hours(self) -> Decimal:
        return sum((span.hours for span in self.spans), ZERO)

    @property
    def months(self) -> Decimal:
        """The months that the hours are: of each month the share that passed."""
        return sum((span.hours / span.whole for span in self.spans), ZERO)


def month_of(at: datetime) -> date:
    """The first day of the month of ``at``, in UTC."""
    return at.astimezone(UTC).date().replace(day=1) if at.tzinfo else at.date().replace(day=1)


def inside(begin: datetime, chosen: Selection) -> bool:
    """Whether a line that begins then is of the period that was chosen."""
    return chosen.period is None or chosen.period[0] <= begin.date() < chosen.period[1]
