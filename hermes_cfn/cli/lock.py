"""``lock``: who holds it, and breaking it."""

from __future__ import annotations

import sys

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.deploy import not_agreed
from hermes_cfn.errors import ExitCode


@click.group()
def command() -> None:
    """The deploy lock, a lease in DynamoDB."""


@command.command("show")
@console.local_option
@console.format_option("text", "json")
def show(form: str) -> int:
    """Who holds it, what for, and until when."""
    deploy_context = reach.deploy_context(console.context())
    seen = deploy_context.clients.lock(deploy_context.names.lock_table, deploy_context.names.lock_key).look()
    held = seen is not None and seen.expires > deploy_context.now
    if form == "json":
        console.put_json(
            {
                "held": held,
                "owner": seen.owner if seen and held else None,
                "purpose": seen.purpose if seen and held else None,
                "expires": seen.expires.isoformat() if seen and held else None,
                "token": seen.token if seen else 0,
            }
        )
    elif seen is not None and held:
        terminal.echo(f"{seen.owner} holds {deploy_context.names.lock_key} for: {seen.purpose}")
        terminal.echo(f"until {seen.expires:%Y-%m-%d %H:%M:%S} UTC unless renewed; token {seen.token}")
    else:
        terminal.echo(f"{deploy_context.names.lock_key} is free" + (f"; last token {seen.token}" if seen else ""))
    return ExitCode.OK


@command.command("break")
@console.local_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def break_(yes: bool) -> int:
    """End somebody's lease; their run stops before its next action."""
    from hermes_cfn.deciders.lease import locked

    deploy_context = reach.deploy_context(console.context())
    lock = deploy_context.clients.lock(deploy_context.names.lock_table, deploy_context.names.lock_key)
    seen = lock.look()
    if seen is None or seen.expires <= deploy_context.now:
        terminal.echo("nobody holds the lock")
        return ExitCode.OK
    if not yes and not sys.stdin.isatty():
        raise not_agreed("lock break")
    if not yes:
        terminal.confirm(f"{seen.owner} holds it for {seen.purpose}; break it?", abort=True)
    if not lock.break_(seen):
        raise locked(lock.look() or seen, deploy_context.now, deploy_context.names.lock_key)
    terminal.echo(f"the lease of {seen.owner} is ended: its run stops before its next action")
    return ExitCode.OK
