"""An endpoint that answers a page of HTML: one finding, whatever the protocol of the service; behind an HTTP 503 it is retried."""

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from hermes_cfn.aws.calls import AwsError, Calls, ServiceTime

PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Welcome</body></html>"
READS = [
    ("sts", "get_caller_identity", {}),
    ("cloudformation", "describe_stacks", {}),
    ("ec2", "describe_vpcs", {}),
    ("ssm", "get_parameter", {"Name": "a"}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"k": {"S": "v"}}}),
    ("cloudwatch", "describe_alarms", {}),
]


class Raw:
    def __init__(self, body):
        self.body = body

    def stream(self, **_):
        yield self.body


def asked(service, name, given, status):
    """The call against a server that always answers the page; how often it was sent."""
    sent = []
    client = boto3.client(
        service,
        region_name="eu-south-2",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )

    def answer(request, **_):
        sent.append(request)
        return AWSResponse(request.url, status, {"Content-Type": "text/html; charset=utf-8"}, Raw(PAGE))

    calls = Calls(client, service, ServiceTime(), lambda _: None)
    client.meta.events.register_first("before-send.*.*", answer)
    with pytest.raises(AwsError) as refused:
        getattr(calls, name)(**given)
    return refused.value, len(sent)


@pytest.mark.parametrize(("service", "name", "given"), READS, ids=[service for service, *_ in READS])
def test_a_page_of_html_is_one_finding(service, name, given):
    error, sent = asked(service, name, given, 200)
    assert error.code == error.findings[0].code == "answer-broken"
    assert sent == 1


@pytest.mark.parametrize(("service", "name", "given"), READS, ids=[service for service, *_ in READS])
def test_behind_a_failure_of_a_server_it_is_sent_again(service, name, given):
    error, sent = asked(service, name, given, 503)
    assert sent == 2
    assert error.findings[0].code == "aws-refused"


def test_an_answer_of_the_service_under_a_wrong_header_is_read():
    """As emulators give it: what counts is that it is no page for people."""
    client = boto3.client("ssm", region_name="eu-south-2", aws_access_key_id="a", aws_secret_access_key="b")
    raw = Raw(b'{"Parameter": {"Name": "a", "Value": "b", "Version": 1}}')
    answer = {"Content-Type": "text/html; charset=utf-8"}
    calls = Calls(client, "ssm", ServiceTime(), lambda _: None)
    client.meta.events.register_first(
        "before-send.*.*", lambda request, **_: AWSResponse(request.url, 200, answer, raw)
    )
    assert calls.get_parameter(Name="a")["Parameter"]["Value"] == "b"
