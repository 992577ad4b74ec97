"""The judge of vulnerabilities sees one, and says what was not looked at."""

import importlib.util
import json
import sys
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
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


ADVISORY = """
id: PYSEC-2023-1
modified: "2024-02-03T00:00:00Z"
affected:
- package: {name: ill, ecosystem: PyPI}
  ranges:
  - {type: GIT, repo: x, events: [{introduced: "0"}]}
  - {type: ECOSYSTEM, events: [{introduced: "2.0"}, {fixed: "2.4"}, {introduced: "3.0"}, {last_affected: "3.2"}]}
  versions: ["1.0rc1"]
"""


@pytest.fixture
def advisories(tmp_path):
    from advisories import Advisories

    where = tmp_path / "vulns/ill/PYSEC-2023-1.yaml"
    where.parent.mkdir(parents=True)
    where.write_text(ADVISORY)
    return Advisories(tmp_path)


@pytest.mark.parametrize(
    ("version", "ill"),
    [("1.0rc1", True), ("1.9", False), ("2.0", True), ("2.3.9", True), ("2.4", False), ("3.0", True), ("3.2", True),
     ("3.2.1", False)],
)  # fmt: skip
def test_a_checkout_says_which_versions_an_advisory_means(advisories, version, ill):
    assert bool(advisories.about("Ill", version)) is ill
    assert not advisories.about("../ill", version)
    assert (advisories.count, advisories.newest) == (1, "2024-02-03")


def test_a_checkout_answers_as_osv_does(advisories):
    from advisories import served

    with served(advisories) as url:
        for version, found in (("2.1", ["PYSEC-2023-1"]), ("2.4", [])):
            asked = json.dumps({"package": {"name": "ill", "ecosystem": "PyPI"}, "version": version}).encode()
            with urllib.request.urlopen(url, data=asked) as answer:
                assert [one["id"] for one in json.load(answer).get("vulns", [])] == found
