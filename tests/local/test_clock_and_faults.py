"""The cloud's time, its faults, and what it says of alarms: all without a socket."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.faults import Faults
from hermes_cfn.local.fleet import registry
from hermes_cfn.local.fleet.fleet import architecture_of
from hermes_cfn.local.services.alarms import state_of, statistic
from hermes_cfn.local.wire import ServiceError


def test_the_clock_hurries_waits_and_is_patient_with_programs():
    clock = ServiceClock(speed=20, patience=5)
    assert clock.real(30) == 1.5
    assert [clock.deadline(seconds) for seconds in (2, 60, 600)] == [2, 5, 30]
    before = clock.now()
    assert clock.advance(3600) - before >= timedelta(seconds=3600)
    with pytest.raises(ValueError):
        clock.advance(-1)


def test_faults_strike_as_often_as_asked():
    faults = Faults()
    faults.add_api({"service": "ssm", "action": "*", "kind": "throttle", "times": 2, "skip": 1})
    assert [faults.call("ssm", "GetParameter", "AKIA") for _ in range(4)] == ["", "throttle", "throttle", ""]
    faults.add_api({"service": "*", "action": "*", "kind": "lost", "people_only": True})
    assert faults.call("ec2", "RunInstances", "ASIA") == ""
    assert faults.call("ec2", "RunInstances", "AKIA") == "lost"
    with pytest.raises(ServiceError):
        faults.add_api({"service": "*", "action": "*", "kind": "earthquake"})
    faults.set("capacity", "eu-south-2a", "no room")
    assert (faults.condition("capacity", "eu-south-2a"), faults.condition("capacity", "eu-south-2b")) == (
        "no room",
        None,
    )
    faults.clear()
    assert faults.condition("capacity", "eu-south-2a") is None


def test_graviton_types_are_arm():
    assert [architecture_of(kind) for kind in ("t4g.small", "c7gn.large", "t3.small", "g5.xlarge", "m6i.large")] == [
        "arm64", "arm64", "amd64", "amd64", "amd64",
    ]  # fmt: skip


def test_the_same_program_has_the_same_digest_and_another_environment_another(tmp_path):
    one, _ = registry.build(tmp_path, None, {"RELEASE": "v1"}, "arm64")
    same, manifest = registry.build(tmp_path, None, {"RELEASE": "v1"}, "arm64")
    other, _ = registry.build(tmp_path, None, {"RELEASE": "v2"}, "arm64")
    assert one == same != other
    assert registry.directory_of(tmp_path, manifest).joinpath("app.py").exists()


def test_an_image_for_x86_64_is_one_that_such_an_instance_runs(tmp_path):
    _, manifest = registry.build(tmp_path, None, {}, "x86_64")
    said = json.loads(registry.directory_of(tmp_path, manifest).joinpath("image.json").read_text())
    assert said["Architecture"] == architecture_of("t3.small")


NOW = datetime(2026, 1, 1, 12, 10, 30)


def alarm(**given):
    values = {
        "period": 60, "evaluation_periods": 3, "datapoints_to_alarm": 2, "statistic": "Sum", "extended_statistic": None,
        "comparison_operator": "GreaterThanThreshold", "threshold": 5.0, "treat_missing_data": None,
    }  # fmt: skip
    return SimpleNamespace(**{**values, **given})


def data(*minutes_and_values):
    return [
        SimpleNamespace(timestamp=datetime(2026, 1, 1, 12, minute, 10), value=value)
        for minute, value in minutes_and_values
    ]


@pytest.mark.parametrize(
    ("given", "points", "wanted"),
    [
        ({}, data((7, 9), (8, 1), (9, 9)), "ALARM"),
        ({}, data((7, 1), (8, 1), (9, 9)), "OK"),
        ({}, data((8, 3), (8, 3), (9, 9)), "ALARM"),
        ({}, [], "INSUFFICIENT_DATA"),
        ({"treat_missing_data": "notBreaching"}, [], "OK"),
        ({"treat_missing_data": "breaching"}, data((9, 0)), "ALARM"),
        ({"treat_missing_data": "ignore"}, [], None),
        (
            {"comparison_operator": "LessThanThreshold", "datapoints_to_alarm": None, "evaluation_periods": 1},
            data((9, 1)),
            "ALARM",
        ),
        ({}, data((10, 99)), "INSUFFICIENT_DATA"),
    ],
)
def test_alarm_states(given, points, wanted):
    assert state_of(alarm(**given), points, NOW) == wanted


def test_statistics():
    values = [1.0, 2.0, 3.0, 10.0]
    assert [statistic(name, values) for name in ("Sum", "Average", "Maximum", "SampleCount", "p50", "p99")] == [
        16,
        4,
        10,
        4,
        2,
        10,
    ]
