"""``python docs/measured.py``: the ratios of the bill and of the planning half, measured anew, as ``docs/measured.md``.

Runs the measurements that ``make bench`` holds to their limits and writes down what they print; some minutes, on a
machine that has nothing else to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/measured.md"
BENCHES = ("test_bill_bench.py", "test_analysis_bench.py", "test_sizing_bench.py")
HEAD = """# Measured

Ratios within one run on {cores} processors, {day}; `python docs/measured.py` measures them and writes this page, and
`make bench` fails where one is out of its limits.

| what | measured |
| --- | --- |
"""


def told(report: Path) -> Iterator[tuple[str, str]]:
    """(what a test shows, a line that it printed) of every test of a JUnit report."""
    for case in ElementTree.parse(report).iter("testcase"):
        what = case.attrib["name"].removeprefix("test_").replace("_", " ")
        for line in (case.findtext("system-out") or "").splitlines():
            if line.strip() and not line.startswith("---"):
                yield what, line.strip()


def page(lines: Iterator[tuple[str, str]]) -> str:
    rows = "".join(f"| {what} | {line.replace('|', '/')} |\n" for what, line in lines)
    return HEAD.format(cores=os.cpu_count(), day=f"{datetime.now(UTC):%Y-%m-%d}") + rows


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        words = ["-m", "pytest", "-q", "-m", "bench", "-o", "junit_logging=system-out", f"--junitxml={report}"]
        ended = subprocess.run(
            [sys.executable, *words, *(f"tests/bench/{name}" for name in BENCHES)], cwd=ROOT, check=False
        )
        if ended.returncode:
            return ended.returncode
        PAGE.write_text(page(told(report)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
