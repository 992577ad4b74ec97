"""Rollouts many times over: nothing is lost, whatever the seed, the strategy, and wherever the deployer dies.

``SOAK_SEEDS`` (20) and ``SOAK_DEPLOYERS`` (50) say how often.
"""

import json
import os
import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.rehearse.faults import ENDS_NOBODY, KILL_EVERYWHERE, KINDS, OUTAGES
from hermes_cfn.rehearse.verdict import AT_GOAL, RESTORED

pytestmark = pytest.mark.soak

SEEDS = os.environ.get("SOAK_SEEDS", "20")
DEPLOYERS = int(os.environ.get("SOAK_DEPLOYERS", "50"))
SINGLE = "compute.count = 1\n"
CANARY = """compute.count = 3
release.canary = 1
release.canary_s = 60
release.canary_requests = 100
env.REQUEST_LOG = "yes"
"""


def rehearse(tmp_path, configuration: str, *options: str):
    config = tmp_path / "hermes.toml"
    config.write_text(configuration)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hermes_cfn", "--config", str(config)),
            *("rehearse", "--format", "json", *options),
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr[-3000:]
    told = json.loads(done.stdout)
    return told if isinstance(told, list) else [told]


@pytest.mark.parametrize(
    "configuration",
    ["", SINGLE + 'release.strategy = "surge"\n', CANARY],
    ids=["two in place", "one with surge", "three with a canary"],
)
def test_no_request_fails_whatever_the_seed(tmp_path, configuration: str) -> None:
    seen = rehearse(tmp_path, configuration, "--rate", "200", "--times", SEEDS)
    assert len(seen) == int(SEEDS)
    assert {one["ends"] for one in seen} == {AT_GOAL}
    assert sum(one["failed"] for one in seen) == 0, [one["failed_by_reason"] for one in seen]
    assert sum(one["reconnected"] for one in seen) > 0


def test_one_instance_in_place_is_away_as_long_as_the_plan_says(tmp_path) -> None:
    """Waits are hurried twice only, so that what is not hurried, starting processes, weighs what it weighs."""
    (seen,) = rehearse(tmp_path, SINGLE, "--rate", "50", "--speed", "2")
    print(f"{seen['interruption_s']:.1f} s without service, {seen['planned_s']:.1f} s planned")
    assert 0.8 < seen["interruption_s"] / seen["planned_s"] < 1.2


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_at_every_moment_ends_well(tmp_path, kind: str) -> None:
    seen = rehearse(tmp_path, "", "--rate", "100", "--fault", f"{kind}@every")
    assert all(one["converged"] and not one["unexcused"] for one in seen), [
        (one["faults"], one["ends"]) for one in seen
    ]
    assert len(seen) == 5
    if kind in ENDS_NOBODY:
        assert sum(one["ended"] for one in seen) == 0
    if kind in OUTAGES:
        assert all(one["back_s"] < one["check_s"] for one in seen)


def test_a_deployer_killed_anywhere_converges_when_it_is_run_again(tmp_path) -> None:
    seen = rehearse(tmp_path, "", "--rate", "60", "--fault", KILL_EVERYWHERE)
    assert len(seen) == seen[0]["steps"] + 1
    assert {one["ends"] for one in seen} == {AT_GOAL}
    assert sum(one["failed"] for one in seen) == 0


def test_a_deployer_that_never_runs_again_leaves_nobody_out(tmp_path) -> None:
    seen = rehearse(tmp_path, "", "--rate", "60", "--fault", "deployer-dies@every", "--never-again")
    assert {one["ends"] for one in seen} == {RESTORED}
    assert sum(one["failed"] for one in seen) == 0


def test_of_two_deployers_one_acts_every_time(tmp_path, made_cloud) -> None:
    cloud = made_cloud
    for number in range(DEPLOYERS):
        tag = "v2" if number % 2 == 0 else "v1"
        command = [sys.executable, "-m", "hermes_cfn", "--local", "release", "--image", tag, "--yes"]
        runs = [
            subprocess.Popen(
                command, cwd=cloud.directory, env=cloud.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        told = [run.communicate(timeout=300) for run in runs]
        codes = sorted(run.returncode for run in runs)
        assert codes == [ExitCode.OK, ExitCode.LOCKED], (number, told)
        loser = next(err for run, (_, err) in zip(runs, told, strict=True) if run.returncode)
        assert f"holds the lock for: release {tag}" in loser
        assert "until" in loser
        print(f"{number + 1} of {DEPLOYERS}: one acts, the other says who does", flush=True)
