"""Every finding that a plan can carry is explained, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hermes_cfn.checks import forecast
from hermes_cfn.plan import explained

ROOT = Path(__file__).parents[2] / "hermes_cfn"
PLANNED = sorted(
    {
        *(ROOT / "plan").glob("*.py"),
        *(ROOT / f"checks/{check.__module__.rpartition('.')[2]}.py" for check in forecast.CHECKS),
        *(ROOT / f"checks/{name}.py" for name in ("goal", "several", "budget", "access", "versions")),
        *(
            ROOT / f"flows/stacks/{name}.py"
            for name in ("plan_inputs", "orphaned_stacks", "change_set_preview", "drifted")
        ),
        ROOT / "flows/fleet/preconditions.py",
        ROOT / "config/extras.py",
        *(ROOT / f"stacks/{name}.py" for name in ("extras", "extras_python", "grants")),
    }
)
"""Where a plan's findings are made."""

CARRIED = {
    "answer-broken", "aws-refused", "book-missing", "certificate-expires", "certificate-missing", "certificate-name",
    "certificate-not-issued", "certificate-pending", "certificate-region", "clock-off", "credentials-expired", "credentials-invalid",
    "credentials-missing", "early-validation", "group-changed", "image-not-chosen", "image-taken", "image-unknown",
    "permission-denied", "processes-suspended", "region-unknown", "release-record-unreadable", "release-unknown",
    "release-unreadable", "replacement-unplanned", "secret-missing", "service-missing", "throttled",
}  # fmt: skip
"""Codes that a plan carries from what it asks: the account, the registry, releases, the group, the price book, AWS's change set."""


def made(path: Path) -> set[str]:
    """The codes of the findings that a file makes, as far as they are written there."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    found = {call.args[0].value for call in calls if _is_finding(call) and isinstance(call.args[0], ast.Constant)}
    return {str(code) for code in found}


def _is_finding(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "Finding" and bool(call.args)


def test_every_code_of_a_plan_is_explained_and_no_other():
    codes = set().union(*(made(path) for path in PLANNED))
    assert codes | CARRIED == set(explained.table())


def test_the_codes_are_in_their_order_and_every_sentence_is_whole():
    table = explained.table()
    assert list(table) == sorted(table)
    for one in table.values():
        assert one.stops in {"yes", "warning", "info"}
        for sentence in (one.what, one.why, one.out):
            assert sentence.endswith((".", "`.", "?")) and (sentence[0].isupper() or sentence[0] == "`"), sentence


@pytest.mark.parametrize(("words", "code", "said"), [
    (["explain", "name-taken"], 0, "second environment"),
    (["explain"], 0, "vpc-replaced"),
    (["explain", "name-takn"], 2, "name-taken"),
    (["explain", "data-at-risk", "--format", "json"], 0, '"out"'),
])  # fmt: skip
def test_explain_says_what_the_page_says(words, code, said):
    from click.testing import CliRunner

    from hermes_cfn.cli import hermes

    done = CliRunner().invoke(hermes, words)
    assert done.exit_code == code
    assert said in done.output
