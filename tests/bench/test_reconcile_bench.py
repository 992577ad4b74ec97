"""Exports of millions of lines, in ratios of one run: beside plain DuckDB's aggregation, and memory beside lines."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bench

LINES = 2_000_000
MADE = """
SELECT md5(i::VARCHAR) AS identity_line_item_id, 'AWS' AS bill_billing_entity, 'Anniversary' AS bill_bill_type,
  '111111111111' AS bill_payer_account_id, TIMESTAMP '2026-11-01' AS bill_billing_period_start_date,
  TIMESTAMP '2026-12-01' AS bill_billing_period_end_date, (100000000000 + i % 7)::VARCHAR AS line_item_usage_account_id,
  'Usage' AS line_item_line_item_type,
  TIMESTAMP '2026-11-01' + (i * 720 // {lines}) * INTERVAL '1' HOUR AS line_item_usage_start_date,
  TIMESTAMP '2026-11-01' + (1 + i * 720 // {lines}) * INTERVAL '1' HOUR AS line_item_usage_end_date,
  'AmazonEC2' AS line_item_product_code, 'EUS2-BoxUsage:t4g.' || (hash(i) % 15) AS line_item_usage_type,
  'RunInstances' AS line_item_operation, (hash(i) % 1000) / 1000 AS line_item_usage_amount, 'USD' AS line_item_currency_code,
  (hash(i) % 10007) / 1e8 AS line_item_unblended_cost,
  '$0.0184 per On Demand Linux t4g.small Instance Hour' AS line_item_line_item_description,
  'AmazonEC2' AS product_servicecode, 'eu-south-2' AS product_region_code, 'web-' || (i % 9) AS line_item_resource_id
FROM range({lines}) AS t(i)
"""
PLAIN = """
SELECT product_servicecode, line_item_usage_type, line_item_operation, product_region_code, line_item_line_item_type,
  SUM(CAST(line_item_usage_amount AS DOUBLE)), SUM(CAST(line_item_unblended_cost AS DOUBLE))
FROM {relation} GROUP BY ALL
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The same lines as csv.gz and as Parquet."""
    folder = tmp_path_factory.mktemp("exports")
    with duckdb.connect() as connection:
        select = MADE.format(lines=LINES)
        connection.execute(f"COPY ({select}) TO '{folder / 'cur.csv.gz'}' (HEADER, COMPRESSION gzip)")
        connection.execute(f"COPY ({select}) TO '{folder / 'cur.parquet'}'")
    return folder


def spent(program):
    """Seconds of processor time and MiB at most that a program of its own takes, and what it prints last."""
    measured = """
        import json, time
        start = time.process_time()
        {program}
        peak = int(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]) / 1024
        print(json.dumps([time.process_time() - start, peak, said]))
    """
    source = textwrap.dedent(measured).replace("{program}", textwrap.dedent(program).strip())
    ended = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def ours(path):
    return spent(
        f"import duckdb; from hermes_cfn.bill import exports; start = time.process_time(); "
        f"found = exports.read([{str(path)!r}]); said = [found.count, str(found.hours), len(found.lines)]"
    )


def plain(relation):
    return spent(
        "import duckdb; connection = duckdb.connect(); connection.execute('SET enable_progress_bar = false'); "
        "start = time.process_time(); "
        f"said = len(connection.execute({PLAIN.format(relation=relation)!r}).fetchall())"
    )


@pytest.mark.parametrize(
    ("name", "relation", "times"),
    [("cur.csv.gz", "read_csv('{}', all_varchar = true)", 4), ("cur.parquet", "read_parquet('{}')", 3)],
)
def test_two_million_lines_beside_plain_duckdb(made, name, relation, times):
    path = made / name
    took, peak, said = min(ours(path) for _ in range(3))
    beside, _, _ = min(plain(relation.format(path)) for _ in range(3))
    assert said == [LINES, "720", 15]
    print(f"{name}: {LINES:,} lines at {took / beside:.2f} of plain DuckDB (below {times}), {peak:.0f} MiB (below 700)")
    assert took < times * beside
    assert peak < 700


@pytest.mark.parametrize("name", ["cur.csv.gz", "cur.parquet"])
def test_memory_does_not_grow_with_lines(made, name):
    """Ten times the lines, in ten files."""
    many = made / f"ten of {name}"
    many.mkdir()
    for number in range(10):
        (many / f"{number}-{name}").hardlink_to(made / name)
    _, one, _ = ours(made / name)
    _, ten, said = ours(many)
    assert said == [10 * LINES, "720", 15]
    print(f"{name}: {10 * LINES:,} lines in {ten:.0f} MiB, {LINES:,} in {one:.0f} MiB (below 1.5 times)")
    assert ten < 1.5 * one
