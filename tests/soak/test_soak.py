"""Deploys, rollbacks, scalings and restarts at random, under load: nothing is lost and nothing is left over.

``SOAK_OPERATIONS`` (200) and ``SOAK_SEED`` (1) say how many and which; ``SOAK_MINUTES`` ends it before they are done.

A failed request must be explained: the load balancer's access log, from which whoever runs this on AWS would
explain it too, says that it was sent to the instance that was being restarted, before the load balancer noticed
that its program had ended.
"""

import gzip
import json
import os
import random
import shlex
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from hermes_cfn.config import edit
from hermes_cfn.errors import HermesError
from hermes_cfn.local import control
from hermes_cfn.rehearse.sandbox import Sandbox

pytestmark = pytest.mark.soak

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
MINUTES = float(os.environ.get("SOAK_MINUTES", "inf"))
SECRETS = ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL")
RATE = 30
SETTLE_S = 60
RESTART_S = 60
SETTLED_S = 5
"""Longer than the load balancer needs to notice, at twenty times the speed: then there was nothing to notice."""

DELIVERED_S = 60
WARM = 5
KINDS = ("release", "release", "rollback", "scale", "restart", "stack")
STACK_CHANGES = (
    ("service", "idle_timeout_s", (60, 90)),
    ("service", "log_days", (30, 60)),
    ("service", "deregistration_delay_s", (30, 40)),
    ("compute", "instance_type", ("t4g.small", "t4g.medium")),
)
"""Section, key, values: of the load balancer, of another resource, of the target group, and one that replaces instances."""


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processes_of(state: Path) -> list[int]:
    """Processes that name the state directory in their command line or, as those of instances do, in their environment."""
    name = str(state).encode()
    return [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if int(path.name) != os.getpid() and (name in _read(path / "cmdline") or name in _read(path / "environ"))
    ]


def programs(state: Path, instance: str) -> set[int]:
    """Process ids of the application on an instance."""
    root = f"{state}/cloud/instances/{instance}/root/".encode()
    return {
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if b"app.py" in _read(path / "cmdline") and root in _read(path / "environ")
    }


def kept_files(state: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(state))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@dataclass(frozen=True)
class Held:
    """What the cloud holds after an operation; ``open`` and ``mib`` are of its own process."""

    open: int
    mib: float
    processes: int
    kept: int
    instances: int


@dataclass(frozen=True)
class Restart:
    """An instance rebooted, and the service time until which requests may have failed for it."""

    target: str
    begun: datetime
    noticed: datetime

    def explains(self, row: list[str]) -> bool:
        """Whether a line of the access log is a request to that instance, before it was noticed to be away."""
        at = datetime.fromisoformat(row[21])
        received = datetime.fromisoformat(row[1])
        return row[4] == self.target and received >= self.begun and at <= self.noticed


class Fleet:
    """What the group and the load balancer say."""

    def __init__(self, sandbox: Sandbox) -> None:
        clients = sandbox.clients("eu-south-2")
        self.state = sandbox.state
        self.autoscaling, self.elb, self.ec2, self.cloudformation, self.s3 = (
            clients.session.client(name, endpoint_url=clients.endpoint_url, region_name=clients.region)
            for name in ("autoscaling", "elbv2", "ec2", "cloudformation", "s3")
        )

    def group(self):
        return self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]

    def targets(self) -> dict[str, str]:
        arn = self.group()["TargetGroupARNs"][0]
        told = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in told}

    def right(self) -> bool:
        group, targets = self.group(), self.targets()
        return (
            {one["LifecycleState"] for one in group["Instances"]} == {"InService"}
            and len(group["Instances"]) == group["DesiredCapacity"] == len(targets)
            and set(targets.values()) == {"healthy"}
            and not group["SuspendedProcesses"]
        )

    def settle(self) -> bool:
        until = time.monotonic() + SETTLE_S
        while not self.right():
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def stacks_right(self) -> bool:
        stacks = self.cloudformation.describe_stacks()["Stacks"]
        return {one["StackStatus"] for one in stacks} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

    def now(self) -> datetime:
        return datetime.fromisoformat(control.ask(self.state, "clock")["now"])

    def restart(self, instance: str, state: Path) -> Restart:
        """Reboots an instance; over when its program was replaced and the load balancer noticed, or need not any more."""
        begun = self.now()
        address = control.ask(self.state, "instances")[instance]["address"]
        before = programs(state, instance)
        self.ec2.reboot_instances(InstanceIds=[instance])
        until = time.monotonic() + RESTART_S
        while (now := programs(state, instance)) & before or (not now and self.targets().get(instance) == "healthy"):
            assert time.monotonic() < until, f"{instance} does not restart: {before}, {now}"
            time.sleep(0.1)
        while (
            self.targets().get(instance) == "healthy" and time.monotonic() < until and not self.settled_for(SETTLED_S)
        ):
            time.sleep(0.1)
        return Restart(f"{address}:4000", begun, self.now())

    def settled_for(self, seconds: float) -> bool:
        """Whether the fleet is right, and stays so for some seconds."""
        until = time.monotonic() + seconds
        while self.right():
            if time.monotonic() > until:
                return True
            time.sleep(0.2)
        return False

    def access_log(self, at_least: int) -> list[str]:
        """The lines of the load balancer's access log, once that many have been delivered."""
        (balancer,) = self.elb.describe_load_balancers()["LoadBalancers"]
        told = self.elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
        (bucket,) = (one["Value"] for one in told if one["Key"] == "access_logs.s3.bucket")
        until = time.monotonic() + DELIVERED_S
        read: dict[str, list[str]] = {}
        while sum(map(len, read.values())) < at_least and time.monotonic() < until:
            time.sleep(1)
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for key in {one["Key"] for one in page.get("Contents", [])} - set(read):
                    body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    log = gzip.decompress(body).decode() if key.endswith(".log.gz") else ""
                    read[key] = log.splitlines()
        return [line for lines in read.values() for line in lines]


class Operations:
    """Each as a person would do it."""

    def __init__(self, sandbox: Sandbox, fleet: Fleet, rng: random.Random) -> None:
        self.sandbox, self.fleet, self.rng = sandbox, fleet, rng
        self.restarts: list[Restart] = []

    def release(self) -> None:
        self.sandbox.run("release", "--image", self.rng.choice(("v1", "v2")), "--yes")

    def rollback(self) -> None:
        kept = json.loads(self.sandbox.run("releases", "--format", "json"))
        self.sandbox.run("rollback", "--to", self.rng.choice(kept)["id"], "--yes")

    def scale(self) -> None:
        self.sandbox.run("scale", "--instances", str(self.rng.choice((2, 3))), "--no-plan")
        self.sandbox.run("deploy", "--yes")

    def stack(self) -> None:
        section, key, values = self.rng.choice(STACK_CHANGES)
        text = self.sandbox.config.read_text()
        self.sandbox.config.write_text(edit.replace(text, section, key, self.rng.choice(values)))
        self.sandbox.run("deploy", "--yes")

    def restart(self) -> None:
        instances = sorted(one["InstanceId"] for one in self.fleet.group()["Instances"])
        self.restarts.append(self.fleet.restart(self.rng.choice(instances), self.sandbox.state))


def unexplained(log: list[str], restarts: list[Restart]) -> tuple[list[list[str]], int]:
    """The lines of failed requests that no restart explains, and how many a restart does."""
    bad = [shlex.split(line) for line in log if not 100 <= int(line.split(" ", 9)[8]) < 400]
    left = [line for line in bad if not any(restart.explains(line) for restart in restarts)]
    return left, len(bad) - len(left)


def test_random_operations_leave_fleet_and_stacks_right(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = random.Random(SEED)
    config, state = tmp_path / "hermes.toml", tmp_path / "state"
    config.write_text("[service]\naccess_logs = true\n")
    with Sandbox(config, state) as sandbox:
        sandbox.first_deployment(SECRETS)
        sandbox.push("v2")
        sandbox.run("release", "--image", "v2", "--yes")
        fleet, cloud = Fleet(sandbox), control.status(state).pid
        operations = Operations(sandbox, fleet, rng)
        done: Counter[str] = Counter()
        sent, failed, held = 0, Counter(), []
        until = time.monotonic() + MINUTES * 60
        for number in range(OPERATIONS):
            if time.monotonic() > until:
                break
            kind = rng.choice(KINDS)
            load = sandbox.load("hermes.yourdomain.com", RATE, seed=SEED + number)
            begun = time.monotonic()
            try:
                getattr(operations, kind)()
                settled = fleet.settle()
            except HermesError as error:
                load.kill()
                pytest.fail(
                    f"operation {number}, {kind}, seed {SEED}: {error.findings[0]}\n{error.findings[0].evidence}"
                )
            except BaseException:
                load.kill()
                raise
            tally = load.stop()
            assert settled, f"operation {number}, {kind}, seed {SEED}: {fleet.group()}"
            assert fleet.stacks_right(), f"operation {number}, {kind}, seed {SEED}"
            done[kind] += 1
            sent += tally.sent
            failed.update(tally.failed_by_reason)
            size = len(fleet.group()["Instances"])
            now = Held(open_files(cloud), resident_mib(cloud), len(processes_of(state)), kept_files(state), size)
            held.append(now)
            print(
                f"{number:3} {kind:<8} {time.monotonic() - begun:5.1f} s  {tally.sent} requests, {tally.failed} failed;"
                f" {size} instances, {now.processes} processes, {now.open} open files, {now.kept} files, {now.mib:.0f} MiB",
                flush=True,
            )
        log = fleet.access_log(at_least=sent)
        left, explained = unexplained(log, operations.restarts)
        assert left == []
        assert explained >= failed.total(), failed
        last = held[-1]
        alike = [one for one in held[WARM:] if one.instances == last.instances] or [last]
        first = alike[0]
        print(
            f"{done.total()} operations ({', '.join(f'{count} x {kind}' for kind, count in sorted(done.items()))}),"
            f" {sent} requests, {failed.total()} failed, all of them sent to an instance while it restarted;"
            f" open files {last.open - first.open:+d}, processes {last.processes - first.processes:+d},"
            f" files {last.kept - first.kept:+d}, memory x {last.mib / first.mib:.2f}"
        )
        assert last.open - first.open < 50
        assert last.processes - first.processes <= 2
        assert last.mib / first.mib < 2
    assert processes_of(state) == []
