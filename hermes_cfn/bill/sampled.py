"""The sampled evaluation, with numpy: the same charges over many draws of the usage at once.

Everything that traffic drives shares one load factor: one uniform number a draw, the
quantile of each of those figures.  Draws are stratified and seeded, so a bill is the same
every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hermes_cfn.bill import drivers
from hermes_cfn.bill.allowances import ALLOWANCES, TRIALS
from hermes_cfn.bill.exact import Known, free_of_charge
from hermes_cfn.bill.quantity import evaluate, missing
from hermes_cfn.config.usage import TRAFFIC, Amount, Usage
from hermes_cfn.pricing.prices import Price

DRAWS, SEED = 10_000, 20_260
Floats = NDArray[np.float64]
_TABLE = 2_000
"""Points at which a quantile function is worked out; between them it is linear."""


def draws(usage: Usage, count: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """``count`` values of every figure: arrays, or a plain number where it is certain.

    The load factor's strata stand in order; what traffic does not drive is shuffled against them.
    """
    strata = (np.arange(count) + 0.5) / count
    values: dict[str, Any] = {}
    for number, (name, amount) in enumerate(usage.drivers().items()):
        if amount is None or amount.certain:
            values[name] = None if amount is None else float(amount.low)
        elif name in TRAFFIC:
            values[name] = _values(amount, strata)
        else:
            values[name] = _values(amount, np.random.default_rng([seed, number]).permutation(strata))
    return values


def _values(amount: Amount, shares: Floats) -> Floats:
    if amount.distribution == "uniform":
        return float(amount.low) + shares * float(amount.high - amount.low)
    if len(shares) <= DRAWS:
        return np.array([amount.quantile(float(share)) for share in shares])
    grid = (np.arange(_TABLE) + 0.5) / _TABLE
    return np.interp(shares, grid, [amount.quantile(float(share)) for share in grid])


def totals(known: Iterable[Known], values: Mapping[str, Any], usage: Usage | None = None) -> Any:
    """USD a month for each draw: an array, or a number where nothing is drawn.

    ``values`` are the figures of :class:`Usage` as floats or equally long arrays.
    """
    given = drivers.derive(values, float)
    given = {name: value for name, value in given.items() if value is not None}
    left: dict[str, Any] = {name: float(item.quantity) for name, item in ALLOWANCES.items()}
    for name, amount in (usage.allowances_used if usage else {}).items():
        if amount is not None and name in left:
            left[name] = max(0.0, left[name] - float(amount.expected))
    for name in usage.trials if usage else ():
        left[f"trial {TRIALS[name][0]}"] = float(TRIALS[name][1])
    pooled: dict[tuple[str, ...], Any] = {}
    prices: dict[tuple[str, ...], Price] = {}
    for charge, price in known:
        if missing(charge.quantity, given):
            continue
        quantity = _most(0.0, evaluate(charge.quantity, given, float, _most))
        allowance = free_of_charge(price, charge)
        allowance = allowance if allowance in left else f"trial {charge.usage_type}"
        if allowance in left:
            allowed = _least(quantity, left[allowance])
            left[allowance] = left[allowance] - allowed
            quantity = quantity - allowed
        pooled[price.key] = pooled.get(price.key, 0.0) + quantity
        prices[price.key] = price
    total: Any = 0.0
    for key, quantity in pooled.items():
        total = total + _cost(prices[key], quantity)
    return total


def _most(one: Any, other: Any) -> Any:
    return np.maximum(one, other) if isinstance(one, np.ndarray) or isinstance(other, np.ndarray) else max(one, other)


def _least(one: Any, other: Any) -> Any:
    return np.minimum(one, other) if isinstance(one, np.ndarray) or isinstance(other, np.ndarray) else min(one, other)


def _cost(price: Price, quantity: Any) -> Any:
    if price.flat:
        return quantity * float(price.tiers[0].price)
    total: Any = 0.0
    last = price.tiers[-1]
    for tier in price.tiers:
        above = _most(0.0, quantity - float(tier.start))
        if tier.end is not None and tier is not last:
            above = _least(above, float(tier.end - tier.start))
        total = total + above * float(tier.price)
    return total


def range_of(known: Iterable[Known], usage: Usage) -> tuple[Decimal, Decimal, Decimal]:
    """P10, mean and P90 of the month's total in USD, over seeded draws."""
    found = np.sort(np.atleast_1d(np.asarray(totals(known, draws(usage), usage), dtype=float)))
    low, high = np.interp([0.1, 0.9], np.linspace(0, 1, len(found)), found)
    return Decimal(repr(float(low))), Decimal(repr(float(found.mean()))), Decimal(repr(float(high)))
