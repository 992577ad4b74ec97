"""``scale``: another number or type of instances, said in ``hermes.toml`` and planned."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, Finding, HermesError


@click.command()
@click.option("--instances", type=click.IntRange(1, 100), help="How many instances.")
@click.option("--type", "instance_type", help="Instance type, like t4g.medium.")
@click.option("--plan/--no-plan", "planned", default=True, show_default=True, help="Show the plan afterwards.")
@console.local_option
def command(instances: int | None, instance_type: str | None, planned: bool) -> int:
    """Edit hermes.toml, comments kept, and show what it would change; `deploy` does it."""
    from hermes_cfn import config
    from hermes_cfn.config import edit

    given = console.context()
    if instances is None and instance_type is None:
        raise HermesError(
            Finding("scale-nothing", "scale", "nothing to change", next="--instances N or --type TYPE"),
            exit_code=ExitCode.USAGE,
        )
    before = given.settings()
    text = given.config.read_text(encoding="utf-8")
    section = "compute" if _own(text, given.environment) else f"environments.{given.environment}.compute"
    for key, value in (("count", instances), ("instance_type", instance_type)):
        if value is not None:
            text = edit.replace(text, section, key, value, str(given.config))
    after = config.parse(text, given.environment, str(given.config))
    given.config.write_text(text, encoding="utf-8")
    terminal.echo(
        f"{given.config}: {before.compute.count} × {before.compute.instance_type}"
        f" → {after.compute.count} × {after.compute.instance_type}"
    )
    if planned:
        click.get_current_context().find_root().invoke(_plan())
    terminal.echo(again("next: hermes-cfn deploy"), err=True)
    return ExitCode.OK


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
