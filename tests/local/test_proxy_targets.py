"""Whose turn it is: round robin, least outstanding requests, slow start, fail open, draining."""

from __future__ import annotations

import asyncio
import time

import pytest

from hermes_cfn.local.fleet.proxy.targets import Target, TargetGroup
from hermes_cfn.local.services.elbv2.model import TARGET_GROUP_ATTRIBUTES, attribute_problem


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
    made.targets["old"].slow_since = time.monotonic() - 5000
    made.targets["new"].slow_since = time.monotonic() - 100
    shares = chosen(made, 1000)
    assert shares.count("new") < 150


def test_slow_start_needs_a_healthy_target_that_is_not_in_it():
    made = group({"first": "initial"}, slow_start_s=1000)
    made._set(made.targets["first"], "healthy", "")
    assert made.targets["first"].slow_since == 0
    made.targets["second"] = Target("second", "127.0.0.1", 1, 1)
    made._set(made.targets["second"], "healthy", "")
    assert made.targets["second"].slow_since > 0


def test_the_load_balancer_fails_open_below_the_minimum_of_healthy_targets():
    states = {"a": "healthy", "b": "unhealthy", "c": "unhealthy", "d": "draining"}
    assert set(chosen(group(states))) == {"a"}
    assert set(chosen(group(states, healthy_count=2), 9)) == {"a", "b", "c"}
    assert set(chosen(group(states, healthy_percentage=34), 9)) == {"a", "b", "c"}
    assert set(chosen(group(states, healthy_percentage=33), 9)) == {"a"}


def test_weighted_random_leaves_nobody_out():
    assert set(chosen(group({"a": "healthy", "b": "healthy"}, algorithm="weighted_random"), 60)) == {"a", "b"}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, ""),
        ({"deregistration_delay.timeout_seconds": "3601"}, "between '0' and '3600'"),
        ({"slow_start.duration_seconds": "10"}, "between '30' and '900'"),
        ({"load_balancing.algorithm.type": "fastest"}, "round_robin"),
        (
            {"slow_start.duration_seconds": "60", "load_balancing.algorithm.type": "least_outstanding_requests"},
            "cannot be used",
        ),
    ],
)
def test_attributes_have_limits(changed, wrong):
    assert wrong in attribute_problem({**TARGET_GROUP_ATTRIBUTES, **changed})
    assert bool(wrong) == bool(attribute_problem({**TARGET_GROUP_ATTRIBUTES, **changed}))


@pytest.mark.parametrize("turns", range(5))
def test_a_check_that_ends_with_its_deregistration_does_not_bring_the_target_back(turns):
    settings = {"timeout_s": 5.0, "interval_s": 0.01, "unhealthy_threshold": 2, "healthy_threshold": 2}

    async def told() -> str:
        answer = asyncio.get_running_loop().create_future()
        group = TargetGroup("arn", settings, lambda *_: None)

        async def ask(_target):
            await answer
            return ""

        group._ask = ask
        group.register("i-1:4000", "127.0.0.1", 4000, 4000)
        await asyncio.sleep(0.01)
        answer.set_result(None)
        for _ in range(turns):
            await asyncio.sleep(0)
        group.deregister("i-1:4000", 60)
        await asyncio.sleep(0.05)
        state = group.targets["i-1:4000"].state
        group.forget(group.targets["i-1:4000"])
        return state

    assert asyncio.run(told()) == "draining"
