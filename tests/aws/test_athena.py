"""The same statement on Amazon Athena: read by sqlglot in both dialects, and the calls against AWS's own shapes.

botocore's Stubber checks each request and answer against the service's model; the answers are as
https://docs.aws.amazon.com/athena/latest/APIReference/ shows them.
"""

from datetime import date
from decimal import Decimal as D

import boto3
import pytest
import sqlglot
from botocore.stub import ANY, Stubber

from hermes_cfn.aws import athena
from hermes_cfn.aws.calls import Calls, ServiceTime
from hermes_cfn.bill.exports import ANSWER, Category, Selection, statement
from hermes_cfn.errors import HermesError

CUR2 = {
    "line_item_line_item_type": "string",
    "line_item_usage_start_date": "timestamp",
    "line_item_usage_end_date": "timestamp",
    "line_item_usage_account_id": "string",
    "line_item_product_code": "string",
    "line_item_usage_type": "string",
    "line_item_operation": "string",
    "line_item_usage_amount": "double",
    "line_item_currency_code": "string",
    "line_item_unblended_cost": "double",
    "product_servicecode": "string",
    "product_region_code": "string",
    "reservation_reservation_a_r_n": "string",
    "resource_tags": "map<string,string>",
}
"""A CUR 2.0 table as the crawler of AWS Data Exports makes it."""
FOCUS = {
    "billedcost": "double",
    "billingcurrency": "string",
    "chargecategory": "string",
    "chargeperiodstart": "timestamp",
    "chargeperiodend": "timestamp",
    "commitmentdiscountid": "string",
    "skumeter": "string",
    "x_servicecode": "string",
    "tags": "map<string,string>",
}
TEXTS = {**dict.fromkeys(CUR2, "string")}
"""A table over CSV: texts alone."""
LEGACY = {**CUR2, "product_region": "string", "resource_tags_user_team": "string"}
TABLES = {"CUR 2.0": CUR2, "FOCUS": FOCUS, "CSV": TEXTS, "legacy": LEGACY}
SELECTIONS = [
    Selection(),
    Selection(
        ("111111111111", "2'2"),
        (("Team", "w'eb"), ('a"b', "c"), ("Team", "db")),
        (date(2026, 10, 1), date(2026, 12, 1)),
    ),
]


def table(named, keys=("billing_period",)):
    return athena.Table(
        "AwsDataCatalog",
        "cur",
        "hermes",
        tuple(named.items()),
        tuple((key, "string") for key in keys),
        "s3://bucket/cur/",
    )


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("chosen", SELECTIONS, ids=["all", "some"])
@pytest.mark.parametrize("keys", [(), ("billing_period",), ("year", "month")])
def test_both_engines_understand_the_statement_as_the_same(kind, chosen, keys):
    """Parsed in each dialect, and what differs once they are told in one is how a tag is looked up."""
    made = athena.source(table(TABLES[kind], keys), chosen)
    told = {}
    for name, dialect in (("athena", statement.Athena()), ("duckdb", statement.DuckDb())):
        (tree,) = sqlglot.parse(statement.summed([made], dialect, chosen), dialect=name)
        assert not list(tree.find_all(sqlglot.exp.Command))
        assert [one.alias_or_name for one in tree.selects] == list(ANSWER)
        for tag in list(tree.find_all(sqlglot.exp.Coalesce)):
            if len(tag.expressions) > 2:
                tag.replace(sqlglot.exp.column("tag"))
        told[name] = tree.sql(dialect="duckdb")
    assert told["athena"] == told["duckdb"]


@pytest.mark.parametrize("keys", [(), ("billing_period",), ("year", "month")])
def test_the_statement_for_athena_sums_what_duckdb_sums(keys):
    """Athena's text, told in DuckDB's words by sqlglot and run there, gives the answer of DuckDB's own."""
    import duckdb

    chosen = Selection(tags=(("Team", "web"),), period=(date(2026, 10, 1), date(2026, 11, 1)))
    made = athena.source(table(CUR2, keys), chosen)
    line = "'Usage', TIMESTAMP '2026-10-01', TIMESTAMP '2026-11-01', '1', 'AmazonEC2', 'EUS2-BoxUsage:t4g.small', 'RunInstances'"
    line += ", 2.0, 'USD', 27.5, 'AmazonEC2', 'eu-south-2', NULL, MAP {'user_team': 'web'}"
    other = line.replace("'web'", "'db'").replace("27.5", "1.0")
    more = {(): "", ("billing_period",): ", '2026-10'", ("year", "month"): ", '2026', '10'"}[keys]
    with duckdb.connect() as connection:
        kinds = {
            "string": "VARCHAR",
            "timestamp": "TIMESTAMP",
            "double": "DOUBLE",
            "map<string,string>": "MAP(VARCHAR, VARCHAR)",
        }
        spelled = ", ".join(
            f'"{name}" {kinds[kind]}' for name, kind in {**CUR2, **dict.fromkeys(keys, "string")}.items()
        )
        connection.execute(f"CREATE SCHEMA cur; CREATE TABLE cur.hermes ({spelled})")
        connection.execute(f"INSERT INTO cur.hermes VALUES ({line}{more}), ({other}{more})")
        (told,) = sqlglot.transpile(statement.summed([made], statement.Athena(), chosen), read="athena", write="duckdb")
        told = told.replace("ELEMENT_AT", "map_extract_value")
        both = [
            connection.execute(sql).fetchall() for sql in (told, statement.summed([made], statement.DuckDb(), chosen))
        ]
    assert both[0] == both[1]
    (row,) = both[0]
    assert dict(zip(ANSWER, row, strict=True))["charged"] == 27.5


def doors(pauses):
    time = ServiceTime()
    clients = {
        name: boto3.client(name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        for name in ("athena", "s3")
    }
    stubs = {name: Stubber(client) for name, client in clients.items()}
    for stub in stubs.values():
        stub.activate()
    calls = {name: Calls(client, name, time) for name, client in clients.items()}
    clock = iter(range(0, 10**6, 400))
    return athena.Athena(calls["athena"], calls["s3"], pauses.append, lambda: float(next(clock))), stubs


def metadata(stubs, named, parameters):
    answer = {
        "TableMetadata": {
            "Name": "hermes",
            "TableType": "EXTERNAL_TABLE",
            "Columns": [{"Name": name, "Type": kind} for name, kind in named.items()],
            "PartitionKeys": [{"Name": "billing_period", "Type": "string"}],
            "Parameters": parameters,
        }
    }
    asked = {"CatalogName": "AwsDataCatalog", "DatabaseName": "cur", "TableName": "hermes"}
    stubs["athena"].add_response("get_table_metadata", answer, asked)


def ended(state, **more):
    return {
        "QueryExecution": {
            "QueryExecutionId": "q-1",
            "Status": {"State": state, **more},
            "Statistics": {"DataScannedInBytes": 5 * 10**9},
        }
    }


def answer(**cells):
    row = {
        **dict.fromkeys(ANSWER),
        "month": "2026-10-01 00:00:00.000",
        "whole": "true",
        "kind": "Usage",
        "committed": "false",
    }
    row |= {"service": "AmazonEC2", "usage_type": "EUS2-BoxUsage:t4g.small", "region": "eu-south-2", "currency": "USD"}
    row |= {
        "used": "1488.0",
        "charged": "2.73792E1",
        "began": "2026-10-01 00:00:00.000",
        "ended": "2026-11-01 00:00:00.000",
    }
    row |= {"first_account": "1", "last_account": "1", "count_of_lines": "744", **cells}
    return {"Data": [{} if row[name] is None else {"VarCharValue": row[name]} for name in ANSWER]}


HEADING = {"Data": [{"VarCharValue": name} for name in ANSWER]}


def test_a_table_is_found_measured_asked_and_read_page_by_page():
    pauses = []
    door, stubs = doors(pauses)
    metadata(stubs, CUR2, {"location": "s3://exports/cur/data"})
    objects = [
        {"Key": "cur/data/BILLING_PERIOD=2026-10/a.parquet", "Size": 3 * 10**11},
        {"Key": "cur/data/BILLING_PERIOD=2026-09/a.parquet", "Size": 7 * 10**11},
    ]
    for _ in range(2):
        stubs["s3"].add_response(
            "list_objects_v2", {"Contents": objects, "IsTruncated": False}, {"Bucket": "exports", "Prefix": "cur/data"}
        )
        group = {"WorkGroup": {"Name": "billing", "Configuration": {"BytesScannedCutoffPerQuery": 10**12}}}
        stubs["athena"].add_response("get_work_group", group, {"WorkGroup": "billing"})
    october = Selection(period=(date(2026, 10, 1), date(2026, 11, 1)))
    found = door.table("cur.hermes")
    assert (door.estimate(found, "billing", Selection()).usd, door.estimate(found, "billing", october).usd) == (
        5,
        D("1.5"),
    )

    started = {
        "QueryString": ANY,
        "ClientRequestToken": ANY,
        "WorkGroup": "billing",
        "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": "cur"},
    }
    stubs["athena"].add_response("start_query_execution", {"QueryExecutionId": "q-1"}, started)
    for state in ("QUEUED", "RUNNING", "SUCCEEDED"):
        stubs["athena"].add_response("get_query_execution", ended(state), {"QueryExecutionId": "q-1"})
    pages = [
        ({"ResultSet": {"Rows": [HEADING, answer()]}, "NextToken": "t"}, {"QueryExecutionId": "q-1"}),
        ({"ResultSet": {"Rows": [answer(kind="Tax", charged="1.0", began=None, ended=None)]}}, {"QueryExecutionId": "q-1", "NextToken": "t"}),
    ]  # fmt: skip
    for page, asked in pages:
        stubs["athena"].add_response("get_query_results", page, asked)
    export, scanned = athena.read(door, found, "billing", october)
    assert (export.kind, export.hours, export.count, scanned) == ("CUR 2.0", 744, 1488, 5 * 10**9)
    assert {one.category: one.cost for one in export.lines} == {Category.USAGE: D("27.3792"), Category.TAX: 1}
    assert len(pauses) == 2
    for stub in stubs.values():
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("states", "code"),
    [(["FAILED"], "athena-failed"), (["CANCELLED"], "athena-failed"), (["RUNNING"] * 5, "athena-slow")],
)
def test_a_query_that_does_not_succeed_is_told_and_one_that_is_left_is_stopped(states, code):
    door, stubs = doors([])
    stubs["athena"].add_response("start_query_execution", {"QueryExecutionId": "q-1"})
    for state in states:
        more = {} if state == "RUNNING" else {"StateChangeReason": "Query exhausted resources"}
        stubs["athena"].add_response("get_query_execution", ended(state, **more), {"QueryExecutionId": "q-1"})
    if code == "athena-slow":
        stubs["athena"].add_response("stop_query_execution", {}, {"QueryExecutionId": "q-1"})
    with pytest.raises(HermesError) as caught:
        athena.read(door, table(CUR2), "billing", Selection())
    assert caught.value.findings[0].code == code
    stubs["athena"].assert_no_pending_responses()


def test_tables_that_cannot_be_asked_are_refused_before_anything_costs():
    door, stubs = doors([])
    for name in ("hermes", "a..b", "a.b.c.d", ""):
        with pytest.raises(HermesError) as caught:
            door.table(name)
        assert caught.value.findings[0].code == "athena-table"
    metadata(stubs, CUR2, {})
    with pytest.raises(HermesError) as caught:
        door.estimate(door.table("cur.hermes"), "billing", Selection())
    assert caught.value.findings[0].code == "athena-table"
    with pytest.raises(HermesError) as caught:
        athena.source(table({"a": "string"}), Selection())
    assert caught.value.findings[0].code == "export-unreadable"
    stubs["athena"].add_client_error("get_table_metadata", "MetadataException", "Entity Not Found")
    with pytest.raises(HermesError) as caught:
        door.table("cur.none")
    assert caught.value.findings[0].code == "aws-refused"


def test_a_query_costs_at_least_ten_megabytes():
    assert (athena.cost(0), athena.cost(10**7), athena.cost(2 * 10**12)) == (D("0.00005"), D("0.00005"), 10)


def test_partitions_and_folders_are_those_of_the_period():
    chosen = Selection(period=(date(2026, 12, 15), date(2027, 1, 2)))
    assert athena.partitions(table(CUR2), chosen) == "\"billing_period\" IN ('2026-12', '2027-01')"
    assert "= 2027 AND" in athena.partitions(table(LEGACY, ("year", "month")), chosen)
    assert athena.partitions(table(CUR2, ()), chosen) == "" and athena.folders(table(CUR2, ()), chosen) == ()
    assert "year=2027/month=1/" in athena.folders(table(LEGACY, ("year", "month")), chosen)
    assert athena.partitions(table(CUR2), Selection()) == ""
