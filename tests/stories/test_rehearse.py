"""``rehearse`` as a person types it: an update under load, without a fault and with one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hermes_cfn.deciders import certificate
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


def test_an_image_is_rehearsed_certified_and_released_and_no_other(cloud) -> None:
    """``rehearse --image`` writes page and certificate; ``release --require-rehearsal`` takes that image alone."""
    refused = cloud.typed("release --image v2 --require-rehearsal --yes")
    assert refused.returncode == ExitCode.REFUSED and "rehearsal-missing" in refused.stderr
    told = cloud.json("rehearse --image v2 --no-faults --rate 40 --html page.html")
    assert [act["name"] for act in told["acts"]] == ["release", "failing release", "rollback"]
    assert told["good"] and all(act["good"] and act["sent"] > 100 for act in told["acts"])
    assert told["certificate"]["lost"] == 0
    page = (cloud.directory / "page.html").read_text()
    assert page.count("<section") == 3 and "the deployer&#x27;s steps" in page
    (kept,) = (cloud.directory / "rehearsals").glob("*.json")
    assert json.loads(kept.read_text()) == told["certificate"]
    digest = told["certificate"]["digests"][0]
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    kept.write_text(kept.read_text().replace(digest, other))
    changed = cloud.typed("release --image v2 --require-rehearsal --yes")
    assert changed.returncode == ExitCode.REFUSED and "certificate-unreadable" in changed.stderr
    certified = {**told["certificate"], "digests": [other]}
    kept.write_text(json.dumps({**certified, "digest": certificate.digest(certified)}))
    assert "rehearsal-missing" in cloud.typed("release --image v2 --require-rehearsal --yes").stderr
    assert not any(one["tag"] == "v2" for one in cloud.json("releases"))
    kept.write_text(json.dumps(told["certificate"]))
    cloud.type("release --image v2 --require-rehearsal 1d --yes")
    assert any(one["tag"] == "v2" for one in cloud.json("releases"))
