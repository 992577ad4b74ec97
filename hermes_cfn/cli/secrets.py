"""``secrets``: set, list, check; a value is never shown."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.errors import ExitCode


@click.group()
def command() -> None:
    """Secrets of the application, in Systems Manager."""


@command.command("set")
@console.local_option
@click.argument("name")
def set_(name: str) -> int:
    """Read the value from a prompt that does not echo, or from standard input."""
    from hermes_cfn.flows import secrets

    ground = reach.ground(console.context(), start=True)
    value = click.prompt(name, hide_input=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    version = secrets.put(ground, name, value)
    click.echo(f"{name}: version {version}; used from the next release on")
    return ExitCode.OK


@command.command("list")
@console.local_option
@console.format_option("text", "json")
def list_(form: str) -> int:
    """Names, versions and which of them run; no values."""
    from hermes_cfn.flows import secrets

    seen = secrets.listed(reach.ground(console.context()))
    if form == "json":
        console.put_json([asdict(one) | {"state": one.state} for one in seen])
    else:
        rows = [(s.name, s.version or "-", s.state, s.modified or "") for s in seen]
        console.console().print(console.table("", ("secret", "version", "state", "changed"), rows))
    return ExitCode.OK


@command.command("check")
@console.local_option
def check() -> int:
    """Fail when one that the application needs is missing."""
    from hermes_cfn.flows import releases

    ground = reach.ground(console.context())
    missing = releases.missing_secrets(ground)
    for name in missing:
        click.echo(str(releases.secret_missing(ground, name)))
    if not missing:
        click.echo("every secret is set")
    return ExitCode.FAILED if missing else ExitCode.OK


@command.command("delete")
@console.local_option
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> int:
    """Delete a secret; a release that names it can then not be started again."""
    from hermes_cfn.flows import secrets

    if not yes:
        click.confirm(f"delete {name} and all its versions?", abort=True)
    secrets.delete(reach.ground(console.context()), name)
    return ExitCode.OK
