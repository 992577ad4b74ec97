"""``[processes.NAME]`` and ``[container]``: what is wrong is one finding each, with the place and what instead."""

from datetime import UTC, datetime

import pytest

from hermes_cfn.checks import capacity, goal
from hermes_cfn.checks import instance as instances
from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import parse
from hermes_cfn.errors import ConfigurationError, HermesError
from hermes_cfn.instance.release import Release, containers

NOW = datetime(2026, 11, 30, tzinfo=UTC)
WORKER = "[processes.worker]\ncommand = ['work']\n"


def finding(text, environment=None):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, environment)
    (found,) = caught.value.findings
    return found


BAD = {
    "no command": ("[processes.worker]\nmemory_mib = 64\n", "processes.worker.command", "configuration-invalid"),
    "an empty command": ("[processes.worker]\ncommand = []\n", "processes.worker.command", "configuration-invalid"),
    "a line for a shell": ("[processes.worker]\ncommand = 'a b'\n", "processes.worker.command", "configuration-invalid"),
    "a typo": (WORKER + "memory = 64\n", "processes.worker.memory", "configuration-unknown-key"),
    "on one instance only": (WORKER + "singleton = true\n", "processes.worker.singleton", "configuration-not-offered"),
    "a schedule": (WORKER + "schedule = 'rate(1 second)'\n", "processes.worker.schedule", "configuration-not-offered"),
    "a job": ("[jobs.nightly]\ncommand = ['x']\n", "jobs", "configuration-not-offered"),
    "a name of another's": ("[processes.web]\ncommand = ['x']\n", "processes.web", "configuration-conflict"),
    "a name of no container": ("[processes.Wor_ker]\ncommand = ['x']\n", "processes.Wor_ker", "configuration-invalid"),
    "no memory": (WORKER + "memory_mib = 1\n", "processes.worker.memory_mib", "configuration-invalid"),
    "two ways to be well": (
        WORKER + "health_port = 9000\nhealth_command = ['x']\n",
        "processes.worker.health_port",
        "configuration-conflict",
    ),
    "well too late": (WORKER + "alive_s = 60\n", "processes.worker.alive_s", "configuration-conflict"),
    "too many": (WORKER + "count = 10\n[processes.a1]\ncommand = ['x']\ncount = 10\n[processes.b1]\ncommand = ['x']\n", "processes", "configuration-conflict"),
    "a secret in the clear": (WORKER + "env = { API_TOKEN = 'x' }\n", "processes.worker.env.API_TOKEN", "secret-in-configuration"),
    "over a secret": (
        "[application]\nsecrets = ['WORD']\n" + WORKER + "env = { WORD = 'x' }\n",
        "processes.worker.env",
        "configuration-conflict",
    ),
    "a user with a space": ("[container]\nuser = 'a b'\n", "container.user", "configuration-invalid"),
    "a limit of nothing": ("[container]\nulimits = { files = '3' }\n", "container.ulimits", "configuration-invalid"),
    "a directory without a root": ("[container]\ntmpfs = ['tmp']\n", "container.tmpfs", "configuration-invalid"),
    "another option of docker": ("[container]\nprivileged = true\n", "container.privileged", "configuration-not-offered"),
    "a file of variables": ("[container]\nenv_file = '.env'\n", "container.env_file", "configuration-not-offered"),
    "no table": ("processes = 3\n", "processes", "configuration-invalid"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_finding_says_where_and_what_instead(case):
    text, key, code = BAD[case]
    found = finding(text)
    assert (found.code, found.where.partition(" ")[2]) == (code, key)
    assert found.next


def test_an_environment_lays_its_own_over_a_process():
    text = WORKER + "count = 2\n[environments.staging.processes.worker]\ncount = 1\n"
    assert parse(text, "staging").processes["worker"].count == 1
    assert parse(text, "staging").processes["worker"].command == ("work",)
    found = finding(WORKER + "[environments.staging.processes.worker]\ncount = 0\n", "staging")
    assert found.where.startswith("hermes.toml:4 environments.staging.processes.worker")


@pytest.mark.parametrize(
    ("machine", "mib"),
    [("t4g.nano", 512), ("t4g.small", 2048), ("t3.large", 8192), ("t3.xlarge", 16384), ("t3.2xlarge", 32768),
     ("m7g.medium", 4096), ("m7g.large", 8192), ("c7g.xlarge", 8192), ("r7g.large", 16384), ("m7i-flex.large", 8192),
     ("x2gd.large", None), ("c5.metal", None)],
)  # fmt: skip
def test_memory_of_a_type_as_aws_lists_it(machine, mib):
    assert capacity.memory_mib(machine) == mib


@pytest.mark.parametrize(("mib", "codes"), [(1200, []), (1600, ["memory-claimed"])])
def test_processes_that_do_not_fit_beside_the_web_process_are_told(mib, codes):
    settings = parse(WORKER + f"memory_mib = {mib}\n")
    assert [one.code for one in capacity.memory(settings, Facts(now=NOW))] == codes
    assert [one.code for one in capacity.memory(parse(""), Facts(now=NOW))] == []


def test_a_release_with_processes_is_refused_where_nobody_would_start_them():
    assert [one.code for one in goal.told("r1", True, parse(""))] == ["processes-gone"]
    assert not list(goal.told("r1", True, parse(WORKER))) and not list(goal.told("r1", False, parse("")))


def test_a_release_that_does_not_fit_into_its_parameter_is_refused():
    settings = parse("[processes.worker]\ncommand = [" + ", ".join(f"'{'x ' * 450}{at}'" for at in range(5)) + "]\n")
    container, processes = containers(settings)
    image = f"123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes@sha256:{1:064x}"
    with pytest.raises(HermesError) as caught:
        Release("r1", image, "v1", container=container, processes=processes).to_json()
    assert caught.value.findings[0].code == "release-invalid"


@pytest.mark.parametrize(
    ("container", "down"),
    [
        ({"status": "running", "restarts": 0}, False),
        ({"status": "running", "restarts": 2}, True),
        ({"status": "exited", "exit_code": 3}, True),
        ({"status": "running", "restarts": 1, "oom_killed": True}, True),
        ("status 1: no such object", True),
    ],
)
def test_doctor_names_a_process_that_is_down(container, down):
    said = {"processes": {"worker-1": {"process": "worker", "container": container, "log": ["it gave up"]}}}
    found = list(instances.processes("i-1", said))
    assert [(one.code, one.where, one.evidence) for one in found] == [
        ("process-down", "i-1 worker-1", "it gave up")
    ] * down
