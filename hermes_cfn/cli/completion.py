"""``completion``: what a shell needs to complete verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hermes_cfn.cli import terminal
from hermes_cfn.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the script for SHELL: `eval "$(hermes-cfn completion bash)"`; for fish, pipe it into `source`."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    terminal.echo(kind(root, {}, "hermes-cfn", "_HERMES_CFN_COMPLETE").source())
    return ExitCode.OK
