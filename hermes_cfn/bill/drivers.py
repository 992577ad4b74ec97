"""From ``[usage]`` to the values of drivers, exact or sampled, with those that follow from others."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.config.usage import Usage

DERIVED = {
    "image_pulled_gb": ("releases", "image_gb", Decimal(1)),
    "images_gb": ("images_kept", "image_gb", Decimal(1)),
    "lambda_seconds": ("lambda_requests", "lambda_ms", Decimal("0.001")),
}
"""Driver -> the product of two figures and a factor."""


def derive(values: Mapping[str, Any], number: Any) -> dict[str, Any]:
    """``values`` and the drivers that are products of two of them; None where one is."""
    found = dict(values)
    for name, (first, second, factor) in DERIVED.items():
        left, right = values.get(first), values.get(second)
        found[name] = None if left is None or right is None else left * right * number(factor)
    if found.get("asleep_hours") is None:  # what nobody puts to sleep is awake
        found["asleep_hours"] = number(Decimal(0))
    return found


def exact(usage: Usage) -> dict[str, Decimal | None]:
    """Every driver at its mean."""
    means = {name: None if amount is None else amount.expected for name, amount in usage.drivers().items()}
    return derive(means, lambda number: number)
