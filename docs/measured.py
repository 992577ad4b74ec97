"""``python docs/measured.py [WORD...]``: what ``make bench`` holds to its limits, measured anew, as ``docs/measured.md``.

Runs those measurements whose file has a WORD in its name (all without one; some minutes, on a machine that has nothing
else to do) and writes down what they print; the others stay as they were measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/measured.md"
BENCHES = {
    "test_bill_bench.py": "The bill",
    "test_analysis_bench.py": "Planning",
    "test_sizing_bench.py": "The model of sizing",
    "test_proxy_bench.py": "The load balancer of the embedded cloud, with clients and applications on the same processors",
    "test_rehearse_bench.py": "A rehearsal",
    "test_distance_bench.py": "The distance of the database",
}
HEAD = """# Measured

Ratios within one run on {cores} processors; `python docs/measured.py` measures them and writes this page, and
`make bench` fails where one is out of its limits.
"""


def told(report: Path) -> Iterator[tuple[str, str]]:
    """(what a test shows, a line that it printed) of every test of a JUnit report."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest's own file
        what = case.attrib["name"].removeprefix("test_").replace("_", " ")
        for line in (case.findtext("system-out") or "").splitlines():
            if line.strip() and not line.startswith("---"):
                yield what, line.strip()


def section(lines: Iterator[tuple[str, str]]) -> str:
    """The day and a table."""
    rows = "".join(f"| {what} | {line.replace('|', '/')} |\n" for what, line in lines)
    return f"{datetime.now(UTC):%Y-%m-%d}\n\n| what | measured |\n| --- | --- |\n{rows}"


def known() -> dict[str, str]:
    """The sections of the page, by title."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.exists() else []
    return {title: text.strip() + "\n" for title, _, text in (part.partition("\n") for part in parts)}


def main(words: Sequence[str]) -> int:
    sections = known()
    for name, title in BENCHES.items():
        if words and not any(word in name for word in words):
            continue
        with tempfile.TemporaryDirectory() as directory:
            report = Path(directory) / "report.xml"
            options = ["-q", "-m", "bench", "-o", "junit_logging=system-out", f"--junitxml={report}"]
            ended = subprocess.run(
                [sys.executable, "-m", "pytest", *options, f"tests/bench/{name}"], cwd=ROOT, check=False
            )
            if ended.returncode:
                return ended.returncode
            sections[title] = section(told(report))
    shown = (f"\n## {title}\n\n{sections[title]}" for title in BENCHES.values() if title in sections)
    PAGE.write_text(HEAD.format(cores=os.cpu_count()) + "".join(shown), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
