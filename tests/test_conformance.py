"""The conformance table of ``docs/embedded-cloud.md``: every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent
ROW = re.compile(r"`(?P<file>…|[\w/]+\.py)(?:::(?P<test>test_\w+))?`")


def test_every_test_that_the_conformance_table_names_exists() -> None:
    tests = {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.rglob("test_*.py")}
    rows = [line for line in (ROOT.parent / "docs/embedded-cloud.md").read_text().splitlines() if line.startswith("| ")]
    missing = []
    for line in rows:
        for name, test in ROW.findall(line):
            where = list(tests.values()) if name == "…" else [tests[name]] if name in tests else []
            if not where or (test and not any(f"def {test}(" in text for text in where)):
                missing.append(f"{name}::{test}")
    assert len(rows) > 60
    assert missing == []
