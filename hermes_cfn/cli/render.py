"""``render``: the stacks as files."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, hermes


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where to (templates/<environment>).")
@click.option("--check", is_flag=True, help="Change nothing; fail with a diff when the files are stale.")
def command(out: Path | None, check: bool) -> int:
    """Write the stacks and how they are wired; the same bytes every time."""
    from hermes_cfn import templates

    context = console.context()
    deployment = context.deployment()
    directory = out or context.config.parent / "templates" / deployment.environment
    if check:
        difference = templates.compare(deployment, directory)
        if difference:
            terminal.echo(difference)
            terminal.echo(again(f"{directory} is stale; next: " + hermes("render")), err=True)
            return ExitCode.CHANGES
        terminal.echo(f"{directory} is fresh")
        return ExitCode.OK
    templates.write(deployment, directory)
    for spec in deployment:
        count = len(spec.template["Resources"])
        terminal.echo(f"{directory}/{spec.key}.template.json  {spec.region}  {count} resources")
    return ExitCode.OK
