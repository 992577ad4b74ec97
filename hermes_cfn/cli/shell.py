"""``shell``: Session Manager, instead of a key and an open port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

PLUGIN = "session-manager-plugin"


@click.command()
@click.argument("instance", required=False)
@click.option("--print", "shown", is_flag=True, help="Print the command instead of running it.")
@console.local_option
def command(instance: str | None, shown: bool) -> int:
    """Open a shell on INSTANCE (default: the first); every session is recorded by CloudTrail.

    Needs the AWS CLI and its Session Manager plugin on this machine.
    """
    from hermes_cfn.flows.fleet import members

    context = console.context()
    deploy_context = reach.deploy_context(context)
    target = members.one(deploy_context, instance)
    words = ["aws", "ssm", "start-session", "--target", target, "--region", deploy_context.region]
    if context.profile:
        words += ["--profile", context.profile]
    if shown:
        terminal.echo(" ".join(words))
        return ExitCode.OK
    if context.local:
        raise HermesError(
            Finding(
                "shell-local",
                target,
                "an instance of the embedded cloud is a process of this machine: there is no session to open",
                next=hermes("run", "--host", "--instance", target, "--", "COMMAND"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    for tool in ("aws", PLUGIN):
        if shutil.which(tool) is None:
            raise HermesError(
                Finding(
                    "tool-missing",
                    tool,
                    "is not on this machine",
                    next=('AWS\'s guide "Install the Session Manager plugin"; or ' + hermes("run", "--", "COMMAND")),
                )
            )
    sys.stdout.flush()
    return subprocess.run(words, env=os.environ).returncode
