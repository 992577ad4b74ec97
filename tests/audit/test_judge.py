"""The judge of vulnerabilities sees one, and says what was not looked at."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("audit_judge", Path(__file__).with_name("judge.py"))
judge = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(judge)

REPORT = {
    "dependencies": [
        {"name": "well", "version": "1", "vulns": []},
        {"name": "ill", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]},
        {"name": "nobody", "skip_reason": "Dependency not found on PyPI"},
    ]
}


def test_a_vulnerability_is_told_and_what_was_not_looked_at_too():
    wrong, unseen = judge.judged(REPORT)
    assert len(wrong) == 1 and wrong[0].startswith("ill 2")
    assert unseen == ["nobody"]


def test_a_waiver_names_the_vulnerability_by_any_of_its_names(monkeypatch):
    for name in ("PYSEC-1", "CVE-1"):
        monkeypatch.setattr(judge, "WAIVED", {name: "a reason"})
        assert judge.judged(REPORT) == ([], ["nobody"])


def test_a_program_without_a_report_is_said_and_fails_nothing(tmp_path, capsys):
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho no way >&2\nexit 1\n")
    program.chmod(0o755)
    assert judge.main(str(program)) == 0
    assert capsys.readouterr().out.count("ATTENTION") == 2
