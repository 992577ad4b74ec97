"""An application that prints its secrets, in a migration and as it dies: they are at no place where somebody could read them."""

import json
import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from tests.stories import leak

pytestmark = pytest.mark.long

KEY = "canary/7f\"3e' +c19"


@pytest.fixture(scope="module")
def told(tmp_path_factory, new_cloud):
    """Place -> what is to be read there, after two releases that failed; and the secrets' marks."""
    cloud = new_cloud(tmp_path_factory.mktemp("leak"))
    try:
        cloud.deploy("[application]\nstart_timeout_s = 6\n[compute]\ncount = 1\n")
        cloud.type("secrets set ANTHROPIC_API_KEY", given=f"{KEY}\n")
        secrets = {KEY, f"story-secret_key_base-{'x' * 64}", control.database(cloud.state)}
        seen = {}

        def typed(words, codes=(0,)):
            """Console and pipeline: both streams, as a job of GitHub's would keep them."""
            done = subprocess.run(
                [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
                cwd=cloud.directory, env={**cloud.env, "CI": "true", "GITHUB_ACTIONS": "true", "COLUMNS": "4000"},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180,
            )  # fmt: skip
            assert done.returncode in codes, done.stdout[-3000:]
            seen[f"$ hermes-cfn {words}"] = done.stdout

        for tag, fails in (("migrates", True), ("starts", False)):
            directory = leak.image(cloud.directory / tag, fails)
            typed(f"local image {tag} --directory {directory}")
            typed(f"--debug release --image {tag} --yes", (ExitCode.FAILED, ExitCode.ROLLED_BACK))
        for one in cloud.json("releases"):
            for form in ("text", "json"):
                typed(f"releases show {one['id']} --format {form}")
        for words in ("doctor", "doctor --format json", "why", "status --no-bill", "releases", "releases --dora"):
            typed(words, (0, 1, 3))
        ssm, s3 = cloud.client("ssm"), cloud.client("s3")
        for command in ssm.list_commands()["Commands"]:
            shown = ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)
            seen[f"SSM {command['DocumentName']} {command['CommandId']}"] = json.dumps([command, shown], default=str)
        for parameter in ssm.describe_parameters()["Parameters"]:
            if parameter["Type"] != "SecureString":
                history = ssm.get_parameter_history(Name=parameter["Name"])
                seen[f"SSM {parameter['Name']}"] = json.dumps(history["Parameters"], default=str)
        for bucket in s3.list_buckets()["Buckets"]:
            for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                body = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
                seen[f"s3://{bucket['Name']}/{item['Key']}"] = body.decode(errors="replace")
        logs = cloud.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
                stream = event["logStreamName"]
                if not stream.endswith("/app"):  # the application's own log is the application's
                    seen[f"log {stream}"] = seen.get(f"log {stream}", "") + event["message"]
        yield seen, {mark for secret in secrets for mark in leak.marks(secret)}
    finally:
        cloud.stop()


WAYS = {
    "console and CI log": "$ hermes-cfn --debug release",
    "releases show": "$ hermes-cfn releases show",
    "doctor": "$ hermes-cfn doctor",
    "why": "$ hermes-cfn why",
    "SSM output": "SSM hermes-production-",
    "S3 record": "s3://hermes-artifacts",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_leaves_by(told, way):
    seen, marks = told
    here = {place: text for place, text in seen.items() if place.startswith(WAYS[way])}
    assert here
    assert [place for place, text in here.items() if any(mark in text for mark in marks)] == []


def test_no_secret_is_anywhere_else(told):
    seen, marks = told
    assert [place for place, text in seen.items() if any(mark in text for mark in marks)] == []


def test_what_the_application_said_is_there_without_them(told):
    """The words around the secrets came through: it was masked, not lost."""
    seen, _ = told
    for way in ("SSM hermes-production-", "s3://hermes-artifacts", "$ hermes-cfn releases show"):
        assert any("all was said" in text for place, text in seen.items() if place.startswith(way)), way
    assert any("leak DATABASE_URL ********" in text for text in seen.values())
