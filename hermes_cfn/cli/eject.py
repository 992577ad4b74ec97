"""``eject``: leaving, with templates and scripts that need nothing of this tool."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder (ejected/<environment>).")
def command(out: Path | None) -> int:
    """Write plain templates, parameters, and shell scripts of AWS CLI lines that go on without this tool.

    Changes nothing in AWS.  stacks.sh updates the stacks, release.sh rolls a release as this tool does: standby, deploy,
    check, back.
    """
    from hermes_cfn import eject

    context = console.context()
    deployment = context.deployment()
    settings = context.settings()
    directory = out or context.config.parent / "ejected" / deployment.environment
    for path in eject.write(deployment, settings, directory):
        terminal.echo(f"{path}")
    return ExitCode.OK
