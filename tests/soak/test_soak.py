"""Deploys, rollbacks, scalings and restarts at random, under load: nothing is lost and nothing is left over.

``SOAK_OPERATIONS`` (200) and ``SOAK_SEED`` (1) say how many and which.
"""

import json
import os
import random
import time
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.rehearse.sandbox import Sandbox

pytestmark = pytest.mark.soak

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SECRETS = ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL")
RATE = 30
SETTLE_S = 60
NOTICE_S = 10
WARM = 5


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processes_of(state: Path) -> list[int]:
    """Processes that name the state directory in their command line."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(state).encode() in _read(path) and int(path.parent.name) != os.getpid()
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Fleet:
    """What the group and the load balancer say."""

    def __init__(self, sandbox: Sandbox) -> None:
        doors = sandbox.doors("eu-south-2")
        self.autoscaling, self.elb, self.ec2, self.cloudformation = (
            doors.session.client(name, endpoint_url=doors.endpoint_url, region_name=doors.region)
            for name in ("autoscaling", "elbv2", "ec2", "cloudformation")
        )

    def group(self):
        return self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]

    def right(self) -> bool:
        group = self.group()
        arn = group["TargetGroupARNs"][0]
        targets = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return (
            {one["LifecycleState"] for one in group["Instances"]} == {"InService"}
            and len(group["Instances"]) == group["DesiredCapacity"] == len(targets)
            and {one["TargetHealth"]["State"] for one in targets} == {"healthy"}
            and not group["SuspendedProcesses"]
        )

    def notice(self) -> None:
        """Wait until a restart shows, or was too short to."""
        until = time.monotonic() + NOTICE_S
        while self.right() and time.monotonic() < until:
            time.sleep(0.1)

    def settle(self) -> bool:
        until = time.monotonic() + SETTLE_S
        while not self.right():
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True


def test_random_operations_leave_fleet_and_stacks_right(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = random.Random(SEED)
    config, state = tmp_path / "hermes.toml", tmp_path / "state"
    config.write_text("")
    with Sandbox(config, state) as sandbox:
        sandbox.first_deployment(SECRETS)
        sandbox.push("v2")
        sandbox.run("release", "--image", "v2", "--yes")
        fleet, cloud = Fleet(sandbox), control.status(state).pid
        sent, failed, restarts, seen, done = 0, [], 0, [], []
        for number in range(OPERATIONS):
            kind = rng.choice(("release", "release", "rollback", "scale", "restart"))
            done.append(kind)
            load = sandbox.load("hermes.yourdomain.com", RATE, seed=SEED + number)
            try:
                if kind == "release":
                    sandbox.run("release", "--image", rng.choice(("v1", "v2")), "--yes")
                elif kind == "rollback":
                    kept = json.loads(sandbox.run("releases", "--format", "json"))
                    sandbox.run("rollback", "--to", rng.choice(kept)["id"], "--yes")
                elif kind == "scale":
                    sandbox.run("scale", "--instances", str(rng.choice((2, 3))), "--no-plan")
                    sandbox.run("deploy", "--yes")
                else:
                    restarts += 1
                    fleet.ec2.reboot_instances(InstanceIds=[rng.choice(fleet.group()["Instances"])["InstanceId"]])
                    fleet.notice()
                settled = fleet.settle()
            except BaseException:
                load.kill()
                raise
            tally = load.stop()
            assert settled, f"operation {number}, {kind}, seed {SEED}: {fleet.group()}"
            sent += tally.sent
            if kind != "restart":
                failed += [(number, done[-2:], tally.failed_by_reason)] if tally.failed else []
            seen.append((open_files(cloud), resident_mib(cloud)))
        assert failed == []
        stacks = fleet.cloudformation.describe_stacks()["Stacks"]
        assert {one["StackStatus"] for one in stacks} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
        files, memory = (
            seen[-1][0] - seen[min(WARM, OPERATIONS - 1)][0],
            seen[-1][1] / seen[min(WARM, OPERATIONS - 1)][1],
        )
        print(f"{OPERATIONS} operations, {restarts} restarts, {sent} requests; files {files:+d}, memory x {memory:.2f}")
        assert files < 50
        assert memory < 2
    assert processes_of(state) == []
