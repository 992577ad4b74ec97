"""``release``: the daily verb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn import names
from hermes_cfn.cli import console, reach
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode

if TYPE_CHECKING:
    from hermes_cfn.flows.fleet.rehearsed import Required


@click.command()
@console.local_option
@console.lock_option
@click.option("--image", default="", help="Tag or digest to release.")
@click.option("--resume", is_flag=True, help="Go on where a rollout was left.")
@click.option("--pause-at", type=click.IntRange(min=1), help="Stop taking instances once so many are on it.")
@click.option("--incompatible", is_flag=True, help="This release's schema does not serve the one before it.")
@click.option("--despite-templates", is_flag=True, help="Release although the stacks differ from hermes.toml.")
@click.option(
    "--require-rehearsal",
    "rehearsal",
    is_flag=False,
    flag_value="any",
    metavar="[AGE]",
    help="Refuse an image without a certificate of `rehearse --image`, or with one older than AGE (30m, 12h, 7d).",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
def command(
    image: str,
    resume: bool,
    pause_at: int | None,
    incompatible: bool,
    despite_templates: bool,
    rehearsal: str | None,
    yes: bool,
    form: str,
) -> int:
    """Roll an image through the fleet; needs the release role only and touches no stack."""
    from hermes_cfn.flows import release

    if bool(image) == resume:
        raise click.UsageError("either --image TAG or --resume")
    context = console.context()
    required = _required(context.config, rehearsal)
    if required and resume:
        raise click.UsageError("--require-rehearsal goes with --image: what is resumed was begun already")
    agree(yes, "release")
    deploy_context = reach.deploy_context(context)
    story = (
        release.resume(deploy_context, despite_templates)
        if resume
        else release.run(deploy_context, image, not incompatible, pause_at, despite_templates, required)
    )
    console.follow(story, form)
    return ExitCode.OK


def _required(config: Path, given: str | None) -> Required | None:
    if given is None:
        return None
    from hermes_cfn.deciders import certificate
    from hermes_cfn.flows.fleet.rehearsed import Required

    at_most = certificate.age(given)
    if given != "any" and at_most is None:
        raise click.BadParameter(f"{given!r} is no age like 30m, 12h or 7d", param_hint="--require-rehearsal")
    return Required(config.resolve().parent / names.REHEARSALS, at_most)
