"""``wake``: the way back from `sleep`."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def command(yes: bool, form: str) -> int:
    """Bring the instances back on the stable release, and wait until they are healthy."""
    from hermes_cfn.flows import sleep_wake

    context = console.context()
    agree(yes, "wake")
    deploy_context = reach.deploy_context(context)
    console.follow(sleep_wake.wake(deploy_context), form)
    return ExitCode.OK
