"""The deployer of stacks over a CloudFormation whose every read may be as old as AWS's may, drawn by Hypothesis.

The model keeps every state that the service was in; each read answers as of one of the last :data:`DEEP`, and the
answer of any change may be lost after it was carried out.  Whatever is drawn: the goal, no false error, no second
execution, no deletion that nobody asked for.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_cfn.aws.calls import AwsError, Calls, ServiceTime, until
from hermes_cfn.aws.cloudformation import CloudFormation
from hermes_cfn.deployment import FromOutput, StackSpec
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.flows import destroy
from hermes_cfn.flows.stacks.deployer import ROLE_S, StackDeployer, compact

DEEP = 4
"""States of the past that a read may answer as of."""

TEMPLATE = {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"VpcId": {"Value": "v"}}}
START = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += timedelta(seconds=seconds)


def refused(code, message="no", retried=False):
    return AwsError(Finding("aws-refused", "cloudformation", message), code, message, retried)


class Service:
    """CloudFormation's client: a stack goes a step with every call; ``lags`` say as of how many states ago a read is."""

    class meta:
        class events:
            register = staticmethod(lambda *_: None)

        region_name = "eu-south-2"

    def __init__(self, clock, lags, role_s=0.0, failing_deletes=0):
        self.clock, self.lags, self.role_s, self.failing_deletes = clock, list(lags), role_s, failing_deletes
        self.stacks, self.states, self.calls, self.serial = {}, [{}], [], 0

    def _at(self):
        self.serial += 1
        self.clock.sleep(0.01)
        return self.clock.now()

    def _keep(self):
        self.states.append(copy.deepcopy(self.stacks))

    def _seen(self):
        self._step()
        ago = self.lags.pop(0) if self.lags else 0
        return self.states[max(0, len(self.states) - 1 - ago)]

    def _step(self):
        """What is under way goes on."""
        for stack in self.stacks.values():
            if stack["todo"]:
                stack["status"] = stack["todo"].pop(0)
                stack["events"].insert(0, self._event(stack, stack["token"]))
                self._keep()

    def _event(self, stack, token):
        return {
            "EventId": f"e{self.serial}-{stack['status']}", "Timestamp": self._at(), "StackName": stack["name"],
            "StackId": stack["id"], "LogicalResourceId": stack["name"], "PhysicalResourceId": stack["id"],
            "ResourceType": "AWS::CloudFormation::Stack", "ResourceStatus": stack["status"], "ClientRequestToken": token,
        }  # fmt: skip

    def _find(self, state, name):
        for stack in state.values():
            if name == stack["id"] or (name == stack["name"] and stack["status"] != "DELETE_COMPLETE"):
                return stack
        raise refused("ValidationError", f"Stack with id {name} does not exist")

    def describe_stacks(self, StackName):
        stack = self._find(self._seen(), StackName)
        outputs = [{"OutputKey": "VpcId", "OutputValue": "vpc-1"}] if stack["status"].endswith("E_COMPLETE") else []
        return {"Stacks": [{
            "StackName": stack["name"], "StackId": stack["id"], "StackStatus": stack["status"], "Outputs": outputs,
            "CreationTime": stack["made"], "LastUpdatedTime": stack["updated"], "Tags": [], "Parameters": stack["parameters"],
        }]}  # fmt: skip

    def get_template(self, StackName, TemplateStage):
        return {"TemplateBody": self._find(self._seen(), StackName)["template"]}

    def describe_change_set(self, StackName, ChangeSetName):
        found = self._find(self._seen(), StackName)["change_sets"].get(ChangeSetName)
        if found is None:
            raise refused("ChangeSetNotFound")
        return {"ChangeSetId": ChangeSetName, "Changes": [], **found}

    def get_paginator(self, name):
        def paginate(StackName, **_more):
            if name == "describe_events":
                raise refused("InvalidAction")
            if name == "list_stack_resources":
                return [{"StackResourceSummaries": []}]
            return [{"StackEvents": self._find(self._seen(), StackName)["events"]}]

        return SimpleNamespace(paginate=paginate)

    def describe_stack_events(self, StackName):
        return {"StackEvents": self._find(self._seen(), StackName)["events"]}

    def create_change_set(self, StackName, ChangeSetName, TemplateBody, Parameters, ClientToken, **more):
        self.calls.append("create")
        if more.get("RoleARN") and (self.clock.now() - START).total_seconds() < self.role_s:
            raise refused("ValidationError", f"Role {more['RoleARN']} is invalid or cannot be assumed")
        try:
            stack = self._find(self.stacks, StackName)
        except AwsError:
            stack = self.stacks.setdefault(f"arn:{self.serial}", {
                "name": StackName, "id": f"arn:{self.serial}", "status": "REVIEW_IN_PROGRESS", "todo": [], "events": [],
                "made": self._at(), "change_sets": {}, "template": {}, "token": "", "parameters": [],
            })  # fmt: skip
            stack["updated"] = stack["made"]
            stack["events"].insert(0, self._event(stack, ""))
        if ChangeSetName in stack["change_sets"]:
            raise refused("AlreadyExistsException")
        wants = json.loads(TemplateBody)
        made = {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "template": wants, "wants": Parameters}
        if (wants, Parameters) == (stack["template"], stack["parameters"]):
            why = "The submitted information didn't contain changes."
            made |= {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": why}
        stack["change_sets"][ChangeSetName] = made
        self._keep()
        return {"Id": ChangeSetName, "StackId": stack["id"]}

    def execute_change_set(self, StackName, ChangeSetName, ClientRequestToken):
        self.calls.append("execute")
        stack = self._find(self.stacks, StackName)
        found = stack["change_sets"][ChangeSetName]
        if found["ExecutionStatus"] != "AVAILABLE":
            raise refused("InvalidChangeSetStatus")
        found["ExecutionStatus"] = "EXECUTE_COMPLETE"
        kind = "CREATE" if stack["status"] == "REVIEW_IN_PROGRESS" else "UPDATE"
        stack.update(
            token=ClientRequestToken, template=found["template"], parameters=found["wants"], updated=self._at()
        )
        stack["todo"] = [f"{kind}_IN_PROGRESS", f"{kind}_COMPLETE"]
        self._keep()
        return {}

    def delete_change_set(self, StackName, ChangeSetName):
        self._find(self.stacks, StackName)["change_sets"].pop(ChangeSetName, None)
        self._keep()
        return {}

    def delete_stack(self, StackName, ClientRequestToken):
        self.calls.append("delete")
        stack = self._find(self.stacks, StackName)
        stack["token"], fails = ClientRequestToken, self.failing_deletes > 0
        self.failing_deletes -= fails
        stack["todo"] = ["DELETE_IN_PROGRESS", "DELETE_FAILED" if fails else "DELETE_COMPLETE"]
        return {}


class Context:
    """As much of a deploy context as stacks need."""

    commit, region, version = "", "eu-south-2", "0.1.0"

    def __init__(self, door, clock):
        self.clock = clock
        self.clients = SimpleNamespace(
            cloudformation=lambda _region="": door,
            now=clock.now,
            until=lambda ask, fresh: until(ask, fresh, clock.sleep),
        )

    @property
    def now(self):
        return self.clock.now()


def world(lags, **more):
    clock = Clock()
    service = Service(clock, lags, **more)
    return service, Context(CloudFormation(Calls(service, "cloudformation", ServiceTime(), clock.sleep)), clock)


def spec(key, parameters=None, **changed):
    return StackSpec(key, f"s-{key}", "eu-south-2", {**TEMPLATE, **changed}, parameters or {})


def told(story):
    """What a flow tells, and its result."""
    events = []
    try:
        while True:
            events.append(next(story))
    except StopIteration as end:
        return events, end.value


LAGS = st.lists(st.integers(0, DEEP), max_size=60)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(LAGS)
@QUICK
def test_stacks_that_feed_each_other_are_made_once_whatever_is_seen_late(lags) -> None:
    service, context = world(lags)
    wanted = [spec("network"), spec("service", {"Vpc": FromOutput("network", "VpcId")})]
    _, outcome = told(StackDeployer(context, wanted).run(lambda: None))
    assert outcome == {"network": "CREATE_COMPLETE", "service": "CREATE_COMPLETE"}
    assert service.calls.count("execute") == 2
    assert "delete" not in service.calls


@given(LAGS, LAGS)
@QUICK
def test_an_update_ends_with_its_own_outcome_and_not_with_the_one_before(first, lags) -> None:
    service, context = world(first)
    told(StackDeployer(context, [spec("network")]).run(lambda: None))
    service.lags = list(lags)
    other = spec("network", Metadata={"of": "the second"})
    _, outcome = told(StackDeployer(context, [other]).run(lambda: None))
    assert outcome == {"network": "UPDATE_COMPLETE"}
    stack = next(iter(service.stacks.values()))
    assert (stack["status"], stack["template"]) == ("UPDATE_COMPLETE", json.loads(compact(other.template)))
    assert service.calls.count("execute") == 2


@given(LAGS)
@QUICK
def test_the_history_is_told_once_and_in_order(lags) -> None:
    _, context = world(lags)
    events, _ = told(StackDeployer(context, [spec("network")]).run(lambda: None))
    statuses = [event.status for event in events if type(event).__name__ == "ResourceEvent"]
    everything = ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert len(set(statuses)) == len(statuses)
    assert statuses == [status for status in everything if status in statuses]


@pytest.mark.parametrize("failing", [0, 1])
@given(lags=LAGS)
@QUICK
def test_a_stack_is_deleted_as_often_as_it_must_be(failing, lags) -> None:
    service, context = world([], failing_deletes=failing)
    told(StackDeployer(context, [spec("network")]).run(lambda: None))
    service.lags = list(lags)
    consent = destroy.Consent()
    told(destroy.StackDeleter(context, [spec("network")], consent).run(None))
    assert next(iter(service.stacks.values()))["status"] == "DELETE_COMPLETE"
    assert service.calls.count("delete") == 1 + failing


@given(lags=LAGS)
@QUICK
def test_two_deletions_that_fail_are_said_with_the_status_that_they_ended_in(lags) -> None:
    service, context = world([], failing_deletes=9)
    told(StackDeployer(context, [spec("network")]).run(lambda: None))
    service.lags = list(lags)
    with pytest.raises(HermesError) as caught:
        told(destroy.StackDeleter(context, [spec("network")], destroy.Consent()).run(None))
    assert caught.value.findings[0].code == "stack-undeletable"
    assert "DELETE_FAILED" in caught.value.findings[0].what
    assert service.calls.count("delete") == 2


def test_a_role_that_is_too_young_is_waited_for_and_told_once() -> None:
    service, context = world([], role_s=8)
    events, outcome = told(StackDeployer(context, [spec("network")], role="arn:aws:iam::1:role/r").run(lambda: None))
    assert outcome == {"network": "CREATE_COMPLETE"}
    codes = [event.finding.code for event in events if type(event).__name__ == "Noted"]
    assert codes == ["role-not-known-yet"]
    assert service.calls.count("create") == 9


def test_a_role_that_never_can_be_assumed_is_said_after_the_stated_time() -> None:
    _, context = world([], role_s=10**6)
    with pytest.raises(AwsError) as caught:
        told(StackDeployer(context, [spec("network")], role="arn:aws:iam::1:role/r").run(lambda: None))
    assert "cannot be assumed" in caught.value.message
    assert ROLE_S < (context.now - START).total_seconds() < ROLE_S + 5


@pytest.mark.parametrize("late", [0, 3])
def test_a_change_set_that_an_earlier_run_has_executed_is_not_executed_again(late) -> None:
    service, context = world([])
    wanted = spec("network")
    story = StackDeployer(context, [wanted]).run(lambda: None)
    while "execute" not in service.calls:
        next(story)
    again, fresh = (
        service.calls.copy(),
        Context(CloudFormation(Calls(service, "cloudformation", ServiceTime(), context.clock.sleep)), context.clock),
    )
    service.lags = [late] * 8
    _, outcome = told(StackDeployer(fresh, [wanted]).run(lambda: None))
    stack = next(iter(service.stacks.values()))
    assert stack["status"] == "CREATE_COMPLETE"
    assert outcome["network"] in ("unchanged", "UPDATE_COMPLETE", "CREATE_COMPLETE")
    assert again.count("execute") == 1
