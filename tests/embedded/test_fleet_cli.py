"""The AWS CLI as a real client of the fleet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import owners


def aws(world, *words: str) -> str:
    """Runs the AWS CLI against the cloud; its output."""
    beside = Path(sys.executable).parent / "aws"
    program = str(beside) if beside.exists() else shutil.which("aws")
    environment = {
        **owners.variables(world.state), "PATH": os.environ["PATH"], "HOME": str(world.state), "AWS_PAGER": "",
    }  # fmt: skip
    command = [program, "--endpoint-url", world.endpoint, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_target_health_commands_and_logs_by_the_cli(world, fleet):
    health = json.loads(aws(world, "elbv2", "describe-target-health", "--target-group-arn", fleet["target_group"]))
    states = {one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]}
    assert states <= {"healthy", "initial", "draining"}
    instance = sorted(name for name, state in world.states("shared").items() if state == "InService")[0]
    sent = aws(
        world, "ssm", "send-command", "--instance-ids", instance, "--document-name", "AWS-RunShellScript",
        "--parameters", 'commands=["echo by the cli"]', "--query", "Command.CommandId", "--output", "text",
    ).strip()  # fmt: skip
    ssm = world.client("ssm")
    world.until(lambda: ssm.get_command_invocation(CommandId=sent, InstanceId=instance)["Status"] == "Success")
    shown = aws(world, "ssm", "get-command-invocation", "--command-id", sent, "--instance-id", instance)
    assert json.loads(shown)["StandardOutputContent"] == "by the cli\n"
    assert "release v1 listens" in aws(world, "logs", "filter-log-events", "--log-group-name", "/fleet")
