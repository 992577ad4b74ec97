"""``rehearse`` as a person types it: an update under load, without a fault and with one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hermes_cfn.errors import ExitCode

ROOT = Path(__file__).parents[2]


def typed(tmp_path, *options: str):
    (tmp_path / "hermes.toml").write_text("")
    return subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "rehearse", "--format", "json", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_an_update_loses_nothing_and_a_machine_that_ends_meanwhile_little(tmp_path) -> None:
    done = typed(tmp_path, "--rate", "200", "--fault", "deployer-dies@deploying", "--fault", "instance-dies@leaving")
    assert done.returncode == ExitCode.OK, done.stderr[-2000:] + done.stdout[-2000:]
    told = json.loads(done.stdout)
    assert told["sent"] > 1000
    assert told["unexcused"] == 0, told["failed_by_reason"]
    assert told["converged"]
    assert told["reconnected"] > 0
    assert told["runs"] == 2
    assert set(told) >= {"failed", "failed_by_reason", "interruption_s", "duration_s", "lower_bound_s", "seed"}


def test_what_cannot_be_rehearsed_is_named(tmp_path) -> None:
    assert typed(tmp_path, "--fault", "earthquake").returncode == ExitCode.USAGE
    assert typed(tmp_path, "--fault", "zone-gone@tea").returncode == ExitCode.USAGE
    assert typed(tmp_path, "--fault", "kill-everywhere", "--fault", "zone-gone").returncode == ExitCode.USAGE
