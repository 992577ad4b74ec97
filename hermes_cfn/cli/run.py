"""``run``: a command on an instance, through a document, with its output."""

from __future__ import annotations

import shlex

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--instance", help="On this instance (default: the first).")
@click.option("--all", "everywhere", is_flag=True, help="On every instance, one after the other.")
@click.option("--host", is_flag=True, help="On the machine itself instead of in the application's container.")
@click.option("--process", default="web", show_default=True, help="In the first container of this process.")
@console.local_option
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(instance: str | None, everywhere: bool, host: bool, process: str, words: tuple[str, ...]) -> int:
    """Run COMMAND in the application's container and print what it prints (at most 16 kB, 10 minutes).

    Several words are a command and its arguments; one word is a line for the shell.
    Systems Manager keeps what is printed for 30 days: print no secret, so not the whole of `env` either.
    """
    from hermes_cfn.flows import logs
    from hermes_cfn.flows.fleet import command as story
    from hermes_cfn.flows.fleet import members

    deploy_context = reach.deploy_context(console.context())
    line = words[0] if len(words) == 1 else shlex.join(words)
    container = deploy_context.names.application
    if process != "web":
        logs.known(deploy_context, process)
        container = f"{container}-{process}-1"
    if not host:
        line = f"docker exec {shlex.quote(container)} sh -c {shlex.quote(line)}"
    chosen = members.members(deploy_context) if everywhere else (members.one(deploy_context, instance),)
    failed: list[Finding] = []
    for each in chosen:
        with console.progress(f"{each} runs it"):
            well, text, why = story.run(deploy_context, each, line)
        if len(chosen) > 1:
            terminal.echo(f"==> {each}")
        if text:
            terminal.echo(text)
        if not well:
            failed.append(Finding("command-failed", each, why, next=hermes("shell", each)))
    if failed:
        raise HermesError(*failed)
    return ExitCode.OK
