"""``init``: the file means what was asked, the workflows hold to the rules of a safe pipeline."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from hermes_cfn import config
from hermes_cfn.cli import hermes, main
from hermes_cfn.config import Settings, edit, meanings, starter
from hermes_cfn.errors import ConfigurationError, ExitCode


def init(directory: Path, *words: str) -> Path:
    result = CliRunner().invoke(
        hermes,
        ["-c", str(directory / "hermes.toml"), "init", "--no-prices", "--yes", "--offline", *words],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return directory / "hermes.toml"


def workflows(directory: Path) -> dict[str, dict]:
    init(directory)
    return {path.stem: yaml.safe_load(path.read_text()) for path in (directory / ".github/workflows").iterdir()}


def test_every_key_of_the_configuration_has_its_line():
    empty = Settings()
    told = {(section, key) for section, keys in meanings.KEYS.items() for key in keys}
    there = {
        (section, key)
        for section in meanings.SECTIONS
        if isinstance(getattr(empty, section), BaseModel)
        for key in type(getattr(empty, section)).model_fields
    }
    assert told == there
    assert set(meanings.SECTIONS) == set(Settings.model_fields) - {"siblings"}


@pytest.mark.parametrize("preset", starter.PRESETS)
def test_a_preset_means_its_choices_and_nothing_else(tmp_path, preset):
    path = init(tmp_path, "--preset", preset)
    assert config.load(path).model_dump() == starter.settings(starter.PRESETS[preset].choices).model_dump()


def test_answers_are_in_the_file(tmp_path):
    path = init(tmp_path, "--name", "iris", "--region", "eu-west-1", "--instances", "3", "--type", "t3.small")
    settings = config.load(path)
    assert settings.application.name == "iris"
    assert settings.application.architecture == "x86_64"
    assert settings.network.zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert settings.compute.count == 3


@pytest.mark.parametrize("origin", ["git@github.com:me/iris.git", "https://github.com/me/iris"])
def test_the_repository_is_the_checkouts_own(tmp_path, origin):
    for words in (["init", "-q"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    assert config.load(init(tmp_path)).github.repository == "me/iris"


@pytest.mark.parametrize("switch", starter.SWITCHES, ids=lambda switch: f"{switch.section}.{switch.key}={switch.value}")
def test_every_switch_that_is_priced_is_a_valid_setting(switch):
    settings = starter.settings(switch.choices())
    assert getattr(getattr(settings, switch.section), switch.key) == switch.value


def test_what_is_there_is_not_written_over(tmp_path, capsys):
    path = init(tmp_path)
    path.write_text("# mine\n")
    with pytest.raises(SystemExit) as ended:
        main(["-c", str(path), "init", "--no-prices", "--yes"])
    assert ended.value.code == ExitCode.REFUSED
    assert path.read_text() == "# mine\n"
    assert "--force" in capsys.readouterr().err


def test_actions_are_pinned_by_commit(tmp_path):
    for name in workflows(tmp_path):
        text = (tmp_path / f".github/workflows/{name}.yml").read_text()
        used = re.findall(r"uses: (\S+)(.*)", text)
        assert used
        for action, comment in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), comment


def test_permissions_are_the_least_and_no_key_lives_long(tmp_path):
    for name, workflow in workflows(tmp_path).items():
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            allowed = {"contents": "read", "id-token": "write"}
            if name == "ci":
                allowed["pull-requests"] = "write"
            assert set(job["permissions"].items()) <= set(allowed.items())
        text = (tmp_path / f".github/workflows/{name}.yml").read_text()
        assert "secrets." not in text
        assert "aws-access-key" not in text


def test_deployments_queue_and_a_failed_one_is_resumed(tmp_path):
    cd = workflows(tmp_path)["cd"]
    assert cd["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False}
    assert cd["jobs"]["image"]["runs-on"].endswith("-arm")
    assert cd["jobs"]["infrastructure"]["environment"] == "production-infrastructure"
    assert cd["jobs"]["infrastructure"]["if"] == "needs.plan.outputs.changed == 'true'"
    resuming = [step for step in cd["jobs"]["release"]["steps"] if "--resume" in step.get("run", "")]
    assert resuming and resuming[0]["if"].startswith("always()")


def test_actionlint_finds_nothing(tmp_path):
    workflows(tmp_path)
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [str(tools / "actionlint"), "-no-color", *map(str, (tmp_path / ".github/workflows").iterdir())],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing(tmp_path):
    workflows(tmp_path)
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [str(zizmor), "--offline", "--persona=pedantic", "--no-progress", str(tmp_path / ".github/workflows")],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "GH_TOKEN"},
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[compute]\ncount = 4\n"),
        ("[compute]\ncount = 2 # why\n", "[compute]\ncount = 4 # why\n"),
        ("[compute]\n# count = 2  # default\n", "[compute]\ncount = 4  # default\n"),
        ("[compute]\nvolume_gib = 20\n[edge]\n", "[compute]\ncount = 4\nvolume_gib = 20\n[edge]\n"),
        ("# x\n[edge]\n", "# x\n[edge]\n\n[compute]\ncount = 4\n"),
    ],
)
def test_an_edit_changes_one_value(text, expected):
    assert edit.replace(text, "compute", "count", 4) == expected


def test_an_edit_that_would_mean_something_else_is_refused():
    with pytest.raises(ConfigurationError):
        edit.replace("compute = { count = 2 }\n", "compute", "count", 4)
