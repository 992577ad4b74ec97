"""``assets``: static files of a release."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.errors import ExitCode


@click.group()
def command() -> None:
    """Static files, in the bucket that CloudFront serves."""


@command.command("push")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default="priv/static")
@click.option("--image", default="", help="Take them out of this image, by tag or digest, instead of DIRECTORY.")
@console.format_option("text", "json")
@console.local_option
def push(directory: Path, image: str, form: str) -> int:
    """Upload DIRECTORY: digested files first and for a year, what names them last; nothing is deleted."""
    from hermes_cfn.flows import assets

    deploy_context = reach.deploy_context(console.context())
    console.follow(assets.release(deploy_context, image) if image else assets.push(deploy_context, directory), form)
    return ExitCode.OK
