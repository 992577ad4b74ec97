"""Instances of a group: launched, held, replaced and let go as the Auto Scaling user guide says."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refused(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]


def test_a_fleet_comes_up_by_its_user_data_and_serves(world, fleet):
    assert sorted(world.states("shared").values()) == ["InService", "InService"]
    assert [world.get(fleet["dns"]) for _ in range(4)] == [(200, "v1\n")] * 4
    described = world.client("ec2").describe_instances(InstanceIds=list(world.states("shared")))
    zones = {i["Placement"]["AvailabilityZone"] for r in described["Reservations"] for i in r["Instances"]}
    assert len(zones) == 2
    tags = {t["Key"]: t["Value"] for r in described["Reservations"] for i in r["Instances"] for t in i["Tags"]}
    assert tags["aws:autoscaling:groupName"] == "shared"


def test_standby_below_the_minimum_is_refused_in_the_service_s_words(world, fleet):
    asg = world.client("autoscaling")
    asg.update_auto_scaling_group(AutoScalingGroupName="shared", MinSize=2)
    one = sorted(world.states("shared"))[0]
    error = refused(
        asg.enter_standby, AutoScalingGroupName="shared", InstanceIds=[one], ShouldDecrementDesiredCapacity=True
    )
    asg.update_auto_scaling_group(AutoScalingGroupName="shared", MinSize=0)
    assert error["Code"] == "ValidationError"
    assert "has min-size=2, max-size=4, and desired-size=2" in error["Message"]


def test_standby_drains_and_comes_back(world, fleet):
    asg = world.client("autoscaling")
    one = sorted(world.states("shared"))[0]
    asg.suspend_processes(AutoScalingGroupName="shared", ScalingProcesses=["AZRebalance"])
    asg.enter_standby(AutoScalingGroupName="shared", InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    assert world.health(fleet["target_group"])[one] == "draining"
    assert world.states("shared")[one] == "EnteringStandby"
    assert world.group("shared")["DesiredCapacity"] == 1
    world.until(lambda: world.states("shared")[one] == "Standby")
    assert one not in world.health(fleet["target_group"])
    error = refused(
        asg.enter_standby, AutoScalingGroupName="shared", InstanceIds=[one], ShouldDecrementDesiredCapacity=True
    )
    assert "is not in InService" in error["Message"]
    asg.exit_standby(AutoScalingGroupName="shared", InstanceIds=[one])
    assert world.group("shared")["DesiredCapacity"] == 2
    world.until(lambda: world.health(fleet["target_group"]).get(one) == "healthy")
    suspended = world.group("shared")["SuspendedProcesses"]
    assert [process["ProcessName"] for process in suspended] == ["AZRebalance"]
    asg.resume_processes(AutoScalingGroupName="shared")
    assert world.group("shared")["SuspendedProcesses"] == []


def test_standby_without_decrement_launches_a_replacement_and_surplus_is_let_go_by_name(world, fleet):
    asg = world.client("autoscaling")
    before = set(world.states("shared"))
    one = sorted(before)[0]
    asg.enter_standby(AutoScalingGroupName="shared", InstanceIds=[one], ShouldDecrementDesiredCapacity=False)
    new = world.until(lambda: set(world.states("shared")) - before)
    world.until(lambda: world.states("shared")[one] == "Standby")
    world.until(lambda: all(world.health(fleet["target_group"]).get(i) == "healthy" for i in new))
    asg.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)
    world.until(lambda: one not in world.states("shared"))
    assert world.group("shared")["DesiredCapacity"] == 2


def test_terminating_with_decrement_below_the_minimum_is_refused(world, fleet):
    asg = world.client("autoscaling")
    asg.update_auto_scaling_group(AutoScalingGroupName="shared", MinSize=2)
    one = sorted(world.states("shared"))[0]
    error = refused(asg.terminate_instance_in_auto_scaling_group, InstanceId=one, ShouldDecrementDesiredCapacity=True)
    asg.update_auto_scaling_group(AutoScalingGroupName="shared", MinSize=0)
    assert "desiredSize equals minSize (2)" in error["Message"]


def test_an_unhealthy_instance_is_replaced_unless_that_is_suspended(world, fleet):
    asg = world.client("autoscaling")
    one = sorted(world.states("shared"))[0]
    asg.suspend_processes(AutoScalingGroupName="shared", ScalingProcesses=["ReplaceUnhealthy"])
    asg.set_instance_health(InstanceId=one, HealthStatus="Unhealthy")
    found = {i["InstanceId"]: i for i in world.group("shared")["Instances"]}[one]
    assert (found["HealthStatus"], found["LifecycleState"]) == ("Unhealthy", "InService")
    asg.resume_processes(AutoScalingGroupName="shared")
    world.until(lambda: one not in world.states("shared"))
    world.until(lambda: list(world.health(fleet["target_group"]).values()) == ["healthy"] * 2)


def test_an_instance_that_dies_is_replaced(world, fleet):
    one = sorted(world.states("shared"))[0]
    world.control("faults", kind="instance-dies", instance=one)
    world.until(lambda: one not in world.states("shared"))
    world.until(lambda: list(world.health(fleet["target_group"]).values()) == ["healthy"] * 2)


def test_capacity_errors_end_up_in_the_activities(world):
    asg = world.client("autoscaling")
    message = "We currently do not have sufficient t4g.small capacity in the Availability Zone you requested"
    world.control("faults", set="capacity", value=message)
    asg.create_auto_scaling_group(
        AutoScalingGroupName="nowhere", MinSize=0, MaxSize=1, DesiredCapacity=1, VPCZoneIdentifier=world.names["subnets"][0],
        LaunchTemplate={"LaunchTemplateName": "shared", "Version": "1"},
    )  # fmt: skip
    activity = world.until(lambda: asg.describe_scaling_activities(AutoScalingGroupName="nowhere")["Activities"])[0]
    world.control("faults", clear=True)
    assert (activity["StatusCode"], activity["StatusMessage"]) == ("Failed", message)
    asg.delete_auto_scaling_group(AutoScalingGroupName="nowhere", ForceDelete=True)


def test_a_launch_hook_holds_an_instance_and_abandon_ends_it(world, fleet):
    asg = world.client("autoscaling")
    asg.put_lifecycle_hook(
        AutoScalingGroupName="shared", LifecycleHookName="second",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", HeartbeatTimeout=600,
    )  # fmt: skip
    before = set(world.states("shared"))
    asg.set_desired_capacity(AutoScalingGroupName="shared", DesiredCapacity=3)
    new = world.until(lambda: set(world.states("shared")) - before).pop()
    asg.set_desired_capacity(AutoScalingGroupName="shared", DesiredCapacity=3)

    def second():
        try:
            asg.record_lifecycle_action_heartbeat(
                AutoScalingGroupName="shared", LifecycleHookName="second", InstanceId=new
            )
        except ClientError:
            return False
        return True

    world.until(second)
    assert world.states("shared")[new] == "Pending:Wait"
    asg.suspend_processes(AutoScalingGroupName="shared", ScalingProcesses=["Launch"])
    asg.complete_lifecycle_action(
        AutoScalingGroupName="shared", LifecycleHookName="second", InstanceId=new, LifecycleActionResult="ABANDON"
    )
    world.until(lambda: new not in world.states("shared"))
    cancelled = [
        a
        for a in asg.describe_scaling_activities(AutoScalingGroupName="shared")["Activities"]
        if a["StatusCode"] == "Cancelled"
    ]
    assert new in cancelled[0]["Description"]
    asg.set_desired_capacity(AutoScalingGroupName="shared", DesiredCapacity=2)
    asg.delete_lifecycle_hook(AutoScalingGroupName="shared", LifecycleHookName="second")
    asg.resume_processes(AutoScalingGroupName="shared")


def test_what_is_not_known_is_refused(world, fleet):
    asg = world.client("autoscaling")
    error = refused(asg.start_instance_refresh, AutoScalingGroupName="shared", Strategy="ReplaceRootVolume")
    assert error["Code"] == "EmbeddedCloudUnsupported"
    missing = refused(asg.set_desired_capacity, AutoScalingGroupName="nobody", DesiredCapacity=1)
    assert missing["Code"] == "ValidationError"
    above = refused(asg.set_desired_capacity, AutoScalingGroupName="shared", DesiredCapacity=9)
    assert "is above max value 4" in above["Message"]


def test_with_health_check_type_elb_an_unhealthy_target_is_replaced_after_the_grace_period(world, fleet):
    asg = world.client("autoscaling")
    built = world.fleet("elb", 1, HealthCheckType="ELB", HealthCheckGracePeriod=4)
    one = next(iter(world.states("elb")))
    world.control("faults", instance=one, application={"health": 503})
    world.until(lambda: one not in world.states("elb"))
    world.until(lambda: list(world.health(built["target_group"]).values()) == ["healthy"])
    two = next(iter(world.states("elb")))
    asg.update_auto_scaling_group(AutoScalingGroupName="elb", HealthCheckGracePeriod=600)
    asg.enter_standby(AutoScalingGroupName="elb", InstanceIds=[two], ShouldDecrementDesiredCapacity=True)
    world.until(lambda: world.states("elb")[two] == "Standby")
    asg.exit_standby(AutoScalingGroupName="elb", InstanceIds=[two])
    world.until(lambda: world.health(built["target_group"]).get(two) == "healthy")
    world.control("faults", instance=two, application={"health": 503})
    world.until(lambda: world.health(built["target_group"]).get(two) == "unhealthy")
    assert world.states("elb")[two] == "InService"
    world.remove(built)


def test_no_target_is_replaced_before_one_was_ever_healthy(world, fleet):
    elb = world.client("elbv2")
    world.control("faults", kind="clear")
    built = {"name": "never"}
    target_group = elb.create_target_group(
        Name="never", Protocol="HTTP", Port=4999, VpcId=world.names["vpc"], HealthCheckIntervalSeconds=6,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    rule = elb.create_rule(
        ListenerArn=fleet["listener"], Priority=77, Conditions=[{"Field": "path-pattern", "Values": ["/never"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )["Rules"][0]["RuleArn"]  # fmt: skip
    world.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="never", MinSize=0, MaxSize=1, DesiredCapacity=1, VPCZoneIdentifier=world.names["subnets"][0],
        LaunchTemplate={"LaunchTemplateName": "shared", "Version": "1"}, HealthCheckType="ELB", TargetGroupARNs=[target_group],
    )  # fmt: skip
    world.until(lambda: list(world.health(target_group).values()) == ["unhealthy"])
    one = next(iter(world.states("never")))
    assert world.states("never") == {one: "InService"}
    assert world.get(fleet["dns"], "/never")[0] == 502
    world.remove(built)
    elb.delete_rule(RuleArn=rule)
