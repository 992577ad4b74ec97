"""Rolling updates of other people's templates: batches, the minimum in service, pauses, signals, failure.

Template reference, ``aws-attribute-updatepolicy``.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from hermes_cfn.local.providers.base import Failure
from hermes_cfn.local.providers.rolling import Policy, Rolling, Seen
from hermes_cfn.local.services.autoscaling import refresh


def template(books, kind, policy, **sizes):
    group = {
        "MinSize": "2", "MaxSize": "4", "DesiredCapacity": "3", "VPCZoneIdentifier": books.names["subnets"],
        "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Machine"}, "Version": {"Fn::GetAtt": ["Machine", "LatestVersionNumber"]}},
        **sizes,
    }  # fmt: skip
    resources = {
        "Machine": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"LaunchTemplateData": {"ImageId": "ami-0123456789abcdef0", "InstanceType": kind}},
        },
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group, "UpdatePolicy": policy},
    }
    return json.dumps({"Resources": resources})


class Stack:
    """A stack with a group of three; every look at the group is kept."""

    def __init__(self, books, name, policy):
        self.books, self.name = books, name
        self.policy = {"AutoScalingRollingUpdate": policy}
        self.formation, self.scaling = books.client("cloudformation"), books.client("autoscaling")
        self.formation.create_stack(StackName=name, TemplateBody=template(books, "t4g.small", self.policy))
        self.over("CREATE_COMPLETE")
        self.group_name = self.formation.describe_stack_resource(StackName=name, LogicalResourceId="Group")[
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        self.books.until(
            lambda: [one["LifecycleState"] for one in books.group(self.group_name)["Instances"]] == ["InService"] * 3
        )
        self.serving, self.batches, self.suspended, self.signal = [], [], set(), None

    def over(self, wanted):
        def status():
            return self.formation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]

        assert self.books.until(lambda: not (s := status()).endswith("IN_PROGRESS") and s, 90) == wanted, self.reasons()

    def look(self):
        group = self.books.group(self.group_name)
        members = group["Instances"]
        self.serving.append(sum(one["LifecycleState"] == "InService" for one in members))
        self.batches.append(sum(one["LifecycleState"].startswith("Terminating") for one in members))
        self.suspended |= {one["ProcessName"] for one in group["SuspendedProcesses"]}
        return group

    def update(self, wanted, **sizes):
        body = template(self.books, "t4g.medium", self.policy, **sizes)
        self.formation.update_stack(StackName=self.name, TemplateBody=body)
        told = set()
        while self.formation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"].endswith("IN_PROGRESS"):
            for one in self.look()["Instances"]:
                if self.signal and one["InstanceId"] not in told:
                    told.add(one["InstanceId"])
                    status = self.signal if one["LaunchTemplate"]["Version"] == "2" else "SUCCESS"
                    self.formation.signal_resource(
                        StackName=self.name, LogicalResourceId="Group", UniqueId=one["InstanceId"], Status=status
                    )
            time.sleep(0.02)
        self.over(wanted)
        return self.look()

    @property
    def versions(self):
        group = self.books.group(self.group_name)
        return sorted(
            one["LaunchTemplate"]["Version"] for one in group["Instances"] if one["LifecycleState"] == "InService"
        )

    def activities(self):
        """What the group did, in order: L for a launch, T for a termination."""
        found = self.scaling.describe_scaling_activities(AutoScalingGroupName=self.group_name)["Activities"]
        return "".join(one["Description"][0] for one in reversed(found))

    def reasons(self):
        events = self.formation.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_batches_keep_the_minimum_in_service_by_enlarging_the_group_meanwhile(books):
    stack = Stack(
        books,
        "rolls",
        {"MaxBatchSize": 1, "MinInstancesInService": 3, "PauseTime": "PT5M", "SuspendProcesses": ["AZRebalance"]},
    )
    group = stack.update("UPDATE_COMPLETE")
    assert min(stack.serving) >= 3
    assert max(stack.batches) <= 1
    assert stack.suspended == {"AZRebalance"} and group["SuspendedProcesses"] == []
    assert (group["MinSize"], group["DesiredCapacity"]) == (2, 3)
    books.until(lambda: stack.activities() == "LLL" + "L" + "TL" * 3 + "T")
    books.until(lambda: stack.versions == ["2", "2", "2"])


def seen(states, stale, desired=3, minute=0, **signals):
    now = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    return Seen(dict(states), frozenset(stale), 2, 4, desired, signals, now)


ALL = {"a": "InService", "b": "InService", "c": "InService"}


@pytest.mark.parametrize(
    ("policy", "room", "batch"),
    [
        (Policy(), 3, ["a"]),
        (Policy(batch=2), 3, ["a", "b"]),
        (Policy(batch=2, minimum=2), 4, ["a"]),
        (Policy(batch=9, minimum=1), 4, ["a", "b"]),
    ],
)
def test_how_many_leave_at_once(policy, room, batch):
    rolling = Rolling(policy, (2, 3), frozenset())
    assert rolling.room(seen(ALL, "abc")) == room
    assert rolling.next(seen(ALL, "abc")) == batch


def test_after_a_batch_it_waits_for_the_pause_or_for_signals():
    half = {"new": "InService", "b": "InService", "c": "InService"}
    pausing = Rolling(Policy(pause_s=300), (2, 3), frozenset())
    assert [pausing.next(seen(half, "bc", minute=m)) for m in (0, 4, 5)] == [[], [], ["b"]]
    signalled = Rolling(Policy(pause_s=300, signals=True), (2, 3), frozenset({"old"}), total=3)
    assert signalled.next(seen(half, "bc", old="FAILURE")) == []
    assert signalled.next(seen(half, "bc", minute=1, new="SUCCESS")) == ["b"]
    late = Rolling(Policy(pause_s=300, signals=True), (2, 3), frozenset(), total=3)
    assert late.next(seen(half, "bc")) == []
    with pytest.raises(Failure, match=r"0 SUCCESS signal.* out of 3"):
        late.next(seen(half, "bc", minute=5))
    lenient = Rolling(Policy(pause_s=0, signals=True, percent=66), (2, 3), frozenset(), total=3)
    assert lenient.next(seen(half, "bc")) == ["b"]


def test_the_minimum_must_leave_room():
    with pytest.raises(Failure, match="less than the autoscaling group's MaxSize"):
        Rolling(Policy(minimum=4), (2, 3), frozenset()).room(seen(ALL, "abc"))


def test_without_a_minimum_a_batch_leaves_before_it_is_replaced(books):
    stack = Stack(books, "gaps", {"MaxBatchSize": 2})
    stack.update("UPDATE_COMPLETE")
    assert sorted(stack.activities()) == list("LLLLLLTTT")
    assert stack.versions == ["2", "2", "2"]


@pytest.mark.parametrize(
    ("status", "wanted"), [("SUCCESS", "UPDATE_COMPLETE"), ("FAILURE", "UPDATE_ROLLBACK_COMPLETE")]
)
def test_new_instances_signal_and_failure_rolls_back(books, status, wanted):
    stack = Stack(
        books, f"signals-{status.lower()}",
        {"MaxBatchSize": 1, "MinInstancesInService": 2, "WaitOnResourceSignals": True, "PauseTime": "PT10M"},
    )  # fmt: skip
    stack.signal = status
    stack.update(wanted)
    assert set(stack.versions) == ({"2"} if status == "SUCCESS" else {"1"})
    assert ("Unable to satisfy 100% MinSuccessfulInstancesPercent" in stack.reasons()) == (status == "FAILURE")


def test_an_update_sets_the_template_s_sizes_anew_unless_they_are_ignored(books):
    """UpdatePolicy, "AutoScalingScheduledAction"."""
    stack = Stack(books, "sizes", {"MaxBatchSize": 1})
    stack.scaling.set_desired_capacity(AutoScalingGroupName=stack.group_name, DesiredCapacity=4)
    stack.policy = {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True}}
    assert stack.update("UPDATE_COMPLETE", HealthCheckGracePeriod=60)["DesiredCapacity"] == 4
    stack.policy = {}
    assert stack.update("UPDATE_COMPLETE", HealthCheckGracePeriod=90)["DesiredCapacity"] == 3


@pytest.mark.parametrize("given", [{"PauseTime": "PT2H"}, {"PauseTime": "5m"}, {"Typo": 1}])
def test_policies_that_cannot_be_followed_are_refused(given):
    with pytest.raises(Failure):
        Policy.of(given)


@pytest.mark.parametrize(
    ("least", "most", "desired", "serving", "left", "goes", "more"),
    [
        (90, 100, 3, 3, 3, 1, 0),
        (50, 100, 4, 4, 4, 2, 0),
        (0, 100, 4, 4, 4, 4, 0),
        (100, 200, 2, 2, 2, 0, 2),
        (100, 110, 10, 11, 3, 1, 1),
        (90, 100, 10, 9, 4, 0, 0),
        (100, 100, 1, 1, 1, 1, 0),
    ],
)
def test_as_many_are_refreshed_at_once_as_the_percentages_leave(least, most, desired, serving, left, goes, more):
    wish = refresh.Preferences(least=least, most=most)
    assert refresh.batch(wish, desired, serving, left) == goes
    assert refresh.surge(wish, desired, left) == more


def test_a_refresh_stops_at_its_checkpoints():
    wish = refresh.Preferences(checkpoints=(25, 100))
    assert refresh.checkpoint(wish, 4, 0, set()) == (1, None)
    assert refresh.checkpoint(wish, 4, 1, set()) == (0, 25)
    assert refresh.checkpoint(wish, 4, 1, {25}) == (3, None)
    assert refresh.checkpoint(wish, 4, 4, {25}) == (0, 100)
    assert refresh.checkpoint(refresh.Preferences(), 4, 1, set()) == (3, None)


@pytest.mark.parametrize(
    ("name", "preferences", "least_serving"),
    [
        ("refreshed", {"MinHealthyPercentage": 66, "InstanceWarmup": 0}, 2),
        ("surged", {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 134, "BakeTime": 30}, 3),
    ],
)
def test_an_instance_refresh_of_an_update_policy_replaces_every_instance(books, name, preferences, least_serving):
    stack = Stack(books, name, {"MaxBatchSize": 1})
    stack.policy = {"AutoScalingInstanceRefresh": {"Strategy": "Rolling", "Preferences": preferences}}
    stack.update("UPDATE_COMPLETE")
    assert stack.versions == ["2", "2", "2"]
    assert min(stack.serving) >= least_serving
    (one,) = stack.scaling.describe_instance_refreshes(AutoScalingGroupName=stack.group_name)["InstanceRefreshes"]
    assert (one["Status"], one["PercentageComplete"]) == ("Successful", 100)


def test_an_alarm_ends_a_refresh_and_the_stack_goes_back(books):
    stack = Stack(books, "alarmed", {"MaxBatchSize": 1})
    wish = {"Preferences": {"AlarmSpecification": {"Alarms": ["nobody"]}}}
    stack.policy = {"AutoScalingInstanceRefresh": wish}
    stack.update("UPDATE_ROLLBACK_COMPLETE")
    assert "ended as Failed" in stack.reasons()
