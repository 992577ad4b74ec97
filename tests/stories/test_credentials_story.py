"""Whoever may not act is told which permission and which role; nothing is half done."""

import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local.options import Options
from tests.stories.test_deploy_story import at_rest, group

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("credentials"))
    try:
        made.deploy("[application]\nstart_timeout_s = 10\n", Options(follow_parent=True, enforce=True))
        yield made
    finally:
        made.stop()


def said(cloud, words: str, *before: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", *(before or ("--local",)), *words.split()],
        cwd=cloud.directory,
        env=env or cloud.env,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def state(cloud) -> object:
    """What a half-done deployment would leave behind."""
    door, ssm = cloud.client("cloudformation"), cloud.client("ssm")
    stacks = {one["StackName"]: one.get("LastUpdatedTime") for one in door.describe_stacks()["Stacks"]}
    sets = [one for name in stacks for one in door.list_change_sets(StackName=name)["Summaries"]]
    goal = ssm.get_parameter(Name="/hermes/production/release/goal")["Parameter"]["Version"]
    return stacks, sets, goal, group(cloud)["SuspendedProcesses"]


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("plan", "deploy --image v2 --yes"),
        ("plan", "release --image v2 --yes"),
        ("plan", "rollback --yes"),
        ("plan", "rollback --emergency --yes"),
        ("plan", "release --resume --yes"),
    ],
)
def test_who_may_only_read_is_told_the_permission_and_the_role(cloud, role: str, words: str) -> None:
    if "rollback" in words:
        cloud.type("release --image v2 --yes")
    before = state(cloud)
    cloud.sign_in(role)
    try:
        code, text = said(cloud, words)
    finally:
        cloud.sign_in("")
    assert code == ExitCode.FAILED, text
    assert text.count("permission-denied") == 1
    assert f"hermes-production-{role} lacks the permission dynamodb:UpdateItem" in text
    assert "the same as release or infrastructure" in text
    assert state(cloud) == before
    if "rollback" in words:
        cloud.type("rollback --yes")


def test_the_release_role_cannot_change_stacks_and_gives_the_lock_back(cloud) -> None:
    config = cloud.directory / "hermes.toml"
    old, before = config.read_text(), state(cloud)
    config.write_text(old.replace("= 10", "= 11"))
    cloud.sign_in("release")
    try:
        code, text = said(cloud, "deploy --yes")
    finally:
        cloud.sign_in("")
        config.write_text(old)
    assert code == ExitCode.FAILED, text
    assert "hermes-production-release lacks the permission cloudformation:" in text
    assert "the same as infrastructure" in text
    assert state(cloud) == before
    assert not cloud.json("lock show")["held"]


def test_without_credentials_it_says_where_they_come_from(cloud, tmp_path) -> None:
    bare = {name: value for name, value in cloud.env.items() if not name.startswith("AWS_")}
    bare |= {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_CONFIG_FILE": str(tmp_path / "none")}
    bare |= {"AWS_EC2_METADATA_DISABLED": "true"}
    for words in ("release --image v2 --yes", "deploy --yes", "rollback --yes"):
        code, text = said(cloud, words, "--config", "hermes.toml", env=bare)
        assert code == ExitCode.FAILED, text
        assert "credentials-missing" in text
        assert "aws configure sso" in text


def test_credentials_that_expire_in_the_middle_are_renewed_and_the_release_goes_on(cloud) -> None:
    cloud.fault(api={"service": "autoscaling", "action": "ExitStandby", "kind": "expired", "times": 1})
    code, text = said(cloud, "release --image v2 --yes")
    assert code == ExitCode.FAILED, text
    assert "credentials-expired" in text
    assert "renew the credentials" in text
    cloud.fault(clear=True)
    cloud.type("release --resume --yes")
    at_rest(cloud, "v2")
