"""Which version of this tool it is, and what its changelog says of the versions before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

TAG = "hermes:version"
"""The stack tag that carries the version which last made or changed the stack."""

PAGE = "CHANGELOG.md"
_HERE = Path(__file__).parent


def version() -> str:
    """Like ``0.1.0``; the same of a checkout that is not installed."""
    try:
        return installed("hermes-cfn")
    except PackageNotFoundError:
        return "0.1.0"


def ordered(text: str) -> tuple[int, ...] | None:
    """A version's numbers, to be compared; None for what is no version (semver.org: major, minor, patch)."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else None


def changelog() -> str:
    """The changelog of this version: in the distribution beside the modules, in a checkout at its top; empty without one."""
    for path in (_HERE / PAGE, _HERE.parent / PAGE):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return ""


def since(text: str, before: str, until: str) -> Iterator[str]:
    """What a changelog says, a line a change, of the versions above ``before`` up to ``until``; each with its version."""
    low, high = ordered(before), ordered(until)
    title = ""
    for part in re.split(r"(?m)^(?=## )", text):
        head = re.match(r"## \[?([^\]\s]+)", part)
        title = head[1] if head else ""
        number = ordered(title)
        if number is None or low is None or high is None or not low < number <= high:
            continue
        for one in re.findall(r"(?ms)^\* (.*?)(?=^\* |^#|\Z)", part):
            yield f"{title}: {' '.join(one.split())}"
