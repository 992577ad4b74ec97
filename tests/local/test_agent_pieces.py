"""What the agent of an instance understands: command lines, references, units, env files."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from hermes_cfn.local.fleet.agent.containers import memory_bytes, read_env_file
from hermes_cfn.local.fleet.agent.docker import _go, options
from hermes_cfn.local.fleet.agent.images import split_reference
from hermes_cfn.local.fleet.agent.machine import Refused
from hermes_cfn.local.fleet.agent.metadata import Metadata
from hermes_cfn.local.fleet.agent.systemd import _read, seconds
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


def test_what_is_ordered_while_the_agent_still_starts_is_done(tmp_path):
    """On a busy machine the first orders are in the pipe before the agent reads its configuration."""
    configuration = {
        "root": str(tmp_path / "root"), "instance_id": "i-1", "address": "127.0.0.1", "own_ports": False,
        "shims": str(tmp_path), "architecture": "arm64", "speed": 20, "patience": 20, "metadata": {}, "user_data": "",
    }  # fmt: skip
    orders = [configuration, {"do": "run", "name": "one", "text": "echo done", "timeout_s": 60}]
    given, pipe = os.pipe()
    os.write(pipe, b"".join(json.dumps(order).encode() + b"\n" for order in orders))
    agent = subprocess.Popen(
        [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.agent"], stdin=given, stdout=subprocess.PIPE, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.defpath},
    )  # fmt: skip
    os.close(given)
    patience = threading.Timer(60, agent.kill)
    patience.start()
    try:
        said = [json.loads(agent.stdout.readline()) for _ in range(2)]
    finally:
        patience.cancel()
        os.close(pipe)
        agent.wait()
    assert [one["event"] for one in said] == ["ready", "ended"]
    assert said[1]["output"] == "done\n"
