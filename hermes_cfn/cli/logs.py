"""``logs``: what the application says."""

from __future__ import annotations

from datetime import UTC

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, hermes


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come, until interrupted.")
@click.option("--instance", default="", help="Only this instance.")
@click.option("--since", default="10m", show_default=True, help="10m, 2h, 3d, or a time with its zone.")
@click.option(
    "--filter", "pattern", default="", help="CloudWatch's filter pattern: a word like ERROR, or a phrase in quotes."
)
@click.option("--process", default="", help="Only this process of [processes], or web.")
@console.format_option("text", "json")
@console.local_option
def command(follow: bool, instance: str, since: str, pattern: str, process: str, form: str) -> int:
    """Print the application's log lines of every instance, oldest first, times in UTC."""
    import json

    from hermes_cfn.flows import logs

    deploy_context = reach.deploy_context(console.context())
    silent = True
    for line in logs.lines(deploy_context, logs.since(since, deploy_context.now), instance, pattern, follow, process):
        silent = False
        at = line.at.astimezone(UTC)
        if form == "json":
            more = {"process": line.process} if line.process else {}
            terminal.echo(json.dumps({"at": at.isoformat(), "stream": line.stream, "text": line.text, **more}))
        else:
            terminal.echo(
                f"{at:%Y-%m-%d %H:%M:%S}Z  {line.stream}{f'/{line.process}' if line.process else ''}  {line.text}"
            )
    if silent:
        logs.nothing(deploy_context)
        terminal.echo(f"no line since {since}", err=True)
        terminal.echo(again("next: " + hermes("logs", "--since", "1d") + ", or " + hermes("status")), err=True)
    return ExitCode.OK
