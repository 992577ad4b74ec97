"""Signatures as botocore makes them are those that are checked, for every request that can be written."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import quote
from botocore.credentials import Credentials
from botocore.utils import percent_encode_sequence
from hypothesis import given
from hypothesis import strategies as st

from hermes_cfn.local import authentication
from hermes_cfn.local.signature import Fault, Unsigned, read, verify
from hermes_cfn.local.wire import HttpRequest

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
HEADER = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)


def signed(service: str, method: str, path: str, params: dict, headers: dict, body: bytes, presigned: bool, token=None):
    """The target, headers and body that a client sends."""

    classes = {("s3", False): S3SigV4Auth, ("s3", True): S3SigV4QueryAuth, ("x", False): SigV4Auth, ("x", True): SigV4QueryAuth}  # fmt: skip
    kind = classes["s3" if service == "s3" else "x", presigned]
    url = "http://127.0.0.1:4566" + quote(path, safe="/~")
    url += f"?{percent_encode_sequence(params)}" if params else ""
    request = AWSRequest(method, url, data=body, headers=headers)
    kind(Credentials("AKIAEXAMPLE", SECRET, token), service, "eu-south-2").add_auth(request)
    prepared = request.prepare()
    target = prepared.url.removeprefix("http://127.0.0.1:4566")
    return target, {"host": "127.0.0.1:4566", **{k.lower(): v if isinstance(v, str) else v.decode() for k, v in prepared.headers.items()}}  # fmt: skip


def checked(method, target, headers, body, secret=SECRET, now=None):
    verify(read(target, headers), secret, method, target, headers, body, now or datetime.now(UTC))


@given(
    service=st.sampled_from(["s3", "ssm"]), method=st.sampled_from(["GET", "PUT", "POST", "DELETE"]), path=TEXT,
    params=st.dictionaries(TEXT.filter(lambda name: name and not name.lower().startswith("x-amz")), TEXT, max_size=3),
    header=HEADER, body=st.binary(max_size=40), token=st.sampled_from([None, "tok/en+="]),
)  # fmt: skip
def test_what_botocore_signs_is_taken_and_nothing_else(service, method, path, params, header, body, token):
    path = "/" + path.replace("\\", "").replace("?", "").replace("#", "").replace(".", "").lstrip("/")
    target, headers = signed(service, method, path, params, {"x-amz-meta": header}, body, False, token)
    checked(method, target, headers, body)
    for changed in (
        ("PATCH", target, headers, body, SECRET), (method, target + "x", headers, body, SECRET),
        (method, target, {**headers, "x-amz-meta": header + "x"}, body, SECRET),
        (method, target, {**headers, "x-amz-new": "x"}, body, SECRET),
        (method, target, {**headers, "host": "evil.example"}, body, SECRET),
        (method, target, headers, body + b"x", SECRET), (method, target, headers, body, SECRET + "x"),
    ):  # fmt: skip
        with pytest.raises(Unsigned):
            checked(*changed)


@given(service=st.sampled_from(["s3", "sts"]), path=TEXT, expires=st.sampled_from([-3601, -301, 3601]))
def test_a_presigned_address_is_good_as_long_as_it_says(service, path, expires):
    path = "/" + path.replace("\\", "").replace("?", "").replace("#", "").replace(".", "").lstrip("/")
    target, headers = signed(service, "GET", path, {}, {}, b"", True, "token")
    headers.pop("content-length", None)
    checked("GET", target, headers, b"")
    then = datetime.now(UTC) + timedelta(seconds=expires)
    if service == "s3" and -900 < expires < 0:
        checked("GET", target, headers, b"", now=then)
        return
    with pytest.raises(Unsigned) as over:
        checked("GET", target, headers, b"", now=then)
    assert over.value.fault is (Fault.OVER if expires > 0 else Fault.SKEWED)


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(["authorization", "x-amz-date", "date", "host"]), st.text(max_size=200)))  # fmt: skip
def test_whatever_is_said_of_a_signature_is_read_or_refused(query, headers):
    for target in ("/?" + query, "/?X-Amz-Credential=" + query, "/"):
        try:
            read(target, headers)
        except Unsigned as refused:
            assert refused.fault in Fault


@pytest.mark.parametrize(
    ("signed_m", "judged_m"),
    [(-9, 0), (0, 0), (30, 30), (60, 60), (75, 60)],
    ids=["before", "real", "between", "service", "after"],
)
def test_a_signature_is_judged_by_the_nearest_time_that_a_client_can_know(signed_m, judged_m):
    """The service's time is hurried, and the JavaScript SDK signs by what an earlier answer told."""
    real = datetime(2026, 1, 1, tzinfo=UTC)
    at = {minutes: real + timedelta(minutes=minutes) for minutes in (-9, 0, 30, 60, 75)}
    assert authentication.nearest(at[signed_m], real, at[60]) == at[judged_m]
    assert authentication.nearest(at[signed_m], at[60], real) == at[judged_m]


@pytest.mark.parametrize(
    ("agent", "follows"),
    [
        ({"user-agent": "aws-sdk-js/3.830.0 ua/2.1 os/linux lang/js api/cloudformation#3.830.0"}, True),
        ({"x-amz-user-agent": "aws-sdk-js/3.830.0"}, True),
        ({"user-agent": "aws-sdk-go-v2/1.36.3 os/linux lang/go#1.24"}, True),
        ({"user-agent": "Boto3/1.40.0 md/Botocore#1.40.0"}, False),
        ({"user-agent": "aws-cli/2.27.0 md/awscrt#0.26.1"}, False),
        ({}, False),
    ],
)
def test_only_clients_that_follow_answers_are_judged_by_what_they_were_told(agent, follows):
    assert authentication.follows(HttpRequest("POST", "/", agent, b"")) is follows
