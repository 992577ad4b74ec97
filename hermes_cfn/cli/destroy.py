"""``destroy``: the stacks of an environment, in reverse order."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import not_agreed
from hermes_cfn.errors import Advice, ExitCode
from hermes_cfn.events import Event
from hermes_cfn.names import OPTIONAL, is_extra


def _optional(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in OPTIONAL and not is_extra(value):
        raise click.BadParameter(f"{value!r} is not one of {', '.join(OPTIONAL)}, extra-NAME")
    return value


@click.command()
@console.local_option
@console.lock_option
@click.option("--unprotect", is_flag=True, help="Turn termination and deletion protection off.")
@click.option("--empty-buckets", is_flag=True, help="Delete every object of the buckets that are to go.")
@click.option("--foundation", is_flag=True, help="The account's foundation too.")
@click.option(
    "--everything",
    is_flag=True,
    help="All of these, and the secrets and records of releases: nothing is meant to stay.",
)
@click.option(
    "--stack",
    "only",
    default=None,
    callback=_optional,
    metavar="STACK",
    help="One that hermes.toml does not ask for any more: certificate, worldwide, edge, watch or extra-NAME.",
)
@click.option(
    "--express",
    is_flag=True,
    help="Do not wait for what AWS still takes away, such as a CloudFront distribution, where nothing else needs that.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def command(
    unprotect: bool,
    empty_buckets: bool,
    foundation: bool,
    everything: bool,
    only: str | None,
    express: bool,
    yes: bool,
    form: str,
) -> int:
    """Data goes only when told; what stays is listed."""
    from hermes_cfn.flows import destroy

    if only and (foundation or everything):
        raise click.UsageError("--stack is one stack; --foundation and --everything go with a whole environment")
    consent = destroy.Consent(only or "", unprotect, empty_buckets, foundation, express=express)
    if everything:
        consent = destroy.Consent.everything(express)
    context = console.context()
    if not yes and not sys.stdin.isatty():
        raise not_agreed("destroy")
    deploy_context = reach.deploy_context(context)
    if not yes:
        ahead = destroy.outlook(deploy_context, consent)
        _put("what goes:", ahead.goes)
        _put("what stays:", ahead.stays)
        what = f"stack {only}" if only else "every stack"
        terminal.confirm(f"delete {what} of {deploy_context.deployment.environment}?", abort=True)
    stays: list[str | Advice] = []

    def story() -> Iterator[Event]:
        stays.extend((yield from destroy.run(deploy_context, consent)))

    console.follow(story(), form)
    if form == "text":
        _put("what stays:", stays)
    return ExitCode.OK


def _put(title: str, lines: Iterable[str | Advice]) -> None:
    terminal.echo(title)
    for line in list(lines) or ["nothing"]:
        terminal.echo(f"  {again(line)}")
