"""Nothing that serves is ended for another's fault, and no failure is a dead end: what people met elsewhere, with the right end."""

import json
import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from tests.stories.conftest import PLAIN, SECRETS
from tests.stories.test_deploy_story import at_rest, group

pytestmark = pytest.mark.long

CONFIGURATION = "[application]\nstart_timeout_s = 10\n"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    """A fleet whose very first image crashed, before anything good was released."""
    made = new_cloud(tmp_path_factory.mktemp("ways"))
    try:
        (made.directory / "hermes.toml").write_text(CONFIGURATION)
        control.start(made.state, PLAIN)
        made.type("bootstrap")
        made.type("local image bad --variable CRASHES=yes")
        for name in SECRETS:
            value = control.database(made.state) if name == "DATABASE_URL" else f"story-{name.lower()}-{'x' * 64}"
            made.type(f"secrets set {name}", given=f"{value}\n")
        yield made
    finally:
        made.stop()


def members(cloud) -> set[str]:
    """Ids of the instances that stay."""
    there = group(cloud)["Instances"]
    return {one["InstanceId"] for one in there if not one["LifecycleState"].startswith("Terminat")}


def refused(cloud, words: str, code: ExitCode = ExitCode.REFUSED) -> str:
    """What a verb said as it ended; nothing of the fleet has changed."""
    before, goal = members(cloud), cloud.json("releases")
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
        cwd=cloud.directory,
        env=cloud.env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert members(cloud) == before
    assert cloud.json("releases") == goal
    return done.stderr


def digest(cloud, tag: str) -> str:
    (found,) = cloud.client("ecr").describe_images(repositoryName="hermes", imageIds=[{"imageTag": tag}])[
        "imageDetails"
    ]
    return found["imageDigest"]


def test_a_first_release_that_never_answers_is_followed_by_a_good_one(cloud) -> None:
    """aws/apprunner-roadmap#64, okteto/okteto#873, amplication#1294."""
    cloud.type("deploy --image bad --yes", codes=(ExitCode.FAILED,))
    cloud.type("local image v1")
    cloud.type("release --image v1 --yes")
    at_rest(cloud, "v1")


def test_a_container_that_ends_with_0_again_and_again_is_found_at_the_first_instance(cloud) -> None:
    """oblien/openship#335, basecamp/kamal#915: healthy whenever somebody looks."""
    cloud.type("local image loops --variable ENDS_AFTER_S=1")
    said = cloud.type("release --image loops --yes --format json", codes=(ExitCode.ROLLED_BACK,))
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    began = {one["instance_id"] for one in told if one.get("what", "").startswith("deploy (deploy-")}
    back = next(at for at, one in enumerate(told) if one.get("stage") == "roll back")
    forward = {one["instance_id"] for one in told[:back] if one.get("what", "").startswith("deploy (deploy-")}
    assert began and len(forward) == 1
    at_rest(cloud, "v1")


def test_a_health_path_that_wants_a_name_goes_back_and_says_what_was_answered(cloud) -> None:
    """phoenix#2437, getsentry/sentry#2590."""
    cloud.type("local image named --variable NEEDS_HOST=app.example.com")
    cloud.type("release --image named --yes", codes=(ExitCode.ROLLED_BACK,))
    (failed,) = [one["id"] for one in cloud.json("releases") if one["tag"] == "named"]
    assert "Invalid HTTP_HOST header" in cloud.type(f"releases show {failed}")
    at_rest(cloud, "v1")


def test_back_is_to_what_ran_before_and_not_to_what_ran_before_the_first_time(cloud) -> None:
    """capistrano/capistrano#514, #1885, yoanbernabeu/frankendeploy#72."""
    for tag in ("v2", "v3"):
        cloud.type(f"local image {tag}")
        cloud.type(f"release --image {tag} --yes")
    cloud.type("release --image v2 --yes")
    cloud.type("rollback --yes")
    at_rest(cloud, "v3")


def test_a_release_whose_image_is_gone_is_no_way_back_and_nothing_is_touched(cloud) -> None:
    """aws/containers-roadmap#1078, anomalyco/sst#6377, basecamp/kamal#270."""
    (target,) = [one["id"] for one in cloud.json("releases") if one["tag"] == "v1"]
    cloud.client("ecr").batch_delete_image(repositoryName="hermes", imageIds=[{"imageDigest": digest(cloud, "v1")}])
    for more in ("", " --emergency"):
        assert "image-gone" in refused(cloud, f"rollback --to {target}{more} --yes")
    at_rest(cloud, "v3")


def test_the_running_one_is_no_way_back(cloud) -> None:
    (running,) = [one["id"] for one in cloud.json("releases") if one["tag"] == "v3"]
    assert "rollback-same" in refused(cloud, f"rollback --to {running} --yes")


def test_a_secret_in_use_is_not_deleted_by_the_way_and_one_made_anew_bars_the_way_back(cloud) -> None:
    """aws/copilot-cli#4838."""
    assert "secret-in-use" in refused(cloud, "secrets delete ANTHROPIC_API_KEY --yes")
    cloud.type("secrets set ANTHROPIC_API_KEY", given="another-" + "y" * 40 + "\n")
    cloud.type("local image v4")
    cloud.type("release --image v4 --yes")
    cloud.type("secrets delete ANTHROPIC_API_KEY --although-used --yes")
    cloud.type("secrets set ANTHROPIC_API_KEY", given="anew-" + "z" * 40 + "\n")
    cloud.type("local image v5")
    cloud.type("release --image v5 --yes")
    assert "secret-gone" in refused(cloud, "rollback --yes")
    at_rest(cloud, "v5")


def test_every_verb_that_needs_an_instance_says_that_the_fleet_sleeps(cloud) -> None:
    cloud.type("sleep --yes")
    for words in ("rollback --yes", "rollback --emergency --yes", "release --image v3 --yes"):
        assert "fleet-asleep" in refused(cloud, words), words
    cloud.type("wake --yes")
    at_rest(cloud, "v5")


def test_what_is_kept_of_a_release_is_damaged(cloud) -> None:
    s3 = cloud.client("s3")
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "artifacts" in one["Name"])
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if "/v3-" in one["Key"]]
    whole = s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()
    release = keys[0].rpartition("/")[2].removesuffix(".json")
    for text in (b"{", json.dumps({**json.loads(whole), "release": {"newer": 1}}).encode()):
        s3.put_object(Bucket=bucket, Key=keys[0], Body=text)
        done = subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "--local", "rollback", "--to", release, "--yes"],
            cwd=cloud.directory,
            env=cloud.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == ExitCode.REFUSED and "release-record-unreadable" in done.stderr, done.stderr
    s3.put_object(Bucket=bucket, Key=keys[0], Body=whole)
