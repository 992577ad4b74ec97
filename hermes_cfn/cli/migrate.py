"""``migrate``: the database migration, once, on one instance."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@console.local_option
@console.lock_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def command(yes: bool, form: str) -> int:
    """Run application.migrate in a container of the current release; a release does so by itself."""
    from hermes_cfn.flows import migrate

    context = console.context()
    agree(yes, "migrate")
    console.follow(migrate.run(reach.deploy_context(context)), form)
    return ExitCode.OK
