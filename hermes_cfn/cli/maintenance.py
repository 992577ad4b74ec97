"""``maintenance``: the load balancer's page while nobody shall reach the application."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode, hermes


@click.group()
def command() -> None:
    """Visitors get a page of the load balancer instead of the application; no release is made."""


@command.command("show")
@console.format_option("text", "json")
@console.local_option
def show(form: str) -> int:
    """Whether it is on."""
    from hermes_cfn.flows import maintenance

    state = maintenance.now(reach.deploy_context(console.context()))
    if form == "json":
        console.put_json({"maintenance": state or None})
    else:
        terminal.echo(
            f"maintenance {state}" if state else "no maintenance page is deployed; [ingress] maintenance = true"
        )
    return ExitCode.OK


def _turn(wanted: str, yes: bool, form: str) -> int:
    from hermes_cfn.flows import maintenance

    context = console.context()
    agree(yes, f"maintenance {wanted}")
    console.follow(maintenance.turn(reach.deploy_context(context), wanted), form)
    if form == "text" and wanted == maintenance.ON:
        terminal.echo(again("next: " + hermes("maintenance", "off")))
    return ExitCode.OK


@command.command("on")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def on(yes: bool, form: str) -> int:
    """Show the page to everybody but ingress.maintenance_allows; the health path still answers."""
    return _turn("on", yes, form)


@command.command("off")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def off(yes: bool, form: str) -> int:
    """Let visitors reach the application again."""
    return _turn("off", yes, form)
