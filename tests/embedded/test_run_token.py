"""RunInstances sent twice with one client token makes one instance."""

from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests import owners


def test_the_same_client_token_makes_one_instance(tmp_path):
    control.start(tmp_path, Options(follow_parent=True, processes=False, speed=1000))
    try:
        ec2 = owners.client(tmp_path, "ec2")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        made = [
            ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, ClientToken=token)["Instances"][0]["InstanceId"]
            for token in ("a", "a", "b")
        ]
        assert made[0] == made[1] != made[2]
        there = [one for each in ec2.describe_instances()["Reservations"] for one in each["Instances"]]
        assert {one["InstanceId"] for one in there} == set(made)
        assert len(there) == 2
    finally:
        control.reset(tmp_path)
