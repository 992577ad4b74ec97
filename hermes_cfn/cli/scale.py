"""``scale``: another number or type of instances, said in ``hermes.toml`` and planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config import Settings


@click.command()
@click.option("--instances", type=click.IntRange(1, 100), help="How many instances.")
@click.option(
    "--minimum", type=click.IntRange(1, 100), help="Of a group that scales by itself: instances at the least."
)
@click.option("--maximum", type=click.IntRange(1, 100), help="Instances at the most; [scaling] says by what it scales.")
@click.option("--type", "instance_type", help="Instance type, like t4g.medium.")
@click.option("--plan/--no-plan", "planned", default=True, show_default=True, help="Show the plan afterwards.")
@console.local_option
def command(
    instances: int | None, minimum: int | None, maximum: int | None, instance_type: str | None, planned: bool
) -> int:
    """Edit hermes.toml, comments kept, and show what it would change; `deploy` does it."""
    from hermes_cfn import config
    from hermes_cfn.config import edit

    given = console.context()
    if all(one is None for one in (instances, minimum, maximum, instance_type)):
        raise HermesError(
            Finding("scale-nothing", "scale", "nothing to change", next="--instances N, --minimum N or --type TYPE"),
            exit_code=ExitCode.USAGE,
        )
    before = given.settings()
    if instances is not None and before.scaling.on:
        raise HermesError(
            Finding(
                "scale-by-itself",
                "scale",
                f"the group has {_size(before)} instances by [scaling], and --instances would be nobody's number",
                next="--minimum N and --maximum N; or take [scaling] out of the file",
            ),
            exit_code=ExitCode.USAGE,
        )
    text = given.config.read_text(encoding="utf-8")
    prefix = "" if _own(text, given.environment) else f"environments.{given.environment}."
    for section, key, value in (
        ("compute", "count", instances),
        ("compute", "instance_type", instance_type),
        ("scaling", "minimum", minimum),
        ("scaling", "maximum", maximum),
    ):
        if value is not None:
            text = edit.replace(text, prefix + section, key, value, str(given.config))
    after = config.parse(text, given.environment, str(given.config))
    given.config.write_text(text, encoding="utf-8")
    terminal.echo(
        f"{given.config}: {_size(before)} × {before.compute.instance_type}"
        f" → {_size(after)} × {after.compute.instance_type}"
    )
    if planned:
        click.get_current_context().find_root().invoke(_plan())
    terminal.echo(again("next: " + hermes("deploy")), err=True)
    return ExitCode.OK


def _size(settings: Settings) -> str:
    scaling = settings.scaling
    return f"{scaling.minimum} to {scaling.maximum}" if scaling.on else str(settings.compute.count)


def _own(text: str, environment: str | None) -> bool:
    """Whether the environment is the file's own, rather than an overlay."""
    import tomllib

    return environment is None or environment not in tomllib.loads(text).get("environments", {})


def _plan() -> click.Command:
    from hermes_cfn.cli import hermes

    found = hermes.get_command(click.get_current_context().find_root(), "plan")
    if found is None:
        raise HermesError(Finding("verb-missing", "plan", "there is no such verb"))
    return found
