"""``explain``: what a finding of a plan means, and how to get out of it."""

from __future__ import annotations

import difflib

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, hermes


@click.command()
@click.argument("code", required=False, default="")
@console.format_option("text", "json")
def command(code: str, form: str) -> int:
    """Say what CODE means, why it comes and what to type; without CODE, list them all."""
    from dataclasses import asdict

    from hermes_cfn.plan import explained

    table = explained.table()
    if code and code not in table:
        near = difflib.get_close_matches(code.lower(), table, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}?" if near else f"{hermes('explain')} lists them all"
        raise click.UsageError(f"no finding of a plan has the code {code!r}; {meant}")
    chosen = [table[code]] if code else list(table.values())
    if form == "json":
        console.put_json([asdict(one) for one in chosen])
        return ExitCode.OK
    for one in chosen:
        if code:
            terminal.echo(f"{one.code}\n  {one.what}\n  {one.why}\n  next: {again(one.advice)}")
        else:
            terminal.echo(f"{one.code:24}  {one.what}")
    return ExitCode.OK
