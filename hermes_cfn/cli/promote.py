"""``promote``: from one environment to another, by digest."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--from", "source", required=True, help="The environment that verified it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def command(source: str, yes: bool, form: str) -> int:
    """Release here (--env) the image that is stable there, never a tag that may have moved."""
    from dataclasses import replace

    from hermes_cfn.flows import promote

    context = console.context()
    agree(yes, "promote")
    target = reach.deploy_context(context)
    there = reach.deploy_context(replace(context, environment=source))
    console.follow(promote.run(there, target), form)
    return ExitCode.OK
