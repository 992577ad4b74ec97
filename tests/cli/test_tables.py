"""Tables at the widths of real terminals: no word is broken, so that an ID or a digest can be copied."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_cfn.cli import console

WORD = st.text(alphabet="abcdefghij0123456789-", min_size=1, max_size=24)
CELL = st.lists(WORD, max_size=4).map(" ".join)


def printed(made, width):
    out = io.StringIO()
    console.Plain(file=out, width=width, highlight=False).print(made)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@given(rows=st.lists(st.lists(CELL, min_size=9, max_size=9), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_no_word_is_broken_and_none_is_lost(width, rows):
    columns = ("instance", "zone", "lifecycle", "health", "release", "age", "a b", "", "processes")
    said = printed(console.table("Instances", columns, rows, right=(3,)), width)
    assert max(map(len, said.splitlines())) <= width
    words = said.replace(";", " ").split()
    for row in rows:
        for word in " ".join(row).split():
            assert word in words


def test_what_fits_is_a_table_and_what_does_not_has_its_headings_beside_it():
    columns, rows = ("stack", "what", "USD a month"), [("network", "NAT gateway", "$38.29")]
    assert printed(console.table("", columns, rows, right=(2,)), 60).splitlines()[0].split() == [
        *["stack", "what", "USD", "a", "month"]
    ]
    long = [("a-rather-long-name-of-a-stack", "i-0123456789abcdef0", "$38.29")]
    assert printed(console.table("", columns, long), 50).splitlines() == [
        "a-rather-long-name-of-a-stack  i-0123456789abcdef0",
        "  USD a month $38.29",
    ]
