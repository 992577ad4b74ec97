"""What was made a moment ago: each row of the table is waited for, once said, for its time, and only by who made it."""

import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config

from hermes_cfn.aws import young
from hermes_cfn.aws.calls import AwsError, Calls, ServiceTime
from hermes_cfn.aws.writes import READS, WRITES

ROWS = [(one, call, code) for one in young.YOUNG for call in one.calls for code in sorted(one.codes)]


class Service:
    """A client that answers ``code`` so many times, and then well."""

    class meta:
        class events:
            register = staticmethod(lambda *_: None)

        region_name = "eu-south-2"

    def __init__(self, code, times):
        self.code, self.times, self.asked = code, times, 0

    def __getattr__(self, name):
        def call(**_arguments):
            self.asked += 1
            if self.asked <= self.times:
                raise botocore.exceptions.ClientError({"Error": {"Code": self.code, "Message": "not there"}}, name)
            return {"answered": self.asked}

        return call


def asked(call, code, times, made=True):
    service, _, name = call.partition(".")
    time, slept = ServiceTime(), []
    fake = Service(code, times)
    calls = Calls(fake, service, time, slept.append)
    if made:
        calls.created()
    return getattr(calls, name), time, slept, fake


@pytest.mark.parametrize(("row", "call", "code"), ROWS)
def test_what_is_young_is_asked_for_again_and_that_is_said_once(row, call, code):
    ask, time, slept, _ = asked(call, code, 4)
    assert ask()["answered"] == 5
    assert len(slept) == 4
    (said,) = time.waited()
    assert (said.code, said.where) == ("not-known-yet", row.what)
    assert not time.waited()


@pytest.mark.parametrize(("row", "call", "code"), ROWS)
def test_the_wait_ends_and_then_the_refusal_is_told(row, call, code):
    ask, _, slept, _ = asked(call, code, 10**6)
    with pytest.raises(AwsError) as refused:
        ask()
    assert refused.value.code == code
    assert row.wait_s <= sum(slept) < row.wait_s + 5


@pytest.mark.parametrize(("row", "call", "code"), ROWS)
def test_who_made_nothing_is_told_at_once(row, call, code):
    ask, time, slept, fake = asked(call, code, 10**6, made=False)
    with pytest.raises(AwsError):
        ask()
    assert not slept
    assert fake.asked == 1
    assert not time.waited()


def test_another_refusal_is_told_at_once():
    for _, call, _ in ROWS:
        ask, _, slept, _ = asked(call, "ValidationException", 1)
        with pytest.raises(AwsError):
            ask()
        assert not slept


def test_every_row_is_of_calls_that_exist_or_says_who_waits():
    session = botocore.session.get_session()
    for row in young.YOUNG:
        assert bool(row.calls) != bool(row.by), row.what
        assert row.source
        for call in row.calls:
            service, _, name = call.partition(".")
            client = session.create_client(
                service, "eu-south-2", aws_access_key_id="a", aws_secret_access_key="b", config=Config()
            )
            assert hasattr(client, name), call
            assert name.startswith(READS) or call in WRITES, call


def test_everything_that_the_issue_names_is_in_the_table():
    named = " ".join(row.what for row in young.YOUNG)
    for thing in (
        "assumed",
        "pass",
        "instance profile",
        "launch template",
        "bucket",
        "log group",
        "OIDC",
        "certificate",
    ):
        assert thing in named
