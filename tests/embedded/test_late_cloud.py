"""A cloud that is eventually consistent goes on answering while it does something of its own."""

import time

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

from .conftest import REGION, World


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    state = tmp_path_factory.mktemp("late")
    running = control.start(state, Options(consistency="default", database=False, seed=7))
    yield World(state, running.endpoint)
    control.stop(state)


def stubborn(call, **given):
    """A call that breaks now and then, as calls do here, made until it is carried out."""
    for _ in range(20):
        try:
            return call(**given)
        except Exception as broken:
            last = broken
            time.sleep(0.05)
    raise last


def test_a_group_launches_while_instances_were_just_looked_at(late):
    """The thread that launches holds the cloud's lock; what was looked at before is asked once more on its way, and must not
    wait for that lock.
    """
    ec2, autoscaling = late.client("ec2"), late.client("autoscaling")
    image = stubborn(ec2.describe_images, Owners=["amazon"])["Images"][0]["ImageId"]
    stubborn(
        ec2.create_launch_template,
        LaunchTemplateName="late",
        LaunchTemplateData={"ImageId": image, "InstanceType": "t4g.small"},
    )
    stubborn(ec2.describe_instances)
    stubborn(
        autoscaling.create_auto_scaling_group,
        AutoScalingGroupName="late",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        AvailabilityZones=[f"{REGION}a"],
        LaunchTemplate={"LaunchTemplateName": "late"},
    )
    for _ in range(20):
        assert control.status(late.state).running, "the control side answers within its own limit"
        if stubborn(late.group, name="late")["Instances"]:
            break
        time.sleep(0.2)
    else:
        pytest.fail("no instance was launched")
