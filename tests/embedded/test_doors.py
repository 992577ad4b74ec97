"""The embedded cloud answers its owner only: keys, signatures, hosts, origins, paths, modes."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_cfn.errors import HermesError
from hermes_cfn.local import control, owner
from tests import owners

REGION = "eu-south-2"
RUN = f"Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1&UserData={base64.b64encode(b'#!/bin/sh').decode()}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def place(world) -> tuple[str, int]:
    host, _, port = world.endpoint.removeprefix("http://").partition(":")
    return host, int(port)


def raw(world, text: bytes) -> bytes:
    """What is answered to bytes as they are, until the connection is closed or one answer is there."""
    with socket.create_connection(place(world), timeout=30) as line:
        line.sendall(text)
        answer = line.makefile("rb")
        head = answer.readline()
        length = 0
        while (row := answer.readline()) not in (b"\r\n", b""):
            head += row
            if row.lower().startswith(b"content-length:"):
                length = int(row.split(b":")[1])
        return head + b"\r\n" + answer.read(length)


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def asked(world, method: str, path: str, body: str = "", headers=None, sign=None) -> http.client.HTTPResponse:
    """One request; ``sign`` changes nothing, or is ``(service, key)``, by which botocore signs it first."""
    request = AWSRequest(method, f"{world.endpoint}{path}", data=body.encode(), headers=headers or {})
    if sign is not None:
        service, key = sign
        (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(*key), service, REGION).add_auth(request)
    connection = http.client.HTTPConnection(*place(world), timeout=60)
    connection.request(method, path, body.encode(), dict(request.headers))
    answer = connection.getresponse()
    answer.text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer


def instances(world) -> int:
    return sum(len(one["Instances"]) for one in world.client("ec2").describe_instances()["Reservations"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "localhost.evil.example:{port}"},
        {"Host": "169.254.169.254"},
        {"Host": "0.0.0.0:{port}"},
        {"Host": "127.0.0.2:{port}"},
        {"Host": "2130706433:{port}"},
        {"Host": "[::ffff:127.0.0.1]:{port}"},
        {"Host": "localhost.:{port}"},
        {"Host": "127.0.0.1:{port}@evil.example"},
        {"Host": "evil.example, 127.0.0.1:{port}"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "anything"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/_hermes/status", "/_hermes/stop", "/_blobs/sha256:x", "/bucket/key"])
def test_no_page_of_another_origin_is_answered_whatever_else_is_right(books, headers, path):
    """Also with the owner's token and signature, so that nothing but the header refuses it."""
    port = place(books)[1]
    known = json.loads((books.state / "cloud" / "cloud.json").read_text())
    given = {name: value.replace("{port}", str(port)) for name, value in headers.items()}
    own = {"Authorization": f"Bearer {known['token']}"} if path.startswith("/_hermes") else {}
    before = instances(books)
    for method in ("GET", "POST", "OPTIONS"):
        answer = asked(books, method, path, RUN if method == "POST" else "", {**FORM, **own, **given})
        assert answer.status in (400, 403), answer.text
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert control.status(books.state).running
    assert instances(books) == before


def test_names_of_the_loopback_address_are_taken(books):
    port = place(books)[1]
    key = control.administrator(books.state)
    for host in ("127.0.0.1", "localhost", "LocalHost"):
        sts = asked(books, "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", {**FORM, "Host": f"{host}:{port}"}, ("sts", key))  # fmt: skip
        assert sts.status == 200, sts.text


@pytest.mark.parametrize(
    "head",
    [
        "Host: {own}\r\nHost: {own}\r\n",
        "Host: {own}\r\nHost: evil.example\r\n",
        "Host: evil.example\r\nHost: {own}\r\n",
        "",
        "Host: {own}\r\nContent-Length: 3\r\nContent-Length: 0\r\n",
        "Host: {own}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Host: {own}\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: {own}\r\nTransfer-Encoding: xchunked\r\n",
        "Host: {own}\r\nContent-Length: +3\r\n",
        "Host: {own}\r\nContent-Length: 99999999999999999999\r\n",
        "Host: {own}\r\nAuthorization: a\r\nAuthorization: b\r\n",
        "Host: {own}\r\nX-Amz-Target: a.B\r\nX-Amz-Target: a.C\r\n",
        "Host: {own}\r\nOrigin: http://{own}\r\nOrigin: https://evil.example\r\n",
    ],
)
def test_what_two_readers_of_http_may_read_differently_is_refused(books, head):
    own = books.endpoint.removeprefix("http://")
    answer = raw(books, f"POST /_hermes/stop HTTP/1.1\r\n{head.replace('{own}', own)}\r\nabc".encode())
    assert status(answer) in (400, 403)
    assert control.status(books.state).running


def test_an_absolute_target_is_refused(books):
    own = books.endpoint.removeprefix("http://")
    for target in (f"http://{own}/_hermes/status", "http://evil.example/", "*", "evil"):
        assert status(raw(books, f"OPTIONS {target} HTTP/1.1\r\nHost: {own}\r\n\r\n".encode())) == 400


def test_the_control_side_wants_its_token_and_changes_nothing_by_get(books):
    known = json.loads((books.state / "cloud" / "cloud.json").read_text())
    for opens in ("", "Bearer ", "Bearer x", f"Basic {known['token']}", known["token"], f"Bearer {known['token']}x"):
        answer = asked(books, "POST", "/_hermes/stop", "{}", {"Authorization": opens} if opens else {})
        assert answer.status == 403
        assert json.loads(answer.text)["code"] == "NotTheOwner"
    token = {"Authorization": f"Bearer {known['token']}"}
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert asked(books, method, "/_hermes/stop", "", token).status == 405
    assert asked(books, "POST", "/_hermes/status", "{}", token).status == 200


def code(call, **parameters) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


CALLS = {
    "s3": ("list_buckets", {}), "ec2": ("describe_instances", {}), "sts": ("get_caller_identity", {}),
    "iam": ("list_users", {}), "ssm": ("describe_parameters", {}), "dynamodb": ("list_tables", {}),
    "cloudformation": ("list_stacks", {}), "route53": ("list_hosted_zones", {}), "logs": ("describe_log_groups", {}),
    "cloudwatch": ("list_metrics", {}), "elbv2": ("describe_load_balancers", {}),
}  # fmt: skip
"""One call of each protocol, and of services of our own as of moto's."""
UNKNOWN_KEY = {"s3": "InvalidAccessKeyId", "ec2": "AuthFailure"}
JSON = ("ssm", "dynamodb", "logs", "cloudwatch")


@pytest.mark.parametrize("service", CALLS)
def test_keys_that_are_not_this_clouds_are_refused_in_the_services_own_words(books, service, tmp_path):
    name, parameters = CALLS[service]
    key, secret = control.administrator(books.state)
    for stranger in ("AKIALOCALADMIN000000", "AKIALOCALFLEET000000", "ASIA0000000000000000", key[:-1] + "_"):
        expected = UNKNOWN_KEY.get(
            service, "UnrecognizedClientException" if service in JSON else "InvalidClientTokenId"
        )
        if stranger == "AKIALOCALFLEET000000":
            expected = "InvalidSignatureException" if service in JSON else "SignatureDoesNotMatch"
        if stranger.endswith("_"):
            continue
        assert code(getattr(books.client(service, stranger, secret="local"), name), **parameters) == expected
    wrong = "InvalidSignatureException" if service in JSON else "SignatureDoesNotMatch"
    for other in ("local", "x", secret[:-1], secret + "x", secret.swapcase()):
        assert code(getattr(books.client(service, key, secret=other), name), **parameters) == wrong
    getattr(books.client(service), name)(**parameters)


def shifted(world, monkeypatch, service: str, seconds: float):
    """A client whose clock is off."""
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda *_, **__: datetime.now(UTC) + timedelta(seconds=seconds)
    )
    return world.client(service)


@pytest.mark.parametrize("seconds", [-3600, -301, 302, 3600])
def test_a_clock_that_is_five_minutes_off_is_awss_own_error(books, monkeypatch, seconds):
    for service, expected in {
        "sts": "SignatureDoesNotMatch", "iam": "SignatureDoesNotMatch", "ec2": "RequestExpired",
        "ssm": "InvalidSignatureException", "dynamodb": "InvalidSignatureException", "route53": "SignatureDoesNotMatch",
    }.items():  # fmt: skip
        name, parameters = CALLS[service]
        assert code(getattr(shifted(books, monkeypatch, service, seconds), name), **parameters) == expected
    if abs(seconds) > 900:
        assert code(shifted(books, monkeypatch, "s3", seconds).list_buckets) == "RequestTimeTooSkewed"
    else:
        shifted(books, monkeypatch, "s3", seconds).list_buckets()


@pytest.mark.parametrize("seconds", [-280, 280])
def test_a_clock_that_is_off_by_less_is_right_enough(books, monkeypatch, seconds):
    for service, (name, parameters) in CALLS.items():
        getattr(shifted(books, monkeypatch, service, seconds), name)(**parameters)


def test_a_session_that_is_over_and_a_token_of_another(books):
    iam = books.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": owners.ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="short", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = books.client("sts")
    one, two = (
        sts.assume_role(RoleArn=role, RoleSessionName=name, DurationSeconds=900)["Credentials"]
        for name in ("ana", "bob")
    )

    def client(service, key, token):
        return books.client(service, key["AccessKeyId"], token, key["SecretAccessKey"])

    assert client("sts", one, one["SessionToken"]).get_caller_identity()["Arn"].endswith(":assumed-role/short/ana")
    for token in (two["SessionToken"], None, "x"):
        assert code(client("sts", one, token).get_caller_identity) == "InvalidClientTokenId"
        assert code(client("s3", one, token).list_buckets) == "InvalidToken"
    books.control("clock", advance_s=901)
    expected = {"sts": "ExpiredToken", "s3": "ExpiredToken", "ec2": "RequestExpired", "ssm": "ExpiredTokenException"}
    for service, found in expected.items():
        name, parameters = CALLS[service]
        assert code(getattr(client(service, one, one["SessionToken"]), name), **parameters) == found
    iam.delete_role(RoleName="short")


def test_an_access_key_that_is_switched_off_or_deleted_is_unknown(books):
    iam = books.client("iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    sts = books.client("sts", key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"].endswith(":user/eve")
    iam.update_access_key(UserName="eve", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert code(sts.get_caller_identity) == "InvalidClientTokenId"
    iam.update_access_key(UserName="eve", AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName="eve", AccessKeyId=key["AccessKeyId"])
    assert code(sts.get_caller_identity) == "InvalidClientTokenId"
    iam.delete_user(UserName="eve")


def test_what_is_not_signed_is_not_done(books):
    before = instances(books)
    for method, path, body, headers in (
        ("POST", "/", RUN, FORM),
        ("GET", f"/?{RUN}", "", {}),
        (
            "POST",
            "/",
            '{"Name": "x"}',
            {"X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"},
        ),
        ("GET", "/", "", {}),
        ("PUT", "/made", "", {}),
        ("GET", "/moto-api/data.json", "", {}),
        ("POST", "/moto-api/reset", "", {}),
        ("GET", "/latest/meta-data/iam/security-credentials/x", "", {}),
        ("GET", "/eu-south-2_x/.well-known/jwks.json", "", {}),
        ("POST", "/", "Action=AssumeRoleWithSAML&Version=2011-06-15", FORM),
        ("POST", "/", "Action=AssumeRoleWithWebIdentity&Action=CreateUser", FORM),
        ("POST", "/x", "Action=AssumeRoleWithWebIdentity", FORM),
        ("POST", "/", "", {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}),
        ("POST", "/", RUN, {**FORM, "Authorization": "AWS AKIA:sig"}),
        (
            "POST",
            "/",
            RUN,
            {**FORM, "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-south-2/ec2/aws4_request"},
        ),
        ("GET", "/bucket/key?AWSAccessKeyId=x&Signature=y&Expires=9999999999", "", {}),
    ):
        answer = asked(books, method, path, body, headers)
        assert answer.status in (400, 403), (path, answer.status, answer.text)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert instances(books) == before
    assert "made" not in [one["Name"] for one in books.client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/?Action=CreateUser&UserName=mallory&Version=2010-05-08", "", {}),
        ("POST", "/?Action=CreateUser&UserName=mallory&Version=2010-05-08", "Action=GetUser&Version=2010-05-08", FORM),
        ("POST", "/", "Action=CreateUser&UserName=mallory&Version=2010-05-08&Action=GetUser", FORM),
        ("POST", "/", "Action=GetUser&UserName=mallory&Version=2010-05-08&Action=CreateUser", FORM),
        ("POST", "/", "Action=CreateUser&UserName=mallory&Version=2010-05-08", {**FORM, "X-Amz-Target": "x.GetUser"}),
    ],
)
def test_a_request_names_one_operation_in_one_way(books, method, path, body, headers):
    """What checks rights and what carries out could read another one each; and no GET changes anything."""
    answer = asked(books, method, path, body, headers, ("iam", control.administrator(books.state)))
    assert answer.status in (400, 405), answer.text
    assert [one["UserName"] for one in books.client("iam").list_users()["Users"] if one["UserName"] == "mallory"] == []


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/recorder/start-recording", "//moto-api/reset", "/%6doto-api/reset",
                                  "/latest/meta-data/iam/security-credentials/", "/latest/api/token", "/v20180820/x"])  # fmt: skip
def test_interfaces_of_moto_itself_are_closed_to_the_owner_too(books, path):
    users = books.client("iam").list_users()["Users"]
    answer = asked(books, "POST", path, "", {}, ("s3", control.administrator(books.state)))
    assert answer.status in (403, 501), answer.text
    assert books.client("iam").list_users()["Users"] == users


def test_a_read_by_get_is_answered(books):
    key = control.administrator(books.state)
    answer = asked(books, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", {}, ("sts", key))
    assert answer.status == 200
    assert owners.ACCOUNT in answer.text


def test_presigned_addresses_are_good_for_what_was_signed_and_as_long(books, monkeypatch):
    s3 = books.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="presigned", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="presigned", Key="a b/ü+~%.txt", Body=b"hello")
    for key, expected in (("a b/ü+~%.txt", 200), ("none", 404)):
        url = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": key}, ExpiresIn=60)
        path = url.removeprefix(books.endpoint)
        answer = asked(books, "GET", path)
        assert answer.status == expected, answer.text
        assert asked(books, "DELETE", path).status == 403
        assert asked(books, "GET", path.replace("presigned", "presigner", 1)).status == 403
        assert asked(books, "GET", path.replace("X-Amz-Expires=60", "X-Amz-Expires=600")).status == 403
        assert asked(books, "GET", path.rpartition("&X-Amz-Signature")[0]).status == 400
        assert asked(books, "GET", path, headers={"x-amz-tagging": "a=b"}).status == 403
    put = s3.generate_presigned_url("put_object", {"Bucket": "presigned", "Key": "up"}, ExpiresIn=60)
    assert asked(books, "PUT", put.removeprefix(books.endpoint), "body").status == 200
    assert s3.get_object(Bucket="presigned", Key="up")["Body"].read() == b"body"
    for seconds in (-61, 1000):
        off = shifted(books, monkeypatch, "s3", seconds)
        url = off.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "up"}, ExpiresIn=60)
        assert asked(books, "GET", url.removeprefix(books.endpoint)).status == 403


def test_a_body_is_what_was_signed(books):
    key = control.administrator(books.state)
    books.client("s3").create_bucket(Bucket="bodies", CreateBucketConfiguration={"LocationConstraint": REGION})
    request = AWSRequest("PUT", f"{books.endpoint}/bodies/x", data=b"mine")
    S3SigV4Auth(Credentials(*key), "s3", REGION).add_auth(request)
    for body, expected in ((b"mine", 200), (b"your", 400)):
        connection = http.client.HTTPConnection(*place(books), timeout=60)
        connection.request("PUT", "/bodies/x", body, dict(request.headers))
        assert connection.getresponse().status == expected
        connection.close()
    request = AWSRequest("POST", f"{books.endpoint}/", data=b"Action=ListUsers&Version=2010-05-08", headers=FORM)
    SigV4Auth(Credentials(*key), "iam", REGION).add_auth(request)
    connection = http.client.HTTPConnection(*place(books), timeout=60)
    connection.request("POST", "/", b"Action=ListRoles&Version=2010-05-08", dict(request.headers))
    assert connection.getresponse().status == 403
    connection.close()


def chunked(world, chunks: list[bytes], forge: int | None = None) -> int:
    """A PutObject in signed chunks, one of which may be forged; the status."""
    key = control.administrator(world.state)
    size = sum(map(len, chunks))
    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": str(size),
               "content-encoding": "aws-chunked"}  # fmt: skip
    request = AWSRequest("PUT", f"{world.endpoint}/bodies/chunks", data=b"", headers=headers)
    auth = S3SigV4Auth(Credentials(*key), "s3", REGION)
    auth._modify_request_before_signing = lambda request: SigV4Auth._modify_request_before_signing(auth, request)
    auth.add_auth(request)
    signature = request.headers["Authorization"].rpartition("Signature=")[2]
    empty, body = hashlib.sha256(b"").hexdigest(), b""
    for number, chunk in enumerate([*chunks, b""]):
        lines = ["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], auth.credential_scope(request), signature,
                 empty, hashlib.sha256(chunk).hexdigest()]  # fmt: skip
        signature = auth.signature("\n".join(lines), request)
        sent = b"X" * len(chunk) if number == forge else chunk
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(sent), signature.encode(), sent)
    connection = http.client.HTTPConnection(*place(world), timeout=60)
    connection.request("PUT", "/bodies/chunks", body, dict(request.headers))
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_chunks_are_signed_one_by_one(books):
    s3 = books.client("s3")
    if "bodies" not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="bodies", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert chunked(books, [b"a" * 8192, b"b" * 10]) == 200
    assert s3.get_object(Bucket="bodies", Key="chunks")["Body"].read() == b"a" * 8192 + b"b" * 10
    for forge in (0, 1):
        assert chunked(books, [b"a" * 8192, b"b" * 10], forge) == 403


def test_only_a_buckets_own_rule_lets_a_page_of_another_origin_in(books):
    s3 = books.client("s3", s3={"addressing_style": "path"})
    for name in ("shared-pages", "private-pages"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=name, Key="x", Body=b"hello")
    rule = {"AllowedOrigins": ["https://app.example", "https://*.app.example"], "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["content-*"], "ExposeHeaders": ["etag"], "MaxAgeSeconds": 60}  # fmt: skip
    s3.put_bucket_cors(Bucket="shared-pages", CORSConfiguration={"CORSRules": [rule]})

    def get(bucket, origin, method="GET", **more):
        url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "x"})
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **more}
        return asked(books, method, url.removeprefix(books.endpoint), headers=headers)

    for origin in ("https://app.example", "https://a.app.example"):
        answer = get("shared-pages", origin)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
        before = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "Content-Type"}
        assert (
            get("shared-pages", origin, "OPTIONS", **before).headers["Access-Control-Allow-Headers"] == "content-type"
        )
    for origin in ("https://evil.example", "https://app.example.evil.example", "null"):
        assert get("shared-pages", origin).status == 403
    assert get("private-pages", "https://app.example").status == 403
    for asks in (
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-evil"},
    ):
        answer = get("shared-pages", "https://app.example", "OPTIONS", **asks)
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    unsigned = asked(books, "GET", "/shared-pages/x", headers={"Origin": "https://app.example"})
    assert unsigned.status == 403


@pytest.mark.parametrize("digest", ["sha256:{}", "{}", "sha256:../../cloud", "../cloud", "sha256:" + "a" * 63 + "/"])
def test_no_digest_reaches_a_file_outside(books, tmp_path, digest):
    (tmp_path / "secret.json").write_text('{"auths": "CANARY"}')
    wanted = digest.replace("{}", str(tmp_path / "secret"))
    ecr = books.client("ecr")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"mediaType": "x", "size": 1, "digest": wanted}, "layers": []}  # fmt: skip
    ecr.put_image(repositoryName="fleet", imageManifest=json.dumps(manifest), imageTag=f"t{abs(hash(digest))}")
    with pytest.raises(ClientError) as refused:
        ecr.get_download_url_for_layer(repositoryName="fleet", layerDigest=wanted)
    assert refused.value.response["Error"]["Code"] == "LayersNotFoundException"


@given(path=st.text(alphabet=st.sampled_from(list("./%2ef\\ab:cloud.json_-~?&=#")), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_reaches_the_file_system(books, path):
    """The secret of the cloud stands in cloud.json: no answer to any path has it, whoever asks."""
    known = json.loads((books.state / "cloud" / "cloud.json").read_text())
    key = control.administrator(books.state)
    for target in (f"/{path}", f"/_blobs/{path}", f"/_hermes/{path}", f"/presigned/{path}"):
        target = target.replace("#", "%23").replace("\\", "%5C")
        for sign in (None, ("s3", key)):
            answer = asked(books, "GET", target, "", {}, sign)
            assert known["token"] not in answer.text
            assert known["secret_access_key"] not in answer.text


def others_may(directory) -> list[str]:
    """What anybody but the owner could read or go into, with modes."""
    found = []
    for path in [directory, *directory.rglob("*")]:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            found.append(f"{path} {stat.S_IMODE(mode):04o}")
    return found


def test_everything_in_the_state_directory_is_its_owners_alone(world, fleet):
    world.command(next(iter(world.health(fleet["target_group"]))), ["echo x > /tmp/made; mkdir -p d"])
    assert others_may(world.state) == []


def test_directories_that_are_made_on_the_way_are_their_owners_alone(tmp_path):
    made = tmp_path / "project/.hermes/cloud"
    before = os.umask(0)
    try:
        owner.make_private(made)
    finally:
        os.umask(before)
    assert others_may(tmp_path / "project") == []


def test_a_state_directory_that_others_prepared_is_not_used(tmp_path):
    """Their cloud.json would name an endpoint of theirs, to which our keys would be sent."""
    state = tmp_path / "state"
    (state / "cloud").mkdir(parents=True)
    record = {
        "pid": os.getpid(),
        "endpoint": "http://127.0.0.1:1",
        "access_key_id": "a",
        "secret_access_key": "b",
        "token": "c",
    }
    (state / "cloud" / "cloud.json").write_text(json.dumps(record))
    (state / "cloud" / "cloud.json").chmod(0o644)
    for ask in (control.status, control.start, control.administrator):
        with pytest.raises(HermesError) as refused:
            ask(state)
        assert refused.value.findings[0].code == "local-state-not-ours"
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "cloud").symlink_to(state / "cloud")
    with pytest.raises(HermesError) as refused:
        control.start(linked)
    assert refused.value.findings[0].code == "local-state-not-ours"


def test_no_secret_of_the_cloud_is_on_a_command_line(world):
    known = json.loads((world.state / "cloud" / "cloud.json").read_text())
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            said = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            assert known["token"] not in said
            assert known["secret_access_key"] not in said


def test_a_key_of_another_cloud_opens_nothing_here(world, books):
    key, secret = control.administrator(world.state)
    assert code(books.client("sts", key, secret=secret).get_caller_identity) == "InvalidClientTokenId"
    token = json.loads((world.state / "cloud" / "cloud.json").read_text())["token"]
    assert asked(books, "POST", "/_hermes/stop", "{}", {"Authorization": f"Bearer {token}"}).status == 403


def test_virtual_hosted_buckets_are_named_by_localhost(books):
    """The style of SDKs that are told ``http://localhost:port``."""
    key = control.administrator(books.state)
    host = {"Host": f"by-host.localhost:{place(books)[1]}"}
    books.client("s3").create_bucket(Bucket="by-host", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert asked(books, "PUT", "/x", "hello", host, ("s3", key)).status == 200
    assert books.client("s3").get_object(Bucket="by-host", Key="x")["Body"].read() == b"hello"
    assert asked(books, "GET", "/x", "", host).status == 403
    assert asked(books, "GET", "/x", "", {"Host": f"by-host.localhost.evil.example:{place(books)[1]}"}).status == 403


def test_the_door_of_an_agent_wants_the_key_of_its_instance(world, fleet):
    instance = next(iter(world.health(fleet["target_group"])))
    said = world.command(instance, ["echo $HERMES_AGENT $HERMES_AGENT_KEY $AWS_EC2_METADATA_SERVICE_ENDPOINT"])
    agent, key, metadata = said["StandardOutputContent"].split()
    host, _, port = agent.partition(":")

    def sent(text: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(text)
            return line.makefile("rb").read()

    words = b"/\0ps\0"
    assert sent(b"SHIM docker %d 0\n%s" % (len(words), words)) == b""
    assert sent(b"SHIM wrong docker %d 0\n%s" % (len(words), words)) == b""
    assert sent(b"SHIM %s docker %d 0\n%s" % (key.encode(), len(words), words)).startswith(b"0 ")
    path = metadata.removeprefix(f"http://{agent}")
    ttl = b"X-aws-ec2-metadata-token-ttl-seconds: 60\r\n"
    for head, expected in (
        (b"PUT /latest/api/token HTTP/1.1\r\nHost: %s\r\n" % agent.encode() + ttl, 403),
        (b"PUT %s/latest/api/token HTTP/1.1\r\nHost: evil.example:%s\r\n" % (path.encode(), port.encode()) + ttl, 403),
        (
            b"PUT %s/latest/api/token HTTP/1.1\r\nHost: %s\r\nOrigin: http://evil.example\r\n"
            % (path.encode(), agent.encode())
            + ttl,
            403,
        ),
        (b"PUT %s/latest/api/token HTTP/1.1\r\nHost: %s\r\n" % (path.encode(), agent.encode()) + ttl, 200),
        (b"GET http://127.0.0.1:9/x HTTP/1.1\r\nHost: 127.0.0.1:9\r\n", 407),
    ):
        assert status(sent(head + b"\r\n")) == expected, head


def test_a_bucket_of_another_account_is_not_taken_for_ours(books):
    """Whoever knows an account's number can make the bucket that its tool looks for (aws-cdk issue 31885)."""
    s3 = books.client("s3")
    s3.create_bucket(Bucket="expected", CreateBucketConfiguration={"LocationConstraint": "eu-south-2"})
    s3.put_object(Bucket="expected", Key="x", Body=b"1", ExpectedBucketOwner="123456789012")
    for ask in (
        lambda: s3.put_object(Bucket="expected", Key="x", Body=b"2", ExpectedBucketOwner="666666666666"),
        lambda: s3.get_object(Bucket="expected", Key="x", ExpectedBucketOwner="666666666666"),
        lambda: s3.head_bucket(Bucket="expected", ExpectedBucketOwner="666666666666"),
    ):
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3.get_object(Bucket="expected", Key="x")["Body"].read() == b"1"
