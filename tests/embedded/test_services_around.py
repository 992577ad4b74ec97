"""The services around the fleet, each by plain boto3: what a deployer leans on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.local import control
from tests import owners
from tests.embedded.conftest import REGION, World


def test_conditional_writes_let_one_of_two_in(world: World) -> None:
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(
        TableName="lease",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def take(owner: str, now: int) -> int:
        taken = dynamodb.update_item(
            TableName="lease",
            Key={"id": {"S": "x"}},
            UpdateExpression="SET #owner = :me, expires = :until ADD fence :one",
            ConditionExpression="attribute_not_exists(id) OR expires < :now",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={
                ":me": {"S": owner},
                ":until": {"N": str(now + 60)},
                ":now": {"N": str(now)},
                ":one": {"N": "1"},
            },
            ReturnValues="ALL_NEW",
        )
        return int(taken["Attributes"]["fence"]["N"])

    assert take("a", 1000) == 1
    with pytest.raises(ClientError) as caught:
        take("b", 1001)
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert take("b", 2000) == 2, "an expired lease is tested by its time, not by its deletion"


def test_an_image_is_known_by_its_digest_and_a_tag_that_may_not_move_does_not(world: World) -> None:
    ecr = world.client("ecr")
    ecr.create_repository(repositoryName="around", imageTagMutability="IMMUTABLE")
    first = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {}}'
    put = ecr.put_image(repositoryName="around", imageManifest=first, imageTag="v1")["image"]["imageId"]
    assert put["imageDigest"] == f"sha256:{hashlib.sha256(first.encode()).hexdigest()}"
    found = ecr.describe_images(repositoryName="around", imageIds=[{"imageTag": "v1"}])["imageDetails"][0]
    assert found["imageDigest"] == put["imageDigest"]
    with pytest.raises(ClientError) as caught:
        ecr.put_image(repositoryName="around", imageManifest=first.replace("{}", '{"size": 1}'), imageTag="v1")
    assert caught.value.response["Error"]["Code"] == "ImageTagAlreadyExistsException"


def test_the_configuration_that_a_manifest_names_is_under_a_signed_address(world: World) -> None:
    ecr = world.client("ecr")
    ecr.create_repository(repositoryName="blobs")
    control.push_image(world.state, "blobs", "v1", architecture="x86_64")
    (image,) = ecr.batch_get_image(repositoryName="blobs", imageIds=[{"imageTag": "v1"}])["images"]
    digest = json.loads(image["imageManifest"])["config"]["digest"]
    address = ecr.get_download_url_for_layer(repositoryName="blobs", layerDigest=digest)["downloadUrl"]
    blob = urllib.request.urlopen(address).read()
    assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == digest
    assert json.loads(blob)["architecture"] == "amd64"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address[:-1]}{'0' if address[-1] != '0' else '1'}")
    for repository, layer, code in (
        ("blobs", f"sha256:{'0' * 64}", "LayersNotFoundException"),
        ("nowhere", digest, "RepositoryNotFoundException"),
        ("blobs", json.loads(image["imageManifest"])["layers"][0]["digest"], "LayerInaccessibleException"),
    ):
        with pytest.raises(ClientError) as caught:
            ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=layer)
        assert caught.value.response["Error"]["Code"] == code


def test_a_bucket_keeps_versions_and_says_what_is_not_there(world: World) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="around", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="around", VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket="around", Key="k", Body=text)["VersionId"] for text in (b"one", b"two")]
    assert s3.get_object(Bucket="around", Key="k", VersionId=versions[0])["Body"].read() == b"one"
    assert s3.get_object(Bucket="around", Key="k")["Body"].read() == b"two"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="around", Key="no")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"


def test_an_assumed_role_is_another_caller(world: World) -> None:
    trust = '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}'
    role = world.client("iam").create_role(RoleName="around", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = world.client("sts").assume_role(RoleArn=role, RoleSessionName="story")["Credentials"]
    assumed = world.client("sts", given["AccessKeyId"], given["SessionToken"], given["SecretAccessKey"])
    assert assumed.get_caller_identity()["Arn"].endswith(":assumed-role/around/story")


def test_a_record_is_there_until_it_is_deleted(world: World) -> None:
    route53 = world.client("route53")
    zone = route53.create_hosted_zone(Name="around.example", CallerReference="around")["HostedZone"]["Id"]
    record = {"Name": "a.around.example.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}

    def change(action: str) -> None:
        route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        )

    def names() -> list[str]:
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return [one["Name"] for one in found if one["Type"] == "A"]

    change("CREATE")
    assert names() == ["a.around.example."]
    with pytest.raises(ClientError):
        change("CREATE")
    change("DELETE")
    assert names() == []


def test_log_events_are_followed_as_the_command_line_s_tail_does(world: World) -> None:
    """``aws logs tail`` of the command line's second version, which no Python index carries, asks exactly this."""
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/around")
    for stream in ("i-1", "i-2"):
        logs.create_log_stream(logGroupName="/around", logStreamName=stream)
    now = int(time.time() * 1000)

    def put(stream: str, words: str, at: int) -> None:
        logs.put_log_events(
            logGroupName="/around", logStreamName=stream, logEvents=[{"timestamp": at, "message": words}]
        )

    put("i-1", "first", now - 2000)
    put("i-2", "second", now - 1000)
    asked = {"logGroupName": "/around", "interleaved": True, "startTime": now - 60_000}
    pages = logs.get_paginator("filter_log_events").paginate(**asked)
    events = [event for page in pages for event in page["events"]]
    assert [(one["logStreamName"], one["message"]) for one in events] == [("i-1", "first"), ("i-2", "second")]
    assert len({one["eventId"] for one in events}) == 2 and all("ingestionTime" in one for one in events)
    put("i-1", "third", now)
    again = logs.filter_log_events(**{**asked, "startTime": events[-1]["timestamp"]})["events"]
    assert [one["message"] for one in again] == ["second", "third"]


def test_the_managed_policies_of_aws_are_there(world: World) -> None:
    """IAM user guide, "AWS managed policies": nearly every published template attaches one."""
    iam = world.client("iam")
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    iam.create_role(RoleName="managed", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    iam.attach_role_policy(RoleName="managed", PolicyArn=arn)
    assert [one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName="managed")["AttachedPolicies"]] == [
        arn
    ]
    assert "arn:aws:iam::aws:policy" not in str(iam.list_policies(Scope="Local")["Policies"])
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.attach_role_policy(RoleName="managed", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")


def second_version() -> str | None:
    """An AWS command line of the second version, which no Python index carries: from AWS or a distribution."""
    for place in dict.fromkeys([*os.get_exec_path(), "/usr/bin", "/usr/local/bin"]):
        program = Path(place) / "aws"
        if program.exists():
            said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout
            if said.startswith("aws-cli/2"):
                return str(program)
    return None


def test_the_command_line_tails_a_log_group_and_follows_it(world: World, tmp_path: Path) -> None:
    """Where its second version is there (``.ci/run`` installs it); its calls are shown by the test above anyway."""
    program = second_version()
    if program is None:
        print("no AWS command line of the second version: `logs tail` is shown by its calls alone")
        return
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/tailed")
    logs.create_log_stream(logGroupName="/tailed", logStreamName="i-1")

    def put(words: str) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": words}
        logs.put_log_events(logGroupName="/tailed", logStreamName="i-1", logEvents=[event])

    put("before")
    environment = {
        **owners.variables(world.state), "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    command = [program, "--endpoint-url", world.endpoint, "logs", "tail", "/tailed", "--since", "5m", "--follow"]
    said = tmp_path / "said"
    with said.open("w") as out:
        tail = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        assert world.until(lambda: "i-1 before" in said.read_text()), said.read_text()
        put("while it is followed")
        assert world.until(lambda: "i-1 while it is followed" in said.read_text())
    finally:
        tail.terminate()
        tail.wait()
