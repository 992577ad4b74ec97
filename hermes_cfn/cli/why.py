"""``why``: the cause of what failed last."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode


@click.command()
@click.argument("what", required=False, default="", metavar="[STACK|RELEASE|INSTANCE]")
@console.local_option
@console.format_option("text", "json")
def command(what: str, form: str) -> int:
    """Say why a stack, a release or an instance failed; without one, whatever failed last.

    The cause comes first, then its evidence, then the command that goes on.  Reads only.
    """
    from hermes_cfn.flows import why

    found = why.of(reach.deploy_context(console.context()), what)
    if form == "json":
        findings = [one.as_dict() for one in found.findings] if found else []
        at = found.at.isoformat() if found and found.at else None
        console.put_json({"subject": found.subject if found else what, "at": at, "findings": findings})
        return ExitCode.OK
    if found is None:
        terminal.echo(f"{what or 'nothing'} {'has not failed' if what else 'has failed'}")
        return ExitCode.OK
    terminal.echo(f"{found.subject} failed" + (f" at {found.at:%Y-%m-%d %H:%M:%S} UTC" if found.at else "") + ":")
    for n, one in enumerate(found.findings):
        terminal.echo(
            ("because " if n == 0 else "and ") + f"{one.where}: {one.what}" + (f" ({one.why})" if one.why else "")
        )
        for line in one.evidence.splitlines():
            terminal.echo(f"    {line}")
        if one.next:
            terminal.echo(f"  next: {again(one.next)}")
    return ExitCode.OK
