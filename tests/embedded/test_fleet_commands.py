"""Run Command and what scripts find on an instance."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.local import control


@pytest.fixture(scope="module")
def instance(world, fleet):
    return sorted(name for name, state in world.states("shared").items() if state == "InService")[0]


def test_output_and_exit_status_of_a_command(world, instance):
    ended = world.command(instance, ["echo out", "echo err >&2", "exit 3"])
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == ("Failed", "Failed", 3)
    assert ended["StandardOutputContent"] == "out\n"
    assert "err" in ended["StandardErrorContent"]


def test_a_command_runs_in_the_directory_that_it_names(world, instance):
    ssm = world.client("ssm")
    parameters = {"commands": ["pwd"], "workingDirectory": ["/opt"]}
    name = ssm.send_command(InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters=parameters)[
        "Command"
    ]["CommandId"]
    ended = lambda: ssm.get_command_invocation(CommandId=name, InstanceId=instance)["StandardOutputContent"]  # noqa: E731
    assert world.until(ended).endswith("/opt\n")


def test_a_command_that_takes_too_long_times_out(world, instance):
    ended = world.command(instance, ["sleep 60"], timeout_s=1)
    assert (ended["Status"], ended["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")


def test_a_command_can_be_cancelled(world, instance):
    ssm = world.client("ssm")
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 60"]}
    )
    name = sent["Command"]["CommandId"]
    status = lambda: ssm.get_command_invocation(CommandId=name, InstanceId=instance)["Status"]  # noqa: E731
    world.until(lambda: status() == "InProgress")
    ssm.cancel_command(CommandId=name)
    world.until(lambda: status() == "Cancelled")


def test_parameters_are_pasted_as_text_and_held_to_their_pattern(world, instance):
    ssm = world.client("ssm")
    content = {
        "schemaVersion": "2.2",
        "parameters": {"Word": {"type": "String", "allowedPattern": "^[a-z]+$"}},
        "mainSteps": [{"action": "aws:runShellScript", "name": "say", "inputs": {"runCommand": ["echo '{{ Word }}'"]}}],
    }
    ssm.create_document(Name="fleet-say", DocumentType="Command", Content=json.dumps(content))
    with pytest.raises(ClientError) as caught:
        ssm.send_command(InstanceIds=[instance], DocumentName="fleet-say", Parameters={"Word": ["a; reboot"]})
    assert caught.value.response["Error"]["Code"] == "InvalidParameters"
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="fleet-say", DocumentVersion="1", Parameters={"Word": ["hello"]}
    )
    name = sent["Command"]["CommandId"]

    def over():
        found = ssm.list_command_invocations(CommandId=name, Details=True)["CommandInvocations"]
        return found[0] if found and found[0]["Status"] == "Success" else None

    assert world.until(over)["CommandPlugins"][0]["Output"] == "hello\n"
    assert ssm.list_commands(CommandId=name)["Commands"][0]["Status"] == "Success"


def test_commands_to_a_tag_and_to_nobody(world, instance):
    ssm = world.client("ssm")
    targets = [{"Key": "tag:aws:autoscaling:groupName", "Values": ["shared"]}]
    sent = ssm.send_command(Targets=targets, DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]})
    name = sent["Command"]["CommandId"]
    world.until(lambda: ssm.list_commands(CommandId=name)["Commands"][0]["CompletedCount"] == 2)
    with pytest.raises(ClientError) as caught:
        ssm.send_command(
            InstanceIds=["i-00000000000000000"], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]}
        )
    assert caught.value.response["Error"]["Code"] == "InvalidInstanceId"


def test_a_command_to_a_silent_instance_waits_until_it_hears(world, instance):
    world.control("faults", set="ssm-silent", subject=instance, value=True)
    ssm = world.client("ssm")
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]}, TimeoutSeconds=30
    )
    name = sent["Command"]["CommandId"]
    world.until(lambda: ssm.get_command_invocation(CommandId=name, InstanceId=instance)["Status"] == "Delayed")
    world.control("faults", clear=True)
    world.until(lambda: ssm.get_command_invocation(CommandId=name, InstanceId=instance)["Status"] == "Success")


def test_metadata_needs_a_token(world, instance):
    lines = [
        'curl -s -o /dev/null -w "%{http_code}\\n" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/instance-id"',
        'curl -s -o /dev/null -w "%{http_code}\\n" -X PUT "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token"',
        't=$(curl -s -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token")',
        'curl -s -H "X-aws-ec2-metadata-token: $t" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/instance-id"',
    ]
    assert world.command(instance, lines)["StandardOutputContent"].split() == ["401", "400", instance]


def test_the_instance_calls_as_its_role(world, instance):
    ended = world.command(instance, ["aws sts get-caller-identity --query Arn --output text"])
    assert ended["StandardOutputContent"].strip().endswith(f"assumed-role/fleet/{instance}")


def test_shims_refuse_what_they_do_not_know(world, instance):
    ended = world.command(
        instance, ["docker swarm init; echo $?", "dnf install emacs; echo $?", "systemctl mask x; echo $?"]
    )
    assert ended["StandardOutputContent"].split() == ["64", "64", "64"]


def test_containers_restart_stop_and_tell_why_they_ended(world, instance):
    image = world.names["images"]["v1"]
    lines = [
        f"docker run -d --name crash --restart on-failure:2 --env NEVER_BOOTS=no {image} x >/dev/null",
        "docker kill --signal KILL crash >/dev/null; docker inspect -f '{{.State.ExitCode}}' crash",
        "docker rm -f crash >/dev/null",
        f"docker run --name short --rm --entrypoint sh {image} -c 'echo hello; exit 7'; echo $?",
        "docker ps -a --format '{{.Names}}'",
        "docker inspect -f '{{.State.Running}} {{.RestartCount}}' app",
        f"docker run -d --name twin -p 4000:4000 {image}; echo $?",
    ]
    out = world.command(instance, lines)["StandardOutputContent"].split("\n")
    assert out[1:3] == ["hello", "7"]
    assert "app" in out and "short" not in out
    assert "true 0" in out
    assert out[-2] == "125"


def test_a_timer_runs_later_unless_it_is_stopped(world, instance):
    lines = [
        'systemd-run --quiet --timer-property=AccuracySec=100ms --unit=late --on-active=1 /bin/sh -c "touch $HERMES_ROOT/tmp/late"',
        'systemd-run --quiet --timer-property=AccuracySec=100ms --unit=never --on-active=1 /bin/sh -c "touch $HERMES_ROOT/tmp/never"',
        "systemctl stop never.timer",
        "sleep 1.8",
        'ls "$HERMES_ROOT/tmp"',
    ]
    out = world.command(instance, lines)["StandardOutputContent"].split()
    assert "late" in out and "never" not in out


def test_units_start_and_tell_their_state(world, instance):
    lines = [
        'mkdir -p "$HERMES_ROOT/etc/systemd/system"',
        "printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n' >\"$HERMES_ROOT/etc/systemd/system/fine.service\"",
        "printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' >\"$HERMES_ROOT/etc/systemd/system/bad.service\"",
        "systemctl daemon-reload; systemctl start fine; systemctl is-active fine",
        "systemctl start bad; echo $?; systemctl is-active bad; systemctl is-active docker; systemctl start nobody; echo $?",
    ]
    assert world.command(instance, lines)["StandardOutputContent"].split() == ["active", "1", "failed", "active", "5"]


def test_a_full_disk_shows_in_df_and_stops_pulls(world, instance):
    world.control("faults", instance=instance, do="disk-full")
    image = world.names["images"]["v2"]
    login = f"aws ecr get-login-password | docker login --username AWS --password-stdin {image.partition('/')[0]}"
    ended = world.command(instance, [login, "df -Pm / | awk 'NR==2 {print $4}'", f"docker pull {image}"])
    world.control("faults", instance=instance, do="disk-free")
    assert ended["Status"] == "Failed"
    assert "\n0\n" in ended["StandardOutputContent"]
    assert "no space left on device" in ended["StandardErrorContent"]


def test_a_registry_that_throttles(world, instance):
    world.control("faults", set="registry", value="toomanyrequests: Rate exceeded")
    ended = world.command(instance, [f"docker pull {world.names['images']['v2']}"])
    world.control("faults", clear=True)
    assert "Rate exceeded" in ended["StandardErrorContent"]


def test_log_groups_are_fed_by_containers(world, instance):
    logs = world.client("logs")
    found = logs.filter_log_events(logGroupName="/fleet", logStreamNames=[instance])["events"]
    assert "release v1 listens on port 4000" in [event["message"] for event in found]


def test_a_reboot_brings_back_what_restarts(world, instance):
    world.command(instance, ["docker run -d --name once " + world.names["images"]["v1"]])

    def look():
        form = "{{.Name}} {{.State.Running}} {{.State.StartedAt}}"
        ended = world.command(instance, [f"docker inspect -f '{form}' app once"])
        return dict(line.split(" ", 1) for line in ended["StandardOutputContent"].splitlines())

    before = look()
    assert before["/app"].startswith("true") and before["/once"].startswith("true")
    world.client("ec2").reboot_instances(InstanceIds=[instance])
    after = world.until(lambda: (seen := look()).get("/app", before["/app"]) != before["/app"] and seen)
    assert after["/app"].startswith("true")
    assert after["/once"].startswith("false")
    world.command(instance, ["docker rm once"])


def test_a_container_above_its_memory_limit_is_killed_and_says_so(world, instance, tmp_path):
    """Docker, "Resource constraints": exit code 137, OOMKilled."""
    program = tmp_path / "run"
    program.write_text("#!/usr/bin/env python3\nimport time\nheld = b'x' * (200 << 20)\ntime.sleep(60)\n")
    program.chmod(0o755)
    image = control.push_image(world.state, "fleet", "hog", tmp_path)["reference"]
    world.command(instance, [f"docker run -d --name tight --memory 64m {image}", f"docker run -d --name wide {image}"])

    def killed():
        form = "{{.State.OOMKilled}} {{.State.ExitCode}}"
        ended = world.command(instance, [f"docker inspect -f '{form}' tight wide"])
        return ended["StandardOutputContent"].splitlines() == ["true 137", "false 0"]

    world.until(killed, 30)
    world.command(instance, ["docker rm -f tight wide"])
