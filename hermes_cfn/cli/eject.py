"""``eject``: leaving, with templates and a script that need nothing of this tool."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder (ejected/<environment>).")
def command(out: Path | None) -> int:
    """Write plain templates, parameters, and a shell script of AWS CLI lines that updates the stacks without this tool.

    Changes nothing in AWS.  The README beside them has the steps of a release.
    """
    from hermes_cfn import eject

    context = console.context()
    deployment = context.deployment()
    settings = context.settings()
    directory = out or context.config.parent / "ejected" / deployment.environment
    for path in eject.write(deployment, settings, directory):
        terminal.echo(f"{path}")
    return ExitCode.OK
