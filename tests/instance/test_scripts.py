"""The scripts run for real, over stubs of the commands that they may use."""

import importlib.util
import json
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import re2

from hermes_cfn.config import parse
from hermes_cfn.instance import documents
from hermes_cfn.instance.release import images

_spec = importlib.util.spec_from_file_location("machine", Path(__file__).with_name("machine.py"))
machine_module = importlib.util.module_from_spec(_spec)
sys.modules["machine"] = machine_module
_spec.loader.exec_module(machine_module)
Machine, release, CANARY = machine_module.Machine, machine_module.release, machine_module.CANARY


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    done = made.boot()
    assert done.returncode == 0, done.stderr
    return made


def test_boot_starts_stable_and_ends_the_launch(machine):
    assert machine.running == release(1).image
    report = machine.report
    assert (report["release"], report["state"], report["outcome"], report["goal_version"]) == (
        "r1",
        "running",
        "ok",
        None,
    )
    assert any("complete-lifecycle-action" in call and call.endswith("CONTINUE") for call in machine.calls)
    assert machine.world["units"] == {
        "docker": "start",
        "daemon-reload": "daemon-reload",
        "hermes": "start",
        "hermes-watch": "start",
    }


def test_secrets_reach_the_container_and_nothing_else(machine):
    machine.send("prepare", machine.goal(release(2)))
    _, _, told = machine.deploy(2)
    assert f"SECRET_KEY_BASE={CANARY}" in machine.world["container"]["env"]
    assert CANARY not in told
    assert not [call for call in machine.calls if CANARY in call]
    env = machine.root / "opt/hermes/.env"
    assert env.stat().st_mode & 0o777 == 0o600
    holders = {
        path.name for path in machine.root.rglob("*") if path.is_file() and CANARY in path.read_text(errors="replace")
    }
    assert holders <= {".env", "prepared.env"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in machine.root.rglob("*env"))


def test_boot_gives_the_instance_up_when_stable_does_not_answer(tmp_path):
    made = Machine(tmp_path)
    made.set(ill=[release(1).image])
    assert made.boot().returncode != 0
    assert any("complete-lifecycle-action" in call and call.endswith("ABANDON") for call in made.calls)
    assert not any(call.endswith("CONTINUE") for call in made.calls)
    assert made.report["state"] == "failed"


def test_prepare_leaves_the_running_release_alone(machine):
    status, line, _ = machine.send("prepare", machine.goal(release(2)))
    assert (status, line["outcome"]) == (0, "ok")
    assert machine.running == release(1).image
    report = machine.report
    assert (report["state"], report["prepared"], report["release"]) == ("prepared", 2, "r1")


def test_deploy_then_confirm(machine):
    version = machine.goal(release(2))
    status, line, _ = machine.deploy(version)
    assert (status, line["outcome"], line["release"]) == (0, "ok", "r2")
    assert machine.running == release(2).image
    assert (machine.report["release"], machine.report["goal_version"], machine.report["prepared"]) == ("r2", 2, None)
    armed = next(index for index, call in enumerate(machine.calls) if call.startswith("systemd-run"))
    stopped = max(index for index, call in enumerate(machine.calls) if call.startswith("docker stop"))
    assert armed < stopped, "the timer must be armed before the container stops"
    assert machine.send("confirm", version)[0] == 0
    unit = (machine.root / "opt/hermes/state/return-unit").read_text()
    assert machine.world["units"][f"{unit}.timer"] == "stop"
    assert machine.program("hermes-return").returncode == 0
    assert machine.running == release(2).image, "a confirmed release stays"


def test_no_deployment_stops_a_container_that_is_in_service(machine):
    machine.deploy(machine.goal(release(2)))
    version = machine.goal(release(3))
    machine.set(lifecycle="InService")
    status, line, _ = machine.send("deploy", version)
    assert (status, machine.running) == (1, release(2).image)
    assert "in service" in line["outcome"]


def test_a_release_that_does_not_answer_brings_the_previous_one_back(machine):
    machine.set(ill=[release(2).image])
    status, line, _ = machine.deploy(machine.goal(release(2)))
    assert status == 1
    assert line["outcome"].startswith("failed: release r2 did not answer")
    assert machine.running == release(1).image
    assert (machine.report["release"], machine.report["state"]) == ("r1", "running")
    assert machine.report["outcome"].startswith("failed")


def test_an_image_that_is_not_there_stops_nothing(machine):
    machine.set(missing=[release(2).image])
    status, line, _ = machine.deploy(machine.goal(release(2)))
    assert (status, machine.running) == (1, release(1).image)
    assert not any(call.startswith("systemd-run") for call in machine.calls)
    assert "could not be fetched" in line["outcome"]


def test_nobody_confirms(machine):
    machine.set(lifecycle="Standby")
    machine.deploy(machine.goal(release(2)))
    assert machine.running == release(2).image
    done = machine.program("hermes-return")
    assert done.returncode == 0, done.stderr
    assert machine.running == release(1).image
    assert machine.world["lifecycle"] == "InService"
    assert "nobody confirmed" in machine.report["outcome"]
    assert machine.report["release"] == "r1"


def test_nobody_confirms_what_is_back_in_service(machine):
    version = machine.goal(release(2))
    machine.deploy(version)
    machine.set(lifecycle="InService")
    before = len(machine.calls)
    assert machine.program("hermes-return").returncode == 0
    assert machine.running == release(2).image, "it serves: stopping it would drop requests"
    assert not any(call.startswith("docker stop") for call in machine.calls[before:])
    assert machine.report["outcome"].startswith("failed: nobody confirmed")
    assert machine.program("hermes-return").returncode == 0, "and the timer is disarmed"
    assert machine.running == release(2).image


def test_nobody_confirms_what_is_back_in_service_and_does_not_answer(machine):
    machine.deploy(machine.goal(release(2)))
    machine.set(ill=[release(2).image], lifecycle="InService")
    assert machine.program("hermes-return").returncode == 0
    assert machine.running == release(1).image
    assert (machine.world["lifecycle"], machine.report["release"]) == ("InService", "r1")


def test_taken_out_and_nobody_deployed(machine):
    machine.send("prepare", machine.goal(release(2)))
    timers = [call for call in machine.calls if call.startswith("systemd-run") and "hermes-left" in call]
    assert len(timers) == 1
    assert machine.program("hermes-return", "left").returncode == 0
    assert len([call for call in machine.calls if call.startswith("systemd-run") and "hermes-left" in call]) == 2, (
        "in service it goes on looking"
    )
    machine.set(lifecycle="Standby")
    assert machine.program("hermes-return", "left").returncode == 0
    assert machine.world["lifecycle"] == "Standby", "whoever took it out just now is about to deploy"
    done = machine.program("hermes-return", "left")
    assert done.returncode == 0, done.stderr
    assert machine.world["lifecycle"] == "InService"
    assert machine.running == release(1).image
    assert "nobody deployed" in machine.report["outcome"]
    assert machine.report["prepared"] is None
    before = len(machine.calls)
    assert machine.program("hermes-return", "left").returncode == 0
    assert len(machine.calls) == before, "nothing is prepared: nothing to look at"


def test_the_timer_of_a_preparation_leaves_a_deployment_alone(machine):
    version = machine.goal(release(2))
    machine.send("prepare", version)
    machine.set(lifecycle="Standby")
    machine.deploy(version)
    assert machine.program("hermes-return", "left").returncode == 0
    assert machine.running == release(2).image
    assert machine.world["lifecycle"] == "Standby"
    assert machine.send("confirm", version)[0] == 0


def test_a_repeated_operation_does_nothing_and_says_the_same(machine):
    version = machine.goal(release(2))
    first = machine.deploy(version, operation="the-same-one")
    before = len(machine.calls)
    again = machine.deploy(version, operation="the-same-one")
    assert again[:2] == first[:2]
    made = [call for call in machine.calls[before:] if call.startswith("docker")]
    assert set(made) <= {"docker inspect hermes"}, "it looks at what runs, and does nothing to it"


def test_an_older_token_is_refused(machine):
    version = machine.goal(release(2))
    machine.send("prepare", version, token=7)
    status, line, _ = machine.deploy(version, token=6)
    assert (status, line["outcome"]) == (documents.REFUSED, "refused: token 6 is older than 7")
    assert machine.running == release(1).image
    assert machine.report["token"] == 7


def test_a_reboot_comes_back_on_stable(machine):
    machine.deploy(machine.goal(release(2)))
    machine.send("confirm", 2)
    assert machine.reboot().returncode == 0
    assert machine.running == release(1).image
    assert (machine.report["release"], machine.report["goal_version"]) == ("r1", None)


def test_a_reboot_in_standby_comes_back_into_service(machine):
    machine.set(lifecycle="Standby")
    machine.deploy(machine.goal(release(2)))
    assert machine.reboot().returncode == 0
    assert (machine.running, machine.world["lifecycle"]) == (release(1).image, "InService")


def test_a_reboot_without_systems_manager_keeps_what_ran(machine):
    parameters = machine.world["parameters"]
    del parameters[machine.names.stable_parameter]
    machine.set(parameters=parameters)
    (machine.root / "opt/hermes/state/stable.json").unlink()
    assert machine.reboot().returncode == 0
    assert machine.running == release(1).image


def test_rollback_arms_no_timer(machine):
    version = machine.goal(release(2))
    assert machine.send("rollback", version)[0] == 0
    assert machine.running == release(2).image
    assert not any(call.startswith("systemd-run") for call in machine.calls)


def test_migrate_tells_the_schema_before_and_after(machine):
    status, line, _ = machine.send("migrate", machine.goal(release(2)))
    assert (status, line["schema_before"], line["schema_after"]) == (0, "41", "42")
    assert (machine.report["schema_before"], machine.report["schema_after"]) == (41, 42)
    assert machine.running == release(1).image
    machine.set(migrate_status=3)
    status, line, _ = machine.send("migrate", 2)
    assert (status, line["outcome"]) == (1, "failed: the migration ended with status 3")


def test_a_migration_that_does_not_fit_beside_the_application_does_not_start(tmp_path):
    settings = "[application]\nmigrate_memory_mib = 786432\nsecrets = ['SECRET_KEY_BASE']\n"
    made = Machine(tmp_path, parse(settings))
    status, line, _ = made.send("migrate", made.goal(release(2)))
    assert status == 1
    assert line["outcome"].startswith("failed: no memory: ")
    assert line["outcome"].endswith("the migration may use 786432")
    assert not [call for call in made.calls if call.startswith("docker run")]


def test_no_migrate_command_is_nothing_to_do(tmp_path):
    made = Machine(tmp_path, parse("[application]\nmigrate = []\nsecrets = ['SECRET_KEY_BASE']\nname = 'shop'\n"))
    assert made.send("migrate")[:2][0] == 0
    assert not [call for call in made.calls if call.startswith("docker")] if (tmp_path / "calls").exists() else True


def test_confirm_prunes_but_never_the_current_or_the_previous(machine):
    for number in (2, 3):
        version = machine.goal(release(number))
        machine.deploy(version)
    machine.send("confirm", version)
    assert machine.world["images"] == [release(2).image, release(3).image]


def test_the_operators_command_runs_as_it_is(machine):
    status, _, told = machine.send("run", command="echo \"it's $((20 + 2)) o'clock\"")
    assert status == 0
    assert "it's 22 o'clock" in told
    assert machine.send("run", command="exit 4")[0] == 1


def test_diagnose_masks_secrets(machine):
    machine.set(logged=f"postgres://me:{CANARY}@db and {CANARY}")
    status, line, told = machine.send("diagnose")
    assert status == 0
    assert CANARY not in told
    assert line["container"]["status"] == "running"
    assert "********" in " ".join(line["log"])
    assert {"health", "memory", "disk", "docker", "systemd", "clock", "database"} <= set(line)


def test_diagnose_tells_a_container_that_is_not_there_from_a_docker_that_does_not_answer(machine):
    machine.set(inspect="missing")
    assert "No such object" in machine.send("diagnose")[1]["container"]
    machine.set(inspect="late")
    before = len(machine.calls)
    line = machine.send("diagnose", hurry=("timeout=20", "timeout=1"))[1]
    assert line["container"] == line["log"][0] == "status 124: no answer within 1 s"
    assert len([call for call in machine.calls[before:] if call.startswith("docker")]) == 1


def test_a_secret_with_two_lines_is_refused_by_name(machine):
    parameters = machine.world["parameters"]
    parameters[machine.names.secret("SECRET_KEY_BASE")] = ["one\ntwo"]
    machine.set(parameters=parameters)
    status, _, told = machine.send("prepare", machine.goal(release(2)))
    assert status == 1
    assert "secret SECRET_KEY_BASE has more than one line" in told


def test_with_ipv6_alone_everything_is_asked_by_names_that_have_ipv6_addresses(tmp_path):
    text = "[application]\nstart_timeout_s = 5\nsecrets = ['SECRET_KEY_BASE']\n[release]\nreturn_after_s = 60\n"
    network = "[network]\negress = 'ipv6'\n[database]\nallow_list = false\naddresses = ['ipv6']\n"
    made = Machine(tmp_path, parse(text + network))
    assert made.boot().returncode == 0
    made.send("prepare", made.goal(release(2)))
    assert made.deploy(2)[0] == 0 and made.send("confirm", 2)[0] == 0
    host = "123456789012.dkr-ecr.eu-south-2.on.aws"
    pulled = [call for call in made.calls if call.startswith(("docker pull", "docker login", "docker run"))]
    assert pulled and all(host in call and "amazonaws.com" not in call for call in pulled)
    assert made.running == release(2).image.replace("123456789012.dkr.ecr.eu-south-2.amazonaws.com", host)
    agent = json.loads((made.root / "etc/amazon/ssm/amazon-ssm-agent.json").read_text())
    assert agent == {"Agent": {"UseDualStackEndpoint": True}}
    other = json.loads((made.root / "opt/aws/amazon-cloudwatch-agent/etc/hermes.json").read_text())
    assert other["agent"]["use_dualstack_endpoint"] is True
    assert "\nAWS_USE_DUALSTACK_ENDPOINT=true \\\n" in documents.variables(made.settings)


def watching(machine, **quick):
    """The watch's text with other settings."""
    program = machine.root / "opt/hermes/bin/hermes-watch"
    text = program.read_text()
    for name, value in quick.items():
        text = re.sub(rf"(?m)^{name}=\S+", f"{name}={value}", text)
    return text


def looked(machine):
    """What the watch has called by aws in three looks at an instance that answers."""
    before = len(machine.calls)
    text = watching(machine).replace('while sleep "$HERMES_WATCH_EVERY_S"; do', "for _ in 1 2 3; do")
    subprocess.run(["bash", "-c", text], env=machine.environment, capture_output=True, timeout=60)
    return [call for call in machine.calls[before:] if call.startswith("aws ")]


def watched(machine, **world):
    """What the watch has called by aws in two seconds of its own clock, with nothing on its port unless ``world`` says so."""
    machine.set(**{"curl": 7, **world})
    before = len(machine.calls)
    text = watching(machine, HERMES_WATCH_EVERY_S="0.1", HERMES_WATCH_S="0", HERMES_TELL_S="1")
    subprocess.run(["timeout", "3", "bash", "-c", text], env=machine.environment, capture_output=True, text=True)
    return [call for call in machine.calls[before:] if call.startswith("aws ")]


def test_the_watch_reports_an_instance_on_which_nothing_listens(machine):
    reported = [call for call in watched(machine) if "set-instance-health" in call]
    assert reported and all(call.endswith("--health-status Unhealthy") for call in reported)


def test_the_watch_tells_of_suspended_processes_only_while_there_are_some(machine):
    assert not [call for call in watched(machine, suspended=0) if "put-metric-data" in call]
    told = [call for call in watched(machine, suspended=2) if "put-metric-data" in call]
    assert told and all(call.endswith("--value 2") and "suspended_processes" in call for call in told)


def test_a_container_that_somebody_replaced_is_told_and_goes_with_the_next_deployment(machine):
    before = machine.report
    assert looked(machine) == []
    machine.set(container={**machine.world["container"], "id": "by hand"})
    assert ["put-parameter" in call for call in looked(machine)] == [True]
    assert machine.report == {**before, "state": "changed", "at": machine.report["at"]}
    assert machine.send("diagnose")[1]["changed"] is True
    version = machine.goal(release(2))
    machine.send("prepare", version)
    assert (machine.report["state"], machine.report["prepared"]) == ("changed", version)
    machine.deploy(version)
    assert machine.report["state"] == "running"
    assert machine.send("diagnose")[1]["changed"] is False


def test_what_is_deployed_again_is_confirmed_again_under_the_same_operation(machine):
    version = machine.goal(release(2))
    for operation in ("deploy-000002-000001", "deploy-000002-000002"):
        assert machine.deploy(version, operation=operation)[0] == 0
        assert (machine.root / "opt/hermes/state/armed").exists()
        assert machine.send("confirm", version, operation="confirm-000002-000003")[0] == 0
        assert not (machine.root / "opt/hermes/state/armed").exists()


def composed(settings):
    for task in documents.TASKS:
        yield task, "\n".join(documents.document(task, settings)["mainSteps"][0]["inputs"]["runCommand"])
    yield "user-data", documents.user_data(settings)
    for name in ("start", "return", "watch", "leave"):
        yield (
            name,
            "\n".join(
                ["#!/bin/bash", documents.variables(settings), documents.script("library"), documents.script(name)]
            ),
        )


def test_shellcheck_has_nothing_to_say(tmp_path):
    files = []
    for name, text in composed(parse("")):
        files.append(tmp_path / f"{name}.sh")
        files[-1].write_text(text + "\n")
    # SC1091: files that boot writes itself; the others: a task does not call every function of the shared library, or not
    # with every argument.
    command = [
        str(Path(sys.executable).with_name("shellcheck")),
        "--exclude=SC1091,SC2119,SC2120,SC2329",
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == ""


def test_no_document_has_braces_that_systems_manager_would_read():
    for task in documents.TASKS:
        document = documents.document(task, parse(""))
        text = "\n".join(document["mainSteps"][0]["inputs"]["runCommand"])
        for parameter in documents.parameters(task):
            text = text.replace(f"{{{{ {parameter} }}}}", "")
        assert "{{" not in text
        patterns = [value["allowedPattern"] for value in document["parameters"].values()]
        assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in patterns)
        assert len(json.dumps(document).encode()) < 64 * 1024


def test_the_container_is_confined(machine):
    """The application's and the migration's alike: no capability, no new privilege, no end of processes or memory."""
    machine.send("migrate", machine.goal(release(2)))
    runs = [call for call in machine.calls if call.startswith("docker run ")]
    assert len(runs) == 2
    for call in runs:
        for option in (
            "--security-opt no-new-privileges",
            "--cap-drop ALL",
            "--pids-limit 4096",
            "--read-only",
            "--memory ",
        ):
            assert option in call, call
        assert "--privileged" not in call and "--network host" not in call


FOREIGN = [
    "evil.example/hermes",
    "evil.example/123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes",
    "123456789012.dkr.ecr.eu-south-2.amazonaws.com.evil.example/hermes",
    "123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes-other",
    "123456789012.dkr.ecr.eu-south-2.amazonaws.com/other/hermes",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hermes",
    "123456789012xdkr.ecr.eu-south-2.amazonaws.com/hermes",
    "docker.io/library/hermes",
    "hermes",
]


def test_an_image_of_another_registry_is_neither_asked_for_nor_run(machine):
    def asked():
        return [call for call in machine.calls if re.match("docker (login|pull|run)", call)]

    before = asked()
    for image in FOREIGN:
        foreign = replace(release(2), image=f"{image}@sha256:{2:064x}")
        status, line, told = machine.send("prepare", machine.goal(foreign))
        assert (status, line["cause"]) == (1, "image-foreign"), told
    parameters = machine.world["parameters"]
    parameters[machine.names.stable_parameter].append(foreign.to_json())
    machine.set(parameters=parameters)
    assert machine.reboot().returncode != 0
    assert asked() == before


@pytest.mark.parametrize("image", FOREIGN)
def test_a_deployer_refuses_it_too(image):
    assert not re.fullmatch(images(parse("")), f"{image}@sha256:{2:064x}")


@pytest.mark.parametrize("end", ["", "\n", " ", "@sha256:0"])
def test_the_settings_name_the_only_repository_that_a_release_may_be_of(end):
    settings = parse("[account]\nid='123456789012'\n")
    well = re.fullmatch(images(settings), release(2).image + end)
    assert bool(well) is (end == "")
    assert not re.fullmatch(images(settings), release(2).image.replace("123456789012", "666666666666"))


def test_user_data_fits_with_every_option():
    longest = parse(
        "[application]\nname='abcdefghijklmnopqrst'\nhealth_path='/" + "h" * 100 + "'\n[service]\ncluster=true\n"
    )
    assert len(documents.user_data(longest).encode()) < documents.USER_DATA_LIMIT


def test_every_pattern_is_one_that_the_agent_compiles():
    """The agent of Systems Manager compiles ``allowedPattern`` with Go's RE2, which refuses what Python takes."""
    refused = {}
    for name, (pattern, _) in documents.PATTERNS.items():
        try:
            re2.compile(pattern)
        except re2.error as problem:
            refused[name] = str(problem)
    assert not refused
    given = documents.call("run", "run-0123456789", 1, 0, "true")
    assert all(re2.fullmatch(documents.PATTERNS[name][0], value) for name, (value,) in given.items())
    assert not re2.fullmatch(documents.PATTERNS["Command"][0], "")


@pytest.mark.parametrize("status", [7, 28, 52, 56])
def test_the_watch_reports_an_application_that_gives_no_answer(machine, status):
    """Refused, silent, closed, reset: docker's proxy accepts the connection in all but the first."""
    assert [call for call in watched(machine, curl=status) if "set-instance-health" in call]


def test_the_watch_leaves_an_application_alone_that_answers_or_waits_for_its_database(machine):
    assert not [call for call in watched(machine, curl=0) if "set-instance-health" in call], "a 500 is an answer"
    env = machine.root / "opt/hermes/.env"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env.write_text(env.read_text() + f"DATABASE_URL=postgres://me:pw@127.0.0.1:{silent.getsockname()[1]}/db\n")
        text = watching(machine).replace("port or 5432), 5)", "port or 5432), 0.2)")
        (machine.root / "opt/hermes/bin/hermes-watch").write_text(text)
        assert not [call for call in watched(machine, curl=28) if "set-instance-health" in call], (
            "its database is silent"
        )
        assert [call for call in watched(machine, curl=52) if "set-instance-health" in call], (
            "it ended the connection itself"
        )


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600", '"', "\\"])
def test_a_diagnosis_fits_into_what_systems_manager_keeps(machine, letter):
    lines = [f"{number:04d} {letter * 419}" for number in range(50)]
    machine.set(ill=[release(2).image], lines="\n".join(lines))
    machine.deploy(machine.goal(release(2)))
    _, line, told = machine.send("diagnose")
    assert len(told) <= 24000
    assert line["container"]["status"] == "running"
    for log in (line["log"], line["failed"]["log"]):
        assert log and log[-1].startswith("0049")


def test_a_migration_that_says_much_ends_with_its_newest_lines(machine):
    """Systems Manager keeps the first 8,000 characters of stderr."""
    machine.set(migrated="\n".join(f"{number:04d} {'x' * 400}" for number in range(60)), migrate_status=1)
    told = machine.send("migrate", machine.goal(release(2)))[2]
    assert "0059 xxx" in told[-8000:] and len(told) < 8000 + 500


def test_a_return_that_failed_leaves_the_next_deployment_its_way(machine):
    machine.deploy(machine.goal(release(2)))
    machine.set(refused={"autoscaling exit-standby": 99})
    assert machine.program("hermes-return").returncode == 0
    assert machine.world["lifecycle"] == "Standby"
    machine.failed()
    machine.set(refused={})
    assert machine.deploy(machine.goal(release(3)))[0] == 0
    assert machine.running == release(3).image


def test_a_return_is_tried_again_until_auto_scaling_takes_the_instance_back(machine):
    machine.deploy(machine.goal(release(2)))
    machine.set(refused={"autoscaling exit-standby": 2})
    assert machine.program("hermes-return").returncode == 0
    assert (machine.world["lifecycle"], machine.running) == ("InService", release(1).image)
    version = machine.goal(release(3))
    machine.deploy(version)
    operation = (machine.root / "opt/hermes/state/armed").read_text()
    machine.set(refused={"autoscaling exit-standby": 99})
    machine.program("hermes-return", operation)
    assert machine.world["lifecycle"] == "Standby"
    assert "could not go back" in machine.report["outcome"]
    newest = [call for call in machine.calls if call.startswith("systemd-run")][-1]
    assert newest.endswith(f"hermes-return {operation}")
    machine.set(refused={})
    machine.program("hermes-return", operation)
    assert machine.world["lifecycle"] == "InService"
    assert not (machine.root / "opt/hermes/state/armed").exists()


def test_a_look_that_auto_scaling_does_not_answer_ends_nothing(machine):
    machine.deploy(machine.goal(release(2)))
    machine.set(refused={"autoscaling describe-auto-scaling-instances": 99})
    before = len(machine.calls)
    assert machine.program("hermes-return").returncode == 0
    assert machine.running == release(2).image
    assert (machine.root / "opt/hermes/state/armed").exists()
    assert [call for call in machine.calls[before:] if call.startswith("systemd-run")]
    version = machine.goal(release(3))
    assert machine.deploy(version)[0] == 1, "it may be in service"
    assert machine.running == release(2).image


def test_a_return_for_an_older_deployment_does_nothing(machine):
    machine.deploy(machine.goal(release(2)), operation="deploy-older")
    machine.deploy(machine.goal(release(3)), operation="deploy-newer")
    assert machine.program("hermes-return", "deploy-older").returncode == 0
    assert machine.running == release(3).image


@pytest.mark.parametrize(("ill", "result"), [([], "CONTINUE"), ([release(1).image], "ABANDON")])
def test_the_launch_hook_is_told_again_when_the_call_was_refused(tmp_path, ill, result):
    made = Machine(tmp_path)
    made.set(refused={"autoscaling complete-lifecycle-action": 2}, ill=ill)
    made.boot()
    told = [call for call in made.calls if "complete-lifecycle-action" in call]
    assert len(told) == 3 and all(call.endswith(result) for call in told)


def test_a_first_boot_arms_what_runs_when_the_instance_stops(machine):
    """ExecStop runs for a unit that systemd started: one that the script ran by hand leaves without it."""
    assert machine.world["units"]["hermes"] == "start"
    unit = (machine.root / "etc/systemd/system/hermes.service").read_text()
    stop = int(re.search(r"TimeoutStopSec=(\d+)", unit)[1])
    assert stop > machine.settings.application.stop_timeout_s
    watch = (machine.root / "etc/systemd/system/hermes-watch.service").read_text()
    assert int(re.search(r"RestartSec=(\d+)", watch)[1]) * 5 > 10, "five starts within 10 s end a unit for good"


def test_what_a_command_leaves_in_the_background_holds_no_lock(machine):
    assert (
        machine.send("run", command="sleep 30 >/dev/null 2>&1 & disown; /bin/sleep 30 >/dev/null 2>&1 & exit 0")[0] == 0
    )
    lock = machine.root / "opt/hermes/state/lock"
    done = subprocess.run(["flock", "-n", str(lock), "true"])
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("token", "well"), [(1, True), (10**12, True), (10**18 - 1, True), (10**18, False), (-1, False)]
)
def test_a_token_that_somebody_pushed_far_ahead_still_releases(token, well):
    """Twelve digits were too few: whoever may write the lock's row could stop every release for good."""
    pattern, _ = documents.PATTERNS["Token"]
    assert bool(re2.fullmatch(pattern.removeprefix("^").removesuffix("$"), str(token))) is well


def test_the_machine_counts_with_such_a_token(machine):
    version = machine.goal(release(2))
    assert machine.send("prepare", version, token=10**18 - 1)[0] == 0
    assert machine.send("prepare", version, token=10**12)[0] == documents.REFUSED


@pytest.mark.parametrize(
    ("ends", "outcome", "runs"), [("never", "ok", 2), ("crashing", "failed", 1), ("silent", "failed", 1)]
)
def test_what_does_not_stay_up_goes_back_before_anybody_is_served_by_it(tmp_path, ends, outcome, runs):
    made = Machine(tmp_path, parse("[application]\nsecrets = ['SECRET_KEY_BASE']\n[release]\nsteady_s = 1\n"))
    made.boot()
    version = made.goal(release(2))
    made.send("prepare", version)
    if ends != "never":
        made.set(**{ends: release(2).image})
    _, last, _ = made.deploy(version)
    assert last["outcome"].partition(":")[0] == outcome
    assert made.running == release(runs).image
    assert made.report["release"] == f"r{runs}"
    assert last["cause"] == (None if outcome == "ok" else "restarted")


def test_without_the_setting_no_document_says_a_word_of_it(machine):
    told = json.dumps([documents.document(task, machine.settings) for task in documents.TASKS])
    assert "steady" not in told.lower()
