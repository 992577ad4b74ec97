"""Exports that stay in S3: Amazon Athena runs the statement that DuckDB runs over files.

Athena takes 5.00 USD for each TB that a query reads, 10 MB at least
(https://aws.amazon.com/athena/pricing/; some regions take more).  What a query can read at most is what lies under the
table's location, so its cost is known before it is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hermes_cfn.aws.calls import Calls
from hermes_cfn.bill import exports
from hermes_cfn.bill.exports import Export, Selection, columns, duck, statement
from hermes_cfn.bill.exports.statement import ANSWER, Source
from hermes_cfn.bill.period import after
from hermes_cfn.errors import Finding, HermesError

if TYPE_CHECKING:
    from hermes_cfn.aws.clients import AwsClients

REGION = "us-east-1"
"""Where AWS keeps the definitions of exports, and where most people's tables of them are."""
USD_PER_TB = Decimal("5.00")
TB = Decimal(10**12)
LEAST = 10 * 10**6
"""Bytes that every query is charged for at least."""
PAUSE_S = 1.0
LONGEST_S = 30 * 60
"""Athena itself ends a query after 30 minutes (service quota "DML query timeout")."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalog has it: its columns (name, type), partition keys and place in S3."""

    catalog: str
    database: str
    name: str
    columns: tuple[tuple[str, str], ...]
    partitions: tuple[tuple[str, str], ...]
    location: str

    @property
    def shown(self) -> str:
        return f"{self.catalog}.{self.database}.{self.name}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query can read at most, in bytes, and what that costs in USD; ``limit`` is the workgroup's own, or 0."""

    most: int
    limit: int

    @property
    def usd(self) -> Decimal:
        return cost(self.most)


def cost(scanned: int) -> Decimal:
    """USD for a query that reads so many bytes."""
    return USD_PER_TB * max(scanned, LEAST) / TB


class Athena:
    """The calls of one region; ``pause`` waits between two looks at a query."""

    def __init__(
        self,
        athena: Calls,
        s3: Calls,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._athena = athena
        self._s3 = s3
        self._pause = pause
        self._now = now

    @classmethod
    def of(cls, clients: AwsClients) -> Athena:
        """Through these clients."""
        return cls(clients.calls("athena"), clients.calls("s3"))

    def table(self, name: str) -> Table:
        """A table by ``database.table`` or ``catalog.database.table``.  Raises ``athena-table``, ``aws-refused``."""
        parts = name.split(".")
        if len(parts) not in (2, 3) or not all(parts):
            raise HermesError(
                Finding("athena-table", "--table", f"{name!r} is not DATABASE.TABLE", next="--table DATABASE.TABLE")
            )
        catalog, database, table = parts if len(parts) == 3 else ("AwsDataCatalog", *parts)
        said = self._athena.get_table_metadata(CatalogName=catalog, DatabaseName=database, TableName=table)
        found = said["TableMetadata"]
        return Table(
            catalog,
            database,
            table,
            tuple((column["Name"], column.get("Type", "string")) for column in found.get("Columns", ())),
            tuple((column["Name"], column.get("Type", "string")) for column in found.get("PartitionKeys", ())),
            found.get("Parameters", {}).get("location", ""),
        )

    def estimate(self, table: Table, workgroup: str, chosen: Selection) -> Estimate:
        """What the query can read at most: the table's objects, of a period those in its folders.  Raises ``athena-table`` for a table without a place in S3."""
        place = urlsplit(table.location)
        if place.scheme not in ("s3", "s3a", "s3n") or not place.netloc:
            raise HermesError(
                Finding(
                    "athena-table",
                    table.shown,
                    "the catalog does not say where in S3 it lies, so what a query costs cannot be said",
                    next="a table that the export's own crawler or DDL made",
                )
            )
        objects = self._s3.pages("list_objects_v2", "Contents", Bucket=place.netloc, Prefix=place.path.lstrip("/"))
        said = self._athena.get_work_group(WorkGroup=workgroup)["WorkGroup"].get("Configuration", {})
        keep = folders(table, chosen)
        most = sum(int(one["Size"]) for one in objects if not keep or any(each in one["Key"].lower() for each in keep))
        return Estimate(most, int(said.get("BytesScannedCutoffPerQuery", 0)))

    def ask(self, sql: str, table: Table, workgroup: str) -> tuple[list[tuple[Any, ...]], int]:
        """The statement's answer, typed as DuckDB's, and the bytes read.

        An interruption stops the query.  Raises ``athena-failed``, ``athena-slow``, ``aws-refused``.
        """
        started = self._athena.start_query_execution(
            QueryString=sql,
            WorkGroup=workgroup,
            QueryExecutionContext={"Catalog": table.catalog, "Database": table.database},
        )
        query = started["QueryExecutionId"]
        try:
            execution = self._ended(query)
        except BaseException:
            self._athena.stop_query_execution(QueryExecutionId=query)
            raise
        status = execution["Status"]
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason", status["State"])
            raise HermesError(
                Finding("athena-failed", f"query {query}", str(reason), next="the query in Athena's console")
            )
        rows = list(self._rows(query))
        return rows, int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))

    def _ended(self, query: str) -> dict[str, Any]:
        until = self._now() + LONGEST_S
        while True:
            execution: dict[str, Any] = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            if self._now() > until:
                raise HermesError(Finding("athena-slow", f"query {query}", "has not ended after 30 minutes"))
            self._pause(PAUSE_S)

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Without the heading, which is the first row of the first page."""
        more: dict[str, str] = {}
        first = 1
        while True:
            page = self._athena.get_query_results(QueryExecutionId=query, **more)
            for row in page["ResultSet"]["Rows"][first:]:
                yield typed([cell.get("VarCharValue") for cell in row["Data"]])
            if not page.get("NextToken"):
                return
            more, first = {"NextToken": page["NextToken"]}, 0


def typed(cells: Sequence[str | None]) -> tuple[Any, ...]:
    """A row of texts as the types of :data:`ANSWER`; what is null stays None."""
    made: list[Any] = []
    for name, cell in zip(ANSWER, cells, strict=True):
        if cell is None:
            made.append(None)
        elif name in ("month", "began", "ended"):
            made.append(datetime.fromisoformat(cell))
        elif name in ("whole", "committed"):
            made.append(cell == "true")
        elif name == "count_of_lines":
            made.append(int(cell))
        elif name in ("used", "charged"):
            made.append(Decimal(cell))
        else:
            made.append(cell)
    return tuple(made)


def source(table: Table, chosen: Selection) -> Source:
    """The table as a source of lines.  Raises ``export-unreadable`` where it is no CUR and no FOCUS table."""
    both = (*table.columns, *table.partitions)
    names = tuple(name for name, _ in both)
    of = duck.layout_of(table.shown, names)
    dialect = statement.Athena()
    relation = ".".join(dialect.name(part) for part in (table.database, table.name))
    if table.catalog != "AwsDataCatalog":
        relation = f"{dialect.name(table.catalog)}.{relation}"
    made = Source(
        relation,
        tuple(dialect.name(name) for name in names),
        tuple(kind.lower() for _, kind in both),
        names,
        of,
        columns.roles(of, names),
    )
    return replace(made, where=partitions(table, chosen))


def months(chosen: Selection) -> list[date]:
    """The first days of the months that a selection touches; none where it has no period."""
    if chosen.period is None:
        return []
    found, month = [], chosen.period[0].replace(day=1)
    while month < chosen.period[1]:
        found.append(month)
        month = after(month)
    return found


def partitions(table: Table, chosen: Selection) -> str:
    """The condition that keeps a query to the partitions of a period, where the table has them as AWS makes them."""
    keys = {name.lower(): name for name, _ in table.partitions}
    dialect = statement.Athena()
    touched = months(chosen)
    if touched and "billing_period" in keys:
        words = ", ".join(statement.text(f"{month:%Y-%m}") for month in touched)
        return f"{dialect.name(keys['billing_period'])} IN ({words})"
    if touched and {"year", "month"} <= set(keys):
        year, number = (f"CAST({dialect.name(keys[key])} AS INTEGER)" for key in ("year", "month"))
        return "(" + " OR ".join(f"({year} = {month.year} AND {number} = {month.month})" for month in touched) + ")"
    return ""


def folders(table: Table, chosen: Selection) -> tuple[str, ...]:
    """Parts of the keys of the partitions that :func:`partitions` keeps to, in lower case; none where it keeps to none."""
    if not partitions(table, chosen):
        return ()
    named = [f"billing_period={month:%Y-%m}/" for month in months(chosen)]
    named += [f"year={month:%Y}/month={number}/" for month in months(chosen) for number in (f"{month:%m}", month.month)]
    return tuple(named)


def read(athena: Athena, table: Table, workgroup: str, chosen: Selection) -> tuple[Export, int]:
    """The export in a table, summed by Athena, and the bytes that it read for that."""
    made = source(table, chosen)
    exports.check_tags([made], chosen)
    rows, scanned = athena.ask(statement.summed([made], statement.Athena(), chosen), table, workgroup)

    def locate(role: str, _where: str) -> tuple[str, str]:
        return f"{table.shown}, column {made.names[made.roles[role]]}", "a value"

    return exports.of_rows(columns.title(made.layout, made.names), made.layout, rows, chosen, locate), scanned
