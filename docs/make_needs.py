"""``docs/needs.md``: what public configurations of other tools ask for, and whether it can be said here.

A row of ``needs.csv`` is a need, in how many of 156 public configuration files it was found (Kamal, Fly.io, Copilot, Compose,
Heroku, App Runner; read in November 2026), the settings (``section.key``) and verbs (``!verb``) that answer it, and what to use
where one of them is not there.  Whether they are there is looked up, not written.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from hermes_cfn.cli import VERBS
from hermes_cfn.config import Settings

HERE = Path(__file__).resolve().parent
PAGE = HERE / "needs.md"
TABLE = HERE / "needs.csv"


@dataclass(frozen=True)
class Need:
    """One row of the table; ``missing`` are the settings and verbs that are not there."""

    number: int
    need: str
    files: int
    where: tuple[str, ...]
    how: str
    instead: str
    missing: tuple[str, ...]

    @property
    def met(self) -> bool:
        return not self.missing


def needs() -> list[Need]:
    """Every row, in the order of the file."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return [_need(row) for row in csv.DictReader(lines)]


def _need(row: dict[str, str]) -> Need:
    where = tuple(row["where"].split())
    missing = tuple(one for one in where if not there(one))
    return Need(int(row["number"]), row["need"], int(row["files"]), where, row["how"], row["instead"], missing)


def there(word: str) -> bool:
    """Whether a verb (``!maintenance``), a section (``routes``) or a setting (``build.target``) is offered."""
    if word.startswith("!"):
        return word[1:] in VERBS
    section, _, key = word.partition(".")
    field = Settings.model_fields.get(section)
    if field is None or not key:
        return field is not None
    models = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
    return any(key in one.model_fields for one in models if issubclass(one, BaseModel))


def page() -> str:
    """The whole page."""
    rows = needs()
    met = [row for row in rows if row.met]
    uses, told = sum(row.files for row in rows), sum(row.files for row in met)
    lines = [
        "# What other tools' users ask for",
        "",
        "Made from `needs.csv` by `docs/make.py`; edit there.",
        "",
        f"156 public configuration files of Kamal, Fly.io, Copilot, Compose, Heroku and App Runner have {len(rows)} needs,"
        f" {uses} times in all. {len(met)} of the needs can be said here, which is {100 * told // uses} % of the times.",
        "",
        "| # | need | files | here | how, or what instead |",
        "|--:|---|--:|---|---|",
    ]
    for row in rows:
        said = ", ".join(f"`{one.lstrip('!')}`" for one in row.where)
        text = "; ".join(part for part in (said, row.how) if part) if row.met else row.instead
        lines.append(f"| {row.number} | {row.need} | {row.files} | {'yes' if row.met else 'no'} | {text} |")
    return "\n".join(lines) + "\n"
