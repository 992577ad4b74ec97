"""A plan on file against the same made anew, and AWS's change set against the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deployments import as_there, built, changed, planned

from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity
from hermes_cfn.plan import guard, record


@pytest.fixture(scope="module")
def there():
    return as_there(built())


@pytest.fixture(scope="module")
def plan(there):
    return planned(built("[service]\nhealth_interval_s = 15"), there, image="v2", replace=frozenset({"X"}))


def test_the_same_plan_passes_whatever_its_durations_and_what_it_only_tells(plan) -> None:
    told = Finding("bucket-retained", "b", "taken up again", severity=Severity.INFO)
    record.compare(record.text(plan), replace(plan, stacks_s=99.0, rollout_s=1.0, findings=(told,)))


def test_a_record_says_what_was_asked(plan) -> None:
    asked = record.asked(record.text(plan))
    assert (asked.environment, asked.image, asked.replace) == ("production", "v2", frozenset({"X"}))


@pytest.mark.parametrize(
    "other",
    [
        {"release_next": "v3"},
        {"commit": "0123"},
        {"stacks": ()},
        {"findings": (Finding("data-at-risk", "x", "y"),)},
        {"image": "v3"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_any_difference_stops_and_is_shown(plan, other) -> None:
    with pytest.raises(HermesError) as caught:
        record.compare(record.text(plan), replace(plan, **other))
    assert caught.value.exit_code is ExitCode.REFUSED
    (finding,) = caught.value.findings
    assert finding.code == "plan-changed"
    assert any(line.startswith(("+", "-")) for line in finding.evidence.splitlines())


def test_stacks_that_this_run_deployed_itself_are_not_compared(plan, there) -> None:
    first = planned(built(), {})
    later = planned(built(), {"foundation": there["foundation"]})
    with pytest.raises(HermesError):
        record.compare(record.text(first), later)
    record.compare(record.text(first), later, done=frozenset({"foundation"}))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "plan": {}}', '{"version": 3, "plan": {"stacks": []}, "said": {}}']
)
def test_a_file_that_is_no_plan_is_said(text: str, plan) -> None:
    with pytest.raises(HermesError) as caught:
        record.compare(text, plan)
    assert caught.value.findings[0].code == "plan-unreadable"
    assert caught.value.exit_code is ExitCode.USAGE


def aws(name: str, **more):
    return {"Action": "Modify", "LogicalResourceId": name, "ResourceType": "AWS::EC2::VPC", **more}


@pytest.mark.parametrize("fate", [{"Replacement": "True"}, {"Replacement": "Conditional"}, {"Action": "Remove"}])
def test_what_aws_ends_beyond_the_plan_is_found(plan, fate) -> None:
    (finding,) = guard.unplanned(plan, "service", [aws("LoadBalancer", **fate)])
    assert finding.code == "replacement-unplanned"
    assert finding.where == "service/LoadBalancer"
    assert "--replace LoadBalancer" in str(finding.next)
    assert not list(
        guard.unplanned(replace(plan, replace=frozenset({"LoadBalancer"})), "service", [aws("LoadBalancer", **fate)])
    )


def test_what_the_plan_showed_and_what_only_changes_passes(there) -> None:
    def other_port(template):
        template["Resources"]["TargetGroup"]["Properties"]["Port"] = 4100

    plan = planned(changed(built(), "service", other_port), there)
    changes = [aws("TargetGroup", Replacement="True"), aws("LogGroup", Replacement="False"), aws("New", Action="Add")]
    assert not list(guard.unplanned(plan, "service", changes))
    (finding,) = guard.unplanned(plan, "network", [aws("TargetGroup", Replacement="True")])
    assert finding.where == "network/TargetGroup"


def test_what_aws_only_calls_conditional_passes_and_its_certainty_does_not(there) -> None:
    plan = planned(built("[compute]\nvolume_gib = 30"), there)
    group = "AutoScalingGroup"
    assert not list(guard.unplanned(plan, "service", [aws(group, Replacement="Conditional")]))
    (finding,) = guard.unplanned(plan, "service", [aws(group, Replacement="True")])
    assert finding.code == "replacement-unplanned"


def test_data_that_only_might_go_and_does_is_found(there) -> None:
    plan = planned(built("[service]\nhealth_interval_s = 15"), there)
    (stack,) = [stack for stack in plan.stacks if stack.changes]
    held = replace(
        stack.changes[0], logical_id="Table", replacement="Conditional", data=True, policy="ReplaceAndDelete"
    )
    plan = replace(plan, stacks=(replace(stack, changes=(held,)),))
    (finding,) = guard.unplanned(plan, "service", [aws("Table", Replacement="True")])
    assert finding.code == "data-at-risk"
    assert not list(guard.unplanned(plan, "service", [aws("Table", Replacement="Conditional")]))
