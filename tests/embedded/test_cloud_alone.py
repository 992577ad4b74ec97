"""The embedded cloud as somebody uses it who has nothing of the product: its command, and its plugin for pytest."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.local import control

ROOT = Path(__file__).parents[2]
OWN = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HERMES_", "PYTEST_"))}


def command(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "hermes_cfn.local", "--state", str(state), *words]
    return subprocess.run(line, capture_output=True, text=True, env={**OWN, "PYTHONPATH": str(ROOT)})


@pytest.fixture
def state(tmp_path: Path):
    yield tmp_path / "state with a space"
    control.reset(tmp_path / "state with a space")


def test_what_it_prints_lets_a_shell_call_it_and_holds_no_secret(state: Path, tmp_path: Path) -> None:
    started = command(state, "start", "--no-processes", "--region", "eu-south-2")
    assert started.returncode == 0, started.stderr
    secret = control.administrator(state).secret
    assert secret not in started.stdout + started.stderr
    asked = 'import boto3; c = boto3.client("sts"); print(c.get_caller_identity()["Account"], c.meta.region_name)'
    foreign = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_PROFILE": "mine"}
    script = f"{started.stdout}\n{sys.executable} -c '{asked}'"
    called = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, env={**OWN, **foreign}, cwd=tmp_path
    )
    assert called.stdout.split() == ["123456789012", "eu-south-2"], called.stderr
    assert stat.S_IMODE((state / "cloud/credentials").stat().st_mode) == 0o600

    assert command(state, "endpoint", "--region", "eu-south-2").stdout == started.stdout
    address = command(state, "endpoint", "--url").stdout.strip()
    assert json.loads(command(state, "status", "--format", "json").stdout)["endpoint"] == address

    assert command(state, "stop").returncode == 0
    assert not (state / "cloud").exists()
    assert command(state, "status").returncode == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("start", "--port", "99999"), 2),
        (("start", "--speed", "0"), 2),
        (("start", "--speed", "nan"), 2),
        (("restart",), 2),
        (("endpoint",), 1),
        (("stop",), 0),
        (("status",), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_and_nothing_that_runs_end_without_a_trace(state: Path, words: tuple[str, ...], code: int) -> None:
    done = command(state, *words)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command(tmp_path / "file/state", "start")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_fixture_gives_a_cloud_that_rolls_back_and_is_reset(tmp_path: Path) -> None:
    file = tmp_path / "test_stranger.py"
    file.write_text((ROOT / "tests/wheel/stranger.py").read_text(encoding="utf-8"))
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "hermes_cfn.local.pytest_plugin",
        "--rootdir",
        str(tmp_path),
        str(file),
    ]
    done = subprocess.run(
        line, capture_output=True, text=True, env={**OWN, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
