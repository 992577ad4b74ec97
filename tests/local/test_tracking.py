"""Groups that scale by load and by the hour, on a clock of the test's own, with the load balancer's own counts."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from hermes_cfn.local import wire
from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.services.autoscaling.service import AutoScaling
from hermes_cfn.local.services.autoscaling.tracking import Tracking
from hermes_cfn.local.services.monitoring import Monitoring
from hermes_cfn.local.wire import ACCOUNT, ServiceError
from tests.local.test_scaling_engine import Setting

REGION = "eu-south-2"
ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/tg/1"
LABEL = "app/lb/1/targetgroup/tg/1"


class Scaled(Setting):
    """A group of two behind a load balancer whose requests the test makes."""

    def __init__(self, monkeypatch, maximum=6, minimum=1, **settings):
        super().__init__(monkeypatch, 2, zones=("a",), DefaultInstanceWarmup=60, **settings)
        backend("cloudwatch", REGION, ACCOUNT).reset()
        self.targets.arn, self.targets.region = ARN, REGION
        self.group.region, self.group.minimum, self.group.maximum = REGION, minimum, maximum
        self.group.target_groups = [ARN]
        self.engine.groups = {(REGION, "g"): self.group}
        balancer = SimpleNamespace(region=REGION, dimension="app/lb/1")
        self.traffic.groups = {ARN: self.targets}
        self.traffic.load_balancers = {"lb": balancer}
        self.traffic.load_balancers_of = lambda _: ["lb"]
        self.tracking = Tracking(self.engine)
        moto = SimpleNamespace(exclusive=contextlib.nullcontext)
        self.monitoring = Monitoring(self.time, moto, self.traffic, self.engine, self.tracking)
        self.service = AutoScaling(self.engine, self.tracking)
        self.balancer = balancer

    def ask(self, action, **params):
        token = wire.CALL.set(wire.Call("autoscaling", REGION, ""))
        try:
            return getattr(self.service, action)({"AutoScalingGroupName": "g", **params})
        finally:
            wire.CALL.reset(token)

    def track(self, target=100, kind="ALBRequestCountPerTarget", name="p", **more):
        metric = {"PredefinedMetricType": kind, **({"ResourceLabel": LABEL} if kind.startswith("ALB") else {})}
        tracking = {"PredefinedMetricSpecification": metric, "TargetValue": target, **more}
        return self.ask(
            "put_scaling_policy",
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=tracking,
        )

    def minutes(self, number, requests=0, cpu=None):
        """So many minutes with ``requests`` each, whoever answers them."""
        for _ in range(number):
            if requests:
                self.traffic.on_counted(
                    {"statuses": {"200": requests}, "own": {}, "times": []}, self.balancer, self.targets
                )
            if cpu is not None:
                at = self.time.clock.now().replace(tzinfo=None)
                dimensions = [{"AutoScalingGroupName": "g"}]
                self.monitoring._put(REGION, "AWS/EC2", "CPUUtilization", dimensions, [float(cpu)], at, "Percent")
            self.time.pass_(60)

    @property
    def size(self):
        return self.group.desired


def test_load_raises_the_group_by_its_ratio_to_the_target_and_takes_it_back_a_quarter_of_an_hour_later(monkeypatch):
    here = Scaled(monkeypatch)
    here.track(100)
    here.minutes(3, 500)
    assert here.size == 2
    here.minutes(2, 500)
    assert here.size == 5, "two instances at 250 requests a minute, 100 wanted"
    here.minutes(20, 500)
    assert here.size == 5 and [m.state for m in here.group.members.values()].count("InService") == 5
    here.minutes(10, 100)
    assert here.size == 5
    here.minutes(10, 100)
    assert here.size == 1
    causes = [one.cause for one in here.group.activities if "triggered policy" in one.cause]
    assert any("from 2 to 5" in cause for cause in causes) and any("from 5 to 1" in cause for cause in causes)


def test_the_range_holds_whatever_the_load(monkeypatch):
    here = Scaled(monkeypatch, maximum=3, minimum=2)
    here.track(10)
    here.minutes(8, 1000)
    assert here.size == 3
    here.minutes(40)
    assert here.size == 2


def test_nothing_moves_while_alarms_are_not_heard_and_nothing_shrinks_where_a_policy_may_not(monkeypatch):
    here = Scaled(monkeypatch)
    here.track(100)
    here.group.suspended["AlarmNotification"] = "User suspended"
    here.minutes(8, 500)
    assert here.size == 2
    here.group.suspended.clear()
    here.track(100, DisableScaleIn=True)
    here.minutes(8, 500)
    assert here.size == 5
    here.minutes(40)
    assert here.size == 5
    here.track(100)
    here.minutes(20)
    assert here.size == 1


def test_of_two_policies_the_larger_size_counts_and_both_must_agree_to_shrink(monkeypatch):
    here = Scaled(monkeypatch)
    here.track(100)
    here.track(50, "ASGAverageCPUUtilization", "cpu")
    here.minutes(5, 250, cpu=100)
    assert here.size == 4
    here.minutes(30, 100, cpu=50)
    assert here.size == 4
    here.minutes(30, 100, cpu=10)
    assert here.size == 1


def test_alarms_go_with_their_policy(monkeypatch):
    here = Scaled(monkeypatch)
    names = [one["AlarmName"] for one in here.track(100)["Alarms"]]
    model = backend("cloudwatch", REGION, ACCOUNT)
    assert set(names) == set(model.alarms) and len(names) == 2
    again = [one["AlarmName"] for one in here.track(120)["Alarms"]]
    assert again == names and {alarm.threshold for alarm in model.alarms.values()} == {120.0, 108.0}
    here.ask("delete_policy", PolicyName="p")
    assert not model.alarms


def test_a_schedule_moves_the_range_in_its_time_zone_and_is_lost_while_suspended(monkeypatch):
    """2026-01-01 00:00 UTC is 01:00 in Madrid, a Thursday."""
    here = Scaled(monkeypatch)
    zone = {"TimeZone": "Europe/Madrid"}
    here.ask(
        "put_scheduled_update_group_action",
        ScheduledActionName="up",
        MinSize=3,
        MaxSize=5,
        Recurrence="0 2 * * 4",
        **zone,
    )
    here.ask(
        "put_scheduled_update_group_action",
        ScheduledActionName="down",
        MinSize=1,
        MaxSize=2,
        Recurrence="0 3 * * *",
        **zone,
    )
    here.minutes(58)
    assert (here.group.minimum, here.size, here.group.maximum) == (1, 2, 6)
    here.minutes(3)
    assert (here.group.minimum, here.size, here.group.maximum) == (3, 3, 5)
    here.group.suspended["ScheduledActions"] = "User suspended"
    here.minutes(70)
    assert (here.group.minimum, here.size, here.group.maximum) == (3, 3, 5)
    here.group.suspended.clear()
    here.minutes(24 * 60)
    assert (here.group.minimum, here.size, here.group.maximum) == (1, 2, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"Recurrence": "x"},
        {"TimeZone": "Nowhere/Atall", "Recurrence": "0 0 * * *"},
        {"Recurrence": "0 0 * * *", "MinSize": None},
    ],
)
def test_what_is_no_schedule_is_refused(monkeypatch, given):
    here = Scaled(monkeypatch)
    sizes = {"MinSize": 1, **given}
    with pytest.raises(ServiceError):
        here.ask(
            "put_scheduled_update_group_action",
            ScheduledActionName="a",
            **{k: v for k, v in sizes.items() if v is not None},
        )


def test_what_nothing_measures_is_refused(monkeypatch):
    here = Scaled(monkeypatch)
    with pytest.raises(ServiceError):
        here.track(10, "ASGAverageNetworkIn")
