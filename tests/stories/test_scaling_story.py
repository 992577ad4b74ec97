"""A group that scales by its requests, under load: it grows while it is rolled, loses nothing, and is itself again afterwards."""

import time

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.rehearse.tally import LoadProcess

CONFIGURATION = """
[application]
migrate = []
[scaling]
minimum = 2
maximum = 4
requests_per_target = 30
"""
RATE = 60.0


@pytest.fixture(scope="module")
def scaled(tmp_path_factory, new_cloud):
    made = new_cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy(CONFIGURATION, Options(follow_parent=True))
        yield made
    finally:
        made.stop()


def group(cloud):
    (found,) = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return found


def holds_back(cloud) -> set[bool]:
    policies = cloud.client("autoscaling").describe_policies()["ScalingPolicies"]
    return {one["TargetTrackingConfiguration"].get("DisableScaleIn", False) for one in policies}


def sizes(cloud) -> tuple[int, int]:
    found = group(cloud)
    return found["MinSize"], found["MaxSize"]


def test_load_raises_the_group_while_it_is_rolled_and_no_request_is_lost(scaled):
    assert sizes(scaled) == (2, 4)
    (balancer,) = scaled.client("elbv2").describe_load_balancers()["LoadBalancers"]
    address = control.status(scaled.state).load_balancers[balancer["DNSName"]]["https"]
    running = LoadProcess(address, server_name="localhost", tls=True, rate=RATE, at_most_s=300)
    try:
        scaled.type("release --image v2 --yes")
        until = time.monotonic() + 120
        while group(scaled)["DesiredCapacity"] < 4 and time.monotonic() < until:
            time.sleep(0.5)
    finally:
        tally = running.stop()
    assert group(scaled)["DesiredCapacity"] == 4, "each target would have more than it should"
    assert tally.failed == 0, tally.failed_by_reason
    assert tally.sent > 500
    assert holds_back(scaled) == {False}
    assert sizes(scaled) == (2, 4)
    assert not group(scaled)["SuspendedProcesses"]


def test_what_scaling_chose_stays_and_all_run_the_release(scaled):
    chosen = group(scaled)["DesiredCapacity"]
    scaled.type("deploy --image v2 --yes")
    assert group(scaled)["DesiredCapacity"] in (chosen, chosen - 1), "a deployment sets nothing back"
    seen = scaled.json("status --no-bill")
    assert {one["release"].split("-")[0] for one in seen["instances"] if one["lifecycle"] == "in service"} == {"v2"}


def test_a_deployer_that_is_killed_leaves_a_group_that_the_next_one_gives_back(scaled):
    scaled.killed_at("release --image v1 --yes", "leaves the load balancer")
    assert holds_back(scaled) == {True}
    scaled.type("release --resume --yes")
    assert holds_back(scaled) == {False}
    assert sizes(scaled) == (2, 4)
    assert not group(scaled)["SuspendedProcesses"]


def test_sleep_takes_all_and_wake_brings_the_range_back(scaled):
    scaled.type("sleep --yes")
    assert (*sizes(scaled), group(scaled)["DesiredCapacity"]) == (0, 4, 0)
    scaled.type("wake --yes")
    assert sizes(scaled) == (2, 4)
    assert group(scaled)["DesiredCapacity"] >= 2


def test_scale_edits_the_range_and_a_plain_number_is_refused(scaled):
    said = scaled.type("scale --minimum 3 --maximum 5")
    assert "maximum = 5" in (scaled.directory / "hermes.toml").read_text()
    assert "AutoScalingGroup" in said, "the plan is shown"
    scaled.type("scale --instances 4", codes=(ExitCode.USAGE,))
    assert "count" not in (scaled.directory / "hermes.toml").read_text()
