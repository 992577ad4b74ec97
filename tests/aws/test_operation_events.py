"""The history of a stack by DescribeEvents, and by DescribeStackEvents where that cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.cloudformation import CloudFormation
from hermes_cfn.errors import Finding

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STACK = "arn:aws:cloudformation:eu-south-2:123456789012:stack/s/1"


def event(minute, name, status, of_stack=False, **more):
    kind, physical = ("AWS::CloudFormation::Stack", STACK) if of_stack else ("AWS::SNS::Topic", name)
    return {
        "EventId": f"{name}-{minute}", "Timestamp": BEGIN + timedelta(minutes=minute), "StackId": STACK,
        "LogicalResourceId": name, "PhysicalResourceId": physical, "ResourceType": kind, "ResourceStatus": status, **more,
    }  # fmt: skip


HISTORY = [
    event(0, "s", "CREATE_IN_PROGRESS", of_stack=True),
    event(1, "T", "CREATE_IN_PROGRESS"),
    event(2, "T", "CREATE_COMPLETE"),
    event(3, "U", "CREATE_IN_PROGRESS"),
]


class Endpoint:
    """Answers with ``operation`` events, or refuses with a code; the other call has the whole history."""

    region = "eu-south-2"

    def __init__(self, operation):
        self.operation, self.asked = operation, []

    def pages(self, name, _key, **_arguments):
        self.asked.append(name)
        if name == "describe_events":
            if isinstance(self.operation, str):
                raise AwsError(Finding("aws-refused", "x", "x"), self.operation, "x")
            return iter(self.operation)
        return iter([{**one, "StackName": "s"} for one in reversed(HISTORY)])


@pytest.mark.parametrize("answer", [HISTORY, HISTORY[::-1]], ids=["oldest first", "newest first"])
@pytest.mark.parametrize(("since", "seen"), [(None, 4), (2, 2), (3, 1), (0, 4)])
def test_events_are_read_in_any_order_and_told_oldest_first(answer, since, seen):
    endpoint = Endpoint(answer)
    at = None if since is None else BEGIN + timedelta(minutes=since)
    found = CloudFormation(endpoint).events("s", at)
    assert [one.id for one in found] == [one["EventId"] for one in HISTORY[-seen:]]
    assert endpoint.asked == ["describe_events"]


@pytest.mark.parametrize(
    "answer",
    ["InvalidAction", "NotImplemented", "AccessDenied", HISTORY[1:]],
    ids=["unknown", "501", "denied", "no status"],
)
def test_what_cannot_be_asked_so_is_asked_as_before_and_not_asked_again(answer):
    endpoint = Endpoint(answer)
    door = CloudFormation(endpoint)
    for _ in range(2):
        assert [one.id for one in door.events("s", None)] == [one["EventId"] for one in HISTORY]
    assert endpoint.asked == ["describe_events", "describe_stack_events", "describe_stack_events"]


def test_validations_and_hooks_are_lines_of_the_history():
    said = [
        HISTORY[0],
        event(1, "T", "", ValidationStatus="FAILED", ValidationFailureMode="FAIL", ValidationPath="/Resources/T"),
        event(2, "B", "", ValidationStatus="FAILED", ValidationFailureMode="WARN"),
        event(3, "H", "", EventType="HOOK_INVOCATION_ERROR", HookFailureMode="FAIL", HookType="Guard"),
    ]
    found = CloudFormation(Endpoint(said)).events("s", None)
    assert [one.status for one in found[1:]] == ["VALIDATION_FAILED", "VALIDATION_WARNING", "HOOK_FAILED"]
