"""Processes beside the web process, on an instance: the scripts run for real over the stubs of :mod:`machine`."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hermes_cfn.config import parse
from hermes_cfn.instance import documents
from hermes_cfn.instance.release import Release, containers

_spec = importlib.util.spec_from_file_location("machine", Path(__file__).with_name("machine.py"))
machine_module = importlib.util.module_from_spec(_spec)
sys.modules["machine"] = machine_module
_spec.loader.exec_module(machine_module)
Machine = machine_module.Machine

TEXT = """
[application]
start_timeout_s = 5
secrets = ['SECRET_KEY_BASE']
[release]
return_after_s = 120
[container]
user = "1000:1000"
command = ["serve", "a word; with 'quotes'"]
ulimits = { nofile = "65536" }
[processes.worker]
command = ["celery", "-A", "shop", "worker", "$HOME"]
count = 2
memory_mib = 128
alive_s = 1
env = { QUEUE = "mail and more" }
[processes.beat]
command = ["celery", "beat"]
health_command = ["true"]
entrypoint = "/bin/beat"
"""
SETTINGS = parse(TEXT)
BESIDE = {"hermes-worker-1", "hermes-worker-2", "hermes-beat-1"}


def release(number, **more):
    container, processes = containers(SETTINGS)
    return replace(machine_module.release(number), container=container, processes=processes, **more)


@pytest.fixture(scope="module")
def booted(tmp_path_factory):
    """A machine after its first boot, and a copy of all that is on it."""
    made = Machine(tmp_path_factory.mktemp("machine"), SETTINGS)
    made.set(parameters=made.world["parameters"] | {made.names.stable_parameter: [release(1).to_json()]}, others={})
    done = made.boot()
    assert done.returncode == 0, done.stderr
    shutil.copytree(made.root, made.directory / "kept")
    yield made, made.world_file.read_text()
    made.clear()


@pytest.fixture
def machine(booted):
    made, world = booted
    made.clear()
    shutil.copytree(made.directory / "kept", made.root)
    made.world_file.write_text(world)
    return made


def images(machine):
    return {name: one["image"] for name, one in machine.world["others"].items()}


def test_boot_starts_every_process_as_the_release_says(machine):
    assert images(machine) == dict.fromkeys(BESIDE, release(1).image)
    worker = machine.world["others"]["hermes-worker-1"]
    assert worker["words"] == ["celery", "-A", "shop", "worker", "$HOME"], "no shell reads them"
    assert worker["memory"] == "--memory=128m"
    runs = [call for call in machine.calls if call.startswith("docker run")]
    runs = runs[:4]
    assert all(
        "--user 1000:1000" in call and "--ulimit=nofile=65536" in call and "--cap-drop ALL" in call for call in runs
    )
    assert sum("--publish" in call for call in runs) == 1, "only the web process is reached from outside"
    assert "--entrypoint /bin/beat" in next(call for call in runs if "hermes-beat-1" in call)
    assert "--env QUEUE=mail and more" in next(call for call in runs if "hermes-worker-1" in call)
    assert [call for call in runs if call.endswith("serve a word; with 'quotes'")]
    assert machine.report["processes"] == dict.fromkeys(("beat-1", "worker-1", "worker-2"), "running")


def test_the_web_process_gets_what_is_left_of_the_memory(machine):
    (web,) = [call for call in machine.calls if call.startswith("docker run") and "--publish" in call]
    (first, last) = re.findall(r"--memory[= ](\d+)m", web)
    assert int(last) == int(first) - 2 * 128 - 256, "docker takes the last one"


def test_a_release_rolls_all_of_them_and_takes_away_what_it_no_longer_has(machine):
    fewer = replace(release(2), processes={"worker": {**release(2).processes["worker"], "count": 1}})
    assert machine.deploy(machine.goal(fewer))[0] == 0
    assert images(machine) == {"hermes-worker-1": release(2).image}
    assert machine.send("confirm", 2)[0] == 0


@pytest.mark.parametrize(
    ("world", "process"),
    [({"broken": ["worker"]}, "worker"), ({"crashing": ["worker"]}, "worker"), ({"sick": ["beat"]}, "beat")],
    ids=["cannot start", "ends again and again", "its command says no"],
)
def test_a_process_that_is_not_well_brings_the_previous_release_back(machine, world, process):
    """The same holds for the release before: nothing is left of the new one, and the report names the process."""
    said = {**release(2).processes[process], **({"start_timeout_s": 1} if "sick" in world else {})}
    version = machine.goal(replace(release(2), processes={process: said}))
    machine.set(**world)
    stable = replace(release(1), processes={})
    (machine.root / "opt/hermes/state/current.json").write_text(stable.to_json())
    status, line, told = machine.deploy(version)
    assert (status, line["cause"], line["process"]) == (1, "process-unwell", process), told
    assert machine.running == release(1).image
    assert machine.world["others"] == {}
    assert (machine.report["process"], machine.report["state"], machine.report["release"]) == (process, "running", "r1")
    failed = machine.send("diagnose")[1]["failed"]
    assert (failed["process"], failed["release"]) == (process, "r2")
    if process not in world.get("broken", []):
        assert failed["log"] == [f"hermes-{process}-1 says hello"]


def test_a_process_that_restarted_is_not_confirmed(machine):
    version = machine.goal(release(2))
    assert machine.deploy(version)[0] == 0
    machine.set(crashing=["worker"])
    status, line, _ = machine.send("confirm", version)
    assert (status, line["cause"], line["process"]) == (1, "restarted", "worker")


def test_nobody_confirms_and_all_of_the_previous_release_come_back(machine):
    assert machine.deploy(machine.goal(release(2)))[0] == 0
    assert set(images(machine).values()) == {release(2).image}
    assert (
        machine.program(
            "hermes-return", machine.world and (machine.root / "opt/hermes/state/armed").read_text()
        ).returncode
        == 0
    )
    assert images(machine) == dict.fromkeys(BESIDE, release(1).image)
    assert machine.running == release(1).image


def test_a_replaced_process_is_told_as_a_replaced_container(machine):
    others = machine.world["others"]
    others["hermes-worker-2"]["id"] = "by hand"
    machine.set(others=others)
    machine.send("prepare", machine.goal(release(2)))
    assert machine.report["state"] == "changed"


def test_an_instance_that_stops_ends_them_all(machine):
    assert machine.program("hermes-leave").returncode == 0
    assert (machine.world["others"], machine.running) == ({}, None)


def test_diagnose_names_each(machine):
    line = machine.send("diagnose")[1]
    assert set(line["processes"]) == {"worker-1", "worker-2", "beat-1"}
    assert line["processes"]["beat-1"] == {
        "process": "beat",
        "container": {
            "status": "running",
            "exit_code": 0,
            "oom_killed": None,
            "restarts": 0,
            "image": release(1).image,
        },
        "log": ["hermes-beat-1 says hello"],
    }


def test_a_rollback_of_emergency_rolls_them_too(machine):
    assert machine.send("rollback", machine.goal(release(2)))[0] == 0
    assert images(machine) == dict.fromkeys(BESIDE, release(2).image)


def test_the_watch_tells_of_a_process_that_does_not_stay_up(machine):
    path = machine.root / "opt/hermes/bin/hermes-watch"
    text = path.read_text()
    path.write_text(text.replace('while sleep "$HERMES_WATCH_EVERY_S"', "for _ in 1 2"))
    machine.set(crashing=["worker"])
    machine.program("hermes-watch")
    assert machine.report["processes"] == {"beat-1": "running", "worker-1": "restarting", "worker-2": "restarting"}
    written = len(machine.world["parameters"][machine.names.instance_report("i-0123456789abcdef0")])
    machine.program("hermes-watch")
    assert len(machine.world["parameters"][machine.names.instance_report("i-0123456789abcdef0")]) == written, (
        "told once"
    )


def test_a_port_is_listened_to_where_the_kernel_says_so(tmp_path):
    """A real socket, in this process's own network: what ``nsenter`` would show of a container's."""
    program = tmp_path / "processes.py"
    program.write_text(documents.python("processes"))
    stub = tmp_path / "nsenter"
    stub.write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    stub.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        asked = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import processes; print(processes.listens(1, int(sys.argv[1])))"
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATE_DIR": str(tmp_path), "HERMES_APP": "hermes"}

        def ask(port):
            words = [sys.executable, "-c", asked, str(port)]
            return subprocess.run(words, env=environment, capture_output=True, text=True).stdout.strip()

        assert ask(port) == "True"
    assert ask(port) == "False"


def test_user_data_and_documents_fit_and_say_the_same_everywhere():
    full = parse(TEXT.replace("[application]", "[service]\ncluster = true\n[application]"))
    assert len(documents.user_data(full).encode()) < documents.USER_DATA_LIMIT
    for task in documents.TASKS:
        assert len(json.dumps(documents.document(task, full)).encode()) < 64 * 1024
    other = parse(TEXT.replace("128", "256"))
    assert documents.user_data(other) == documents.user_data(SETTINGS), "the release says it, not the machine"


def test_shellcheck_has_nothing_to_say(tmp_path):
    files = []
    for task in ("deploy", "confirm", "migrate"):
        files.append(tmp_path / f"{task}.sh")
        files[-1].write_text(
            "\n".join(documents.document(task, SETTINGS)["mainSteps"][0]["inputs"]["runCommand"]) + "\n"
        )
    own = documents.parts_of(SETTINGS)
    for name in ("watch",):
        parts = [
            "#!/bin/bash",
            documents.variables(SETTINGS),
            documents.script("library", own),
            documents.script(name, own),
        ]
        files.append(tmp_path / f"{name}.sh")
        files[-1].write_text("\n".join(parts) + "\n")
    command = [
        str(Path(sys.executable).with_name("shellcheck")),
        "--exclude=SC1091,SC2119,SC2120,SC2329",
        *map(str, files),
    ]
    assert subprocess.run(command, capture_output=True, text=True).stdout == ""


def test_a_release_that_names_none_is_written_as_before():
    assert json.loads(machine_module.release(1).to_json()).keys().isdisjoint({"container", "processes"})
    assert Release.from_json(release(1).to_json()) == release(1)
    assert release(2).changes(machine_module.release(2)) == ["container", "process beat", "process worker"]
