"""What both command lines offer is said by the same option on both."""

from pathlib import Path

import click

import hermes_cfn.flows
from analysis.cli import cli
from hermes_cfn.cli import VERBS, LazyGroup, adopt, hermes, local, machine_image, maintenance, secrets
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


TAKES_THE_LOCK = {"deploy", "release", "rollback", "destroy", "migrate", "sleep", "wake", "promote"}


def test_every_verb_that_takes_the_lock_can_queue_for_it_and_no_other_says_that_it_could():
    """Which verbs take it is read from the flows that they call."""
    flows = Path(hermes_cfn.flows.__file__).parent
    holders = {path.stem for path in flows.glob("*.py") if "LeaseHolder(context" in path.read_text()}
    assert holders == {"deploy", "release", "rollback", "destroy", "migrate", "sleep_wake", "maintenance", "cut_over"}
    waiting = {verb for verb in VERBS if "--lock-wait" in options(LazyGroup("all").get_command(None, verb))}
    assert waiting == TAKES_THE_LOCK
    assert "--lock-wait" in options(machine_image.update)
    assert "--lock-wait" in options(maintenance.on) & options(maintenance.off)
    assert "--lock-wait" in options(secrets.rotate)
    assert "--lock-wait" in options(adopt.cut_over_command) & options(adopt.back)
