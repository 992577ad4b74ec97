"""The command that is said to come next acts where this one did."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import hermes_cfn
from hermes_cfn.cli import console
from hermes_cfn.cli.again import again
from hermes_cfn.errors import Advice, Finding, hermes
from hermes_cfn.events import Noted

STAGING = {"config": "hermes.toml", "environment": "staging", "profile": "it's", "local": True}


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        (hermes("deploy"), "hermes-cfn --env staging --profile 'it'\"'\"'s' --local deploy"),
        (
            hermes("--env", "production", "release"),
            "hermes-cfn --profile 'it'\"'\"'s' --local --env production release",
        ),
        (hermes("--profile", "NAME", "…"), "hermes-cfn --env staging --local --profile NAME …"),
        (hermes("local", "start"), "hermes-cfn local start"),
        (hermes("run", "--", "env"), "hermes-cfn --env staging --profile 'it'\"'\"'s' --local run -- env"),
    ],
)
def test_a_command_that_is_said_has_the_options_of_the_one_that_was_typed(said: Advice, typed: str) -> None:
    assert again("push, then " + said, STAGING) == f"push, then {typed}"
    assert again(said, {"config": "hermes.toml", "environment": None, "profile": None, "local": False}) == str(said)
    assert again("see the hermes-cfn docs", STAGING) == "see the hermes-cfn docs"


def test_an_event_of_json_has_what_comes_next_as_a_sentence() -> None:
    finding = Finding("release-none", "goal", "there is none", next="first " + hermes("deploy"))
    said = console.as_json(Noted(datetime(2026, 11, 23, tzinfo=UTC), finding))
    assert said["finding"] == finding.as_dict() and finding.as_dict()["next"] == "first hermes-cfn deploy"


def commands_in_prose(path: Path) -> Iterator[str]:
    """Sentences for ``next`` that hold a command which no option of the run can reach."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "next":
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and re.search(r"\bhermes-cfn -?-?[a-z]", str(part.value)):
                    yield f"{path}:{part.lineno}: {part.value}"


def test_what_comes_next_holds_its_commands_as_words(tmp_path) -> None:
    (tmp_path / "x.py").write_text("Finding('a', 'b', 'c', next=f'{x}, then hermes-cfn deploy')")
    assert len(list(commands_in_prose(tmp_path / "x.py"))) == 1
    home = Path(hermes_cfn.__file__).parent
    product = [
        path
        for path in home.rglob("*.py")
        if home / "local" not in path.parents and home / "foreign" not in path.parents
    ]
    assert [line for path in product for line in commands_in_prose(path)] == []


def test_what_a_failed_command_says_next_is_for_its_environment(tmp_path) -> None:
    (tmp_path / "mine.toml").write_text("[environments.staging.compute]\ncount = 1\n[budget]\nceiling_usd = 1\n")
    command = [*(sys.executable, "-m", "hermes_cfn", "-c", "mine.toml"), *("--env", "staging", "deploy")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "next: hermes-cfn --config mine.toml --env staging deploy … --yes" in done.stderr
    told = subprocess.run([*command[:-1], "plan"], cwd=tmp_path, capture_output=True, text=True)
    assert "what is dear: hermes-cfn --config mine.toml --env staging cost" in told.stdout
