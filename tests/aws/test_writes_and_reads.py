"""The contract of every call: a change says why it may be sent twice and how later reads are known to be newer."""

import ast
import io
from collections import Counter
from pathlib import Path

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

import hermes_cfn.aws
from hermes_cfn.aws import writes
from hermes_cfn.aws.calls import LATE_S, AwsError, Calls, ServiceTime
from hermes_cfn.aws.ssm import Ssm
from hermes_cfn.errors import HermesError

HOME = Path(hermes_cfn.aws.__file__).parent
CLIENTS = {"_athena", "_calls", "_iam", "_sts", "_quotas", "calls"}


def called() -> set[str]:
    """Every operation of a client that the source of aws/ names, and that the cases of conformance do."""
    names = set()
    for path in (HOME.parent / "flows/conformance").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                of = node.value
                made = isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.func.attr == "calls"
                named = isinstance(of, ast.Name) and of.id in ("cloudformation", "ssm")
                names |= {node.attr} if (made or named) and node.attr != "pages" else set()
    for path in HOME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = node.func.value
                owner = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
                if owner in CLIENTS and node.func.attr not in ("pages", "whole_pages", "until", "region", "created"):
                    names.add(node.func.attr)
    return names


def test_every_call_that_changes_something_has_a_row_and_every_row_is_called() -> None:
    rows = {key.partition(".")[2] for key in writes.WRITES}
    changing = {name for name in called() if not name.startswith(writes.READS)}
    assert len(called()) > 40
    assert changing == rows


def test_a_row_says_how_a_second_time_is_harmless_and_what_later_reads_are_known_by() -> None:
    for name, row in writes.WRITES.items():
        assert row.token or row.done or row.twice, name
        assert row.seen_by, name


def test_tokens_and_codes_are_those_of_the_service_model() -> None:
    session = botocore.session.get_session()
    for name, row in writes.WRITES.items():
        service, _, operation = name.partition(".")
        client = session.create_client(
            service, region_name="eu-south-2", aws_access_key_id="a", aws_secret_access_key="b"
        )
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        given = {one for one in model.input_shape.members if one in ("ClientToken", "ClientRequestToken")}
        assert given == ({row.token} if row.token else set()), f"{name} takes a client token: {given}"


def test_a_change_without_a_row_is_refused_before_it_is_sent() -> None:
    with pytest.raises(LookupError, match="writes"):
        Calls(client("cloudformation", []), "cloudformation", ServiceTime()).create_stack_set  # noqa: B018


class Raw(io.BytesIO):
    def stream(self, *_args, **_more):
        yield self.read()


def client(service, answers):
    """A real client of botocore whose connection answers from a list: (status, body) or None for a lost answer."""
    session = botocore.session.get_session()
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    made = session.create_client(
        service, region_name="eu-south-2", aws_access_key_id="a", aws_secret_access_key="b", config=config
    )
    made.sent = []

    def send(request, **_):
        made.sent.append(request.body)
        status, body = answers.pop(0)
        return AWSResponse(request.url, status, {}, Raw(body.encode()))

    made.meta.events.register("before-send.*", send)
    return made


def query(code):
    return 400, f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"


LOST = (500, "<ErrorResponse><Error><Code>InternalFailure</Code><Message>lost</Message></Error></ErrorResponse>")
XML = {name: row for name, row in writes.WRITES.items() if name.split(".")[0] in ("cloudformation", "autoscaling")}
GIVEN = {
    "create_change_set": {"StackName": "s", "ChangeSetName": "c"},
    "create_stack": {"StackName": "s"},
    "execute_change_set": {"ChangeSetName": "c", "StackName": "s"},
    "delete_change_set": {"ChangeSetName": "c", "StackName": "s"},
    "continue_update_rollback": {"StackName": "s"},
    "rollback_stack": {"StackName": "s"},
    "cancel_update_stack": {"StackName": "s"},
    "enter_standby": {"AutoScalingGroupName": "g", "ShouldDecrementDesiredCapacity": True},
    "exit_standby": {"AutoScalingGroupName": "g"},
    "terminate_instance_in_auto_scaling_group": {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": True},
}


@pytest.mark.parametrize("name", [name for name, row in XML.items() if row.done])
def test_done_before_is_success_after_a_lost_answer_and_an_error_without_one(name: str, monkeypatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    service, _, operation = name.partition(".")
    row = writes.WRITES[name]
    for code in row.done:
        wire = client(service, [LOST, query(code)])
        assert getattr(Calls(wire, service, ServiceTime()), operation)(**GIVEN[operation]) == {}
        assert len(wire.sent) == 2
        if row.token:
            assert f"{row.token}=hermes-" in str(wire.sent[0])
            assert wire.sent[0] == wire.sent[1]
        with pytest.raises(AwsError) as caught:
            getattr(Calls(client(service, [query(code)]), service, ServiceTime()), operation)(**GIVEN[operation])
        assert caught.value.code == code


class Parameters:
    """Systems Manager as far as versions go; reads answer from ``lag`` writes ago until ``looks`` have been made."""

    class meta:
        class events:
            register = staticmethod(lambda *_: None)

        region_name = "eu-south-2"

    def __init__(self, looks: int) -> None:
        self.version, self.looks, self.asked = 1, looks, Counter()

    def put_parameter(self, **_):
        self.version += 1
        return {"Version": self.version}

    def delete_parameter(self, **_):
        return {}

    def _shown(self, what):
        self.asked[what] += 1
        late = self.version > 1 and self.asked[what] <= self.looks
        return {"Name": "/a/b", "Value": "x", "Type": "String", "Version": self.version - 1 if late else self.version}

    def get_parameter(self, **_):
        return {"Parameter": self._shown("get_parameter")}

    def get_parameters(self, **_):
        return {"Parameters": [self._shown("get_parameters")]}

    def get_paginator(self, name):
        return type("Pages", (), {"paginate": lambda _, **__: [{"Parameters": [self._shown(name)]}]})()


READINGS = {
    "parameter": lambda ssm: ssm.parameter("/a/b"),
    "parameters": lambda ssm: ssm.parameters(["/a/b"])["/a/b"],
    "under": lambda ssm: ssm.under("/a")["/a/b"],
    "described": lambda ssm: ssm.described("/a")["/a/b"],
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("write", ["put", "put_secret"])
def test_what_was_written_is_read_at_least_at_the_version_that_writing_answered(reading: str, write: str) -> None:
    slept: list[float] = []
    ssm = Ssm(Calls(Parameters(looks=3), "ssm", ServiceTime(), slept.append))
    version = getattr(ssm, write)("/a/b", "value")
    assert READINGS[reading](ssm).version == version == 2
    assert len(slept) == 3
    assert READINGS[reading](ssm).version == 2
    assert len(slept) == 3  # once it is shown nobody waits


@pytest.mark.parametrize("reading", READINGS)
def test_what_never_shows_the_version_is_said_and_not_believed(reading: str) -> None:
    slept: list[float] = []
    ssm = Ssm(Calls(Parameters(looks=10**6), "ssm", ServiceTime(), slept.append))
    ssm.put_secret("/a/b", "value")
    with pytest.raises(HermesError) as caught:
        READINGS[reading](ssm)
    assert caught.value.findings[0].code == "parameter-late"
    assert caught.value.findings[0].next
    assert LATE_S <= sum(slept) <= LATE_S + 1


def test_who_has_written_nothing_waits_for_nothing_and_what_is_deleted_is_not_expected() -> None:
    slept: list[float] = []
    ssm = Ssm(Calls(Parameters(looks=10**6), "ssm", ServiceTime(), slept.append))
    assert ssm.parameter("/a/b").version == 1
    ssm.put("/a/b", "value")
    ssm.delete("/a/b")
    assert ssm.parameter("/a/b").version == 1
    assert not slept
