"""``whoami``: the account, the role, and what it may do here."""

from __future__ import annotations

from dataclasses import asdict

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode


@click.command()
@console.format_option("text", "json")
@console.local_option
def command(form: str) -> int:
    """Ask AWS who the credentials are, and IAM's simulator which verbs they may use."""
    from hermes_cfn.flows.base import whoami

    who = whoami.ask(reach.deploy_context(console.context()))
    if form == "json":
        console.put_json(asdict(who))
        return ExitCode.OK
    terminal.echo(f"account      {who.account}")
    terminal.echo(f"identity     {who.arn}" + (f"  (the {who.role} role)" if who.role else ""))
    terminal.echo(f"environment  {who.environment} in {who.region}")
    if all(answer is None for answer in who.may.values()):
        terminal.echo("may          not known: iam:SimulatePrincipalPolicy is not allowed")
        return ExitCode.OK
    for title, wanted in (("may", True), ("may not", False)):
        verbs = [verb for verb, answer in who.may.items() if answer is wanted]
        terminal.echo(f"{title:<12} {', '.join(verbs) or 'nothing'}")
    return ExitCode.OK
