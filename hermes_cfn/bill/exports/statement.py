"""The one statement that sums an export, for DuckDB and for Amazon Athena.

What it gives is small whatever the export's size: a row for each month, kind of line, service, usage type,
operation, region, SKU and currency.  Both engines read it as it stands but for three spellings, which are a :class:`Dialect`.
Money that is text is summed in decimals of twelve digits after the point, what is a double already in doubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from hermes_cfn.bill.exports.columns import (
    NULLS,
    Layout,
)

MONEY = "DECIMAL(38, 12)"
TEXT: tuple[str, ...] = (
    *("kind", "correction", "account", "service", "product", "usage_type", "operation", "region", "sku"),
    *("currency", "provider", "commitment_status"),
)
KINDS = ("kind", "correction", "provider", "committed", "commitment_status")
"""From these a line's category is told."""
KEYS = ("month", "whole", *KINDS, "service", "product", "usage_type", "operation", "region", "sku", "currency")
ANSWER = (*KEYS, "used", "charged", "began", "ended", "first_account", "last_account", "count_of_lines", "wrong")
"""The columns of the answer."""
WHOLE_MONTH_DAYS = 28
"""A line this long is a month's charge, not hours of use."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines count: of these accounts, of these tags (values of one key are alternatives), and that begin in a
    period (from, and until without it).  ``rates`` are USD for one unit of a currency."""

    accounts: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    period: tuple[date, date] | None = None
    rates: Mapping[str, Decimal] = field(default_factory=dict)


class Dialect(Protocol):
    """What the two engines spell differently."""

    def name(self, column: str) -> str: ...

    def in_map(self, column: str, key: str) -> str: ...

    def in_json(self, column: str, key: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from: SQL after FROM, the columns' SQL names, their types in lower case and real names."""

    relation: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    names: tuple[str, ...]
    layout: Layout
    roles: Mapping[str, int]
    nulls_read: bool = False
    where: str = ""
    extra: str = ""


class _Standard:
    def name(self, column: str) -> str:
        return '"' + column.replace('"', '""') + '"'


class DuckDb(_Standard):
    """DuckDB's spellings."""

    def in_map(self, column: str, key: str) -> str:
        return f"{column}[{text(key)}]"

    def in_json(self, column: str, key: str) -> str:
        path = '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"CASE WHEN json_valid({column}) THEN json_extract_string({column}, {text(path)}) END"


class Athena(_Standard):
    """Athena's, of engine version 3 (Trino)."""

    def in_map(self, column: str, key: str) -> str:
        return f"element_at({column}, {text(key)})"

    def in_json(self, column: str, key: str) -> str:
        path = '$["' + key.replace("\\", "\\\\").replace('"', '\\"') + '"]'
        return f"json_extract_scalar({column}, {text(path)})"


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def cleaned(said: object) -> str:
    """A text of the answer without blanks around it, and empty where it says that there is nothing."""
    word = str(said or "").strip()
    return "" if word in NULLS else word


def _is_text(kind: str) -> bool:
    return kind.startswith(("varchar", "string", "char"))


def _cell(source: Source, at: int) -> str:
    """A column as it stands, or null where a text means that."""
    column = source.columns[at]
    if source.nulls_read or not _is_text(source.types[at]):
        return column
    words = ", ".join(text(word) for word in ("", *NULLS))
    return f"CASE WHEN TRIM({column}) IN ({words}) THEN NULL ELSE TRIM({column}) END"


def _text(source: Source, role: str) -> str:
    """As it stands: what means nothing is told from the few rows of the answer (:func:`cleaned`)."""
    at = source.roles.get(role)
    if at is None:
        return "CAST(NULL AS VARCHAR)"
    column = source.columns[at]
    return column if _is_text(source.types[at]) else f"CAST({column} AS VARCHAR)"


def _time(source: Source, role: str) -> str:
    """ISO 8601 as exports write it, with T or a space, to the second; they are all in UTC."""
    at = source.roles.get(role)
    if at is None:
        return "CAST(NULL AS TIMESTAMP)"
    cell = _cell(source, at)
    if _is_text(source.types[at]):
        cell = f"REPLACE(SUBSTR({cell}, 1, 19), 'T', ' ')"
        return f"TRY_CAST({cell} AS TIMESTAMP)"
    return f"CAST({cell} AS TIMESTAMP)"


def _number(source: Source, role: str, kind: str) -> str:
    """Text as a number of a kind; what is a number stays as it is."""
    at = source.roles.get(role)
    if at is None:
        return f"CAST(NULL AS {kind})"
    cell = _cell(source, at)
    return f"TRY_CAST({cell} AS {kind})" if _is_text(source.types[at]) else cell


def _committed(source: Source) -> str:
    at = source.roles.get("commitment")
    return "FALSE" if at is None else f"({_cell(source, at)}) IS NOT NULL"


def _wrong(source: Source) -> str:
    """The first role whose cell is there and is no number or time."""
    made = {
        "cost": _number(source, "cost", MONEY),
        "quantity": _number(source, "quantity", "DOUBLE"),
        "began": _time(source, "began"),
        "ended": _time(source, "ended"),
    }
    cases = [
        f"WHEN {_cell(source, source.roles[role])} IS NOT NULL AND {sql} IS NULL THEN {text(role)}"
        for role, sql in made.items()
        if role in source.roles and _is_text(source.types[source.roles[role]])
    ]
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def plain_key(key: str) -> str:
    """A tag's key as legacy Parquet and CUR 2.0 spell it: lower case, and ``_`` for all else."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in key.lower())


def tag(source: Source, dialect: Dialect, key: str) -> str | None:
    """The value of a tag in a line, or None where the export has no such column.

    CUR 2.0 and FOCUS have one column of all tags, a map in Parquet and JSON in CSV, with ``user_`` or ``user:`` before
    the keys; the legacy CUR has a column for each key.
    """
    short = key.removeprefix("user:")
    own = {f"resourcetags/{key}", f"resourcetags/user:{key}", f"resource_tags_{plain_key(key)}"}
    own.add(f"resource_tags_user_{plain_key(short)}")
    for at, name in enumerate(source.names):
        if name in (f"resourceTags/{key}", f"resourceTags/user:{key}") or name.lower() in own:
            return _cell(source, at)
    at = source.roles.get("tags", -1)
    if at < 0:
        return None
    keys = dict.fromkeys((key, f"user:{short}", f"user_{plain_key(short)}", plain_key(key), short))
    find = dialect.in_json if _is_text(source.types[at]) else dialect.in_map
    return f"COALESCE({', '.join(find(source.columns[at], one) for one in keys)})"


def lines(source: Source, dialect: Dialect, chosen: Selection) -> str:
    """The lines of one source in the roles' columns, typed."""
    parts = [f"{_text(source, role)} AS {role}" for role in TEXT]
    parts += [
        f"{_number(source, 'cost', MONEY)} AS amount",
        f"{_number(source, 'quantity', 'DOUBLE')} AS quantity",
        f"{_time(source, 'began')} AS began",
        f"{_time(source, 'ended')} AS ended",
        f"{_time(source, 'period')} AS period",
        f"{_wrong(source)} AS wrong",
        f"{_committed(source)} AS committed",
    ]
    where = [source.where] if source.where else []
    by_key: dict[str, list[str]] = {}
    for key, value in chosen.tags:
        by_key.setdefault(key, []).append(text(value))
    for key, values in by_key.items():
        where.append(f"{tag(source, dialect, key)} IN ({', '.join(values)})")
    if source.extra:
        parts.append(source.extra)
    said = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {', '.join(parts)} FROM {source.relation}{said}"  # noqa: S608 - names and values are quoted


def summed(sources: Sequence[Source], dialect: Dialect, chosen: Selection) -> str:
    """The statement; its answer has the columns :data:`ANSWER`.  It groups by no column that no export here has."""
    every = " UNION ALL ".join(lines(source, dialect, chosen) for source in sources)
    where = []
    if chosen.accounts:
        where.append(f"account IN ({', '.join(text(account) for account in chosen.accounts)})")
    if chosen.period:
        first, last = chosen.period
        where.append(f"COALESCE(began, period) >= CAST('{first} 00:00:00' AS TIMESTAMP)")
        where.append(f"COALESCE(began, period) < CAST('{last} 00:00:00' AS TIMESTAMP)")
    said = f" WHERE ({' AND '.join(where)}) OR wrong IS NOT NULL" if where else ""
    absent = {role for role in KEYS if role in TEXT and not any(role in source.roles for source in sources)}
    kept = ", ".join(key for key in KEYS if key not in absent)
    shown = ", ".join(f"CAST(NULL AS VARCHAR) AS {key}" if key in absent else key for key in KEYS)
    return (
        f"WITH lines AS ({every}), dated AS (SELECT *, COALESCE(period, DATE_TRUNC('month', began)) AS month, "  # noqa: S608 - names and values are quoted
        f"ended >= began + INTERVAL '{WHOLE_MONTH_DAYS}' DAY AS whole FROM lines{said}) "
        f"SELECT {shown}, SUM(quantity) AS used, SUM(amount) AS charged, MIN(began) AS began, "
        "MAX(ended) AS ended, MIN(account) AS first_account, MAX(account) AS last_account, "
        "COUNT(*) AS count_of_lines, MIN(wrong) AS wrong "
        f"FROM dated GROUP BY {kept}"
    )


def added(relation: str) -> str:
    """The statement over a table of answers of :func:`summed`, those of one group as one; its columns are the same."""
    return (
        f"SELECT {', '.join(KEYS)}, SUM(used) AS used, SUM(charged) AS charged, MIN(began) AS began, "  # noqa: S608 - names of our own
        "MAX(ended) AS ended, MIN(first_account) AS first_account, MAX(last_account) AS last_account, "
        f"SUM(count_of_lines) AS count_of_lines, MIN(wrong) AS wrong FROM {relation} GROUP BY {', '.join(KEYS)}"
    )
