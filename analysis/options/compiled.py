"""The bill of a structural variant as arrays: rendered by the stacks, priced by the bill engine's evaluator.

A variant is rendered at three sizes, for its first instance type; another type has the same
charges of other prices, which one more rendering shows, and is rendered at all sizes where it has not.  As every quantity is linear in the number of instances
and in their number times the disk's size, the differences are its factors; a fourth rendering
checks them, and a quantity that is not linear is refused.  The evaluator is
:func:`hermes_cfn.bill.sampled.totals`, which takes arrays of drivers: there is no second
cost formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hermes_cfn import stacks
from hermes_cfn.bill import drivers, sampled
from hermes_cfn.bill.compute import charges
from hermes_cfn.bill.exact import Known, free_of_charge
from hermes_cfn.bill.quantity import Largest, Quantity, Sum, Total
from hermes_cfn.bill.surroundings import of_deployment
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.prices import Basis, Price, PriceBook, Tier

from .variants import Change, changed

Floats = NDArray[np.float64]
COUNT, DISK = "instances", "instances x GiB"


@dataclass(frozen=True, slots=True)
class Compiled:
    """Charges over usage drivers, the number of instances and their disks' GiB.

    ``fleet`` are the positions of what a commitment or spot makes cheaper: the instances' hours.
    """

    change: Change
    known: tuple[Known, ...]
    fleet: tuple[int, ...]
    settings: Settings

    def totals(
        self, count: Floats, disk_gib: Floats, usage: Mapping[str, Any] | None = None, fleet_factor: float = 1.0
    ) -> Floats:
        """USD a month; arrays of one length.  ``usage`` replaces drivers (floats or arrays)."""
        values: dict[str, Any] = {
            name: None if value is None else float(value) for name, value in drivers.exact(self.settings.usage).items()
        }
        values |= dict(usage or {})
        values = drivers.derive(values, float)
        used = {name: value for name, value in values.items() if value is not None}
        values |= {COUNT: count, DISK: count * disk_gib}
        for size in (COUNT, DISK):
            values |= {f"{name} x {size}": value * values[size] for name, value in used.items()}
        known = self.known
        if fleet_factor != 1.0:
            known = tuple(
                (charge, _scaled(price, fleet_factor)) if n in self.fleet else (charge, price)
                for n, (charge, price) in enumerate(known)
            )
        return np.asarray(sampled.totals(known, values, self.settings.usage), dtype=float) + 0.0 * count

    def range_adds(self, count: int, disk_gib: int, drawn: Mapping[str, Any]) -> float:
        """USD a month by which the mean over the ``drawn`` usage (:func:`hermes_cfn.bill.sampled.draws`) exceeds the month
        at the mean of every figure: allowances and tiers bend the bill."""
        size = {COUNT: float(count), DISK: float(count * disk_gib)}

        def whole(given: Mapping[str, Any]) -> dict[str, Any]:
            found = drivers.derive(dict(given), float)
            used = {name: value for name, value in found.items() if value is not None}
            return (
                found
                | size
                | {f"{name} x {key}": value * by for name, value in used.items() for key, by in size.items()}
            )

        usage = self.settings.usage
        values = whole(drawn)
        means = whole({name: None if value is None else float(value) for name, value in drivers.exact(usage).items()})
        moving = {name for name, value in values.items() if isinstance(value, np.ndarray)}
        bent = {price.key for charge, price in self.known if moving & set(charge.quantity.drivers())}
        shared = {free_of_charge(price, charge) for charge, price in self.known if price.key in bent} - {""}
        known = [one for one in self.known if one[1].key in bent or free_of_charge(one[1], one[0]) in shared]
        return float(np.mean(sampled.totals(known, values, usage)) - sampled.totals(known, means, usage))

    def with_inferred(self, factor: float) -> Compiled:
        """The same with every inferred price ``factor`` times as high."""
        made = tuple(
            (charge, _scaled(price, factor)) if price.basis is Basis.INFERRED else (charge, price)
            for charge, price in self.known
        )
        return replace(self, known=made)


def _scaled(price: Price, factor: float) -> Price:
    by = Decimal(repr(factor))
    return replace(price, tiers=tuple(Tier(tier.start, tier.end, tier.price * by) for tier in price.tiers))


def priced(settings: Settings, book: PriceBook) -> tuple[Known, ...]:
    """The charges of ``settings`` with their prices, rendered anew."""
    return charges(of_deployment(stacks.build(settings), settings.usage), book).known


def compile_variant(settings: Settings, change: Change, book: PriceBook, model: Compiled | None = None) -> Compiled:
    """A variant's arrays; ``model`` is the same variant of another instance type, whose factors are taken where they hold.

    Raises :class:`HermesError` code ``choice-impossible`` for a change the configuration refuses and
    ``not-linear`` for a bill that three renderings do not explain.
    """

    def at(count: int, gib: int) -> tuple[Known, ...]:
        size = (("compute.count", count), ("compute.volume_gib", gib))
        return priced(changed(settings, (*change, *size)), book)

    check = at(5, 40)
    if model is not None and (known := _alike(model, check)):
        return Compiled(change, known, model.fleet, changed(settings, change))
    base, more, larger = at(1, 8), at(2, 8), at(1, 9)
    if not len(base) == len(more) == len(larger) == len(check):
        raise _not_linear(change, "the number of charges changes with the number of instances")
    made: list[Known] = []
    for one, two, big, proof in zip(base, more, larger, check, strict=True):
        quantity = _combined(one[0].quantity, two[0].quantity, big[0].quantity)
        if not _agrees(quantity, proof[0].quantity, 5, 40):
            raise _not_linear(change, f"{one[0].stack}.{one[0].logical_id}: {one[0].what}")
        made.append((replace(one[0], quantity=quantity), one[1]))
    fleet = tuple(
        n
        for n, (charge, _) in enumerate(made)
        if charge.resource_type == "AWS::AutoScaling::AutoScalingGroup"
        and charge.usage_type.startswith("BoxUsage")
        and _grows(charge.quantity)
    )
    return Compiled(change, tuple(made), fleet, changed(settings, change))


def _alike(model: Compiled, proof: tuple[Known, ...]) -> tuple[Known, ...]:
    """The charges of another type, one for one the model's with the quantities that those have at this size; nothing
    where one of them is another."""
    if len(model.known) != len(proof):
        return ()
    made = []
    for (charge, _), (there, price) in zip(model.known, proof, strict=True):
        same = (charge.stack, charge.logical_id, charge.resource_type) == (
            there.stack, there.logical_id, there.resource_type,
        )  # fmt: skip
        alike = [type(one) for one in _sums(charge.quantity)] == [type(one) for one in _sums(there.quantity)]
        if not (same and type(charge.quantity) is type(there.quantity) and alike):
            return ()
        if charge.usage_type.partition(":")[0] != there.usage_type.partition(":")[0]:
            return ()
        if _agrees(charge.quantity, there.quantity, 5, 40):
            made.append((replace(there, quantity=charge.quantity), price))
        elif all(map(_by_count_alone, _sums(charge.quantity))) and not isinstance(charge.quantity, Total):
            made.append((replace(there, quantity=_each(there.quantity, 5)), price))
        else:
            return ()
    return tuple(made)


def _by_count_alone(part: Sum) -> bool:
    """Whether it is so much an instance, whatever the disks; CPU credits are, and how much each type says for itself."""
    return not part.constant and all(name == COUNT or name.endswith(f" x {COUNT}") for name, _ in part.terms)


def _each(there: Quantity, count: int) -> Quantity:
    """The quantity of ``count`` instances as so much an instance."""

    def shared(part: Sum) -> Sum:
        terms = [(COUNT, part.constant / count), *((f"{name} x {COUNT}", by / count) for name, by in part.terms)]
        return Sum(Decimal(0), tuple((name, by) for name, by in terms if by))

    if isinstance(there, Largest):
        return Largest(tuple(map(shared, there.parts)))
    if isinstance(there, Sum):
        return shared(there)
    raise TypeError("a total is no quantity of one instance")


def _not_linear(change: Change, what: str) -> HermesError:
    return HermesError(
        Finding("not-linear", str(dict(change)), f"cannot be made an array: {what}", next="price it by itself")
    )


def _grows(quantity: Quantity) -> bool:
    return any(name in (COUNT, DISK) or name.endswith((f" x {COUNT}", f" x {DISK}")) for name in quantity.drivers())


def _combined(base: Quantity, more: Quantity, larger: Quantity) -> Quantity:
    if isinstance(base, Sum) and isinstance(more, Sum) and isinstance(larger, Sum):
        return _linear(base, more, larger)
    if isinstance(base, Largest) and isinstance(more, Largest) and isinstance(larger, Largest):
        return Largest(tuple(_linear(*parts) for parts in zip(base.parts, more.parts, larger.parts, strict=True)))
    if isinstance(base, Total) and isinstance(more, Total) and isinstance(larger, Total):
        parts = []
        for (weight, one), (_, two), (_, big) in zip(base.parts, more.parts, larger.parts, strict=True):
            inner = _combined(one, two, big)
            if isinstance(inner, Total):
                raise TypeError("a total of totals")
            parts.append((weight, inner))
        return Total(tuple(parts))
    raise TypeError("a quantity changes its kind with the number of instances")


def _linear(base: Sum, more: Sum, larger: Sum) -> Sum:
    """``a + b n + d n g`` from the values at (1, 8), (2, 8) and (1, 9)."""
    two, big = dict(more.terms), dict(larger.terms)
    constant, by_count, by_disk = _factors(base.constant, more.constant, larger.constant)
    terms: list[tuple[str, Decimal]] = [(COUNT, by_count), (DISK, by_disk)]
    for name, one in base.terms:
        alone, counted, sized = _factors(one, two.get(name, Decimal(0)), big.get(name, Decimal(0)))
        terms += [(name, alone), (f"{name} x {COUNT}", counted), (f"{name} x {DISK}", sized)]
    return Sum(constant, tuple((name, by) for name, by in terms if by))


def _factors(base: Decimal, more: Decimal, larger: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    by_disk = larger - base
    by_count = more - base - 8 * by_disk
    return base - by_count - 8 * by_disk, by_count, by_disk


def _at(part: Sum, count: int, gib: int) -> Sum:
    constant = part.constant
    terms: dict[str, Decimal] = {}
    sizes = {COUNT: Decimal(count), DISK: Decimal(count * gib)}
    for name, by in part.terms:
        plain, _, size = name.partition(" x ")
        if name in sizes:
            constant += by * sizes[name]
        else:
            terms[plain] = terms.get(plain, Decimal(0)) + by * (sizes[size] if size else 1)
    return Sum(constant, tuple(terms.items()))


def _agrees(quantity: Quantity, proof: Quantity, count: int, gib: int) -> bool:
    pairs = list(zip(_sums(quantity), _sums(proof), strict=True))
    return all(_close(_at(made, count, gib), there) for made, there in pairs)


def _sums(quantity: Quantity) -> list[Sum]:
    if isinstance(quantity, Sum):
        return [quantity]
    if isinstance(quantity, Largest):
        return list(quantity.parts)
    return [part for _, inner in quantity.parts for part in _sums(inner)]


def _near(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= Decimal("1e-9") * max(Decimal(1), abs(one), abs(other))


def _close(one: Sum, other: Sum) -> bool:
    left, right = dict(one.terms), dict(other.terms)
    return _near(one.constant, other.constant) and all(
        _near(left.get(name, Decimal(0)), right.get(name, Decimal(0))) for name in left.keys() | right.keys()
    )
