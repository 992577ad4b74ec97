"""The services around the fleet, each by plain boto3: what a deployer leans on."""

from __future__ import annotations

import hashlib
import time

import pytest
from botocore.exceptions import ClientError

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
