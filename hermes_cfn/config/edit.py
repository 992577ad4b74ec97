"""Changing a value in ``hermes.toml`` and nothing else: comments, order and spacing stay."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from hermes_cfn.config.spelling import toml
from hermes_cfn.errors import ConfigurationError, Finding

_HEADER = re.compile(r"^\s*\[\s*(?P<path>[^\[\]]+?)\s*\]\s*(#.*)?$")
_VALUE = r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s#\[\{]+)"


def replace(text: str, section: str, key: str, value: Any, name: str = "hermes.toml") -> str:
    """``text`` with ``key`` of ``[section]`` set to ``value``; ``section`` may be dotted.

    A commented-out default is taken as the key's place.  Raises ConfigurationError
    ``configuration-edit`` when the text would mean anything else than what was asked.
    """
    lines = text.splitlines()
    begin, end = _table(lines, section)
    if begin is None:
        changed = [*lines, *([""] if lines else []), f"[{section}]", f"{key} = {toml(value)}"]
    else:
        changed = _within(lines, begin, end, key, value)
    result = "\n".join(changed) + "\n"
    if _parsed(result) != _wanted(_parsed(text), section, key, value):
        raise ConfigurationError(
            Finding(
                "configuration-edit",
                name,
                f"{section}.{key} stands in a form that cannot be edited safely",
                next=f"write {key} = {toml(value)} under [{section}] by hand",
            )
        )
    return result


def _table(lines: list[str], section: str) -> tuple[int | None, int]:
    begin: int | None = None
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header and begin is not None:
            return begin, number
        if header and header["path"].replace(" ", "") == section:
            begin = number
    return begin, len(lines)


def _within(lines: list[str], begin: int, end: int, key: str, value: Any) -> list[str]:
    for pattern in (rf"^\s*{re.escape(key)}\s*=\s*{_VALUE}", rf"^#\s?{re.escape(key)}\s*=\s*{_VALUE}"):
        for number in range(begin + 1, end):
            found = re.match(pattern, lines[number])
            if found:
                rest = lines[number][found.end() :]
                return [*lines[:number], f"{key} = {toml(value)}{rest}", *lines[number + 1 :]]
    return [*lines[: begin + 1], f"{key} = {toml(value)}", *lines[begin + 1 :]]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _wanted(content: dict[str, Any] | None, section: str, key: str, value: Any) -> dict[str, Any] | None:
    if content is None:
        return {}
    table = content
    for part in section.split("."):
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            return {}
        table = inner
    table[key] = value
    return content
