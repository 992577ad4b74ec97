"""Commands that are said to come next, with the options that this run was given before its verb.

``hermes-cfn --env staging deploy`` that ends with *next: hermes-cfn rollback* would send people to
the environment that the file itself names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from hermes_cfn.cli import terminal

if TYPE_CHECKING:
    from hermes_cfn.errors import Finding

PLACELESS = ("local", "completion", "demo", "init", "rehearse")
"""Verbs that ask for no environment and no cloud."""

_COMMAND = re.compile(
    rf"\bhermes-cfn (?=[a-z-])(?!(?:{'|'.join(PLACELESS)})\b)(?P<own>(?:--?[a-z]\S* (?:[^-\s]\S* )?)*)"
)


def again(text: str, given: Mapping[str, Any] | None = None) -> str:
    """``text`` with the options of this run in every command of it that does not say them itself."""
    if given is None:
        running = click.get_current_context(silent=True)
        given = (running.find_root().obj if running else None) or {}
    options = {
        "--config": given.get("config") if given.get("config") != "hermes.toml" else None,
        "--env": given.get("environment"),
        "--profile": given.get("profile"),
        "--local": given.get("local"),
    }

    def full(match: re.Match[str]) -> str:
        own = match["own"].split()
        words = ["hermes-cfn"]
        for option, value in options.items():
            if value and option not in own:
                words += [option] if value is True else [option, shlex.quote(str(value))]
        return f"{' '.join(words)} {match['own']}"

    return _COMMAND.sub(full, text)


def tell(finding: Finding, colour: str, given: Mapping[str, Any] | None = None, err: bool = False) -> None:
    """A finding on several lines, with the command that comes next as it has to be typed."""
    terminal.secho(f"{finding.severity}: {finding.code}", fg=colour, err=err, nl=False)
    terminal.echo(f"  {finding.where}\n  {again(finding.what, given)}", err=err)
    if finding.why:
        terminal.echo(f"  {again(finding.why, given)}", err=err)
    for line in finding.evidence.splitlines():
        terminal.echo(f"    | {line}", err=err)
    if finding.next:
        terminal.secho(f"  next: {again(finding.next, given)}", bold=True, err=err)
