"""In which line of a TOML text a key stands; ``tomllib`` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*(?P<path>(?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*=")


def lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The line, counted from 1, of each table header and key."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header and "=" not in header["path"]:
            table = _split(header["path"])
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            found.setdefault((*table, *_split(key["path"])), number)
    return found


def line_of(where: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> int | None:
    """The line of the key, or of the nearest table around it."""
    while path:
        if path in where:
            return where[path]
        path = path[:-1]
    return None


def syntax_line(error: tomllib.TOMLDecodeError) -> int | None:
    """The line that ``tomllib`` complains about."""
    found = re.search(r"line (\d+)", str(error))
    return int(found[1]) if found else None


def _split(path: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in path.split("."))
