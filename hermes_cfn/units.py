"""Money, months and sizes.

Money is :class:`decimal.Decimal` in US dollars, rounded half up and only for display.
A month is 730 hours, as in AWS's own pricing calculator.  Sizes are named: GB is 10**9
bytes, GiB is 2**30.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = Decimal(730)
SECONDS_PER_HOUR = 3600
SECONDS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR
GB = 10**9
GIB = 2**30
MIB = 2**20

CENT = Decimal("0.01")


def rounded(amount: Decimal, to: Decimal = CENT) -> Decimal:
    """``amount`` rounded half up to a multiple of ``to``, for display only."""
    return amount.quantize(to, rounding=ROUND_HALF_UP)


def dollars(amount: Decimal) -> str:
    """``amount`` as people read it: ``$1,234.50``, ``-$0.01``."""
    shown = rounded(amount)
    sign = "-" if shown < 0 else ""
    return f"{sign}${abs(shown):,.2f}"


def duration(seconds: float) -> str:
    """Seconds as people read them: ``4.2 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
