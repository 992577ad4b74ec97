"""``docs/measured.py`` writes what the measurements print, one row a line."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("measured", Path(__file__).parents[2] / "docs/measured.py")
measured = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(measured)


def test_each_printed_line_is_a_row(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase name='test_a_b'><system-out>--- Captured Log ---\n--- Captured Out ---\n"
        "bill / render 0.02 (below 0.1)\n\n</system-out></testcase><testcase name='test_c'/></testsuite></testsuites>"
    )
    assert list(measured.told(report)) == [("a b", "bill / render 0.02 (below 0.1)")]
    assert measured.section(measured.told(report)).endswith("| --- | --- |\n| a b | bill / render 0.02 (below 0.1) |\n")


def test_what_is_not_measured_anew_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "PAGE", tmp_path / "measured.md")
    text = "# Measured\n\n## The bill\n\n2026-11-25\n\n| a | 1 |\n\n## A rehearsal\n\n2026-11-26\n\n| b | 2 |\n"
    measured.PAGE.write_text(text)
    assert measured.main(["no such measurement"]) == 0
    assert measured.PAGE.read_text().endswith(text.removeprefix("# Measured\n"))
