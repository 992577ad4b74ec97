"""What a group does by itself, on a clock of the test's own: health, standby, zones, capacity."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from hermes_cfn.local.services.autoscaling import engine as engine_module
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import Group
from hermes_cfn.local.services.elbv2.model import Target, TargetGroup
from tests.local.virtual import Time

ZONES = ("a", "b", "c")


class Launcher:
    """Launches from a template whose version the test moves."""

    def __init__(self):
        self._numbers = itertools.count(1)
        self.ended = []

    def zones(self, _region, settings):
        return {zone: f"subnet-{zone}" for zone in settings["AvailabilityZones"]}

    def template(self, _group):
        return {"LaunchTemplateId": "lt-1", "Version": "1"}

    def run(self, group, zone, subnet):
        described = {
            "InstanceId": f"i-{next(self._numbers)}", "Placement": {"AvailabilityZone": zone},
            "SubnetId": subnet, "InstanceType": "t4g.small",
        }  # fmt: skip
        return described, self.template(group), ""

    def stop(self, _region, instance_id):
        """What EC2 shows is of no interest here."""

    def terminate(self, _region, instance_id):
        self.ended.append(instance_id)


class Setting:
    """A group of ``desired`` instances in service behind a target group without targets' checks."""

    def __init__(self, monkeypatch, desired, zones=ZONES, **settings):
        self.time, self.launcher, self.no_capacity = Time(), Launcher(), set()
        monkeypatch.setattr(engine_module, "time", self.time)
        monkeypatch.setattr(Engine, "_mark", lambda *_: None)
        self.targets = TargetGroup("tg", "r", {"TargetGroupName": "tg", "Port": 80})
        traffic = SimpleNamespace(groups={"tg": self.targets}, register=self._register, deregister=self._deregister)
        self.traffic = traffic
        fleet = SimpleNamespace(begin=lambda *_: None, end=lambda _: None)
        self.engine = Engine(self.launcher, fleet, traffic, self.time, self._fault)
        self.group = Group(
            "g", "r", "arn", self.time.clock.now(), {"AvailabilityZones": list(zones), **settings}, 0, 9, desired,
            target_groups=["tg"],
        )  # fmt: skip
        self.engine.groups[("r", "g")] = self.group
        self.engine.soon(self.group)
        self.time.pass_(30)

    def _fault(self, name, zone):
        return "no room" if name == "capacity" and zone in self.no_capacity else None

    def _register(self, group, target):
        group.targets[target.key] = target
        self.health(target.id, "healthy")

    def _deregister(self, group, key):
        del group.targets[key]

    def health(self, instance_id, state):
        target = self.targets.targets[f"{instance_id}:80"]
        target.state = state
        self.targets.ever_healthy = self.targets.ever_healthy or state == "healthy"
        self.traffic.on_health(self.targets, target)

    @property
    def states(self):
        return {member.instance_id: member.state for member in self.group.members.values()}

    @property
    def zones(self):
        return sorted(member.zone for member in self.group.counted)


def test_what_was_marked_while_replacing_was_suspended_is_replaced_afterwards(monkeypatch):
    """AS as-suspend-resume-processes."""
    here = Setting(monkeypatch, 2)
    here.group.suspended["ReplaceUnhealthy"] = "User suspended"
    here.engine.set_health(here.group, here.group.members["i-1"], False, True)
    here.time.pass_(60)
    assert here.states == {"i-1": "InService", "i-2": "InService"}
    assert not here.group.members["i-1"].healthy
    here.group.suspended.clear()
    here.engine.soon(here.group)
    here.time.pass_(400)
    assert here.states == {"i-2": "InService", "i-3": "InService"}


def test_a_target_that_failed_before_any_was_healthy_is_replaced_once_one_is(monkeypatch):
    here = Setting(monkeypatch, 2, HealthCheckType="ELB")
    here.targets.ever_healthy = False
    here.health("i-1", "unhealthy")
    here.time.pass_(60)
    assert here.states == {"i-1": "InService", "i-2": "InService"}
    here.health("i-2", "healthy")
    here.time.pass_(400)
    assert here.states == {"i-2": "InService", "i-3": "InService"}


def test_what_fails_within_the_grace_period_is_replaced_at_its_end_and_again_after_standby(monkeypatch):
    here = Setting(monkeypatch, 1, HealthCheckType="ELB", HealthCheckGracePeriod=100)
    here.health("i-1", "unhealthy")
    here.time.pass_(60)
    assert here.states == {"i-1": "InService"}
    here.health("i-1", "healthy")
    here.time.pass_(100)
    here.group.desired = 0
    here.engine.enter_standby(here.group, here.group.members["i-1"])
    here.time.pass_(400)
    here.group.desired = 1
    here.engine.exit_standby(here.group, here.group.members["i-1"])
    here.time.pass_(10)
    here.health("i-1", "unhealthy")
    here.time.pass_(80)
    assert here.states == {"i-1": "InService"}
    here.time.pass_(30)
    assert here.states["i-1"] == "Terminating"


def test_an_instance_that_died_on_standby_is_noticed_when_it_comes_back(monkeypatch):
    """AS as-enter-exit-standby, "Health status of an instance in a standby state"."""
    here = Setting(monkeypatch, 2, HealthCheckGracePeriod=1000)
    member = here.group.members["i-1"]
    here.group.desired = 1
    here.engine.enter_standby(here.group, member)
    here.time.pass_(400)
    here.engine.died("i-1")
    here.time.pass_(120)
    assert (member.state, member.healthy) == ("Standby", True)
    here.group.desired = 2
    here.engine.exit_standby(here.group, member)
    here.time.pass_(400)
    assert sorted(here.states) == ["i-2", "i-3"]


def test_zones_are_balanced_by_launching_before_terminating(monkeypatch):
    """AS auto-scaling-benefits, "Rebalancing activities"."""
    here = Setting(monkeypatch, 4, zones=("a",))
    here.group.settings["AvailabilityZones"] = ["a", "b"]
    least = [4]
    for _ in range(400):
        here.engine.soon(here.group)
        here.time.pass_(2)
        least.append(sum(state == "InService" for state in here.states.values()))
        assert len(here.group.counted) <= 5
    assert min(least) == 4
    assert here.zones == ["a", "a", "b", "b"]
    assert len(here.launcher.ended) == 2


@pytest.mark.parametrize("process", ["AZRebalance", "Launch"])
def test_suspending_either_of_two_processes_stops_rebalancing(monkeypatch, process):
    here = Setting(monkeypatch, 4, zones=("a",))
    here.group.suspended[process] = "User suspended"
    here.group.settings["AvailabilityZones"] = ["a", "b"]
    here.engine.soon(here.group)
    here.time.pass_(600)
    assert here.zones == ["a", "a", "a", "a"]


def test_rebalancing_without_terminate_launches_and_lets_nothing_go_up_to_a_margin_above_the_maximum(monkeypatch):
    """AS understand-how-suspending-processes-affects-other-processes, "Terminate is suspended"."""
    here = Setting(monkeypatch, 4, zones=("a",))
    here.group.suspended["Terminate"] = "User suspended"
    here.group.settings["AvailabilityZones"] = ["a", "b"]
    here.group.maximum = 4
    for _ in range(20):
        here.engine.soon(here.group)
        here.time.pass_(60)
    assert here.zones == ["a", "a", "a", "a", "b"]
    here.group.suspended.clear()
    here.engine.soon(here.group)
    here.time.pass_(900)
    assert here.zones == ["a", "a", "b", "b"]


def test_a_zone_without_capacity_is_left_out_and_balanced_when_it_is_back(monkeypatch):
    here = Setting(monkeypatch, 1)
    here.no_capacity = {"b"}
    here.group.desired = 4
    here.engine.soon(here.group)
    here.time.pass_(100)
    assert here.zones == ["a", "a", "c", "c"]
    here.no_capacity.clear()
    here.engine.look_again()
    here.time.pass_(600)
    assert set(here.zones) == {"a", "b", "c"}


def test_without_capacity_anywhere_the_launch_fails_and_is_tried_again(monkeypatch):
    here = Setting(monkeypatch, 0)
    here.no_capacity = set(ZONES)
    here.group.desired = 1
    here.engine.soon(here.group)
    here.time.pass_(1)
    assert [(one.status, one.message) for one in here.group.activities] == [("Failed", "no room")]
    here.no_capacity.clear()
    here.time.pass_(200)
    assert list(here.states.values()) == ["InService"]


def test_a_target_named_by_address_is_nobody_s_member(monkeypatch):
    here = Setting(monkeypatch, 1, HealthCheckType="ELB")
    here._register(here.targets, Target("127.0.0.1", 80))
    here.health("127.0.0.1", "unhealthy")
    here.time.pass_(400)
    assert here.states == {"i-1": "InService"}


def hooked(monkeypatch, heartbeat_s):
    """A group whose first instance is about to be launched, and will wait for a launch hook."""
    here = Setting(monkeypatch, 0)
    here.group.hooks["launch"] = {
        "LifecycleHookName": "launch", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": heartbeat_s,
    }  # fmt: skip
    here.group.desired = 1
    here.engine.soon(here.group)
    return here


def test_an_instance_that_only_exists_in_the_books_completes_its_launch_hook(monkeypatch):
    here = hooked(monkeypatch, heartbeat_s=600)
    here.time.pass_(20)
    assert here.states == {"i-1": "Pending:Wait"}
    here.engine.pretended("i-1")
    here.time.pass_(10)
    assert here.states == {"i-1": "InService"}


def test_heartbeats_hold_an_instance_for_a_hundred_heartbeat_timeouts_at_most(monkeypatch):
    """AS lifecycle-hooks: 48 hours or 100 times the heartbeat timeout, whichever is smaller."""
    here = hooked(monkeypatch, heartbeat_s=30)
    here.time.pass_(10)
    member = here.group.members["i-1"]
    for held in range(20, 3100, 20):
        if member.state == "Pending:Wait":
            here.engine.heartbeat(here.group, member)
        here.time.pass_(20)
        assert (member.state == "Pending:Wait") == (held < 3000), held
