"""A whole rehearsal with two instances is a matter of seconds: measured against starting an empty cloud, in one run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

ROOT = Path(__file__).parents[2]
BOUND = 40
"""So many empty clouds could have been started meanwhile; a rehearsal of minutes is far above it."""


@pytest.mark.bench
def test_a_whole_rehearsal_is_a_matter_of_seconds(tmp_path):
    began = time.perf_counter()
    for name in ("one", "two"):
        control.start(tmp_path / name, Options(follow_parent=True, database=True))
        control.stop(tmp_path / name)
    empty = (time.perf_counter() - began) / 2
    (tmp_path / "hermes.toml").write_text("")
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "rehearse", "--format", "json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    whole = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    print(
        f"a whole rehearsal: {whole:.1f} s for {told['duration_s']:.0f} s of service time and {told['sent']} requests; "
        f"an empty cloud starts and stops in {empty:.1f} s ({whole / empty:.0f} times as fast)"
    )
    assert whole < BOUND * empty
