"""``rehearse``: what an update would do, seen on this machine before it is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from hermes_cfn.cli import console
from hermes_cfn.errors import ExitCode


@click.command()
@click.option("--rate", default=50.0, show_default=True, help="Requests a second, at random distances.")
@click.option("--sockets", default=4, show_default=True, help="WebSockets held open.")
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same load.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[@WHEN]", help="A fault; see `rehearse --faults`.")
@click.option("--faults", "listing", is_flag=True, help="List the faults and when they can strike.")
@click.option("--never-again", is_flag=True, help="Do not run a deployer that was killed again.")
@console.format_option("text", "json")
def command(
    rate: float, sockets: int, seed: int, faults: tuple[str, ...], listing: bool, never_again: bool, form: str
) -> int:
    """Deploy the present configuration to a fresh embedded cloud, and update it under load."""
    from hermes_cfn.rehearse import faults as known
    from hermes_cfn.rehearse import run, verdict
    from hermes_cfn.rehearse.sandbox import Sandbox

    if listing:
        for name, about in known.listing():
            click.echo(f"{name:<28} {about}")
        return ExitCode.OK
    everywhere = known.KILL_EVERYWHERE in faults
    chosen = tuple(known.parse(text) for text in faults if text != known.KILL_EVERYWHERE)
    given = console.context()
    settings = given.settings()
    wanted = run.Wanted(rate=rate, sockets=sockets, seed=seed, faults=chosen, again=not never_again)

    def say(line: str) -> None:
        click.echo(line, err=True)

    with (
        tempfile.TemporaryDirectory(prefix="hermes-rehearsal-") as directory,
        Sandbox(given.config.resolve(), Path(directory), environment=given.environment) as sandbox,
    ):
        if everywhere:
            seen = run.kill_everywhere(sandbox, settings, wanted, say)
        else:
            seen = [run.rehearse(sandbox, settings, wanted, say)]
    if form == "json":
        console.put_json([one.as_dict() for one in seen] if everywhere else seen[0].as_dict())
    else:
        for one in seen:
            for line in verdict.screen(one):
                click.echo(line)
    return ExitCode.OK if all(one.converged for one in seen) else ExitCode.FAILED
