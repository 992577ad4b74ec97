"""Leaving, one story in order: what ``eject`` writes goes on with the AWS command line alone, and ``destroy --everything`` leaves nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.rehearse.tally import LoadProcess
from tests import owners

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(cloud) -> Path:
    cloud.type("eject --out ejected")
    return cloud.directory / "ejected"


def run(cloud, script: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    """A script with AWS's own command line, and nothing of this project on its path."""
    env = {
        "PATH": f"{cloud.directory / 'bin'}:/usr/bin:/bin",
        "HOME": str(cloud.directory),
        "PAUSE": "0.2",
        "AWS_ENDPOINT_URL": control.status(cloud.state).endpoint,
        **owners.variables(cloud.state),
    }
    found = cloud.directory / "bin"
    found.mkdir(exist_ok=True)
    aws = found / "aws"
    if not aws.exists():
        aws.symlink_to(BIN / "aws")
    done = subprocess.run([str(script), *words], env=env, capture_output=True, text=True, timeout=540)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout + done.stderr


def templates(cloud) -> dict[str, str]:
    client = cloud.client("cloudformation")
    return {one["StackName"]: str(one.get("LastUpdatedTime")) for one in client.describe_stacks()["Stacks"]}


def test_the_stacks_are_as_the_files_say_and_a_change_in_a_file_is_made(cloud, folder) -> None:
    before = templates(cloud)
    run(cloud, folder / "stacks.sh")
    assert templates(cloud) == before
    path = folder / "service.template.json"
    template = json.loads(path.read_text())
    (log,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::Logs::LogGroup"]
    log["Properties"]["RetentionInDays"] = 7
    path.write_text(json.dumps(template))
    run(cloud, folder / "stacks.sh")
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert 7 in {one.get("retentionInDays") for one in groups}
    assert {key for key, value in templates(cloud).items() if before[key] != value} == {"hermes-production-service"}


def test_a_release_is_rolled_with_no_request_lost_and_the_tool_goes_on_from_it(cloud, folder) -> None:
    """By AWS's own command line alone; before, a tag that is not there changes nothing and gives the lock back."""
    run(cloud, folder / "release.sh", "nosuch", codes=(1, 254, 255))
    (address,) = [one["https"] for one in control.status(cloud.state).load_balancers.values() if "https" in one]
    load = LoadProcess(address, server_name="localhost", tls=True, rate=20, at_most_s=540)
    try:
        run(cloud, folder / "release.sh", "v2")
    finally:
        tally = load.stop()
    assert tally.sent > 20 and tally.failed == 0, tally.failed_by_reason
    said = cloud.json("status")
    assert said["stable"]["tag"] == "v2" and {one["release"] for one in said["instances"]} == {said["stable"]["id"]}
    assert said["lock"] == "free"
    cloud.type("release --image v1 --despite-templates --yes")
    assert cloud.json("status")["stable"]["tag"] == "v1"


def test_eject_writes_over_nothing(cloud, folder) -> None:
    before = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    cloud.type("eject --out ejected", codes=(1,))
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == before


def test_everything_is_destroyed_and_what_stays_goes_by_the_commands_that_were_said(cloud) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "--local", "destroy", "--everything", "--yes"],
        cwd=cloud.directory,
        env=cloud.env,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    commands = re.findall(r"by hand: (aws .+)", done.stdout + done.stderr)
    script = cloud.directory / "by-hand.sh"
    script.write_text("\n".join(["#!/bin/bash -e", *commands, ""]))
    script.chmod(0o700)
    run(cloud, script)

    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [one["StackName"] for one in stacks] == []
    parameters = cloud.client("ssm").describe_parameters()["Parameters"]
    assert [one["Name"] for one in parameters if not one["Name"].startswith("/aws/")] == []
    ec2, ours = cloud.client("ec2"), [{"Name": "tag-key", "Values": ["aws:cloudformation:stack-name"]}]
    assert ec2.describe_vpcs(Filters=ours)["Vpcs"] == []
    assert ec2.describe_subnets(Filters=ours)["Subnets"] == []
    assert ec2.describe_security_groups(Filters=ours)["SecurityGroups"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert {one["State"] for one in ec2.describe_nat_gateways()["NatGateways"]} <= {"deleted"}
    states = {one["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for one in r["Instances"]}
    assert states <= {"terminated"}
    roles = cloud.client("iam").list_roles()["Roles"]
    assert [one["RoleName"] for one in roles if one["RoleName"].startswith("hermes-")] == []
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert cloud.client("ecr").describe_repositories()["repositories"] == []
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
