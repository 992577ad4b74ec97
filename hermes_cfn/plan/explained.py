"""What each finding of a plan means and how to get out of it: one table, for ``explain`` and ``docs/findings.md``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hermes_cfn.errors import Advice, Command


@dataclass(frozen=True, slots=True)
class Explanation:
    """``stops``: ``yes``, ``warning`` or ``info``, as it usually is.  ``what``, ``why`` and ``out`` are sentences."""

    code: str
    stops: str
    what: str
    why: str
    out: str

    @property
    def advice(self) -> Advice:
        """``out`` without its backticks, each command of it as words."""
        return Advice(tuple(_command(part) if i % 2 else part for i, part in enumerate(self.out.split("`"))))


def _command(code: str) -> str | Command:
    tool, *words = code.split()
    return Command(tuple(words)) if tool == "hermes-cfn" else code


@cache
def table() -> Mapping[str, Explanation]:
    """Code -> explanation, in the order of the codes."""
    text = files("hermes_cfn.plan").joinpath("findings.csv").read_text(encoding="utf-8")
    return {row["code"]: Explanation(**row) for row in csv.DictReader(text.splitlines())}
