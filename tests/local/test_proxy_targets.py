"""Whose turn it is: round robin, least outstanding requests, slow start, fail open, draining."""

from __future__ import annotations

import time

from hermes_cfn.local.fleet.proxy.targets import Target, TargetGroup


def group(states, **settings):
    made = TargetGroup("g", {"algorithm": "round_robin", "slow_start_s": 0, **settings}, lambda _arn, _target: None)
    for key, state in states.items():
        made.targets[key] = Target(key, "127.0.0.1", 1, 1, state=state)
    return made


def chosen(made, times=6):
    return [target.key if (target := made.choose()) else None for _ in range(times)]


def test_the_healthy_take_turns():
    assert sorted(chosen(group({"a": "healthy", "b": "unhealthy", "c": "healthy", "d": "initial"}), 4)) == [
        "a",
        "a",
        "c",
        "c",
    ]


def test_fail_open_leaves_out_only_what_drains():
    assert set(chosen(group({"a": "unhealthy", "b": "unhealthy", "c": "draining"}))) == {"a", "b"}
    assert chosen(group({"c": "draining"}), 1) == [None]


def test_least_outstanding_requests():
    made = group({"a": "healthy", "b": "healthy"}, algorithm="least_outstanding_requests")
    made.targets["a"].outstanding = 3
    assert chosen(made, 3) == ["b", "b", "b"]


def test_slow_start_gives_a_new_target_less():
    made = group({"old": "healthy", "new": "healthy"}, slow_start_s=1000)
    made.targets["old"].healthy_since = time.monotonic() - 5000
    made.targets["new"].healthy_since = time.monotonic() - 100
    shares = chosen(made, 1000)
    assert shares.count("new") < 150
