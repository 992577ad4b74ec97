"""Two environments from one file in one account: promoted by digest, put to sleep, renewed, and each left alone by the other."""

import re

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control

pytestmark = pytest.mark.long

FILE = """
[compute]
count = 2

[environments.staging.compute]
count = 1
[environments.staging.network]
cidr = "10.1.0.0/16"
[environments.staging.certificate]
domain = "staging.hermes.yourdomain.com"
[environments.staging.env]
PHX_HOST = "staging.hermes.yourdomain.com"
"""
PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    """Production on v1, staging on an image of its own repository."""
    made = new_cloud(tmp_path_factory.mktemp("two"))
    try:
        made.deploy(FILE)
        for name in ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL"):
            value = control.database(made.state) if name == "DATABASE_URL" else f"staging-{name.lower()}-{'y' * 64}"
            made.type(f"--env staging secrets set {name}", given=f"{value}\n")
        made.type("--env staging local image s1")
        made.type("--env staging deploy --image s1 --yes")
        yield made
    finally:
        made.stop()


def digests(cloud, environment: str) -> set[str]:
    """What the environment's instances really run."""
    said = cloud.type(["--env", environment, "run", "--host", "--all", "--", "docker", "ps", "--format", "{{.Image}}"])
    found = set(re.findall(r"@(sha256:[0-9a-f]{64})", said))
    assert found, said
    return found


def groups(cloud) -> dict[str, tuple[int, set[str]]]:
    """Group -> instances wanted, and the machine images that they run."""
    found = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    machines = {
        machine["InstanceId"]: machine["ImageId"]
        for reservation in cloud.client("ec2").describe_instances()["Reservations"]
        for machine in reservation["Instances"]
    }
    return {
        one["AutoScalingGroupName"]: (
            one["DesiredCapacity"],
            {machines[instance["InstanceId"]] for instance in one["Instances"]},
        )
        for one in found
    }


def test_promote_releases_the_very_digest_that_staging_verified(cloud):
    verified, before = digests(cloud, "staging"), digests(cloud, "production")
    assert verified != before
    said = cloud.type("promote --from staging --yes")
    assert next(iter(verified))[:19] in said
    assert digests(cloud, "production") == verified == digests(cloud, "staging")
    assert {one["release"][:2] for one in cloud.json("status --no-bill")["instances"]} == {"s1"}
    cloud.type("--env staging promote --from staging --yes", codes=(ExitCode.USAGE,))


def test_sleep_takes_one_environment_to_zero_and_leaves_the_other(cloud):
    cloud.type("--env staging sleep --yes")
    assert groups(cloud)["hermes-staging"][0] == 0
    assert groups(cloud)["hermes-production"][0] == 2
    cloud.type("--env staging wake --yes")
    assert cloud.json("--env staging status --no-bill")["healthy"] == 1


def test_a_newer_machine_image_is_rolled_out_where_it_is_asked_for(cloud):
    before = groups(cloud)
    image = control.ask(cloud.state, "machine-image", {"parameter": PARAMETER})["image"]
    shown = cloud.json("machine-image show")
    assert shown["stale"] and shown["newest"]["id"] == image and shown["newest"]["days"] == 0
    said = cloud.type("machine-image update --yes")
    (old,) = before["hermes-production"][1]
    assert f"{old}, " in said and f" → {image}, 0 days old" in said
    after = groups(cloud)
    assert after["hermes-production"] == (2, {image})
    assert after["hermes-staging"] == before["hermes-staging"]
    assert not cloud.json("machine-image show")["stale"]
    assert {one["release"][:2] for one in cloud.json("status --no-bill")["instances"]} == {"s1"}
