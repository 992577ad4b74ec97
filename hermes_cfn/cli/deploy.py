"""``deploy``: stacks, then the release."""

from __future__ import annotations

import sys

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.errors import ExitCode, Finding, HermesError


@click.command()
@console.local_option
@console.reset_option
@click.option("--image", default="", help="Tag or digest to release; what runs is kept without it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Stay and poll while you do what only you can do.")
@click.option("--incompatible", is_flag=True, help="This release's schema does not serve the one before it.")
@click.option("--stacks-only", is_flag=True, help="Leave the instances as they are; `release` brings them after.")
@console.format_option("text", "json")
def command(image: str, yes: bool, wait: bool, incompatible: bool, stacks_only: bool, form: str) -> int:
    """Every stack through a change set, then the release on every instance."""
    from hermes_cfn.flows import deploy

    context = console.context()
    agree(yes or context.local, "deploy")
    ground = reach.ground(context, start=True)
    wish = deploy.Wish(image, wait or sys.stdin.isatty(), compatible=not incompatible, stacks_only=stacks_only)
    console.follow(deploy.run(ground, wish), form)
    return ExitCode.OK


def agree(yes: bool, verb: str) -> None:
    """Ask on a terminal; elsewhere ``--yes`` must say so.  Raises HermesError ``not-agreed``."""
    if yes:
        return
    if sys.stdin.isatty():
        click.confirm(f"{verb} now?", abort=True)
        return
    raise HermesError(
        Finding("not-agreed", verb, "nobody can be asked here", next=f"hermes-cfn {verb} … --yes"),
        exit_code=ExitCode.REFUSED,
    )
