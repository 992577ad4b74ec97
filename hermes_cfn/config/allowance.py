"""What a deployment may do at most: ``interruption=30s,replace=none,cost=+20,duration=15m``.

A pipeline states it once (``[release] allow`` or ``deploy --allow``); a plan that goes beyond it is not carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

EXAMPLE = "interruption=30s,replace=none,cost=+20,duration=15m"
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Allowance:
    """None is no limit.  ``interruption_s`` and ``duration_s``: seconds; ``cost``: USD a month more than now;
    ``replace``: logical IDs of what may be replaced, empty for nothing."""

    interruption_s: float | None = None
    replace: frozenset[str] | None = None
    cost: Decimal | None = None
    duration_s: float | None = None


def parse(text: str) -> Allowance:
    """Raises ValueError that says which part is wrong, and what to write."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in _READERS or not equals:
            raise ValueError(
                f"{part!r} is none of {', '.join(f'{name}=…' for name in _READERS)}; write it like {EXAMPLE}"
            )
        if key in found and found[key] != value:
            raise ValueError(f"{key} is said twice, as {found[key]} and as {value}")
        found[key] = value
    values = {key: _READERS[key](value) for key, value in found.items()}
    return Allowance(values.get("interruption"), values.get("replace"), values.get("cost"), values.get("duration"))


def _time(value: str) -> float:
    if value == "none":
        return 0.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", value)
    if match is None:
        raise ValueError(f"{value!r} is no time; write 30s, 15m, 1h or none")
    return float(match[1]) * _SECONDS[match[2]]


def _names(value: str) -> frozenset[str]:
    names = frozenset(filter(None, value.split("+")))
    if "none" in names and len(names) > 1:
        raise ValueError(f"replace={value} contradicts itself: none, and something")
    if not names or not all(name.isalnum() for name in names):
        raise ValueError(
            f"{value!r} names no resources; write replace=none, or logical IDs like replace=NatGateway+FlowLog"
        )
    return names - {"none"}


def _money(value: str) -> Decimal:
    try:
        amount = Decimal(value.lstrip("+$"))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no amount; write cost=+20 for 20 USD a month more") from error
    if not amount.is_finite():
        raise ValueError(f"{value!r} is no amount; write cost=+20 for 20 USD a month more")
    return amount


_READERS: Mapping[str, Callable[[str], Any]] = {
    "interruption": _time,
    "replace": _names,
    "cost": _money,
    "duration": _time,
}


ANYTHING = Allowance()
"""No limit."""
