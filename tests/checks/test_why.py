"""The cause of a failure from what was kept of it: the application's own words before the rollout's."""

from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.aws.cloudformation import StackEvent
from hermes_cfn.checks import why
from hermes_cfn.config.settings import Settings
from hermes_cfn.deciders import cause
from hermes_cfn.errors import hermes
from hermes_cfn.flows.why import newest_operation

AT = datetime(2026, 11, 1, tzinfo=UTC)
APPLICATION = Settings().application


def history(*what):
    return [
        {"at": (AT + timedelta(minutes=n)).isoformat(), "what": name, "detail": more}
        for n, (name, more) in enumerate(what)
    ]


def diagnosis(*log):
    return {
        "i-1": {"container": {"status": "exited", "exit_code": 1, "restarts": 0}, "log": list(log), "docker": "active"}
    }


FAILED = history(("requested", "ada"), ("failed", "nothing has changed for 1211 s"), ("rolled back", "v1"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ModuleNotFoundError: No module named 'settings.production'", "application-module-missing"),
        ("exec /app: exec format error", "application-wrong-architecture"),
        ("KeyError: 'STRIPE_KEY'", "application-variable-missing"),
        ("Invalid HTTP_HOST header: '10.0.0.1'", "application-host-refused"),
    ],
)
def test_the_applications_words_come_before_the_rollouts(line, code):
    found = list(why.of_release("v2", FAILED, diagnosis("starting", line), APPLICATION))
    assert found[0].code == code and line in found[0].evidence and found[0].next
    assert line in found[0].what, "the application's own words are the headline"
    assert found[-1].code == "release-failed" and "1211 s" in found[-1].what


def test_without_words_the_rollouts_sentence_is_what_there_is():
    (only,) = why.of_release("v2", FAILED, {}, APPLICATION)
    assert only.code == "release-failed" and hermes("releases", "show", "v2").commands[0] in only.next.commands
    first, silent = why.of_release("v2", FAILED, {"i-1": {"silent": "it did not answer"}}, APPLICATION)
    assert (first.code, silent.code) == ("release-failed", "agent-silent"), "a fresh machine's silence is no cause"
    fresh = {"i-1": {"container": "Error: No such image: hermes", "docker": "active", "units": {}}}
    assert [one.code for one in why.of_release("v2", FAILED, fresh, APPLICATION)][:2] == [
        "release-failed",
        "application-missing",
    ]


@pytest.mark.parametrize(
    "past",
    [history(("requested", "ada"), ("stable", "")), history(("requested", "ada")), (), history(("failed", "x"), ("requested", "ada"), ("stable", ""))],
)  # fmt: skip
def test_what_did_not_fail_last_has_no_cause(past):
    assert list(why.of_release("v1", past, diagnosis("ImportError"), APPLICATION)) == []


def event(n, logical, status, reason="", of_stack=False):
    kind = "AWS::CloudFormation::Stack" if of_stack else "AWS::EC2::VPC"
    return StackEvent(
        str(n),
        AT + timedelta(seconds=n),
        "network",
        logical,
        "arn" if of_stack else logical,
        kind,
        status,
        reason,
        stack_id="arn",
    )


def test_a_stacks_cause_is_of_its_newest_operation_and_no_consequence():
    events = [
        event(0, "network", "CREATE_IN_PROGRESS", of_stack=True), event(1, "Vpc", "CREATE_FAILED", "quota exceeded"),
        event(2, "network", "ROLLBACK_COMPLETE", of_stack=True),
        event(3, "network", "UPDATE_IN_PROGRESS", of_stack=True), event(4, "A", "UPDATE_FAILED", "Resource update cancelled"),
        event(5, "B", "UPDATE_FAILED", "Access denied for role"), event(6, "network", "UPDATE_ROLLBACK_COMPLETE", of_stack=True),
    ]  # fmt: skip
    found = cause.root_cause(newest_operation(events))
    assert "network / B" in found.where
    mended = [
        *events,
        event(7, "network", "UPDATE_IN_PROGRESS", of_stack=True),
        event(8, "network", "UPDATE_COMPLETE", of_stack=True),
    ]
    assert cause.root_cause(newest_operation(mended)) is None
    assert newest_operation([]) == []
