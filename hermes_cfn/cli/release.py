"""``release``: the daily verb."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode


@click.command()
@console.local_option
@console.lock_option
@click.option("--image", default="", help="Tag or digest to release.")
@click.option("--resume", is_flag=True, help="Go on where a rollout was left.")
@click.option("--pause-at", type=click.IntRange(min=1), help="Stop taking instances once so many are on it.")
@click.option("--incompatible", is_flag=True, help="This release's schema does not serve the one before it.")
@click.option("--despite-templates", is_flag=True, help="Release although the stacks differ from hermes.toml.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def command(
    image: str, resume: bool, pause_at: int | None, incompatible: bool, despite_templates: bool, yes: bool, form: str
) -> int:
    """Roll an image through the fleet; needs the release role only and touches no stack."""
    from hermes_cfn.flows import release

    if bool(image) == resume:
        raise click.UsageError("either --image TAG or --resume")
    context = console.context()
    agree(yes, "release")
    deploy_context = reach.deploy_context(context)
    story = (
        release.resume(deploy_context, despite_templates)
        if resume
        else release.run(deploy_context, image, not incompatible, pause_at, despite_templates)
    )
    console.follow(story, form)
    return ExitCode.OK
