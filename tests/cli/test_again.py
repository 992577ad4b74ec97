"""The command that is said to come next acts where this one did."""

import subprocess
import sys

import pytest

from hermes_cfn.cli.again import again
from hermes_cfn.errors import Advice, hermes

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


def test_what_a_failed_command_says_next_is_for_its_environment(tmp_path) -> None:
    (tmp_path / "mine.toml").write_text("[environments.staging.compute]\ncount = 1\n[budget]\nceiling_usd = 1\n")
    command = [*(sys.executable, "-m", "hermes_cfn", "-c", "mine.toml"), *("--env", "staging", "deploy")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "next: hermes-cfn --config mine.toml --env staging deploy … --yes" in done.stderr
    told = subprocess.run([*command[:-1], "plan"], cwd=tmp_path, capture_output=True, text=True)
    assert "what is dear: hermes-cfn --config mine.toml --env staging cost" in told.stdout
