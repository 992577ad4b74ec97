"""What stands around a rollout: hooks, an alarm, a pause, memory for a migration, static files; one fleet, in order."""

import json
import subprocess
import sys
import time

import pytest

from hermes_cfn.errors import ExitCode
from tests.stories.test_deploy_story import at_rest, group, reports

pytestmark = pytest.mark.long

HOOK = """
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
name = sys.argv[1]
with open(here / "told", "a") as told:
    told.write(json.dumps({"hook": name, **{k: v for k, v in os.environ.items() if k.startswith("HERMES_")}}) + "\\n")
time.sleep(60 if (here / f"{name}-hangs").exists() else 0)
print(f"{name} was here")
sys.exit(3 if (here / f"{name}-fails").exists() else 0)
"""
CONFIGURATION = """
[application]
start_timeout_s = 10
[release]
before_migrate = ["{python}", "{hook}", "before_migrate"]
after_deploy = ["{python}", "{hook}", "after_deploy"]
on_failure = ["{python}", "{hook}", "on_failure"]
hook_timeout_s = 5
[watch]
enabled = true
[edge]
assets = true
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    directory = tmp_path_factory.mktemp("rollout")
    (directory / "hook.py").write_text(HOOK)
    made = new_cloud(directory)
    try:
        made.deploy(CONFIGURATION.format(python=sys.executable, hook=directory / "hook.py"))
        yield made
    finally:
        made.stop()


def told(cloud, name: str) -> list[dict]:
    lines = [json.loads(line) for line in (cloud.directory / "told").read_text().splitlines()]
    return [line for line in lines if line["hook"] == name]


def record(cloud, tag: str) -> dict:
    kept = next(one for one in cloud.json("releases") if one["tag"] == tag)
    return cloud.json(f"releases show {kept['id']}")


def error(cloud, words: str, code: ExitCode) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
        cwd=cloud.directory,
        env=cloud.env,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stderr


def test_hooks_run_with_the_release_in_their_environment_and_what_they_said_is_kept(cloud) -> None:
    cloud.type("local image schema-2 --variable SCHEMA_VERSION=2")
    cloud.type("release --image schema-2 --yes")
    at_rest(cloud, "schema-2")
    kept = record(cloud, "schema-2")
    migration = kept["migration"]
    assert (migration["before"], migration["after"], migration["changed"]) == ("1", "2", True)
    assert migration["before_migrate"]["output"] == "before_migrate was here\n"
    for name in ("before_migrate", "after_deploy"):
        last = told(cloud, name)[-1]
        assert (last["HERMES_RELEASE"], last["HERMES_TAG"]) == (kept["release"]["id"], "schema-2")
        assert last["HERMES_PREVIOUS_RELEASE"].startswith("v1-")
    assert told(cloud, "on_failure") == []


def test_a_backup_that_fails_stops_the_release_before_anything_is_touched(cloud) -> None:
    (cloud.directory / "before_migrate-fails").touch()
    cloud.type("local image v3")
    said = error(cloud, "release --image v3 --yes", ExitCode.FAILED)
    assert "hook-failed" in said
    assert "ended with status 3" in said
    (cloud.directory / "before_migrate-fails").unlink()
    at_rest(cloud, "schema-2")
    assert "migration" not in record(cloud, "v3") or not record(cloud, "v3")["migration"]
    assert told(cloud, "on_failure")[-1]["HERMES_TAG"] == "v3"


def test_a_hook_that_hangs_is_ended_by_its_limit_and_the_release_stands(cloud) -> None:
    (cloud.directory / "after_deploy-hangs").touch()
    said = cloud.type("release --image v3 --yes")
    (cloud.directory / "after_deploy-hangs").unlink()
    assert "did not end within 5 s" in said
    at_rest(cloud, "v3")


def test_a_rollout_is_paused_rests_and_goes_on(cloud) -> None:
    said = cloud.type("release --image v1 --pause-at 1 --yes")
    assert "paused with 1 of 2 instances" in said
    plan = cloud.json("plan --detailed-exitcode", codes=(ExitCode.FAILED,))
    assert plan["release"]["now"].startswith("v1-"), "some instances have it, and a deployment would take it from them"
    left = [finding for finding in plan["findings"] if finding["code"] == "rollout-left"]
    assert [finding["severity"] for finding in left] == ["error"], (
        "nobody takes off without a word what somebody paused"
    )
    for verb in ("deploy --yes", "sleep --yes", "wake --yes"):
        assert "rollout-left" in error(cloud, verb, ExitCode.REFUSED), verb
    plan = cloud.json("plan --image v1 --detailed-exitcode", codes=(ExitCode.CHANGES,))
    assert "rollout-left" not in [finding["code"] for finding in plan["findings"]]
    assert {release.rpartition("-")[0] for release in reports(cloud)} == {"v1", "v3"}
    seen = group(cloud)
    assert seen["SuspendedProcesses"] == []
    assert {member["LifecycleState"] for member in seen["Instances"]} == {"InService"}
    assert not cloud.json("lock show")["held"]
    cloud.type("release --resume --yes")
    at_rest(cloud, "v1")


def test_an_alarm_that_fires_during_a_rollout_brings_the_previous_release_back(cloud) -> None:
    before = len(told(cloud, "on_failure"))
    watch, heard = cloud.client("cloudwatch"), cloud.directory / "heard"
    alarm = watch.describe_alarms(AlarmNamePrefix="hermes-production-")["MetricAlarms"][0]["AlarmName"]
    with heard.open("w") as out:
        run = subprocess.Popen(
            [sys.executable, "-m", "hermes_cfn", "--local", "release", "--image", "v3", "--yes"],
            cwd=cloud.directory,
            env={**cloud.env, "PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    while run.poll() is None:  # CloudWatch takes the state back at its next evaluation
        if "leaves the load balancer" in heard.read_text():
            watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a rehearsal")
        time.sleep(0.2)
    watch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="over")
    said = heard.read_text()
    assert run.returncode == ExitCode.ROLLED_BACK, said
    assert alarm in said
    at_rest(cloud, "v1")
    history = [line["what"] for line in record(cloud, "v3")["history"]]
    assert history[-2:] == ["failed", "rolled back"]
    last = told(cloud, "on_failure")
    assert len(last) == before + 1
    assert alarm in last[-1]["HERMES_FAILURE"]


def test_static_files_go_first_and_old_ones_stay(cloud) -> None:
    files = cloud.directory / "static"
    files.mkdir()
    (files / "app-0a1b2c3d.js").write_text("1")
    (files / "index.html").write_text("<script src=app-0a1b2c3d.js>")
    said = cloud.type("deploy --assets static --yes")
    assert said.index("2 of 2 files") < said.index("==> release")
    (files / "app-0a1b2c3d.js").unlink()
    (files / "app-ffffffff.js").write_text("2")
    (files / "index.html").write_text("<script src=app-ffffffff.js>")
    assert "2 of 2 files" in cloud.type("deploy --assets static --yes")
    s3 = cloud.client("s3")
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "assets" in one["Name"])
    there = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert there == {"app-0a1b2c3d.js", "app-ffffffff.js", "index.html"}
    cached = {key: s3.head_object(Bucket=bucket, Key=key)["CacheControl"] for key in there}
    assert cached["app-ffffffff.js"] == "public, max-age=31536000, immutable"
    assert cached["index.html"] == "public, no-cache"
    at_rest(cloud, "v1")


def test_what_is_not_there_is_named_with_what_is(cloud) -> None:
    said = error(cloud, "release --image nowhere --yes", ExitCode.FAILED)
    assert "image-unknown" in said
    assert "v2" in said and "hermes-cfn --local image push nowhere" in said
    for words in ("rollback --to nowhere --yes", "releases show nowhere"):
        said = error(cloud, words, ExitCode.USAGE)
        assert "release-unknown" in said and "v3-" in said
    at_rest(cloud, "v1")


def test_a_fleet_that_sleeps_is_woken_before_anything_is_released_to_it(cloud) -> None:
    cloud.type("sleep --yes")
    said = error(cloud, "release --image v2 --yes", ExitCode.REFUSED)
    assert "fleet-asleep" in said
    assert "hermes-cfn --local wake" in said
    cloud.type("wake --yes")
    at_rest(cloud, "v1")


def test_going_on_compares_templates_as_a_release_does(cloud) -> None:
    config = cloud.directory / "hermes.toml"
    before = config.read_text()
    cloud.killed_at("release --image v3 --yes", "deploy (")
    config.write_text(before + "[compute]\ncount = 3\n")
    assert "templates-differ" in error(cloud, "release --resume --yes", ExitCode.REFUSED)
    config.write_text(before)
    cloud.type("deploy --resume --yes")
    at_rest(cloud, "v3")


def test_a_migration_that_does_not_fit_beside_the_application_does_not_start(cloud) -> None:
    config = cloud.directory / "hermes.toml"
    before = config.read_text()
    config.write_text(before.replace("[application]\n", "[application]\nmigrate_memory_mib = 786432\n"))
    (now,) = {release.rpartition("-")[0] for release in reports(cloud)}
    cloud.type("local image v4")
    said = error(cloud, "deploy --image v4 --yes", ExitCode.FAILED)
    assert "migration-failed" in said
    assert "MiB are available, and the migration may use 786432" in said
    assert "application.migrate_memory_mib" in said
    at_rest(cloud, now)
    config.write_text(before)
    cloud.type("deploy --image v4 --yes")
    at_rest(cloud, "v4")


def test_a_release_that_migrated_and_is_not_compatible_is_held_and_both_choices_are_said(cloud) -> None:
    cloud.type("local image v5 --variable SCHEMA_VERSION=3 --variable NEVER_BOOTS=yes")
    said = error(cloud, "release --image v5 --incompatible --yes", ExitCode.FAILED)
    assert "release-held" in said
    assert "the healthy instances go on serving" in said
    assert "rollback-schema" in said and "mend and release again" in said and "rollback --to v4-" in said
    seen = group(cloud)
    assert seen["SuspendedProcesses"] == []
    assert sum(member["LifecycleState"] == "InService" for member in seen["Instances"]) >= 1
    cloud.type("local image v6 --variable SCHEMA_VERSION=3")
    cloud.type("release --image v6 --incompatible --yes")
    at_rest(cloud, "v6")
