"""``rehearse``: what an update would do, seen on this machine before it is done."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode

if TYPE_CHECKING:
    from hermes_cfn.config import Settings
    from hermes_cfn.local.options import Options


@click.command()
@click.option(
    "--image", default="", help="Rehearse this image: release, failing release, rollback, a fault of each class."
)
@click.option(
    "--engine",
    default="",
    help="The container engine that has the image: podman or docker (default: the stand-in application takes its tag).",
)
@click.option(
    "--load",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What to ask for: an ALB access log, a HAR file or an OpenAPI document.",
)
@click.option("--path", "paths", multiple=True, metavar="/PATH", help="What to ask for, stated.")
@click.option(
    "--secrets", "secrets_file", type=click.Path(dir_okay=False, path_type=Path), help="NAME=value lines for the image."
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one self-contained page.")
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the certificate there, not into rehearsals/ beside hermes.toml.",
)
@console.number_option("--rate", 0, 5000, 50.0, "Requests a second, at random distances.")
@click.option("--sockets", type=click.IntRange(0, 1000), default=4, show_default=True, help="WebSockets held open.")
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same load.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[@WHEN]", help="A fault; see `rehearse --faults`.")
@click.option(
    "--no-faults", "faultless", is_flag=True, help="With --image: release, failing release and rollback alone."
)
@click.option("--faults", "listing", is_flag=True, help="List the faults and when they can strike.")
@click.option(
    "--times",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="So many updates in turn, each with the next seed.",
)
@console.number_option("--speed", 0, 1000, 20.0, "Waits of the cloud pass so many times faster.")
@click.option("--back", is_flag=True, help="Rehearse a rollback, not a release.")
@click.option("--never-again", is_flag=True, help="Do not run a deployer that was killed again.")
@click.option(
    "--consistency",
    type=click.Choice(["strong", "default", "worst"]),
    help="How late the cloud answers: not at all; as often as AWS (default); always once more what was before.",
)
@click.option("--story", is_flag=True, help="Every verb in turn, from bootstrap to destroy, instead of one update.")
@console.format_option("text", "json")
def command(
    image: str,
    engine: str,
    source: Path | None,
    paths: tuple[str, ...],
    secrets_file: Path | None,
    html: Path | None,
    certificate: Path | None,
    rate: float,
    sockets: int,
    seed: int,
    times: int,
    faults: tuple[str, ...],
    faultless: bool,
    listing: bool,
    speed: float,
    back: bool,
    never_again: bool,
    consistency: str | None,
    story: bool,
    form: str,
) -> int:
    """Deploy the present configuration to a fresh embedded cloud, and update it under load.

    With --image the image goes through a whole course, and gets a certificate when nothing is lost: `release
    --require-rehearsal` asks for one.
    """
    from hermes_cfn.local import control
    from hermes_cfn.local.options import Options
    from hermes_cfn.rehearse import faults as known
    from hermes_cfn.rehearse import run, verdict
    from hermes_cfn.rehearse.sandbox import Sandbox

    if listing:
        for name, about in known.listing():
            terminal.echo(f"{name:<28} {about}")
        return ExitCode.OK
    control.server()
    everywhere = [text for text in faults if text.partition("@")[0] == known.KILL_EVERYWHERE]
    if everywhere and len(faults) > 1:
        raise click.UsageError(f"{known.KILL_EVERYWHERE} stands alone")
    if everywhere and back:
        raise click.UsageError(
            f"{known.KILL_EVERYWHERE} is a release's; --fault {known.DEPLOYER_DIES}@{known.EVERY} --back"
        )
    bad_first = next((text for text in faults if text.partition("@")[0] == known.FIRST_BAD), None)
    if bad_first and (len(faults) > 1 or back or times > 1 or "@" in bad_first):
        raise click.UsageError(f"{known.FIRST_BAD} stands alone: it is one update of a fresh cloud")
    if back and any(text.partition("@")[0] == known.BARRED for text in faults):
        raise click.UsageError(f"{known.BARRED} is a release's; of a rollback it is --fault image-gone --back")
    steps = known.steps(everywhere[0]) if everywhere else None
    chosen = tuple(known.parse(text) for text in faults if text not in everywhere)
    given = console.context()
    settings = given.settings()
    turns = [
        run.Wanted(rate=rate, sockets=sockets, seed=seed + time, faults=some, again=not never_again, back=back)
        for time in range(times)
        for some in known.turns(chosen)
    ]

    options = Options(follow_parent=True, database=True, speed=speed, seed=seed, engine=engine)
    if consistency:
        options = replace(options, consistency=consistency)

    def say(line: str) -> None:
        terminal.echo(line, err=True)

    if image:
        from hermes_cfn.cli import rehearse_image

        _alone("--image", story=story, back=back, times=times > 1, kill_everywhere=bool(everywhere))
        given_rate = None if _defaulted("rate") else rate
        asked = rehearse_image.Asked(
            image, engine, source, paths, secrets_file, html, certificate, given_rate, None if _defaulted("sockets") else sockets,
            seed, () if faultless else tuple(chosen) if faults else None,
        )  # fmt: skip
        return rehearse_image.command(given, settings, options, asked, form, say)
    for name, value in {"--engine": engine, "--load": source, "--path": paths, "--secrets": secrets_file, "--no-faults": faultless,
                        "--certificate": certificate}.items():  # fmt: skip
        if value:
            raise click.UsageError(f"{name} goes with --image")
    if story:
        _alone("--story", html=html is not None)
        return _story(given.config.resolve(), options, given.environment, settings, form, say)
    with (
        tempfile.TemporaryDirectory(prefix="hermes-rehearsal-") as directory,
        Sandbox(given.config.resolve(), Path(directory), options, given.environment) as sandbox,
    ):
        seen: list[verdict.Verdict] = []
        whole = True
        try:
            if everywhere:
                seen.extend(run.kill_everywhere(sandbox, settings, turns[0], steps, say))
            else:
                run.first(sandbox, settings, say, any(fault.kind == known.FIRST_BAD for fault in chosen))
                seen.extend(run.in_turn(sandbox, settings, turns, "v1", say))
        except KeyboardInterrupt:
            if not seen:
                say("interrupted before anything was seen; the next rehearsal begins anew")
                return ExitCode.INTERRUPTED
            whole = False
            say(f"interrupted; this is what {len(seen)} updates have shown")
    if html:
        from hermes_cfn.cli import rehearse_image

        rehearse_image.write_page(html, settings, seen, say)
    if form == "json":
        console.put_json([one.as_dict() for one in seen] if everywhere or len(turns) > 1 else seen[0].as_dict())
    else:
        for one in seen:
            for line in verdict.screen(one):
                terminal.echo(line)
    good = whole and all(verdict.good(one) for one in seen) and (bool(everywhere) or len(seen) == len(turns))
    return ExitCode.OK if good else ExitCode.FAILED


def _defaulted(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def _alone(name: str, **others: bool) -> None:
    for other, there in others.items():
        if there:
            raise click.UsageError(f"{name} goes without --{other.replace('_', '-')}")


def _story(
    config: Path, options: Options, environment: str | None, settings: Settings, form: str, say: Callable[[str], None]
) -> int:
    """Every verb in turn, with a copy of the configuration: one of the verbs changes it."""
    from hermes_cfn.rehearse import story
    from hermes_cfn.rehearse.sandbox import Sandbox

    with tempfile.TemporaryDirectory(prefix="hermes-rehearsal-") as directory:
        for one in (config, *config.parent.glob(f"{config.stem}.*{config.suffix}")):
            shutil.copy(one, directory)
        copied = Path(directory, config.name)
        scenes: list[story.Scene] = []
        with Sandbox(copied, Path(directory, "state"), options, environment) as sandbox:
            for scene in story.tell(sandbox, settings, options.seed, say):
                scenes.append(scene)
                for line in story.screen(scene):
                    say(line)
    if form == "json":
        console.put_json([scene.as_dict() for scene in scenes])
    ended = len(scenes) == len(list(story.scenarios(settings, "")))
    return ExitCode.OK if ended and all(scene.good for scene in scenes) else ExitCode.FAILED
