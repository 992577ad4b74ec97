"""``init`` asks the account what it can tell, where it may, and a person the rest."""

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn import config
from hermes_cfn.cli import hermes
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests import owners

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """An account in which there is something already."""
    state = tmp_path_factory.mktemp("account") / "state"
    control.start(state, Options(follow_parent=True, processes=False))

    def client(service):
        return owners.client(state, service)

    try:
        client("iam").create_open_id_connect_provider(
            Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"]
        )
        client("route53").create_hosted_zone(Name="example.com", CallerReference="one")
        client("acm").request_certificate(DomainName="*.example.org", ValidationMethod="DNS")
        client("ec2").create_vpc(CidrBlock="10.0.128.0/20")
        yield state
    finally:
        control.reset(state)


def environment(directory: Path, **more: str) -> dict[str, str]:
    """This process's, in which there are no credentials."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(directory), **more}


def typed(command: list[str], answers: dict[str, str], directory: Path, env: dict[str, str]) -> tuple[int, str]:
    """Runs a command on a terminal of its own and answers each question when it stands there."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execve(command[0], command, env)
    text, left, until = "", dict(answers), time.monotonic() + 120
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            text += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        for question in [one for one in left if re.search(rf"{re.escape(one)}[^\n]*: $", text)]:
            os.write(terminal, f"{left.pop(question)}\n".encode())
    assert not left, text
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def test_a_person_answers_and_the_account_tells_the_rest(account, tmp_path):
    answers = {
        "Preset": "lean",
        "AWS region": "",
        "Framework": "phoenix",
        "Name of the application": "iris",
        "Port of the container": "",
        "Path of the health check": "",
        "Architecture": "",
        "How many instances": "",
        "The name that users type": "iris.example.com",
        "GitHub repository": "me/iris",
    }
    command = [sys.executable, "-m", "hermes_cfn", "--local", "init", "--no-workflows"]
    status, text = typed(command, answers, tmp_path, environment(tmp_path, HERMES_STATE=str(account)))
    assert status == 0, text
    assert re.search(r"lean +\$\d+", text) and re.search(r"hardened +\$\d+", text)
    settings = config.load(tmp_path / "hermes.toml")
    assert (settings.application.name, settings.compute.count) == ("iris", 1)
    assert settings.github.repository == "me/iris"
    assert settings.account.id == "123456789012"
    assert settings.account.github_provider == "existing"
    assert settings.certificate.validation == "route53" and settings.certificate.hosted_zone_id.startswith("Z")
    assert settings.network.cidr == "10.1.0.0/16"
    told = [line.partition("AWS: ")[2].strip() for line in text.splitlines() if "AWS: " in line]
    assert told[0] == "account 123456789012, as administrator"
    assert any("10.0.0.0/16 overlaps vpc-" in line for line in told)


def test_a_certificate_that_is_issued_is_taken_and_flags_win(account, tmp_path, monkeypatch):
    monkeypatch.setenv("HERMES_STATE", str(account))
    words = ["--local", "-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--no-prices", "--no-workflows"]
    done = CliRunner().invoke(hermes, [*words, "--domain", "iris.example.org"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert config.load(tmp_path / "hermes.toml").certificate.arn.startswith("arn:aws:acm:eu-south-2:123456789012:")
    done = CliRunner().invoke(hermes, [*words, "--force", "--offline"], catch_exceptions=False)
    assert "AWS: " not in done.output
    assert config.load(tmp_path / "hermes.toml").account.id == ""


def test_without_credentials_nothing_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    done = CliRunner().invoke(
        hermes, ["-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--no-prices"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "no credentials on this machine" in done.output


def test_without_a_network_it_says_so_and_goes_on(tmp_path):
    env = environment(
        tmp_path, AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="y", AWS_ENDPOINT_URL="http://127.0.0.1:1"
    )
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "init", "--yes", "--no-prices"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "AWS: nothing was looked up" in done.stderr and "127.0.0.1:1" in done.stderr
    assert (tmp_path / ".github/workflows/cd.yml").exists()
