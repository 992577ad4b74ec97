"""The deployer against the embedded cloud, typed as a person would: one fleet, one story, in order."""

import json
import subprocess
import sys
import time

import pytest

from hermes_cfn.errors import ExitCode

QUICK = "[application]\nstart_timeout_s = 6\n"


def reports(cloud) -> set[str]:
    names = [f"/hermes/production/instances/{member['InstanceId']}" for member in group(cloud)["Instances"]]
    found = cloud.client("ssm").get_parameters(Names=names)["Parameters"]
    return {json.loads(one["Value"])["release"] for one in found}


def group(cloud):
    found = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["hermes-production"])
    return found["AutoScalingGroups"][0]


def healthy(cloud) -> int:
    arn = group(cloud)["TargetGroupARNs"][0]
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)


def at_rest(cloud, tag: str) -> None:
    """Two healthy instances on one release, nothing suspended, nobody in standby."""
    seen = group(cloud)
    assert {member["LifecycleState"] for member in seen["Instances"]} == {"InService"}
    assert len(seen["Instances"]) == seen["DesiredCapacity"] == healthy(cloud) == 2
    assert seen["SuspendedProcesses"] == []
    assert {release.rpartition("-")[0] for release in reports(cloud)} == {tag}
    assert not cloud.json("lock show")["held"]


@pytest.fixture(scope="module")
def quick(cloud):
    """The same deployment with a short start timeout: user data and documents change."""
    (cloud.directory / "hermes.toml").write_text(QUICK)
    return cloud


def test_deploying_the_same_again_changes_nothing(cloud) -> None:
    before = {stack["StackName"]: stack.get("LastUpdatedTime") for stack in stacks(cloud)}
    said = cloud.type("deploy --yes")
    assert "0 changed" in said
    assert {stack["StackName"]: stack.get("LastUpdatedTime") for stack in stacks(cloud)} == before
    at_rest(cloud, "v1")


def stacks(cloud):
    return cloud.client("cloudformation").describe_stacks()["Stacks"]


def test_a_release_refuses_stacks_that_differ_and_shows_the_plan(quick) -> None:
    said = quick.type("release --image v2 --yes", codes=(ExitCode.REFUSED,))
    assert "v2" not in said
    plan = quick.json("plan --detailed-exitcode", codes=(ExitCode.CHANGES,))
    changed = {change["logical_id"] for stack in plan["stacks"] for change in stack["changes"]}
    assert "LaunchTemplate" in changed
    assert not any(change["data_at_risk"] for stack in plan["stacks"] for change in stack["changes"])


def test_a_new_launch_template_version_replaces_every_instance_without_a_gap(quick) -> None:
    old = {member["InstanceId"] for member in group(quick)["Instances"]}
    quick.type("deploy --yes")
    assert not old & {member["InstanceId"] for member in group(quick)["Instances"]}
    at_rest(quick, "v1")


def test_a_release_reaches_every_instance_and_is_recorded(quick) -> None:
    quick.type("release --image v2 --yes")
    at_rest(quick, "v2")
    first = quick.json("releases")[0]
    assert first["tag"] == "v2"
    assert first["marks"] == ["stable", "goal"]


@pytest.mark.parametrize(
    ("variable", "evidence"),
    [("NEVER_BOOTS=yes", "container")],
    ids=["never listens"],
)
def test_a_release_that_fails_its_checks_is_rolled_back_with_its_reason(quick, variable: str, evidence: str) -> None:
    tag = variable.partition("=")[0].lower().replace("_", "-")
    quick.type(f"local image {tag} --variable {variable}")
    quick.type(f"release --image {tag} --yes", codes=(ExitCode.ROLLED_BACK,))
    at_rest(quick, "v2")
    kept = next(one for one in quick.json("releases") if one["tag"] == tag)
    record = json.loads(quick.type(f"releases show {kept['id']} --format json"))
    assert [line["what"] for line in record["history"]][-2:] == ["failed", "rolled back"]
    assert evidence in json.dumps(record["diagnosis"])


def test_a_rollback_in_an_emergency_takes_under_a_minute(quick) -> None:
    begun = time.monotonic()
    quick.type("rollback --emergency --yes")
    assert time.monotonic() - begun < 60
    at_rest(quick, "v1")


@pytest.mark.long
@pytest.mark.parametrize(
    "line", ["suspends AZRebalance, ReplaceUnhealthy", "rollback (", "resumes AZRebalance, ReplaceUnhealthy"]
)
def test_an_emergency_that_is_killed_and_typed_again_goes_on_to_the_same_release(quick, line: str) -> None:
    quick.type("deploy --image v2 --yes")  # this test also runs alone
    quick.killed_at("rollback --emergency --yes", line)
    quick.type("rollback --emergency --yes")
    at_rest(quick, "v1")


def test_of_two_deployers_one_acts_and_the_other_says_who_holds_the_lock(quick) -> None:
    command = [sys.executable, "-m", "hermes_cfn", "--local", "release", "--image", "v2", "--yes"]
    runs = [
        subprocess.Popen(
            command, cwd=quick.directory, env=quick.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [run.communicate(timeout=120) for run in runs]
    assert sorted(run.returncode for run in runs) == [ExitCode.OK, ExitCode.LOCKED], told
    loser = next(err for run, (_, err) in zip(runs, told, strict=True) if run.returncode)
    assert "holds the lock for: release v2" in loser
    at_rest(quick, "v2")


@pytest.mark.parametrize("line", ["leaves the load balancer", "deploy (", "goes back in service"])
def test_a_deployer_that_is_killed_converges_when_it_is_run_again(quick, line: str) -> None:
    tag = "v1" if reports(quick) & {name for name in reports(quick) if name.startswith("v2")} else "v2"
    quick.killed_at(f"release --image {tag} --yes", line)
    quick.type("lock break", codes=(ExitCode.REFUSED,))
    quick.type("lock break --yes")
    quick.type("release --resume --yes")
    at_rest(quick, tag)
