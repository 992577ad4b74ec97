"""The main job for an application that is not Hermes, in two environments side by side, under load."""

import json
import subprocess
import sys
import time

import boto3
import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.instance import documents
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.rehearse.tally import LoadProcess
from tests.stories.conftest import Cloud

SHOP = """
[application]
name = "shop"
port = 8080
health_path = "/"
migrate = []
secrets = []
[env]
PORT = "8080"
[compute]
count = 2
[certificate]
domain = "shop.example.org"
[environments.staging.compute]
count = 1
[environments.staging.network]
cidr = "10.1.0.0/16"
[environments.staging.certificate]
domain = "staging.shop.example.org"
"""
ENVIRONMENTS = ("production", "staging")
RATE = 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Both environments, deployed at the same time by two deployers."""
    cloud = Cloud(tmp_path_factory.mktemp("shop"))
    (cloud.directory / "hermes.toml").write_text(SHOP)
    try:
        control.start(cloud.state, Options(follow_parent=True))
        cloud.type("bootstrap")
        for tag in ("v1", "v2"):
            cloud.type(f"local image {tag}")
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "hermes_cfn", "--local", "--env", name, "deploy", "--image", "v1", "--yes"],
                cwd=cloud.directory,
                env=cloud.env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name in ENVIRONMENTS
        ]
        told = [run.communicate(timeout=400)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], "\n".join(told)[-6000:]
        yield cloud
    finally:
        cloud.stop()


def releases(cloud, environment: str) -> set[str]:
    """The tags that the members of the group report."""
    members = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[f"shop-{environment}"])
    ids = {one["InstanceId"] for one in members["AutoScalingGroups"][0]["Instances"]}
    told = cloud.client("ssm").get_parameters_by_path(Path=f"/shop/{environment}/instances")["Parameters"]
    reports = {one["Name"].rpartition("/")[2]: json.loads(one["Value"])["release"] for one in told}
    return {reports[name].rpartition("-")[0] for name in ids}


def load(cloud, environment: str) -> LoadProcess:
    balancer = cloud.client("elbv2").describe_load_balancers(Names=[f"shop-{environment}"])["LoadBalancers"][0]
    address = control.status(cloud.state).load_balancers[balancer["DNSName"]]["https"]
    return LoadProcess(address, server_name="localhost", tls=True, rate=RATE, at_most_s=300)


def test_each_environment_has_its_own_stacks_parameters_roles_and_one_foundation(shop) -> None:
    stacks = {one["StackName"] for one in shop.client("cloudformation").describe_stacks()["Stacks"]}
    parts = ("network", "certificate", "service")
    assert stacks == {"shop-foundation", *(f"shop-{name}-{part}" for name in ENVIRONMENTS for part in parts)}
    for name in ENVIRONMENTS:
        assert releases(shop, name) == {"v1"}
        assert shop.client("ssm").get_parameter(Name=f"/shop/{name}/release/stable")["Parameter"]["Value"]
    roles = {role["RoleName"] for role in shop.client("iam").list_roles()["Roles"]}
    instance_roles = {role for role in roles if "instance" in role}
    assert all(any(name in role for role in instance_roles) for name in ENVIRONMENTS), roles


def test_a_release_in_one_environment_drops_no_request_and_leaves_the_other_alone(shop) -> None:
    running = load(shop, "production")
    try:
        shop.type("release --image v2 --yes")
    finally:
        tally = running.stop()
    assert tally.sent > RATE
    assert tally.failed == 0, tally.failed_by_reason
    assert set(tally.releases) == {"v1", "v2"}
    assert releases(shop, "production") == {"v2"}
    assert releases(shop, "staging") == {"v1"}


def test_without_the_drain_step_the_same_client_sees_failures(shop) -> None:
    """The rolling update of the test before, back to v1, without standby: the zero above means something."""
    ssm = shop.client("ssm")
    goal = ssm.get_parameter(Name="/shop/production/release/goal")["Parameter"]["Version"]
    group = shop.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["shop-production"])
    running = load(shop, "production")
    try:
        for member in group["AutoScalingGroups"][0]["Instances"]:
            sent = ssm.send_command(
                InstanceIds=[member["InstanceId"]],
                DocumentName="shop-production-rollback",
                Parameters=documents.call("rollback", "rollback-undrained", 999_999, goal - 1),
            )
            wait(ssm, sent["Command"]["CommandId"], member["InstanceId"])
    finally:
        tally = running.stop()
    assert "v1" in tally.releases
    assert tally.failed > 0


def test_destroy_asks_first_takes_one_environment_and_deploy_takes_up_what_stayed(shop) -> None:
    def stacks() -> set[str]:
        return {one["StackName"] for one in shop.client("cloudformation").describe_stacks()["Stacks"]}

    def address() -> str:
        return shop.json("--env staging outputs")["nat_public_ips"]

    before, kept = stacks(), address()
    assert shop.type("--env staging destroy --yes", codes=(ExitCode.REFUSED,)) == ""
    assert stacks() == before
    assert "NatAddress" in shop.type("--env staging destroy --yes --unprotect")
    assert stacks() == {name for name in before if "-staging-" not in name}
    assert releases(shop, "production") == {"v1"}
    shop.type("--env staging deploy --image v2 --yes")
    assert stacks() == before
    assert address() == kept
    assert releases(shop, "staging") == {"v2"}


def wait(ssm: boto3.client, command: str, instance: str) -> None:
    while True:
        time.sleep(0.3)
        told = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        if told["Status"] not in ("Pending", "InProgress", "Delayed"):
            assert told["Status"] == "Success", told
            return


def test_a_half_written_state_is_told_and_reset_starts_afresh(tmp_path) -> None:
    cloud = Cloud(tmp_path)
    (cloud.directory / "hermes.toml").write_text("")
    (cloud.state / "cloud").mkdir(parents=True)
    try:
        cloud.type("bootstrap", codes=(ExitCode.FAILED,))
        assert "AWS_ROLE_ARN" in cloud.type("bootstrap --reset")
    finally:
        cloud.stop()


def test_reset_is_for_the_embedded_cloud_alone(tmp_path) -> None:
    (tmp_path / "hermes.toml").write_text("")
    command = [sys.executable, "-m", "hermes_cfn", "bootstrap", "--reset", "--yes"]
    done = subprocess.run(command, cwd=tmp_path, env=Cloud(tmp_path).env, capture_output=True, text=True, timeout=60)
    assert done.returncode == ExitCode.USAGE
    assert "reset-without-local" in done.stderr
