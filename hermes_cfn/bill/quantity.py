"""Quantities over named usage drivers: data that the exact and the sampled evaluator share.

A :class:`Sum` is linear, a :class:`Largest` the greatest of its parts (never below zero),
a :class:`Total` adds others up.  A quantity in which a driver has no value is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

ZERO = Decimal(0)

Number = TypeVar("Number")


@dataclass(frozen=True, slots=True)
class Sum:
    """``constant`` plus each driver times its factor."""

    constant: Decimal = ZERO
    terms: tuple[tuple[str, Decimal], ...] = ()

    def drivers(self) -> Iterator[str]:
        return (name for name, _ in self.terms)

    def times(self, factor: Decimal | int) -> Sum:
        return Sum(self.constant * factor, tuple((name, by * factor) for name, by in self.terms))

    def __add__(self, other: Sum) -> Sum:
        terms: dict[str, Decimal] = {}
        for name, by in (*self.terms, *other.terms):
            terms[name] = terms.get(name, ZERO) + by
        return Sum(self.constant + other.constant, tuple(terms.items()))


@dataclass(frozen=True, slots=True)
class Largest:
    """The greatest of ``parts``, and zero if all are below."""

    parts: tuple[Sum, ...]

    def drivers(self) -> Iterator[str]:
        return (name for part in self.parts for name in part.drivers())


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of ``parts``, each times its weight."""

    parts: tuple[tuple[Decimal, Sum | Largest], ...]

    def drivers(self) -> Iterator[str]:
        return (name for _, part in self.parts for name in part.drivers())


Quantity = Sum | Largest | Total


def fixed(number: Decimal | int | str) -> Sum:
    """A quantity that no usage changes."""
    return Sum(Decimal(number))


def per(driver: str, factor: Decimal | int | str = 1) -> Sum:
    """``factor`` for each unit of a driver."""
    return Sum(ZERO, ((driver, Decimal(factor)),))


def missing(quantity: Quantity, values: Mapping[str, object]) -> tuple[str, ...]:
    """Names of the drivers that have no value."""
    return tuple(dict.fromkeys(name for name in quantity.drivers() if values.get(name) is None))


def evaluate(
    quantity: Quantity,
    values: Mapping[str, Number],
    number: Callable[[Decimal], Number],
    greatest: Callable[[Number, Number], Number],
) -> Number:
    """The quantity in whatever numbers ``values`` are made of.

    ``number`` turns a :class:`Decimal` into one, ``greatest`` takes the larger of two.
    """

    def linear(part: Sum) -> Number:
        result = number(part.constant)
        for name, by in part.terms:
            result = result + values[name] * number(by)  # type: ignore[operator]
        return result

    def one(part: Sum | Largest) -> Number:
        if isinstance(part, Sum):
            return linear(part)
        result = number(ZERO)
        for inner in part.parts:
            result = greatest(result, linear(inner))
        return result

    if isinstance(quantity, Total):
        total = number(ZERO)
        for weight, part in quantity.parts:
            total = total + one(part) * number(weight)  # type: ignore[operator]
        return total
    return one(quantity)
