"""The small verbs of the years after, typed by an operator whom the embedded cloud lets do no more than the role allows."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.flows.base.whoami import NEEDS
from hermes_cfn.local import control
from hermes_cfn.local.options import Options

pytestmark = pytest.mark.long

SECRET = "a-value-that-must-not-show-1234567890"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("operator"))
    try:
        made.deploy("", Options(follow_parent=True, enforce=True))
        made.sign_in("operator")
        yield made
    finally:
        made.stop()


def typed(cloud, words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
        cwd=cloud.directory,
        env=cloud.env,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )


def versions(cloud) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["version"], one["released"]) for one in cloud.json("secrets list")}


def wrong(cloud) -> str:
    """The database's URL with another password."""
    return re.sub(r":[^:@/]*@", f":{SECRET}@", control.database(cloud.state))


def test_status_is_one_screen_with_everything(cloud):
    said = cloud.type("status")
    for word in ("release ", "goal ", "instances ", "load balancer", "alarms", "certificate", "days left", "lock"):
        assert word in said
    for word in ("this month", "Stacks", "drift", "Instances", "zone", "health", "age", "Last rollouts", " stable: 2"):
        assert word in said
    assert "2 healthy" in said and "none are set; watch.enabled" in said and len(said.splitlines()) < 40


def test_status_is_watched_until_interrupted(cloud):
    words = [sys.executable, "-m", "hermes_cfn", "--local", "status", "--watch", "--every", "0.1", "--no-bill"]
    process = subprocess.Popen(
        words, cwd=cloud.directory, env=cloud.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    screens = 0
    for line in iter(process.stdout.readline, ""):
        screens += line.startswith("production · account")
        if screens == 2:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, said
    assert "Traceback" not in said


def test_whoami_knows_the_role_and_what_it_may(cloud):
    who = cloud.json("whoami")
    assert who["role"] == "operator"
    denied = {verb for verb, may in who["may"].items() if not may}
    assert denied == {"image push", "release", "rollback", "deploy", "secrets restore", "bootstrap"}
    cloud.type("plan")
    cloud.sign_in("")
    try:
        assert cloud.json("whoami")["may"] == dict.fromkeys(NEEDS, True)
    finally:
        cloud.sign_in("operator")


def test_an_operator_finds_nothing_wrong(cloud):
    found = cloud.json("doctor --drift", codes=(0, 1))
    expected = {"placeholder", "tool-missing", "database-unverified"}
    assert [one for one in found if one["code"] not in expected] == []


def test_logs_by_time_instance_and_pattern(cloud):
    every = [json.loads(line) for line in cloud.type("logs --since 1d --format json").splitlines()]
    ids = cloud.json("outputs")["instance_ids"]
    assert {line["stream"].partition("/")[0] for line in every} == set(ids)
    assert all(line["at"].endswith("+00:00") for line in every)
    one = [json.loads(x) for x in cloud.type(f"logs --since 1d --instance {ids[0]} --format json").splitlines()]
    assert one and {line["stream"].partition("/")[0] for line in one} == {ids[0]}
    found = cloud.type("logs --since 1d --filter schema_version").splitlines()
    assert found and all("schema_version" in line for line in found)
    assert cloud.type("logs --since 2999-01-01T00:00:00Z") == ""


def test_logs_follow_what_comes(cloud):
    words = [sys.executable, "-m", "hermes_cfn", "--local", "logs", "--follow", "--since", "1d"]
    process = subprocess.Popen(
        words, cwd=cloud.directory, env=cloud.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline()
        ids = cloud.json("outputs")["instance_ids"]
        now = round(time.time() * 1000)
        cloud.client("logs").put_log_events(
            logGroupName="/aws/ec2/production/hermes",
            logStreamName=f"{ids[0]}/app",
            logEvents=[{"timestamp": now, "message": "just now"}],
        )
        assert any("just now" in line for line in iter(process.stdout.readline, ""))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED


def test_run_gives_back_the_output_and_the_failure(cloud):
    assert cloud.type(["run", "--", "echo", "it's here"]) == "it's here\n"
    assert cloud.type(["run", "--all", "--host", "--", "echo $((2 * 4321))"]).count("8642") == 2
    assert cloud.type(["run", "--host", "--", "echo one"]) == "one\n"
    failed = typed(cloud, "run -- false")
    assert failed.returncode == ExitCode.FAILED and "command-failed" in failed.stderr


def test_a_bad_database_url_is_found_before_it_is_written(cloud):
    before = versions(cloud)["DATABASE_URL"]
    done = typed(cloud, "secrets set DATABASE_URL", wrong(cloud))
    assert done.returncode == ExitCode.FAILED
    assert "database-login" in done.stderr and "nothing was written, and nothing restarts" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert versions(cloud)["DATABASE_URL"] == before
    unreachable = typed(cloud, "secrets set DATABASE_URL", "ecto://a:b@no.such.invalid/x")
    assert "database-name" in unreachable.stderr
    described = cloud.client("ssm").describe_parameters()["Parameters"]
    assert not [one["Name"] for one in described if "candidate" in one["Name"]]


def test_a_good_database_url_is_tried_and_waits_for_a_release(cloud, tmp_path):
    (tmp_path / "url").write_text(control.database(cloud.state) + "\n")
    said = cloud.type(["secrets", "set", "DATABASE_URL", "--file", str(tmp_path / "url")])
    assert re.search(
        r"version 2; tried from i-\w+, name, TCP, TLS and login are well; used from the next release", said
    )
    assert versions(cloud)["DATABASE_URL"] == (2, 1)
    shown = cloud.type("secrets list DATABASE_URL")
    assert shown.count("ana") == 1 and shown.count("administrator") == 1 and "in use" in shown
    assert "hermes:" not in shown


def test_only_who_may_read_a_secret_restores_one(cloud):
    refused = typed(cloud, "secrets restore DATABASE_URL --version 1")
    assert refused.returncode == ExitCode.REFUSED and "--profile ADMIN" in refused.stderr
    cloud.sign_in("")
    try:
        assert "version 3; tried from" in cloud.type("secrets restore DATABASE_URL --version 1")
        unknown = typed(cloud, "secrets restore DATABASE_URL --version 9")
        assert unknown.returncode == ExitCode.USAGE and "kept: 3, 2, 1" in unknown.stderr
    finally:
        cloud.sign_in("operator")


def test_rotating_the_session_key_says_which_sessions_end_and_rolls(cloud):
    cloud.sign_in("")
    try:
        done = typed(cloud, "secrets rotate SECRET_KEY_BASE")
    finally:
        cloud.sign_in("operator")
    assert done.returncode == 0, done.stderr
    assert "users sign in again" in done.stderr
    assert versions(cloud)["SECRET_KEY_BASE"] == (2, 2)
    assert cloud.type("secrets check") == "every secret is set\n"
    other = typed(cloud, "secrets rotate NOBODYS_KEY")
    assert other.returncode == ExitCode.USAGE and "secret-unknown" in other.stderr


def test_sleep_and_wake_and_the_bill_counts_the_hours(cloud):
    assert "usage.asleep_hours" in cloud.type("sleep --yes")
    assert "asleep; next: hermes-cfn --local wake" in cloud.type("status --no-bill")
    refused = typed(cloud, "run -- true")
    assert refused.returncode == ExitCode.REFUSED and "hermes-cfn --local wake" in refused.stderr
    cloud.type("wake --yes")
    assert cloud.json("status --no-bill")["healthy"] == 2


def test_the_operator_renews_nothing_of_the_stacks(cloud):
    assert "runs the newest" in cloud.type("machine-image update --yes")
    refused = typed(cloud, "deploy --yes")
    assert refused.returncode == ExitCode.FAILED and "permission-denied" in refused.stderr
