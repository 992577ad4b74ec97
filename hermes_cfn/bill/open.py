"""What a template leaves open: values that nobody knows yet, and what they may be.

A rule that cannot go on without such a value raises :class:`Undecided`; the bill then asks
it again under each possible value.  So an unknown is never read as false, as one or as the
cheaper branch, and all that hangs on one parameter is decided together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hermes_cfn.cfn.values import Unknown

Key = tuple[str, str, str]
"""Stack, kind (``parameter`` or ``export``) and name of what is open."""

Assumed = Mapping[Key, Any]
"""What is taken to be so, for a moment."""

ANOTHER = "another value"
"""Stands for every value that the template compares a parameter with nowhere."""

MOST_OPTIONS = 8
"""Of more possibilities no table is made."""

MOST_WORLDS = 24
"""So many combinations are priced for one resource; beyond it has no price."""

YES_NO = ("true", "false")


@dataclass(frozen=True, slots=True)
class Open(Unknown):
    """A value that may be assumed; ``options`` are all that it can be, empty where nobody can list them."""

    key: Key = ("", "", "")
    options: tuple[Any, ...] = ()


class Undecided(Exception):
    """A rule needs a value that is unknown; ``options`` is what the rule would tell apart."""

    def __init__(self, unknown: Unknown, options: Iterable[Any] = ()) -> None:
        super().__init__(unknown.reason)
        self.reason = unknown.reason
        self.key = unknown.key if isinstance(unknown, Open) else None
        own = unknown.options if isinstance(unknown, Open) else ()
        self.options = own or tuple(options)


class Exports(Mapping[str, Any]):
    """Every export of other stacks: open, unless assumed."""

    def __init__(self, stack: str, assumed: Mapping[str, Any] | None = None) -> None:
        self._stack, self._assumed = stack, assumed or {}

    def __getitem__(self, name: str) -> Any:
        found = self._assumed.get(name)
        return found if found is not None else Open(f"export {name}", (self._stack, "export", name))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._assumed)

    def __len__(self) -> int:
        return len(self._assumed)


def options(name: str, spec: Mapping[str, Any], compared: Mapping[str, tuple[Any, ...]]) -> tuple[Any, ...]:
    """What parameter ``name`` can be: its AllowedValues, or what conditions and maps compare it with and another."""
    allowed = spec.get("AllowedValues")
    if isinstance(allowed, list):
        return tuple(str(one) for one in allowed) if len(allowed) <= MOST_OPTIONS else ()
    found = compared.get(name, ())
    return (*found, ANOTHER) if found and len(found) < MOST_OPTIONS else ()


def compared(*parts: Any) -> dict[str, tuple[Any, ...]]:
    """Parameter -> the constants that Fn::Equals compares it with, anywhere in ``parts``."""
    found: dict[str, dict[str, None]] = {}
    waiting: list[Any] = list(parts)
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            pair = part.get("Fn::Equals")
            if isinstance(pair, list) and len(pair) == 2:
                for one, other in (pair, pair[::-1]):
                    if isinstance(one, Mapping) and set(one) == {"Ref"} and not isinstance(other, Mapping | list):
                        text = str(other).lower() if isinstance(other, bool) else str(other)
                        found.setdefault(str(one["Ref"]), {})[text] = None
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return {name: tuple(values) for name, values in found.items()}


def told(assumed: Assumed) -> str:
    """``parameter Env is prod``: a possibility in words."""
    return ", ".join(f"{kind} {name} is {value}" for (_, kind, name), value in assumed.items())
