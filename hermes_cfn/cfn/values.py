"""Values of an evaluated template: Unknown, AWS::NoValue, and scalars as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known yet, and why."""

    reason: str


class _NoValue:
    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE: Final = _NoValue()
"""What ``AWS::NoValue`` evaluates to; containers leave it out."""


def text(value: Any) -> str:
    """A scalar as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def has_unknown(value: Any) -> bool:
    """Whether ``value`` is Unknown or holds one."""
    if isinstance(value, Mapping):
        return any(has_unknown(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(inner) for inner in value)
    return isinstance(value, Unknown)
