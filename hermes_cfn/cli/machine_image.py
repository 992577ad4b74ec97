"""``machine-image``: what the instances are made from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode, hermes

if TYPE_CHECKING:
    from hermes_cfn.flows.machine_image import Image


@click.group()
def command() -> None:
    """Amazon Linux 2023 as the instances run it: nothing else moves it."""


@command.command("show")
@console.format_option("text", "json")
@console.local_option
def show(form: str) -> int:
    """What the stack records, what runs, what is newest, and how old each is."""
    from hermes_cfn.flows import machine_image

    images = machine_image.observe(reach.deploy_context(console.context()))
    if form == "json":
        console.put_json({**asdict(images), "stale": images.stale})
        return ExitCode.OK
    terminal.echo(f"recorded  {_said(images.recorded) if images.recorded else 'nothing is deployed'}")
    terminal.echo(f"newest    {_said(images.newest)}")
    for instance, image in images.running.items():
        terminal.echo(f"runs      {_said(image)}  {instance}")
    if images.stale:
        terminal.echo(again("next: " + hermes("machine-image", "update")))
    return ExitCode.OK


@command.command("update")
@click.option("--to", "image", help="This image instead of the newest.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def update(image: str | None, yes: bool, form: str) -> int:
    """Renew every instance by the same careful rollout that a release takes."""
    from hermes_cfn.flows import machine_image

    context = console.context()
    deploy_context = reach.deploy_context(context)
    images = machine_image.observe(deploy_context)
    chosen = image or images.newest.id
    if image is None and not images.stale:
        terminal.echo(f"everything runs the newest, {_said(images.newest)}", err=form == "json")
        return ExitCode.OK
    oldest = max(images.running.values(), key=lambda one: one.days or 0, default=images.recorded)
    if oldest is not None:
        to = _said(images.newest) if chosen == images.newest.id else chosen
        terminal.echo(f"{_said(oldest)} → {to}", err=form == "json")
    agree(yes, "machine-image update")
    console.follow(machine_image.update(deploy_context, chosen), form)
    return ExitCode.OK


def _said(image: Image) -> str:
    return image.id + (f", {image.days} days old" if image.days is not None else "")
