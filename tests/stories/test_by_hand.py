"""Somebody changes an instance or its group by hand: each is named with the command that mends it, and a rollout either
mends it or touches nothing.  One fleet, in order."""

import json
import time

import pytest

from hermes_cfn.errors import ExitCode
from tests.stories.test_deploy_story import at_rest, group
from tests.stories.test_rollout_story import error

pytestmark = pytest.mark.long

GROUP = {"AutoScalingGroupName": "hermes-production"}
RESUME = "release --resume"
REPLACED = (
    "cd $HERMES_ROOT/opt/hermes && docker stop hermes && docker rm hermes && docker run --detach --name hermes "
    "--restart unless-stopped --publish $HERMES_BIND:4000:4000 --env-file .env --env BY_HAND=yes "
    "$(docker image ls --no-trunc --digests 123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes "
    "| awk 'NR==2 { print $1 \"@\" $3 }')"
)
AS_DEPLOYED = {
    "MinSize": 1, "MaxSize": 3, "LaunchTemplate": {"LaunchTemplateName": "hermes-production", "Version": "1"},
}  # fmt: skip


def members(cloud) -> list[str]:
    return sorted(member["InstanceId"] for member in group(cloud)["Instances"])


def report(cloud, instance: str) -> dict:
    found = cloud.client("ssm").get_parameter(Name=f"/hermes/production/instances/{instance}")
    return json.loads(found["Parameter"]["Value"])


def doctor(cloud) -> dict[str, dict]:
    return {one["code"]: one for one in cloud.json("doctor", codes=(0, 1))}


def planned(cloud) -> dict[str, dict]:
    return {one["code"]: one for one in cloud.json("plan", codes=(0, 1))["findings"]}


def until(holds) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.2)
    raise AssertionError("it does not come to hold")


def environment(cloud, instance: str) -> list[str]:
    said = cloud.type(["run", "--host", "--instance", instance, "--", "docker inspect hermes"])
    return json.loads(said)[0]["Config"]["Env"]


def test_a_container_that_somebody_replaced_is_named_and_goes_with_the_next_rollout(cloud) -> None:
    one = members(cloud)[0]
    cloud.type(["run", "--host", "--instance", one, "--", REPLACED])
    assert "BY_HAND=yes" in environment(cloud, one)
    found = doctor(cloud)["container-changed"]
    assert found["where"] == one and RESUME in found["next"]
    until(lambda: report(cloud, one)["state"] == "changed")
    assert "changed by hand" in cloud.type("status --no-bill")
    cloud.type("release --resume --yes")
    assert members(cloud)[0] == one and "BY_HAND=yes" not in environment(cloud, one)
    at_rest(cloud, "v1")


def test_what_is_stopped_put_aside_and_deregistered_comes_back_in_one_rollout(cloud) -> None:
    aside, deregistered = members(cloud)
    auto_scaling, elb = cloud.client("autoscaling"), cloud.client("elbv2")
    auto_scaling.enter_standby(**GROUP, InstanceIds=[aside], ShouldDecrementDesiredCapacity=True)
    arn = group(cloud)["TargetGroupARNs"][0]
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": deregistered}])
    state = lambda: {one["InstanceId"]: one["LifecycleState"] for one in group(cloud)["Instances"]}[aside]  # noqa: E731
    until(lambda: state() == "Standby")
    found = doctor(cloud)
    assert found["standby-left"]["where"] == aside and RESUME in found["standby-left"]["next"]
    assert found["target-absent"]["where"] == deregistered
    assert found["target-absent"]["next"].startswith("aws elbv2 register-targets ")
    assert planned(cloud)["standby-left"]["severity"] == "warning"
    said = cloud.type("release --resume --yes")
    assert f"{deregistered}  was no target of the load balancer, and is registered again" in said
    assert members(cloud) == sorted([aside, deregistered])
    at_rest(cloud, "v1")


def test_a_container_that_somebody_removed_is_replaced_with_its_machine(cloud) -> None:
    one = members(cloud)[0]
    cloud.type(["run", "--host", "--instance", one, "--", "docker rm --force hermes"])
    found = doctor(cloud)["application-missing"]
    assert found["where"] == one and RESUME in found["next"]
    cloud.type("release --resume --yes")
    at_rest(cloud, "v1")


def test_an_environment_file_that_somebody_edits_changes_nothing_and_is_written_anew(cloud) -> None:
    one = members(cloud)[0]
    cloud.type(["run", "--host", "--instance", one, "--", "echo EDITED=yes >>$HERMES_ROOT/opt/hermes/.env"])
    cloud.type(
        [
            "run",
            "--host",
            "--instance",
            one,
            "--",
            "cd $HERMES_ROOT/opt/hermes/state && rm current* stable.json container token report.json",
        ]
    )
    assert "EDITED=yes" not in environment(cloud, one)
    cloud.type("release --image v2 --yes")
    assert one in members(cloud) and "EDITED=yes" not in environment(cloud, one)
    at_rest(cloud, "v2")


@pytest.mark.parametrize("process", ["AddToLoadBalancer", "Launch"])
def test_a_process_that_a_rollout_needs_and_somebody_suspended_stops_it_before_anything_is_touched(
    cloud, process
) -> None:
    auto_scaling = cloud.client("autoscaling")
    auto_scaling.suspend_processes(**GROUP, ScalingProcesses=[process])
    undo = f"aws autoscaling resume-processes --auto-scaling-group-name hermes-production --scaling-processes {process}"
    for words in ("release --image v1 --yes", "release --resume --yes", "rollback --yes", "deploy --image v1 --yes"):
        said = error(cloud, words, ExitCode.REFUSED)
        assert "processes-suspended" in said and undo in " ".join(said.split())
    assert doctor(cloud)["processes-suspended"]["next"] == planned(cloud)["processes-suspended"]["next"] == undo
    assert process in cloud.type("status --no-bill")
    auto_scaling.resume_processes(**GROUP, ScalingProcesses=[process])
    at_rest(cloud, "v2")


def test_one_that_it_can_do_without_stays_suspended_and_is_named_as_somebody_s(cloud) -> None:
    auto_scaling = cloud.client("autoscaling")
    auto_scaling.suspend_processes(**GROUP, ScalingProcesses=["AZRebalance"])
    auto_scaling.delete_tags(
        Tags=[{"ResourceId": "hermes-production", "ResourceType": "auto-scaling-group", "Key": "hermes:suspended"}]
    )
    cloud.type("release --image v1 --yes")
    assert [one["ProcessName"] for one in group(cloud)["SuspendedProcesses"]] == ["AZRebalance"]
    assert "resume-processes" in doctor(cloud)["processes-suspended"]["next"]
    auto_scaling.resume_processes(**GROUP, ScalingProcesses=["AZRebalance"])
    at_rest(cloud, "v1")


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ({"MinSize": 2}, "--min-size 1"),
        ({"MaxSize": 2}, "--max-size 3"),
        (
            {"LaunchTemplate": {"LaunchTemplateName": "hermes-production", "Version": "$Latest"}},
            "--launch-template LaunchTemplateName=hermes-production,Version=1",
        ),
    ],
    ids=["minimum", "maximum", "launch template"],
)
def test_a_group_that_somebody_changed_stops_a_rollout_before_anything_is_touched(cloud, change, undo) -> None:
    before = members(cloud)
    cloud.client("autoscaling").update_auto_scaling_group(**GROUP, **change)
    for words in ("release --image v2 --yes", "deploy --image v2 --yes"):
        said = " ".join(error(cloud, words, ExitCode.REFUSED).split())
        assert "group-changed" in said
        assert f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name hermes-production {undo}" in said
    assert doctor(cloud)["group-changed"]["next"].endswith(undo)
    assert members(cloud) == before
    cloud.client("autoscaling").update_auto_scaling_group(**GROUP, **AS_DEPLOYED)
    at_rest(cloud, "v1")


def test_one_less_by_hand_is_one_more_by_the_next_rollout(cloud) -> None:
    cloud.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=members(cloud)[0], ShouldDecrementDesiredCapacity=True
    )
    until(lambda: len(members(cloud)) == 1)
    found = doctor(cloud)["fleet-short"]
    assert "1 of 2" in found["what"] and RESUME in found["next"]
    cloud.type("release --resume --yes")
    at_rest(cloud, "v1")


def test_one_more_by_hand_is_one_less_by_the_next_rollout(cloud) -> None:
    cloud.client("autoscaling").set_desired_capacity(**GROUP, DesiredCapacity=3)
    until(lambda: [one["LifecycleState"] for one in group(cloud)["Instances"]] == ["InService"] * 3)
    assert "3 instances are there" in doctor(cloud)["fleet-over"]["what"]
    cloud.type("release --resume --yes")
    until(lambda: len(members(cloud)) == 2)
    at_rest(cloud, "v1")


@pytest.mark.parametrize(
    ("name", "refused", "mended_by", "tag"),
    [
        ("goal", "release --resume --yes", "release --image v2 --yes", "v2"),
        ("stable", "rollback --yes", "release --resume --yes", "v2"),
    ],
)
def test_a_release_parameter_that_somebody_overwrote_is_named_and_written_anew(
    cloud, name, refused, mended_by, tag
) -> None:
    path = f"/hermes/production/release/{name}"
    cloud.client("ssm").put_parameter(Name=path, Value="v1", Type="String", Overwrite=True)
    for words in (refused, "status"):
        said = error(cloud, words, ExitCode.FAILED)
        assert path in said and "release --image TAG writes it anew" in said
    cloud.type(mended_by)
    at_rest(cloud, tag)
