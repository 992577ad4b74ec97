"""How CloudFormation refuses a template."""

from __future__ import annotations

from typing import Any

from hermes_cfn.errors import Finding, HermesError


def invalid(message: str, where: str = "template") -> HermesError:
    """The error for a template that CloudFormation would reject, in its own words."""
    return HermesError(Finding("template-invalid", where, message))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a mapping.  Raises :class:`HermesError` for a key that comes twice."""
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(f'Template format error: duplicate key "{twice}" found.')
    return seen
