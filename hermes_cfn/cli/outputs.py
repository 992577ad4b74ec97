"""``outputs``: what the stacks say about themselves."""

from __future__ import annotations

import json
import shlex

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError


@click.command()
@click.argument("name", required=False)
@console.format_option("table", "env", "json")
@console.local_option
def command(name: str | None, form: str) -> int:
    """Print the outputs of all stacks, or the bare value of NAME.

    `env` prints NAME='value' lines for a shell to read; lists are separated by spaces.
    """
    from hermes_cfn.flows import outputs

    found = outputs.collect(reach.deploy_context(console.context()))
    if name is not None:
        if name not in found:
            raise HermesError(
                Finding("output-unknown", name, "there is no such output", next=f"one of {', '.join(found)}"),
                exit_code=ExitCode.USAGE,
            )
        value = found[name]
        terminal.echo(value if isinstance(value, str) else json.dumps(value) if form == "json" else " ".join(value))
        return ExitCode.OK
    if form == "json":
        console.put_json(found)
        return ExitCode.OK
    plain = {key: value if isinstance(value, str) else " ".join(value) for key, value in found.items()}
    if form == "env":
        for key, text in plain.items():
            terminal.echo(f"{key.upper()}={shlex.quote(text)}")
        return ExitCode.OK
    width = max(map(len, plain))
    for key, text in plain.items():
        terminal.echo(f"{key:<{width}}  {text}")
    return ExitCode.OK
