"""Leaving: what ``eject`` writes goes on with the AWS CLI alone, on the embedded cloud.  One deployment, in order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.config import parse
from hermes_cfn.eject import render
from hermes_cfn.stacks import build
from tests import owners
from tests.stories.test_deploy_story import at_rest, group

pytestmark = pytest.mark.long

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(cloud) -> Path:
    cloud.type("eject --out ejected")
    return cloud.directory / "ejected"


def run(cloud, script: Path, *words: str, **more: str) -> str:
    """A script with the real AWS CLI and nothing of this project on its path."""
    from hermes_cfn.local import control

    env = {
        "PATH": f"{cloud.directory / 'bin'}:/usr/bin:/bin",
        "HOME": str(cloud.directory),
        "AWS_ENDPOINT_URL": control.status(cloud.state).endpoint,
        "PAUSE": "0.2",
        **owners.variables(cloud.state),
        **more,
    }
    found = cloud.directory / "bin"
    found.mkdir(exist_ok=True)
    aws = found / "aws"
    if not aws.exists():
        aws.symlink_to(BIN / "aws")
    done = subprocess.run([str(script), *words], env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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


def test_a_release_reaches_every_instance_and_leaves_nothing_held(cloud, folder) -> None:
    instances = {one["InstanceId"] for one in group(cloud)["Instances"]}
    said = run(cloud, folder / "release.sh", "v2")
    assert all(f"{one}: out" in said for one in instances)
    assert {one["InstanceId"] for one in group(cloud)["Instances"]} == instances
    at_rest(cloud, "v2")
    assert group(cloud)["SuspendedProcesses"] == []
    run(cloud, folder / "release.sh", "v1")
    at_rest(cloud, "v1")


def test_the_scripts_pass_shellcheck_and_say_every_stack(tmp_path) -> None:
    for text in ("", '[watch]\nenabled = true\nalarm_email = "a@b.example"\n[edge]\nassets = true\n'):
        settings = parse(text)
        found = render(build(settings), settings)
        for name in ("stacks.sh", "release.sh"):
            (tmp_path / name).write_text(found[name])
            done = subprocess.run([str(BIN / "shellcheck"), str(tmp_path / name)], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout
        for spec in build(settings):
            assert f"stack {spec.key} {spec.name} " in found["stacks.sh"]


def test_eject_writes_over_nothing(cloud, folder) -> None:
    assert "eject-not-over" in cloud.type("eject --out ejected", codes=(1,))


def test_everything_is_destroyed_and_no_stack_parameter_or_tag_is_left(cloud) -> None:
    cloud.type("destroy --everything --yes")
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [one["StackName"] for one in stacks if one["StackName"].startswith("hermes-")] == []
    parameters = cloud.client("ssm").describe_parameters()["Parameters"]
    assert [one["Name"] for one in parameters if one["Name"].startswith("/hermes/")] == []
    tagged = cloud.client("ec2").describe_tags(Filters=[{"Name": "key", "Values": ["aws:cloudformation:stack-name"]}])[
        "Tags"
    ]
    alive = {one["ResourceId"] for one in tagged if one["Value"].startswith("hermes-")}
    assert {one for one in alive if one.startswith(("vpc-", "subnet-", "sg-", "nat-"))} == set()
