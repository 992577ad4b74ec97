"""The exact evaluation, in Decimal: charges, a book and drivers to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from hermes_cfn.bill.allowances import ALLOWANCES
from hermes_cfn.bill.charge import Charge, Free, NotPriced
from hermes_cfn.bill.lines import BillLine, State
from hermes_cfn.bill.quantity import ZERO, evaluate, missing
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing.prices import Price, PriceBook

Known = tuple[Charge, Price]


def lookup(charges: Iterable[Charge], book: PriceBook) -> tuple[list[Known], list[tuple[Charge, str]]]:
    """Charges with their prices, in the order of the bill, and those without one and why."""
    known: list[Known] = []
    unknown: list[tuple[Charge, str]] = []
    for charge in sorted(charges, key=lambda charge: charge.order):
        try:
            price = book.find(charge.service_code, charge.usage_type, charge.region, charge.operation)
        except HermesError as error:
            unknown.append((charge, f"{error.findings[0].where}: {error.findings[0].what}"))
            continue
        known.append((charge, price))
    return known, unknown


def free_of_charge(price: Price, charge: Charge) -> str:
    """The allowance that applies: none where the price's own first tier is already free."""
    return "" if len(price.tiers) > 1 and not price.tiers[0].price else charge.allowance


def lines(
    known: Iterable[Known],
    values: Mapping[str, Decimal | None],
    used: Mapping[str, Decimal],
    trial: Mapping[str, Decimal],
) -> list[BillLine]:
    """A line for each charge; tiers and allowances go through the charges in their order.

    ``used`` is what other stacks of the account already take of each allowance, ``trial``
    hours of a usage type that a trial gives for nothing.
    """
    left = {name: max(ZERO, item.quantity - used.get(name, ZERO)) for name, item in ALLOWANCES.items()}
    left |= {f"trial {usage_type}": hours for usage_type, hours in trial.items()}
    pooled: dict[tuple[str, ...], Decimal] = {}
    made: list[BillLine] = []
    for charge, price in known:
        lacking = missing(charge.quantity, values)
        if lacking:
            made.append(_line(charge, price, State.NOT_GIVEN, note="not given: " + ", ".join(lacking)))
            continue
        given = {name: value for name, value in values.items() if value is not None}
        quantity = max(ZERO, evaluate(charge.quantity, given, lambda number: number, max))
        allowance = free_of_charge(price, charge)
        allowance = allowance if allowance in left else f"trial {charge.usage_type}"
        allowed = min(quantity, left.get(allowance, ZERO))
        if allowed:
            left[allowance] -= allowed
        before = pooled.get(price.key, ZERO)
        after = before + quantity - allowed
        pooled[price.key] = after
        monthly = (after - before) * price.tiers[0].price if price.flat else price.cost(after) - price.cost(before)
        marginal = ZERO if left.get(allowance) else price.marginal(after)
        made.append(_line(charge, price, State.PRICED, quantity, monthly, allowed, marginal=marginal))
    return made


def _line(
    charge: Charge,
    price: Price,
    state: State,
    quantity: Decimal | None = None,
    monthly: Decimal = ZERO,
    allowed: Decimal = ZERO,
    note: str = "",
    marginal: Decimal | None = None,
) -> BillLine:
    return BillLine(
        stack=charge.stack,
        logical_id=charge.logical_id,
        resource_type=charge.resource_type,
        what=charge.what,
        state=state,
        region=charge.region,
        quantity=quantity,
        unit=price.unit,
        unit_price=price.first,
        monthly=monthly,
        allowed=allowed,
        basis=price.basis,
        source=price.source,
        note=note or "; ".join(str(step) for step in price.steps),
        service_code=price.service_code,
        usage_type=price.usage_type,
        operation=price.operation,
        sku=price.sku,
        spread=price.spread(),
        marginal=marginal,
    )


def without_price(charge: Charge, why: str) -> BillLine:
    """The line of a charge that no price was found for."""
    return BillLine(
        charge.stack,
        charge.logical_id,
        charge.resource_type,
        charge.what,
        State.NOT_PRICED,
        charge.region,
        unit=charge.unit,
        note=why,
        service_code=charge.service_code,
        usage_type=charge.usage_type,
        operation=charge.operation or "",
    )


def said(item: Free | NotPriced, stack: str, logical_id: str, resource_type: str, region: str) -> BillLine:
    """The line of what is free or has no price."""
    state = State.FREE if isinstance(item, Free) else State.NOT_PRICED
    return BillLine(stack, logical_id, resource_type, item.what, state, region, note=item.why)
