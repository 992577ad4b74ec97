"""cfn-lint by its region, as findings."""

import json
import os
import subprocess
import sys

import pytest

from hermes_cfn import lint
from hermes_cfn.errors import HermesError, Severity

BUDGET = {
    "Resources": {
        "Budget": {
            "Type": "AWS::Budgets::Budget",
            "Properties": {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY"}},
        }
    }
}


def test_a_type_that_the_region_lacks():
    (finding,) = lint.lint_template(BUDGET, "eu-south-2")
    assert (finding.code, finding.severity) == ("E3006", Severity.ERROR)
    assert "Resources.Budget" in finding.where
    assert lint.lint_template(BUDGET, "us-east-1") == []


def test_a_file(tmp_path):
    path = tmp_path / "it.yaml"
    path.write_text("Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {BucketNam: x}\n")
    (finding,) = lint.lint_template(path, "eu-south-2")
    assert finding.code == "E3002"
    assert str(path) in finding.where


def test_a_pipe_is_read_once(tmp_path):
    """As ``validate <(…)`` gives it: whoever reads it again finds nothing in it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "it.json").write_text(json.dumps(BUDGET))
    with subprocess.Popen(["cp", tmp_path / "it.json", pipe]):
        words = [sys.executable, "-m", "hermes_cfn", "validate", "--region", "eu-south-2", str(pipe)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "E3006" in done.stdout + done.stderr


def test_text_that_is_no_template(tmp_path):
    path = tmp_path / "it.json"
    path.write_text("{")
    assert lint.lint_template(path, "eu-south-2")[0].code == "template-invalid"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(HermesError, match="cannot be read"):
        lint.lint_template(tmp_path / "none.json", "eu-south-2")


def test_several_templates_are_told_in_their_order_whether_side_by_side_or_not(monkeypatch):
    jobs = [(BUDGET, "eu-south-2", "a"), ({"Resources": {}}, "eu-south-2", "b"), (BUDGET, "us-east-1", "c"),
            (BUDGET, "eu-south-2", "d")]  # fmt: skip
    together = lint.lint_templates(jobs)
    monkeypatch.setattr(lint.os, "cpu_count", lambda: 1)
    assert lint.lint_templates(jobs) == together
    assert [finding.where.split()[0] for finding in together if finding.code == "E3006"] == ["a", "d"]
