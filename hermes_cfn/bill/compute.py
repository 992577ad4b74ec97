"""A bill from a Deployment or from any template: rules, prices, usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hermes_cfn.bill import drivers, exact
from hermes_cfn.bill.allowances import ALLOWANCES, NOTES, TRIALS
from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.lines import Bill, BillLine
from hermes_cfn.bill.rules import RULES, Rule
from hermes_cfn.bill.surroundings import Placed, Surroundings, of_deployment, of_template
from hermes_cfn.cfn.kinds import kind
from hermes_cfn.cfn.template import Template
from hermes_cfn.clock import SystemClock
from hermes_cfn.config.usage import Usage, nothing_given
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import dollars, rounded

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charges:
    """What rules made of all resources: charges with prices, and lines that need none."""

    known: tuple[exact.Known, ...]
    settled: tuple[BillLine, ...]
    notes: tuple[str, ...] = ()


def charges(around: Surroundings, book: PriceBook) -> Charges:
    """Every resource through its rule, every charge with its price."""
    made: list[Charge] = []
    settled: list[BillLine] = []
    for place in around.placed:
        where = (place.stack, place.resource.logical_id, place.resource.type)
        rule = RULES.get(place.resource.type)
        items = _asked(rule, place, around) if rule else [_without_rule(place.resource.type)]
        for item in items:
            if isinstance(item, Charge):
                made.append(item.of(*where, place.region))
            else:
                settled.append(exact.said(item, *where, place.region))
    known, unknown = exact.lookup(made, book)
    settled += [exact.without_price(charge, why) for charge, why in unknown]
    steps = dict.fromkeys(f"inferred: {step}" for _, price in known for step in price.steps)
    return Charges(tuple(known), tuple(settled), (*((book.note,) if book.note else ()), *steps))


def _asked(rule: Rule, place: Placed, around: Surroundings) -> list[Item]:
    """What a rule says; a property that has not the form it must have leaves the resource without a price."""
    try:
        return list(rule(place, around))
    except (AttributeError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        return [NotPriced("resource", f"a property has not the form that its type asks for ({type(error).__name__})")]


MAKES_NOTHING = {"AWS::CDK::Metadata": "a note that CDK leaves, no resource"}
CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


def _without_rule(resource_type: str) -> Free | NotPriced:
    if resource_type in MAKES_NOTHING:
        return Free("resource", MAKES_NOTHING[resource_type])
    if resource_type.startswith(CUSTOM):
        return Free("resource", "its function is charged where it is; what that makes is not in the template")
    if resource_type == "AWS::CloudFormation::Stack":
        return NotPriced("nested stack", "its template is another file: hermes-cfn cost --template with that one")
    if resource_type.startswith("AWS::Serverless::"):
        return NotPriced("resource", "a macro makes other resources of it: bill the template that `sam` has expanded")
    row = kind(resource_type)
    if row is not None and row.billing == "free":
        return Free("resource", "AWS does not charge for it")
    return NotPriced("resource", "no rule for this type")


def bill_of(found: Charges, book: PriceBook, usage: Usage, on: date | None = None) -> Bill:
    """The bill of charges under a usage; ranges make low, expected and high differ.

    A trial counts until its last day, ``on`` (default: today) included.  Raises
    :class:`HermesError` ``usage-invalid`` for an allowance that AWS does not give.
    """
    strange = sorted(set(usage.allowances_used) - set(ALLOWANCES))
    if strange:
        known = ", ".join(ALLOWANCES)
        where = f"usage.allowances_used.{strange[0]}"
        raise HermesError(Finding("usage-invalid", where, "AWS gives no such allowance", next=f"one of {known}"))
    today = on or SystemClock().now().date()
    runs = tuple(name for name in usage.trials if today <= TRIALS[name][2])
    usage = usage.model_copy(update={"trials": runs}) if runs != usage.trials else usage
    used = {name: amount.expected for name, amount in usage.allowances_used.items() if amount is not None}
    trial = {TRIALS[name][0]: TRIALS[name][1] for name in usage.trials}
    priced = exact.lines(found.known, drivers.exact(usage), used, trial)
    lines = sorted((*priced, *found.settled), key=lambda line: (line.stack, line.logical_id, line.what))

    def draw() -> tuple[Decimal, Decimal, Decimal]:
        from hermes_cfn.bill import sampled

        return sampled.range_of(found.known, usage)

    total = sum((line.monthly for line in lines), ZERO)
    notes = (*found.notes, *(NOTES if today <= TRIALS["t4g.small"][2] else NOTES[1:]), *_credits(usage, total))
    return Bill(tuple(lines), book.name, book.as_of, notes, None if usage.certain else draw)


def _credits(usage: Usage, total: Decimal) -> tuple[str, ...]:
    if usage.credits is None:
        return ()
    usd, until = usage.credits.usd, usage.credits.until
    months = f"pay {rounded(usd / total, Decimal('0.1'))} months of this bill" if total else "have nothing to pay"
    return (f"credits of {dollars(usd)} that end on {until} {months}; they are not taken off the total",)


def compute(deployment: Deployment, book: PriceBook, usage: Usage | None = None) -> Bill:
    """The bill of every stack; ``usage`` by default the deployment's own."""
    use = usage if usage is not None else Usage.model_validate(dict(deployment.usage))
    return bill_of(charges(of_deployment(deployment, use), book), book, use)


def compute_template(
    template: Template,
    region: str,
    book: PriceBook,
    usage: Usage | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Bill:
    """The bill of one template; without ``usage`` what depends on it is shown and not counted.

    Raises :class:`HermesError` for a parameter that the template does not allow.
    """
    use = usage if usage is not None else nothing_given()
    return bill_of(charges(of_template(template, region, use, parameters), book), book, use)
