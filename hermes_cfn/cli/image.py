"""``image``: push one, name it by digest, list them."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode


@click.group()
def command() -> None:
    """Images in the account's repository."""


@command.command("build")
@click.argument("tag")
def build(tag: str) -> int:
    """Make APPLICATION:TAG on this machine, as [build] says: built, or fetched from another registry by digest."""
    from hermes_cfn.flows import image

    console.follow(image.build(console.context().settings(), tag))
    return ExitCode.OK


@command.command("push")
@console.local_option
@click.argument("tag")
@click.option("--from", "source", default="", help="The image on this machine (default: APPLICATION:TAG).")
@click.option("--keep", is_flag=True, help="Leave a tag that is there already as it is.")
def push(tag: str, source: str, keep: bool) -> int:
    """Check the architecture, log in, tag and push with docker."""
    from hermes_cfn.flows import image

    console.follow(image.push(reach.deploy_context(console.context()), tag, source, keep))
    return ExitCode.OK


@command.command("digest")
@console.local_option
@click.argument("tag")
def digest(tag: str) -> int:
    """Print the digest that TAG names."""
    from hermes_cfn.flows import image

    terminal.echo(image.digest(reach.deploy_context(console.context()), tag))
    return ExitCode.OK


@command.command("list")
@console.local_option
@console.format_option("text", "json")
def list_(form: str) -> int:
    """Tags, digests and times, newest first."""
    from hermes_cfn.flows.fleet import registry

    deploy_context = reach.deploy_context(console.context())
    images = registry.images(deploy_context)
    if form == "json":
        console.put_json([{"tags": i.tags, "digest": i.digest, "pushed": i.pushed} for i in images])
    else:
        rows = [(", ".join(i.tags) or "-", i.digest[:19], i.pushed or "") for i in images]
        console.console().print(console.table("", ("tags", "digest", "pushed"), rows))
    return ExitCode.OK
