"""``rollback``: the previous release, or another, back."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@console.local_option
@console.lock_option
@click.option("--to", default="", metavar="RELEASE", help="A kept release (default: the one before).")
@click.option("--emergency", is_flag=True, help="All instances at once, without standby.")
@click.option("--despite-schema", is_flag=True, help="Although the schema was migrated and is not marked compatible.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def command(to: str, emergency: bool, despite_schema: bool, yes: bool, form: str) -> int:
    """Image, variables and secret versions come back together."""
    from hermes_cfn.flows import rollback

    context = console.context()
    agree(yes, "rollback")
    console.follow(rollback.run(reach.deploy_context(context), to, emergency, despite_schema), form)
    return ExitCode.OK
