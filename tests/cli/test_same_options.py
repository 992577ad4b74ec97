"""What both command lines offer is said by the same option on both."""

import click

from analysis.cli import cli
from hermes_cfn.cli import hermes, local
from hermes_cfn.local.control import Status


def options(command: click.Command) -> set[str]:
    return {word for one in command.params if isinstance(one, click.Option) for word in one.opts}


def test_the_file_and_the_environment_are_named_alike():
    shared = {"--config", "-c", "--env", "--debug"}
    assert shared <= options(hermes) and shared <= options(cli)


def test_a_balancers_address_opens_in_a_browser(capsys):
    addresses = {"443": "127.0.0.1:43905", "80": "127.0.0.1:4390", "https": "127.0.0.1:1"}
    local.show(Status(running=True, load_balancers={"shop": addresses}), "text")
    said = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("balancer")]
    assert said == ["https://127.0.0.1:43905", "http://127.0.0.1:4390", "https://127.0.0.1:1"]
