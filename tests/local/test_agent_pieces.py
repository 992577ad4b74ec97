"""What the agent of an instance understands: command lines, references, units, env files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from hermes_cfn.local.fleet.agent.containers import memory_bytes, read_env_file
from hermes_cfn.local.fleet.agent.docker import _go, options
from hermes_cfn.local.fleet.agent.images import split_reference
from hermes_cfn.local.fleet.agent.machine import Refused
from hermes_cfn.local.fleet.agent.metadata import Metadata
from hermes_cfn.local.fleet.agent.processes import signal_group
from hermes_cfn.local.fleet.agent.systemd import _read, seconds
from hermes_cfn.local.fleet.host import Host
from hermes_cfn.local.fleet.shims import interpreter

HOST = "123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{HOST}@sha256:ab", (HOST, "", "sha256:ab")),
        (f"{HOST}:v1", (HOST, "v1", "")),
        (HOST, (HOST, "latest", "")),
        ("localhost:5000/x", ("localhost:5000/x", "latest", "")),
    ],
)
def test_references(text, wanted):
    assert split_reference(text) == wanted


def test_options_stop_at_the_image_and_refuse_what_nobody_knows():
    flags, values, words = options(
        ["-d", "--name=x", "-e", "A=1", "image", "-x", "y"], {"-d": "detach"}, {"--name": "name", "-e": "env"}, True
    )
    assert (flags, values, words) == ({"detach"}, {"name": ["x"], "env": ["A=1"]}, ["image", "-x", "y"])
    with pytest.raises(Refused) as caught:
        options(["--gpus", "all"], {}, {})
    assert caught.value.status == 125


def test_memory_and_time_notations():
    assert [memory_bytes(text) for text in ("512m", "1g", "1024")] == [2**29, 2**30, 1024]
    assert [seconds(text) for text in ("90", "5s", "2min 30s", "1h")] == [90, 5, 150, 3600]
    with pytest.raises(Refused):
        seconds("3 fortnights")
    with pytest.raises(Refused):
        memory_bytes("lots")


def test_env_files_are_taken_literally(tmp_path):
    path = tmp_path / "env"
    path.write_text('# comment\nA=1\nB="quoted" = yes\nEMPTY=\n')
    assert read_env_file(path) == {"A": "1", "B": '"quoted" = yes', "EMPTY": ""}


def test_go_templates():
    value = {"State": {"Running": True, "ExitCode": 3}, "Config": {"Labels": {"a.b": "c"}}, "RepoDigests": ["r@d"]}
    assert _go("{{.State.Running}} {{.State.ExitCode}}", value) == "true 3"
    assert _go("{{json .Config.Labels}}", value) == '{"a.b": "c"}'
    assert _go('{{index .Config.Labels "a.b"}} {{index .RepoDigests 0}}', value) == "c r@d"
    with pytest.raises(Refused):
        _go("{{.State.Colour}}", value)


def test_unit_files_with_strange_keys_are_refused():
    text = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/a \\\n  b\nRestart=always\n"
    assert _read("x.service", text)["Service"] == {"ExecStart": ["/bin/a    b"], "Restart": ["always"]}
    with pytest.raises(Refused):
        _read("x.service", "[Service]\nExecStart=/bin/a\nCPUQuota=5%\n")


def test_metadata_lists_and_answers_only_with_a_token():
    metadata = Metadata(
        {"instance-id": "i-1", "placement/region": "eu-south-2", "iam/security-credentials/r": {"Code": "Success"}}, ""
    )
    assert metadata.answer("GET", "/latest/meta-data/instance-id", {})[0] == 401
    assert metadata.answer("PUT", "/latest/api/token", {})[0] == 400
    status, token = metadata.answer("PUT", "/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "60"})
    given = {"x-aws-ec2-metadata-token": token}
    assert status == 200
    assert metadata.answer("GET", "/latest/meta-data/instance-id", given) == (200, "i-1")
    assert metadata.answer("GET", "/latest/meta-data/", given) == (200, "iam/\ninstance-id\nplacement/")
    assert metadata.answer("GET", "/latest/meta-data/iam/security-credentials/", given) == (200, "r")
    assert metadata.answer("GET", "/latest/user-data", given)[0] == 404


def agent_says(directory, *orders, answers):
    """What an agent says that finds its configuration and ``orders`` in its input, and the groups it remembers then."""
    configuration = {
        "root": str(directory / "root"), "instance_id": "i-1", "address": "127.0.0.1", "own_ports": False,
        "shims": str(directory), "architecture": "arm64", "speed": 20, "patience": 20, "metadata": {}, "user_data": "",
    }  # fmt: skip
    given, pipe = os.pipe()
    os.write(pipe, b"".join(json.dumps(order).encode() + b"\n" for order in [configuration, *orders]))
    agent = subprocess.Popen(
        [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.agent"], stdin=given, stdout=subprocess.PIPE,
        cwd=directory, env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.defpath}, start_new_session=True,
    )  # fmt: skip
    os.close(given)
    patience = threading.Timer(60, agent.kill)
    patience.start()
    try:
        said = [json.loads(agent.stdout.readline()) for _ in range(answers)]
        return said, (directory / "processes").read_text().split()
    finally:
        patience.cancel()
        os.close(pipe)
        agent.wait()


def test_what_is_ordered_while_the_agent_still_starts_is_done(tmp_path):
    """On a busy machine the first orders are in the pipe before the agent reads its configuration."""
    order = {"do": "run", "name": "one", "text": "echo done", "timeout_s": 60}
    said, groups = agent_says(tmp_path, order, answers=2)
    assert [one["event"] for one in said] == ["ready", "ended"]
    assert said[1]["output"] == "done\n"
    assert groups == []


def test_a_script_ends_when_nobody_holds_its_output_and_what_it_says_last_counts(tmp_path):
    """Also what ends no line; what goes on in the background with an output of its own is remembered, and ends with the agent."""
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    text = f"(sleep 0.3; echo $$; printf last) & sleep 1000 >{tmp_path}/held 2>&1 &"
    said, groups = agent_says(tmp_path, {"do": "run", "name": "one", "text": text, "timeout_s": 60}, answers=2)
    number, last = said[1]["output"].split()
    assert (last, said[1]["status"]) == ("last", 0)
    assert groups == [number]
    os.set_blocking(held, True)
    assert os.read(held, 1) == b""  # nobody holds it any more
    os.close(held)


def test_a_script_whose_output_stays_open_runs_into_its_timeout_but_user_data_have_ended(tmp_path):
    script = {"do": "run", "name": "one", "text": "printf said; sleep 1000 &", "timeout_s": 1}
    said, _ = agent_says(tmp_path, script, {"do": "user-data", "text": "sleep 1000 & echo up"}, answers=3)
    booted, ended = sorted(said[1:], key=lambda one: one["event"])
    assert (booted["event"], booted["status"], booted["output"]) == ("booted", 0, "up\n")
    assert (ended["timed_out"], ended["output"]) == (True, "said")


def test_a_group_that_got_the_number_of_one_that_ended_is_left_alone(tmp_path):
    """An instance that ends kills what it started, and no program of somebody else."""
    other = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        host = Host("i-1", tmp_path, {}, lambda *_: None)
        (tmp_path / "processes").write_text(str(other.pid))
        host.kill()
        signal_group(other.pid, os.getsid(0))
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.2)
        signal_group(other.pid, other.pid)
        assert other.wait(60) == -signal.SIGKILL
    finally:
        other.kill()
