"""A bill from a Deployment or from any template: rules, prices, usage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hermes_cfn.bill import drivers, exact
from hermes_cfn.bill.allowances import ALLOWANCES, NOTES, TRIALS
from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.contract import Class, types, unpriced
from hermes_cfn.bill.lines import Bill, BillLine
from hermes_cfn.bill.open import MOST_WORLDS, Assumed, Key, Undecided
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.rules import RULES, Rule
from hermes_cfn.bill.surroundings import Surroundings, of_deployment, of_templates
from hermes_cfn.cfn.template import Template
from hermes_cfn.clock import SystemClock
from hermes_cfn.config.usage import Usage, nothing_given
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import dollars, rounded

ZERO = Decimal(0)


Alternatives = tuple[tuple[Assumed, Item | None], ...]
"""What a line can be, with what has to be so for it; None where it is not there."""


@dataclass(frozen=True, slots=True)
class Hanging:
    """A line of one resource that hangs on something unknown: each possibility, priced where there is a price."""

    place: tuple[str, str, str, str]
    what: str
    found: tuple[tuple[Assumed, exact.Known | BillLine | None], ...]


@dataclass(frozen=True, slots=True)
class Charges:
    """What rules made of all resources: charges with prices, lines that need none, and lines that are open."""

    known: tuple[exact.Known, ...]
    settled: tuple[BillLine, ...]
    notes: tuple[str, ...] = ()
    hanging: tuple[Hanging, ...] = ()


def charges(around: Surroundings, book: PriceBook) -> Charges:
    """Every resource through its rule, every charge with its price."""
    made: list[Charge] = []
    settled: list[BillLine] = []
    hanging: list[Hanging] = []
    for place in around.placed:
        where = (place.stack, place.resource.logical_id, place.resource.type)
        for what, found in _lines_of(place, around):
            if len(found) > 1:
                hanging.append(_hanging((*where, place.region), what, found, book))
                continue
            item = found[0][1]
            if isinstance(item, Charge):
                made.append(item.of(*where, place.region))
            elif item is not None:
                settled.append(exact.said(item, *where, place.region))
    known, unknown = exact.lookup(made, book)
    settled += [exact.without_price(charge, why) for charge, why in unknown]
    steps = dict.fromkeys(f"inferred: {step}" for _, price in known for step in price.steps)
    notes = (*((book.note,) if book.note else ()), *around.notes, *steps)
    return Charges(tuple(known), tuple(settled), notes, tuple(hanging))


def _hanging(place: tuple[str, str, str, str], what: str, found: Alternatives, book: PriceBook) -> Hanging:
    def priced(item: Item | None) -> exact.Known | BillLine | None:
        if not isinstance(item, Charge):
            return item if item is None else exact.said(item, *place)
        known, unknown = exact.lookup([item.of(*place)], book)
        return known[0] if known else exact.without_price(*unknown[0])

    return Hanging(place, what, tuple((assumed, priced(item)) for assumed, item in found))


def _lines_of(place: Placed, around: Surroundings) -> list[tuple[str, Alternatives]]:
    """What a resource adds: each line with its possibilities, one where nothing unknown matters to it."""
    worlds = _worlds(place, around)
    if len(worlds) == 1:
        return [(item.what, (({}, item),)) for item in worlds[0][1]]
    names: dict[tuple[str, int], None] = {}
    tables: list[tuple[Assumed, dict[tuple[str, int], Item]]] = []
    for assumed, found in worlds:
        table: dict[tuple[str, int], Item] = {}
        counts: Counter[str] = Counter()
        for item in found:
            name = item.usage_type if isinstance(item, Charge) and item.what[:1].isdigit() else item.what
            table[(name, counts[name])] = item
            counts[name] += 1
        names.update(dict.fromkeys(table))
        tables.append((assumed, table))
    made: list[tuple[str, Alternatives]] = []
    for each in names:
        possible = tuple((assumed, table.get(each)) for assumed, table in tables)
        first = next(item for _, item in possible if item is not None)
        costs = any(item is not None and not isinstance(item, Free) for _, item in possible)
        made.append((first.what, _pruned(possible) if costs else (({}, first),)))
    return made


def _pruned(found: Alternatives) -> Alternatives:
    """The possibilities without what makes no difference to this line."""
    for key in {key: None for assumed, _ in found for key in assumed}:
        groups: dict[tuple[tuple[Key, Any], ...], set[Item | None]] = {}
        for assumed, item in found:
            groups.setdefault(tuple((k, v) for k, v in assumed.items() if k != key), set()).add(item)
        if all(len(items) == 1 for items in groups.values()):
            found = tuple((dict(rest), items.pop()) for rest, items in groups.items())
    return found


def _worlds(place: Placed, around: Surroundings) -> list[tuple[Assumed, list[Item]]]:
    """What the rule says in every combination of the unknown values that it asks for."""
    waiting: list[Assumed] = [{}]
    done: list[tuple[Assumed, list[Item]]] = []
    while waiting:
        assumed = waiting.pop(0)
        try:
            done.append((assumed, around.under(assumed, lambda: _items(place, around))))
        except Undecided as open_:
            many = len(done) + len(waiting) + len(open_.options) > MOST_WORLDS
            if open_.key is None or not open_.options or many or open_.key in assumed:
                why = f"it depends on {open_.reason}, which is not known"
                return [({}, [NotPriced("resource", why)])]
            waiting = [{**assumed, open_.key: option} for option in open_.options] + waiting
    return done


def _items(place: Placed, around: Surroundings) -> list[Item]:
    if not around.exists(place):
        return []
    rule = RULES.get(place.resource.type)
    if rule is None:
        return [_without_rule(place, around)]
    return [*_asked(rule, place, around), *unpriced(place)]


def _asked(rule: Rule, place: Placed, around: Surroundings) -> list[Item]:
    """What a rule says; a property that has not the form it must have leaves the resource without a price."""
    try:
        return list(rule(place, around))
    except (AttributeError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        return [NotPriced("resource", f"a property has not the form that its type asks for ({type(error).__name__})")]


CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


def _without_rule(place: Placed, around: Surroundings) -> Item:
    resource_type = place.resource.type
    if resource_type.startswith(CUSTOM):
        return Free("resource", "its function is charged where it is; what that makes is not in the template")
    if resource_type == "AWS::CloudFormation::Stack":
        if place.id in around.nested:
            return Free("nested stack", "its resources are on this bill")
        return NotPriced(
            "nested stack", "its template is no file beside this one: hermes-cfn cost --template with that one"
        )
    if resource_type.startswith("AWS::Serverless::"):
        return NotPriced(
            "resource", "a macro makes other resources of it: with pip install 'hermes-cfn[sam]' they are on this bill"
        )
    stated = types().get(resource_type)
    if stated is None:
        return NotPriced("resource", "no type of AWS's registry: nothing is known of what it costs")
    if stated.cls is Class.FREE:
        return Free("resource", stated.by or f"AWS does not charge for it ({stated.page})")
    if stated.cls is Class.USAGE:
        return NotGiven("use", f"charged by {stated.by or 'use'}, for which [usage] has no figure ({stated.page})")
    return NotPriced("resource", f"{stated.by or 'it costs'}, which is not priced yet ({stated.page})")


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
    meter = exact.Meter(drivers.exact(usage), used, trial)
    priced = [meter.line(charge, price) for charge, price in found.known]
    opened = [_opened(one, meter) for one in found.hanging]
    lines = sorted((*priced, *opened, *found.settled), key=lambda line: (line.stack, line.logical_id, line.what))

    def draw() -> tuple[Decimal, Decimal, Decimal]:
        from hermes_cfn.bill import sampled

        return sampled.range_of(found.known, usage)

    total = sum((line.monthly for line in lines), ZERO)
    notes = (*found.notes, *(NOTES if today <= TRIALS["t4g.small"][2] else NOTES[1:]), *_credits(usage, total))
    return Bill(tuple(lines), book.name, book.as_of, notes, None if usage.certain else draw)


def _opened(hanging: Hanging, meter: exact.Meter) -> BillLine:
    """Each possibility on top of what is certain, without taking anything of the allowances away."""
    found = [
        (assumed, meter.line(*one, keep=False) if isinstance(one, tuple) else one) for assumed, one in hanging.found
    ]
    return exact.open_line(hanging.what, hanging.place, found)


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
    return compute_templates({"template": template}, region, book, usage, parameters)


def compute_templates(
    templates: Mapping[str, Template],
    region: str,
    book: PriceBook,
    usage: Usage | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Bill:
    """One bill of several templates, each a stack by its name: allowances and usage count once for all."""
    use = usage if usage is not None else nothing_given()
    return bill_of(charges(of_templates(templates, region, use, parameters), book), book, use)
