"""The pipeline that ``init`` writes, typed step by step by a stand-in for the runner against an embedded cloud.

The cloud checks permissions, and each job signs in with the role that its workflow names: so this also shows
that the *release*, *infrastructure* and *plan* roles suffice for what the pipeline does.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests.stories import leak

pytestmark = pytest.mark.long

_spec = importlib.util.spec_from_file_location("runner", Path(__file__).with_name("runner.py"))
stand_in = importlib.util.module_from_spec(_spec)
sys.modules["runner"] = stand_in
_spec.loader.exec_module(stand_in)
commit = stand_in.commit

PULL_REQUEST = {"number": 7, "head": {"repo": {"full_name": "example/hermes"}}}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("pipeline"))
    try:
        made.type("init --yes --no-prices --repository example/hermes")
        path = made.directory / "hermes.toml"
        path.write_text(path.read_text().replace("# start_timeout_s = 120", "start_timeout_s = 6"))
        made.deploy(None, Options(follow_parent=True, enforce=True))
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def runner(cloud, tmp_path_factory):
    cloud.type("render")
    subprocess.run(["git", "init", "-q", "-b", "main", str(cloud.directory)], check=True)
    (cloud.directory / ".gitignore").write_text("state\n*.json\n!templates/**\n")
    said = cloud.type("bootstrap --yes")
    variables = dict(re.findall(r"(AWS_\w+)=(\S+)", said))
    return stand_in.Runner(cloud.directory, tmp_path_factory.mktemp("runner"), cloud.env, cloud.state, variables)


def pushed(runner, message: str, **more) -> dict:
    """The workflow CD for a commit on main."""
    sha = commit(runner.origin, message)
    return runner.run("cd", {"sha": sha, "event_name": "push", "ref": "refs/heads/main"}, **more)


def running(cloud) -> set[str]:
    return {line["release"].rpartition("-")[0] for line in cloud.json("status --no-bill")["instances"]}


def results(done) -> dict[str, str]:
    return {name: job.result for name, job in done.items()}


def told(done) -> str:
    return "\n".join(
        f"--- {job} / {name}: {code}\n{text}" for job, e in done.items() for name, (code, text) in e.steps.items()
    )


def test_a_push_builds_by_commit_releases_by_digest_and_touches_no_stack(cloud, runner):
    done = pushed(runner, "first")
    assert results(done) == {
        "image": "success",
        "plan": "success",
        "infrastructure": "skipped",
        "release": "success",
    }, told(done)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", done["image"].outputs["digest"])
    sha = subprocess.run(["git", "-C", str(runner.origin), "rev-parse", "HEAD"], capture_output=True, text=True)
    assert running(cloud) == {sha.stdout.strip()}


def test_the_same_commit_again_changes_nothing(cloud, runner):
    before = running(cloud)
    sha = next(iter(before))
    done = runner.run("cd", {"sha": sha, "event_name": "push", "ref": "refs/heads/main"})
    assert set(results(done).values()) == {"success", "skipped"}, told(done)
    assert "is there already" in done["image"].steps["Push"][1]
    assert running(cloud) == before


def test_another_ref_gets_no_job(runner):
    done = runner.run("cd", {"sha": "0" * 40, "event_name": "workflow_dispatch", "ref": "refs/heads/feature"})
    assert set(results(done).values()) == {"skipped"}


def test_a_commit_that_the_branch_lost_ends_before_credentials(cloud, runner):
    git = ["git", "-C", str(runner.origin)]
    subprocess.run([*git, "checkout", "-q", "-b", "aside"], check=True)
    sha = commit(runner.origin, "not reviewed")
    subprocess.run([*git, "checkout", "-q", "main"], check=True)
    done = runner.run("cd", {"sha": sha, "event_name": "push", "ref": "refs/heads/main"})
    assert results(done) == {"image": "failure", "plan": "failure", "infrastructure": "skipped", "release": "skipped"}
    assert list(done["image"].steps) == list(done["plan"].steps) == ["A commit of the branch"]


def test_a_stack_that_changes_goes_through_the_guarded_job(cloud, runner):
    path = runner.origin / "hermes.toml"
    path.write_text(path.read_text().replace("# log_days = 30", "log_days = 60"))
    cloud.type("render")
    done = pushed(runner, "keep logs longer")
    assert set(results(done).values()) == {"success"}, told(done)
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/ec2/production/hermes")["logGroups"]
    assert groups[0]["retentionInDays"] == 60


def test_a_release_that_fails_goes_back_and_nobody_is_left_out(cloud, runner, monkeypatch):
    before = running(cloud)
    monkeypatch.setitem(runner.env, "IMAGE_VARIABLES", "HEALTH_STATUS=503")
    done = pushed(runner, "broken")
    assert done["release"].result == "failure", told(done)
    assert done["release"].steps["Release"][0] == ExitCode.ROLLED_BACK, told(done)
    assert done["release"].steps["Resume or restore"][0] == ExitCode.OK, told(done)
    assert running(cloud) == before
    assert cloud.json("status --no-bill")["healthy"] == 2


def test_no_secret_is_in_the_log_of_a_run(cloud, runner, monkeypatch, tmp_path):
    """An application that prints its secrets in its migration: GitHub's own masking knows none of them."""
    monkeypatch.setitem(runner.env, "IMAGE_DIRECTORY", str(leak.image(tmp_path / "leak", migration_fails=True)))
    done = pushed(runner, "leaks")
    said = told(done)
    assert done["release"].result == "failure", said
    secrets = {
        control.database(cloud.state),
        f"story-anthropic_api_key-{'x' * 64}",
        f"story-secret_key_base-{'x' * 64}",
    }
    assert not [mark for secret in secrets for mark in leak.marks(secret) if mark in said]


def test_a_cancelled_run_is_resumed_by_its_last_step(cloud, runner):
    done = pushed(runner, "cancelled", interrupt="Release")
    assert done["release"].steps["Release"][0] == ExitCode.INTERRUPTED, told(done)
    assert done["release"].steps["Resume or restore"][0] == ExitCode.OK, told(done)
    seen = cloud.json("status --no-bill")
    assert seen["healthy"] == 2 and seen["suspended"] == []
    assert len(running(cloud)) == 1


def test_a_pull_request_has_one_comment_updated_in_place(cloud, runner):
    sha = commit(runner.origin, "propose")
    github = {
        "sha": sha,
        "event_name": "pull_request",
        "base_ref": "main",
        "token": "t",
        "repository": "example/hermes",
    }
    github["event"] = {"pull_request": PULL_REQUEST}
    for jobs in ((), ("plan",)):
        done = runner.run("ci", github, only=jobs)
        assert set(results(done).values()) == {"success"}, told(done)
    (comment,) = json.loads((runner.place / "comments.json").read_text())
    assert comment.startswith("<!-- hermes-cfn plan production -->\n### Plan for production\n")
    summaries = [path.read_text() for path in Path(runner.place).glob("job-*/summary.md")]
    assert any("### Plan for production" in text and "a month" in text for text in summaries)


def test_a_fork_gets_the_offline_part_only(cloud, runner):
    sha = commit(runner.origin, "propose from a fork")
    fork = {"number": 8, "head": {"repo": {"full_name": "somebody/hermes"}}}
    github = {"sha": sha, "event_name": "pull_request", "base_ref": "main", "repository": "example/hermes"}
    done = runner.run("ci", {**github, "event": {"pull_request": fork}}, only=("deployment", "plan"))
    assert results(done) == {"deployment": "success", "plan": "skipped"}, told(done)


@pytest.mark.parametrize("name", ["ci", "cd"])
def test_no_context_is_pasted_into_a_script(runner, name):
    for job in runner.workflow(name)["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]
