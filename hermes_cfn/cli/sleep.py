"""``sleep``: an environment that nobody uses at night."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
def command(yes: bool, form: str) -> int:
    """Take the instances to zero; data, addresses and the load balancer stay, and are billed on."""
    from hermes_cfn.flows import rest

    context = console.context()
    agree(yes or context.local, "sleep")
    ground = reach.ground(context)
    console.follow(rest.sleep(ground), form)
    if form == "text":
        from hermes_cfn.units import dollars

        click.echo(
            f"an hour asleep saves {dollars(rest.hourly_saving(ground.deployment))}; "
            + again("usage.asleep_hours counts them in the bill; next: hermes-cfn wake")
        )
    return ExitCode.OK
