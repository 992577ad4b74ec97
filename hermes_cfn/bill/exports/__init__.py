"""What AWS charged, from the exports that it offers: CUR 2.0 and its predecessor, FOCUS, and Cost Explorer.

``read(paths, selection)`` sums files through DuckDB; ``of_rows`` makes the same of the answer that Amazon Athena gives
to the same statement.  Nothing is kept of single lines, so memory does not grow with the export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from hermes_cfn.bill.exports import columns, duck, explorer, files
from hermes_cfn.bill.exports.columns import NEGATION, OF_USE, Category, Layout
from hermes_cfn.bill.exports.explorer import SERVICES, no_rate
from hermes_cfn.bill.exports.lines import ZERO, Charged, Export, Span, month_of
from hermes_cfn.bill.exports.statement import ANSWER, TEXT, Selection, cleaned, text
from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.pricing.regions import PREFIXES

__all__ = ["ANSWER", "Category", "Charged", "Export", "Selection", "Span", "of_rows", "read", "region_of"]

Locate = Callable[[str, str], tuple[str, str]]
"""A role and an SQL condition -> where its first line is, and that cell."""


def read(given: Sequence[str], chosen: Selection | None = None) -> Export:
    """The exports that paths, folders and globs mean, as one.

    Raises :class:`HermesError` with the file, row and column: ``export-unreadable``, ``export-row-broken``,
    ``export-cell-wrong``, ``export-empty``, ``currency-no-rate``, ``tag-unknown``, ``duckdb-missing``.
    """
    chosen = chosen or Selection()
    with duck.scratch() as spare:
        parts = files.parts(files.found(given), spare)
        documents = [part for part in parts if part.kind == "json"]
        if documents:
            if len(documents) < len(parts):
                other = next(part for part in parts if part.kind != "json")
                raise files.unreadable(
                    other.shown,
                    f"is no JSON, and {documents[0].shown} is",
                    "one kind of export at a time",
                    why="what both have would be counted twice",
                )
            return explorer.read(duck.documents(documents), chosen)
        with duck.engine(spare) as connection:
            made = duck.sources(connection, parts)
            sources = [source for source, _ in made]
            check_tags(sources, chosen)
            rows = duck.ask(connection, made, chosen)
            kind = columns.title(sources[0].layout, sources[0].names)
            return of_rows(
                kind, sources[0].layout, rows, chosen, lambda role, where: duck.locate(connection, made, role, where)
            )


def check_tags(sources: Sequence[Any], chosen: Selection) -> None:
    """Raises ``tag-unknown`` where an export has no column for a tag that was asked for."""
    from hermes_cfn.bill.exports.statement import DuckDb, tag

    for key, _ in chosen.tags:
        for source in sources:
            if tag(source, DuckDb(), key) is None:
                raise HermesError(
                    Finding(
                        "tag-unknown",
                        f"--tag {key}",
                        "the export has no column of this tag",
                        why="AWS exports a tag after it was activated as a cost allocation tag",
                        next="activate it in the billing console, or leave --tag out",
                    )
                )


SUMS = (("cost", "charged", "amount"), ("quantity", "used", "quantity"))
"""What is summed: its role, its sum in the answer, its column in the lines."""


def _endless(amount: Any) -> bool:
    return isinstance(amount, float) and not isfinite(amount)


def of_rows(title: str, layout: Layout, rows: Iterable[Sequence[Any]], chosen: Selection, locate: Locate) -> Export:
    """The statement's answer as charges.  Raises ``export-cell-wrong``, ``export-empty``, ``currency-no-rate``."""
    said = [dict(zip(ANSWER, row, strict=True)) for row in rows]
    for row in said:
        row |= {name: cleaned(row[name]) for name in TEXT if name in row}
        row |= {name: cleaned(row[name]) for name in ("first_account", "last_account")}
        row["service"] = row["service"] or row["product"]
        row["category"] = columns.category(
            layout,
            row["kind"],
            row["usage_type"],
            row["service"],
            row["correction"],
            row["provider"],
            bool(row["committed"]),
            row["commitment_status"],
        )
    wrong = min((row["wrong"] for row in said if row["wrong"]), default="")
    endless = next((role for role, sum_, _ in SUMS if any(_endless(row[sum_]) for row in said)), "")
    if wrong or endless:
        column = {role: name for role, _, name in SUMS}.get(endless, "")
        where, cell = locate(wrong or endless, f"wrong = {text(wrong)}" if wrong else f"NOT isfinite({column})")
        what = "no time" if wrong in ("began", "ended") else "no number"
        raise HermesError(
            Finding(
                "export-cell-wrong",
                where,
                f"{cell!r} is {what}",
                why="nothing of the export was used",
                next="export it again; a spreadsheet that saved it may have changed it",
            )
        )
    for row in said:
        row["charged"] = Decimal(str(row["charged"] or 0))
    if not said:
        after = "other accounts, tags or another period" if chosen != Selection() else "export a period with charges"
        raise HermesError(Finding("export-empty", title, "no line of the export counts", next=after))
    _check_currencies(said, chosen, locate)
    use = _use(said)
    mixed = {month for month, lines in use.items() if len({whole for *_, whole in lines}) > 1}
    charges = tuple(_charged(row, chosen, mixed) for row in said)
    count = sum(int(row["count_of_lines"]) for row in said)
    return Export(title, charges, _spans(use), _notes(said), count)


def _check_currencies(said: Sequence[dict[str, Any]], chosen: Selection, locate: Locate) -> None:
    unknown = sorted({row["currency"] for row in said if row["charged"] and not _rate(row, chosen)})
    if unknown:
        where, _ = locate("currency", f"currency = {text(unknown[0])} AND amount <> 0")
        raise no_rate(where, unknown)


def _rate(row: dict[str, Any], chosen: Selection) -> Decimal | None:
    currency = (row["currency"] or "USD").upper()
    return Decimal(1) if currency == "USD" else chosen.rates.get(currency)


def _charged(row: dict[str, Any], chosen: Selection, mixed: set[date]) -> Charged:
    return Charged(
        SERVICES.get(row["service"], row["service"]),
        row["usage_type"],
        row["operation"],
        row["region"],
        ZERO if row["kind"] == NEGATION else Decimal(str(row["used"] or 0)),
        row["charged"] * (_rate(row, chosen) or 1),
        row["category"],
        row["sku"],
        bool(row["whole"]) and row["month"] is not None and month_of(row["month"]) in mixed,
        int(row["count_of_lines"]),
    )


Use = dict[date, list[tuple[datetime, datetime, bool]]]
"""Month -> of the lines of use that are alike: the first beginning, the last end, and whether each is a whole month."""


def _use(said: Sequence[dict[str, Any]]) -> Use:
    use: Use = {}
    for row in said:
        if row["category"] in OF_USE and row["began"] and row["ended"]:
            month = month_of(row["month"] or row["began"])
            use.setdefault(month, []).append((row["began"], row["ended"], bool(row["whole"])))
    return use


def _spans(use: Use) -> tuple[Span, ...]:
    """For each month the hours from its first to its last use.

    Lines of tax, fees and credits bear a month's dates whatever has passed of it, and so do charges by the month
    among the use; these count only where there is no other.
    """
    spans = []
    for month, lines in sorted(use.items()):
        counted = [line for line in lines if not line[2]] or lines
        begin, end = min(line[0] for line in counted), max(line[1] for line in counted)
        spans.append(Span(month, Decimal(int((end - begin).total_seconds())) / 3600))
    return tuple(spans)


def _notes(said: Sequence[dict[str, Any]]) -> tuple[Finding, ...]:
    firsts = sorted({row["first_account"] for row in said if row["first_account"]})
    lasts = sorted({row["last_account"] for row in said if row["last_account"]})
    notes = []
    if firsts and firsts[0] != lasts[-1]:
        notes.append(
            Finding(
                "export-accounts",
                "accounts",
                f"several accounts are added, from {firsts[0]} to {lasts[-1]}",
                why="the bill is of one deployment",
                next="--account ID counts one account alone, --tag KEY=VALUE what is tagged so",
                severity=Severity.WARNING,
            )
        )
    undated = sum(int(row["count_of_lines"]) for row in said if row["category"] in OF_USE and not row["began"])
    if undated:
        notes.append(
            Finding(
                "export-undated",
                "lines of use",
                f"{undated} have no dates; what they cost counts, the hours are those of the others",
                severity=Severity.WARNING,
            )
        )
    return tuple(notes)


def region_of(usage_type: str) -> str:
    """The region that the prefix of a usage type names; us-east-1 has none."""
    prefix = usage_type.split("-", 1)[0]
    for region, prefixes in PREFIXES.items():
        if prefix in prefixes and prefix and "-" in region:
            return region
    return "us-east-1"
