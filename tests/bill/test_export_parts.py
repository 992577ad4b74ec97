"""However an export is cut into files, it says the same: each CSV file is summed by itself, and the sums are added."""

import csv
import gzip
import random
from decimal import Decimal

import duckdb
import pytest

from hermes_cfn.bill import exports

HEAD = [
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_usage_account_id",
]
HEAD += ["line_item_usage_type", "line_item_usage_amount", "line_item_currency_code", "line_item_unblended_cost"]


def drawn(draw, count):
    rows = []
    for _ in range(count):
        day, hour = draw.randint(1, 27), draw.randint(0, 22)
        period = f"2026-10-{day:02}T{hour:02}:00:00Z", f"2026-10-{day:02}T{hour + 1:02}:00:00Z"
        kind, account = draw.choice(["Usage", "Usage", "Tax", "Credit"]), draw.choice(["1", "2"]) * 12
        usage_type = draw.choice(["EUS2-NatGateway-Hours", "EUS2-LCUUsage", ""])
        rows.append([kind, *period, account, usage_type, f"{draw.random():.6f}", "USD", f"{draw.random():.12f}"])
    return rows


def written(folder, number, kind, rows):
    plain = folder / f"{number}.csv"
    with plain.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    if kind == "csv.gz":
        (folder / f"{number}.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    if kind == "parquet":
        with duckdb.connect() as connection:
            lines = f"SELECT * FROM read_csv('{plain}', all_varchar = true)"
            connection.execute(f"COPY ({lines}) TO '{folder / f'{number}.parquet'}'")
    if kind != "csv":
        plain.unlink()


def said(folder):
    found = exports.read([str(folder)])
    lines = {(one.category, one.usage_type): (one.cost, round(one.usage, 9)) for one in found.lines}
    return found.count, found.hours, [note.code for note in found.notes], lines


@pytest.mark.parametrize("seed", range(6))
def test_an_export_says_the_same_however_it_is_cut(tmp_path, seed):
    draw = random.Random(seed)
    rows = drawn(draw, 60)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    written(whole, 0, "csv", rows)
    kinds = ["csv", "csv.gz", "parquet"]
    at = 0
    for number in range(draw.randint(2, 5)):
        length = draw.randint(1, 12)
        written(cut, number, draw.choice(kinds), rows[at : at + length])
        at += length
    written(cut, 9, draw.choice(kinds), rows[at:])
    one, many = said(whole), said(cut)
    assert one == many
    assert one[0] == 60 and sum(cost for cost, _ in one[-1].values()) == sum(Decimal(row[-1]) for row in rows)
