"""What to do next, with the options that this run was given before its verb.

``hermes-cfn --env staging deploy`` that ends with *next: hermes-cfn rollback* would send people to
the environment that the file itself names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from hermes_cfn.cli import terminal
from hermes_cfn.errors import Advice

if TYPE_CHECKING:
    from hermes_cfn.errors import Finding


def again(advice: str | Advice, given: Mapping[str, Any] | None = None) -> str:
    """``advice`` as a sentence, with the options of this run in every command of it that does not say them itself."""
    return advice.text(options(given)) if isinstance(advice, Advice) else advice


def options(given: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The options that this run was ``given`` before its verb, by default those of the running command."""
    if given is None:
        running = click.get_current_context(silent=True)
        given = (running.find_root().obj if running else None) or {}
    found = {
        "--config": given.get("config") if given.get("config") != "hermes.toml" else None,
        "--env": given.get("environment"),
        "--profile": given.get("profile"),
        "--local": given.get("local"),
    }
    return {option: "" if value is True else str(value) for option, value in found.items() if value}


def tell(finding: Finding, colour: str, given: Mapping[str, Any] | None = None, err: bool = False) -> None:
    """A finding on several lines, with the command that comes next as it has to be typed."""
    terminal.secho(f"{finding.severity}: {finding.code}", fg=colour, err=err, nl=False)
    terminal.echo(f"  {finding.where}\n  {finding.what}", err=err)
    if finding.why:
        terminal.echo(f"  {finding.why}", err=err)
    for line in finding.evidence.splitlines():
        terminal.echo(f"    | {line}", err=err)
    if finding.next:
        terminal.secho(f"  next: {again(finding.next, given)}", bold=True, err=err)
