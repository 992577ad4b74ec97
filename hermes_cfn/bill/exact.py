"""The exact evaluation, in Decimal: charges, a book and drivers to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from hermes_cfn.bill.allowances import ALLOWANCES
from hermes_cfn.bill.charge import Charge, Free, NotGiven, NotPriced
from hermes_cfn.bill.lines import BillLine, Possibility, State
from hermes_cfn.bill.open import Assumed, told
from hermes_cfn.bill.quantity import ZERO, evaluate, missing
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing.prices import Price, PriceBook
from hermes_cfn.units import dollars

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


class Meter:
    """Puts charges through tiers and allowances, one after another.

    ``used`` is what other stacks of the account already take of each allowance, ``trial``
    hours of a usage type that a trial gives for nothing.
    """

    def __init__(
        self, values: Mapping[str, Decimal | None], used: Mapping[str, Decimal], trial: Mapping[str, Decimal]
    ) -> None:
        self._values = values
        self._given = {name: value for name, value in values.items() if value is not None}
        self._left = {name: max(ZERO, item.quantity - used.get(name, ZERO)) for name, item in ALLOWANCES.items()}
        self._left |= {f"trial {usage_type}": hours for usage_type, hours in trial.items()}
        self._pooled: dict[tuple[str, ...], Decimal] = {}

    def line(self, charge: Charge, price: Price, keep: bool = True) -> BillLine:
        """The line of a charge; ``keep`` False leaves tiers and allowances as they were."""
        lacking = missing(charge.quantity, self._values)
        if lacking:
            return _line(charge, price, State.NOT_GIVEN, note="not given: " + ", ".join(lacking))
        quantity = max(ZERO, evaluate(charge.quantity, self._given, lambda number: number, max))
        allowance = free_of_charge(price, charge)
        allowance = allowance if allowance in self._left else f"trial {charge.usage_type}"
        left = self._left.get(allowance, ZERO)
        allowed = min(quantity, left)
        before = self._pooled.get(price.key, ZERO)
        after = before + quantity - allowed
        if keep:
            self._pooled[price.key] = after
            if allowed:
                self._left[allowance] = left - allowed
        monthly = (after - before) * price.tiers[0].price if price.flat else price.cost(after) - price.cost(before)
        marginal = ZERO if left - allowed else price.marginal(after)
        return _line(charge, price, State.PRICED, quantity, monthly, allowed, marginal=marginal)


def lines(
    known: Iterable[Known],
    values: Mapping[str, Decimal | None],
    used: Mapping[str, Decimal],
    trial: Mapping[str, Decimal],
) -> list[BillLine]:
    """A line for each charge; tiers and allowances go through the charges in their order."""
    meter = Meter(values, used, trial)
    return [meter.line(charge, price) for charge, price in known]


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


def open_line(
    what: str,
    place: tuple[str, str, str, str],
    found: Sequence[tuple[Assumed, BillLine | None]],
) -> BillLine:
    """The line of what depends on something unknown: each possibility with its price; as usual if all are alike."""
    same = {(line.state, line.monthly) if line else None for _, line in found}
    if len(same) == 1 and found[0][1] is not None:
        return found[0][1]
    possible = tuple(
        Possibility(assumed, told(assumed), line.monthly if line else ZERO, line.state if line else State.FREE)
        for assumed, line in found
    )
    shown = next((line for _, line in found if line is not None and line.unit), None)
    stack, logical_id, resource_type, region = place
    return BillLine(
        stack,
        logical_id,
        resource_type,
        what,
        State.DEPENDS,
        region,
        unit=shown.unit if shown else "",
        monthly=min(one.monthly for one in possible),
        basis=shown.basis if shown else None,
        source=shown.source if shown else "",
        note="; ".join(f"if {one.told}: {_amount(one)}" for one in possible),
        service_code=shown.service_code if shown else "",
        usage_type=shown.usage_type if shown else "",
        operation=shown.operation if shown else "",
        possible=possible,
    )


def _amount(one: Possibility) -> str:
    words = {State.NOT_PRICED: "not priced", State.NOT_GIVEN: "usage not given", State.FREE: "nothing"}
    return words.get(one.state) or dollars(one.monthly)


def said(item: Free | NotPriced | NotGiven, stack: str, logical_id: str, resource_type: str, region: str) -> BillLine:
    """The line of what is free, has no price or waits for a figure."""
    states = {Free: State.FREE, NotPriced: State.NOT_PRICED, NotGiven: State.NOT_GIVEN}
    state = states[type(item)]
    return BillLine(stack, logical_id, resource_type, item.what, state, region, note=item.why)
