"""``sleep``: an environment that nobody uses at night."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode, hermes


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def command(yes: bool, form: str) -> int:
    """Take the instances to zero; data, addresses and the load balancer stay, and are billed on."""
    from hermes_cfn.flows import sleep_wake

    context = console.context()
    agree(yes, "sleep")
    deploy_context = reach.deploy_context(context)
    console.follow(sleep_wake.sleep(deploy_context), form)
    if form == "text":
        from hermes_cfn.units import dollars

        terminal.echo(
            f"an hour asleep saves {dollars(sleep_wake.hourly_saving(deploy_context.deployment))}; "
            + again("usage.asleep_hours counts them in the bill; next: " + hermes("wake"))
        )
    return ExitCode.OK
