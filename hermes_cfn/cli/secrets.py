"""``secrets``: set, rotate, restore, list, check; a value is never shown."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.deploy import agree, not_agreed
from hermes_cfn.errors import ExitCode

if TYPE_CHECKING:
    from hermes_cfn.flows.base.context import DeployContext
    from hermes_cfn.flows.secrets import Put

LATER = "used from the next release on"

file_option = click.option("--file", "source", type=click.File(), help="Read the value here (default: standard input).")


@click.group()
def command() -> None:
    """Secrets of the application, in Systems Manager."""


@command.command("set")
@console.local_option
@click.argument("name")
@file_option
def set_(name: str, source: TextIO | None) -> int:
    """Read the value from a file, from standard input, or from a prompt that does not echo.

    A new DATABASE_URL is tried from an instance first. Nothing restarts: the next release uses the new version.
    """
    from hermes_cfn.flows import secrets

    deploy_context = reach.deploy_context(console.context(), start=True)
    secrets.known(deploy_context, name)
    _told(name, _put(deploy_context, name, _value(name, source)), LATER)
    return ExitCode.OK


@command.command("rotate")
@console.local_option
@console.lock_option
@click.argument("name")
@file_option
@click.option("--release/--no-release", "rolled", default=True, show_default=True, help="Roll it out at once.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def rotate(name: str, source: TextIO | None, rolled: bool, yes: bool, form: str) -> int:
    """A new value, and the image that runs rolled out with it.

    SECRET_KEY_BASE and SECRET_KEY are made here; others are read like those of `set`.
    """
    from hermes_cfn.flows import release, secrets
    from hermes_cfn.flows.fleet import releases

    context = console.context()
    deploy_context = reach.deploy_context(context)
    secrets.known(deploy_context, name)
    if name in secrets.GENERATED:
        terminal.echo(f"{name}: {secrets.GENERATED[name]}", err=True)
    agree(yes, f"secrets rotate {name}")
    value = secrets.generated(name) if name in secrets.GENERATED and source is None else _value(name, source)
    stable = releases.stable(deploy_context)
    if rolled and stable is not None:
        release.ready(deploy_context, stable)
    put = _put(deploy_context, name, value)
    _told(name, put, "rolled out now" if rolled else LATER, err=form == "json")
    if rolled and stable is not None:
        console.follow(release.run(deploy_context, stable.image.rpartition("@")[2], stable.compatible), form)
    return ExitCode.OK


@command.command("restore")
@console.local_option
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), required=True, help="As `secrets list NAME` shows it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(name: str, version: int, yes: bool) -> int:
    """Make an older version the newest; needs the right to read it, which none of our roles has.

    A rollback brings the versions of its release back by itself, and needs no such right.
    """
    from hermes_cfn.flows import secrets

    context = console.context()
    agree(yes, f"secrets restore {name}")
    _told(name, secrets.restore(reach.deploy_context(context), name, version), LATER)
    return ExitCode.OK


@command.command("list")
@console.local_option
@click.argument("name", required=False)
@console.format_option("text", "json")
def list_(name: str | None, form: str) -> int:
    """Names, versions, dates, authors and which of them run; every version of NAME. No values."""
    from hermes_cfn.flows import secrets

    deploy_context = reach.deploy_context(console.context())
    if name is not None:
        secrets.known(deploy_context, name)
        kept = secrets.history(deploy_context, name)
        if form == "json":
            console.put_json([asdict(one) for one in kept])
        else:
            versions = [(v.version, "in use" if v.in_use else "", console.at(v.modified), v.author) for v in kept]
            console.console().print(console.table("", ("version", "state", "changed", "by"), versions))
        return ExitCode.OK
    seen = secrets.listed(deploy_context)
    if form == "json":
        console.put_json([asdict(one) | {"state": one.state} for one in seen])
    else:
        rows = [(s.name, s.version or "-", s.state, console.at(s.modified), s.author) for s in seen]
        console.console().print(console.table("", ("secret", "version", "state", "changed", "by"), rows))
    return ExitCode.OK


@command.command("check")
@console.local_option
@console.format_option("text", "json")
def check(form: str) -> int:
    """Fail when one that the application needs is missing."""
    from hermes_cfn.flows.fleet import releases

    deploy_context = reach.deploy_context(console.context())
    missing = [releases.secret_missing(deploy_context, name) for name in releases.missing_secrets(deploy_context)]
    if form == "json":
        console.put_json([finding.as_dict() for finding in missing])
    else:
        for finding in missing:
            terminal.echo(str(finding))
        if not missing:
            terminal.echo("every secret is set")
    return ExitCode.FAILED if missing else ExitCode.OK


@command.command("delete")
@console.local_option
@click.argument("name")
@click.option("--although-used", is_flag=True, help="Although a release that is kept starts with it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, although_used: bool, yes: bool) -> int:
    """Delete a secret; a release that names it can then not be started again."""
    from hermes_cfn.flows import secrets

    context = console.context()
    if not yes and not sys.stdin.isatty():
        raise not_agreed(f"secrets delete {name}")
    if not yes:
        environment = context.settings().environment.name
        terminal.confirm(f"delete {name} of {environment} and all its versions?", abort=True)
    secrets.delete(reach.deploy_context(context), name, although_used)
    return ExitCode.OK


def _value(name: str, source: TextIO | None) -> str:
    if source is None and sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True))
    return (source or sys.stdin).read().rstrip("\r\n")


def _put(deploy_context: DeployContext, name: str, value: str) -> Put:
    from hermes_cfn.flows import secrets

    with console.progress(f"{name} is tried where it can be, and written"):
        return secrets.put(deploy_context, name, value)


def _told(name: str, put: Put, then: str, err: bool = False) -> None:
    from hermes_cfn.flows.secrets import GENERATED
    from hermes_cfn.instance.documents import DATABASE_URL

    said = "" if name != DATABASE_URL else "not tried, for no instance is in service; "
    if put.tried_on:
        said = f"tried from {put.tried_on}, name, TCP, TLS and login are well; "
    terminal.echo(f"{name}: version {put.version}; {said}{then}", err=err)
    if then == LATER and name in GENERATED:
        terminal.echo(f"  {GENERATED[name]}", err=True)
    for note in put.notes:
        terminal.echo(f"  {note.severity}: {note.what}; {note.why}", err=True)
