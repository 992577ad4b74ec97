"""A bucket and a queue of one's own under enforcement: made, named to the container, granted, refused, and the grant taken back."""

import json
import sys

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

PROBE = """
import boto3, json, os, sys
from botocore.exceptions import ClientError
session = boto3.session.Session()
def client(name):
    return session.client(name, endpoint_url=sys.argv[1])
def told(call):
    try:
        call()
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]
bucket, queue = os.environ["BUCKET"], os.environ["QUEUE"]
print(json.dumps({
    "who": client("sts").get_caller_identity()["Arn"], "found by": session.get_credentials().method, "bucket": bucket,
    "write": told(lambda: client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")),
    "receive": told(lambda: client("sqs").receive_message(QueueUrl=queue)),
    "send": told(lambda: client("sqs").send_message(QueueUrl=queue, MessageBody="x")),
    "parameter": told(lambda: client("ssm").get_parameter(Name="/hermes/production/secret/DATABASE_URL", WithDecryption=True)),
    "metadata": os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")}))
"""
FILE = """
[compute]
count = 1
[env]
BUCKET = { output = "uploads.BucketName" }
QUEUE = { output = "work.QueueUrl" }
[access]
read = ["extras.work"]
read-write = ["extras.uploads"]
"""
LESS = FILE.replace('read-write = ["extras.uploads"]\n', "")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("extras"))
    (made.directory / "hermes.toml").write_text("")
    for kind in ("bucket", "queue"):
        made.type(f"extras add {kind}")
    (made.directory / "probe.py").write_text(PROBE)
    try:
        made.deploy(FILE, Options(follow_parent=True, enforce=True))
        yield made
    finally:
        made.stop()


def probed(cloud):
    """What a process in the container may, asked by a real boto3 without any credentials of its own."""
    endpoint = control.status(cloud.state).endpoint
    said = cloud.type(["run", "--", sys.executable, str(cloud.directory / "probe.py"), endpoint])
    return json.loads(next(line for line in said.splitlines() if line.startswith("{")))


def findings(cloud):
    plan = json.loads(cloud.type("plan --format json", codes=(0, 3)))
    return {(one["code"], one["where"]) for one in plan["findings"]}


def test_the_container_has_the_rights_that_are_granted_and_no_other(cloud):
    seen = probed(cloud)
    assert ":assumed-role/hermes-production-application/app-i-" in seen["who"]
    assert seen["found by"] == "container-role" and not seen["metadata"]
    assert seen["bucket"].startswith("hermes-production-extra-uploads-")
    assert (seen["write"], seen["receive"]) == ("ok", "ok")
    assert all("AccessDenied" in seen[one] for one in ("send", "parameter")), seen


def test_the_release_keeps_what_the_stacks_said(cloud):
    stable = cloud.client("ssm").get_parameter(Name="/hermes/production/release/stable")["Parameter"]["Value"]
    assert json.loads(stable)["variables"]["BUCKET"].startswith("hermes-production-extra-uploads-")


def test_a_grant_that_is_taken_back_is_gone_and_plan_names_it_when_it_comes_again(cloud):
    (cloud.directory / "hermes.toml").write_text(LESS)
    cloud.type("deploy --yes")
    seen = probed(cloud)
    assert "AccessDenied" in seen["write"] and seen["receive"] == "ok", seen
    (cloud.directory / "hermes.toml").write_text(FILE)
    assert ("permission-new", "service/ApplicationRole") in findings(cloud)


def test_an_extra_whose_file_is_gone_is_told_and_destroyed_by_name(cloud):
    (cloud.directory / "extras/work.template.yaml").unlink()
    bucket = '[compute]\ncount = 1\n[env]\nBUCKET = { output = "uploads.BucketName" }\n'
    (cloud.directory / "hermes.toml").write_text(bucket + '[access]\nread-write = ["extras.uploads"]\n')
    assert ("stack-left", "hermes-production-extra-work") in findings(cloud)
