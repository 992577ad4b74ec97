"""Files through DuckDB: one pass over all of them, and where a cell is wrong, its file, row and column."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_cfn.bill.exports import columns, statement
from hermes_cfn.bill.exports.columns import NULLS, Layout
from hermes_cfn.bill.exports.files import Part, unreadable
from hermes_cfn.bill.exports.statement import Selection, Source, text
from hermes_cfn.errors import Finding, HermesError

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MB"
"""What DuckDB may take before it puts aside what it holds in a temporary folder."""
SETTINGS = (
    f"SET memory_limit = '{MEMORY}'",
    "SET preserve_insertion_order = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET TimeZone = 'UTC'",
    "SET enable_progress_bar = false",
)
LONGEST = 60
"""Characters of a wrong cell that are shown."""


@contextmanager
def engine(spare: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that loads nothing from the network.  Raises ``duckdb-missing``."""
    try:
        import duckdb
    except ImportError as error:
        raise HermesError(
            Finding(
                "duckdb-missing",
                "cost reconcile",
                "needs DuckDB, which is not installed",
                next="pip install 'hermes-cfn[reconcile]'",
            )
        ) from error
    with duckdb.connect(config={"temp_directory": str(spare / "duckdb")}) as connection:
        for setting in SETTINGS:
            connection.execute(setting)
        yield connection


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what is unpacked and put aside; it goes when the reading ends."""
    with tempfile.TemporaryDirectory(prefix="hermes-reconcile-") as folder:
        yield Path(folder)


def layout_of(shown: str, names: Sequence[str]) -> Layout:
    """What the columns are.  Raises ``export-unreadable`` for another provider's, and for columns that are missing."""
    of = columns.layout(names)
    if of is None:
        provider = columns.foreign(names)
        if provider:
            raise unreadable(shown, f"is an export of {provider}, not of AWS", "a CUR, FOCUS or Cost Explorer export")
        raise unreadable(
            shown,
            "neither a CUR nor a FOCUS nor a Cost Explorer export",
            "export line_item_usage_type and line_item_unblended_cost, or BilledCost and SkuMeter",
            why=f"its columns begin {', '.join(names[:5])}"[:200],
        )
    there = columns.roles(of, names)
    missing = [of.spelled[role] for role in of.needed if role not in there]
    if missing:
        raise unreadable(shown, f"has no column {', '.join(missing)}", f"export {', '.join(missing)}, too")
    return of


def sources(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> list[tuple[Source, list[Part]]]:
    """The parts as sources, those with the same columns together.

    Raises ``export-unreadable``: a part that cannot be read, or parts of two kinds.
    """
    alike: dict[tuple[Any, ...], list[Part]] = {}
    layouts: dict[str, Part] = {}
    for part in parts:
        names, types = _columns(connection, part)
        of = layout_of(part.shown, names)
        layouts.setdefault(of.name, part)
        alike.setdefault((part.kind, part.delimiter, part.packed, names, types), []).append(part)
    if len(layouts) > 1:
        (first, one), (second, other) = list(layouts.items())[:2]
        raise unreadable(
            other.shown,
            f"is {second}, and {one.shown} is {first}",
            "one kind of export at a time",
            why="what both have would be counted twice",
        )
    made = []
    for (kind, delimiter, _, names, types), same in alike.items():
        of = layout_of(same[0].shown, names)
        made.append((_source(kind, delimiter, names, types, of, same), same))
    return made


def _columns(connection: duckdb.DuckDBPyConnection, part: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if part.kind == "csv":
        return part.names, ("varchar",) * len(part.names)
    with damaged(part.shown):
        rows = connection.execute(f"DESCRIBE SELECT * FROM {_parquet([part])}").fetchall()  # noqa: S608 - names and values are quoted
    return tuple(str(row[0]) for row in rows), tuple(str(row[1]).lower() for row in rows)


@contextmanager
def damaged(shown: str) -> Iterator[None]:
    """DuckDB's errors as ``export-unreadable``."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise unreadable(
            shown, "has more different usage types than fit into memory", "--period or --account"
        ) from error
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise unreadable(shown, "is cut off or damaged", "copy it again", why=said) from error


def _source(
    kind: str, delimiter: str, names: tuple[str, ...], types: tuple[str, ...], of: Layout, same: list[Part]
) -> Source:
    roles = columns.roles(of, names)
    if kind == "csv":
        spelled = tuple(f"c{at}" for at in range(len(names)))
        return Source(_csv(same, len(names), delimiter), spelled, types, names, of, roles, nulls_read=True)
    spelled = tuple(statement.DuckDb().name(name) for name in names)
    return Source(_parquet(same), spelled, types, names, of, roles)


def _files(same: Sequence[Part]) -> str:
    return "[" + ", ".join(text(_literal(part.path)) for part in same) + "]"


def _literal(path: Path) -> str:
    """A path that DuckDB does not take for a glob."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def _csv(same: Sequence[Part], width: int, delimiter: str, more: str = "") -> str:
    """Columns by position: names of a legacy CUR may differ in their case alone, which SQL takes for one."""
    spelled = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(width))
    packed = "gzip" if same[0].packed else "none"
    nulls = ", ".join(text(word) for word in ("", *NULLS))
    return (
        f"read_csv({_files(same)}, auto_detect = false, header = true, delim = {text(delimiter)}, quote = '\"', "
        f"escape = '\"', columns = {{{spelled}}}, nullstr = [{nulls}], compression = '{packed}'{more})"
    )


def _parquet(same: Sequence[Part]) -> str:
    return f"read_parquet({_files(same)}, hive_partitioning = false)"


def ask(
    connection: duckdb.DuckDBPyConnection, made: Sequence[tuple[Source, list[Part]]], chosen: Selection
) -> list[tuple[Any, ...]]:
    """The statement's answer over all sources.  Raises ``export-unreadable`` with file and row where a file is broken."""
    import duckdb

    runs = _runs(made)
    asked = [statement.summed(run, statement.DuckDb(), chosen) for run in runs]
    try:
        if len(asked) == 1:
            return connection.execute(asked[0]).fetchall()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE sums AS {asked[0]}")
        for sql in asked[1:]:
            connection.execute(f"INSERT INTO sums {sql}")
        return connection.execute(statement.added("sums")).fetchall()
    except duckdb.InvalidInputException as error:
        _say_broken_row(connection, made)
        raise unreadable(_all(made), "cannot be read", why=str(error).splitlines()[0]) from error
    except duckdb.Error as error:
        for source, same in made:
            for part in same:
                with damaged(part.shown):
                    connection.execute(f"SELECT COUNT(*) FROM {_alone(source, part)}").fetchall()  # noqa: S608 - names and values are quoted
        raise unreadable(_all(made), "cannot be read", why=str(error).splitlines()[0]) from error


def _runs(made: Sequence[tuple[Source, list[Part]]]) -> list[list[Source]]:
    """What is read in one statement: all Parquet, and each CSV file by itself, for while a statement runs DuckDB keeps
    the buffers of every gzipped file that it has begun."""
    together = [source for source, same in made if same[0].kind != "csv"]
    alone = [
        [replace(source, relation=_alone(source, part))]
        for source, same in made
        if same[0].kind == "csv"
        for part in same
    ]
    return [together, *alone] if together else alone


def _all(made: Sequence[tuple[Source, list[Part]]]) -> str:
    shown = [part.shown for _, same in made for part in same]
    return shown[0] if len(shown) == 1 else f"{shown[0]} and {len(shown) - 1} more"


def _alone(source: Source, part: Part, more: str = "") -> str:
    if part.kind == "csv":
        return _csv([part], len(source.names), part.delimiter, more)
    return _parquet([part])


def _say_broken_row(connection: duckdb.DuckDBPyConnection, made: Sequence[tuple[Source, list[Part]]]) -> None:
    """The first row that is no CSV, found by reading again with what is rejected kept."""
    import duckdb

    for source, same in made:
        for part in (one for one in same if one.kind == "csv"):
            again = _alone(source, part, ", store_rejects = true, rejects_limit = 1")
            try:
                connection.execute(f"SELECT COUNT({source.columns[-1]}) FROM {again}").fetchall()  # noqa: S608 - names and values are quoted
                rows = connection.execute(
                    "SELECT line, column_idx, error_type::VARCHAR FROM reject_errors ORDER BY line LIMIT 1"
                ).fetchall()
            except duckdb.Error as error:
                raise unreadable(part.shown, "is cut off or damaged", why=str(error).splitlines()[0]) from error
            for row, column, kind in rows:
                raise HermesError(
                    Finding(
                        "export-row-broken",
                        f"{part.shown}, row {row}, column {column}",
                        f"the row does not fit the header of {len(source.names)} columns",
                        evidence=str(kind).lower(),
                        next="export it again; a spreadsheet that saved it may have cut it",
                    )
                )


def locate(
    connection: duckdb.DuckDBPyConnection, made: Sequence[tuple[Source, list[Part]]], role: str, where: str
) -> tuple[str, str]:
    """File, row and column of the first line that fits a condition, and its cell.  Rows count from the header's 1."""
    for source, same in made:
        at = source.roles[role]
        for part in same:
            alone = replace(source, relation=_alone(source, part), extra=f"{source.columns[at]} AS cell")
            lines = statement.lines(alone, statement.DuckDb(), Selection())
            connection.execute("SET preserve_insertion_order = true")
            first = 2 if part.kind == "csv" else 1
            rows = connection.execute(
                f"SELECT n, cell FROM (SELECT *, row_number() OVER () AS n FROM ({lines})) WHERE {where} LIMIT 1"  # noqa: S608 - names and values are quoted
            ).fetchall()
            if rows:
                row, cell = rows[0]
                return f"{part.shown}, row {row + first - 1}, column {source.names[at]}", str(cell)[:LONGEST]
    return _all(made), ""


def documents(parts: Sequence[Part]) -> list[tuple[str, Any]]:
    """The JSON parts, read.  Raises ``export-unreadable``."""
    import gzip

    read = []
    for part in parts:
        try:
            raw = part.path.read_bytes()
            read.append((part.shown, json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)))
        except (ValueError, OSError, EOFError, RecursionError) as error:
            raise unreadable(part.shown, "is no JSON", "what aws ce get-cost-and-usage prints", str(error)) from error
    return read
