"""``local``: the embedded cloud as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config import Settings
    from hermes_cfn.local.control import Status


SCHEMES = {"443": "https", "80": "http"}
"""What a browser is to be told for a listener's port."""


def show(status: Status, form: str) -> None:
    """Print what runs, as text or as data."""
    if form == "json":
        console.put_json(status.as_dict())
        return
    if not status.running:
        terminal.echo(f"no embedded cloud runs here; next: {hermes('local', 'start')}")
        return
    terminal.echo(f"endpoint   {status.endpoint}   process {status.pid}   service time {status.now}")
    for name, addresses in status.load_balancers.items():
        for scheme, address in addresses.items():
            terminal.echo(f"balancer   {SCHEMES.get(scheme, scheme)}://{address}   {name}")
    for instance, address in status.instances.items():
        terminal.echo(f"instance   {address}   {instance}")
    if status.database:
        terminal.echo(f"database   {status.database}")


@click.group()
def command() -> None:
    """Start, stop and inspect the embedded cloud; HERMES_STATE says where it lives (.hermes)."""


@command.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any free one",
    help="The loopback port it speaks AWS's protocol on.",
)
@console.number_option("--speed", 0, 1000, 20.0, "How much faster than AWS the waits of the fleet pass.")
@click.option("--real-time", is_flag=True, help="CloudFormation takes the time that people have measured.")
@click.option("--enforce", is_flag=True, help="Check IAM permissions: a caller that may not, cannot.")
@click.option("--own-ports", is_flag=True, help="Give instances a port on 127.0.0.1 instead of an address (macOS).")
@click.option("--database/--no-database", default=True, help="An external PostgreSQL beside it.")
@click.option(
    "--processes/--no-processes",
    default=True,
    help="Instances without processes exist in the books only: hundreds of them, on which nothing runs or answers.",
)
@click.option(
    "--postgres",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Programs of a PostgreSQL server on this machine, to use instead of the wheel's.",
)
@click.option(
    "--engine", default="", help="A container engine of this machine (podman) for images that name one of its own."
)
@click.option(
    "--consistency",
    type=click.Choice(("strong", "default", "worst")),
    help="strong: every answer is as of now; default: late, unknown and broken as often as AWS; worst: answers go back.",
)
@click.option("--reset", is_flag=True, help="Start afresh; what it held is lost.")
@console.format_option("text", "json")
def start(
    port: int,
    speed: float,
    real_time: bool,
    enforce: bool,
    own_ports: bool,
    database: bool,
    processes: bool,
    postgres: Path | None,
    engine: str,
    consistency: str | None,
    reset: bool,
    form: str,
) -> None:
    """Start it, unless it runs."""
    import shlex
    import shutil

    from hermes_cfn.local import control
    from hermes_cfn.local.options import Addresses, Options

    if engine and shutil.which(shlex.split(engine)[0]) is None:
        raise click.BadParameter(
            f"there is no program {shlex.split(engine)[0]!r} on this machine", param_hint="--engine"
        )
    options = Options(
        port=port,
        database=database,
        processes=processes,
        postgres=str(postgres.resolve()) if postgres else "",
        engine=engine,
        real_time=real_time,
        enforce=enforce,
        speed=speed,
        addresses=Addresses.OWN_PORT if own_ports else Addresses.AUTO,
    )
    if consistency:
        options = replace(options, consistency=consistency)
    state = control.default_state()
    if reset:
        control.reset(state)
    with console.progress("the embedded cloud starts"):
        status = control.start(state, options)
    show(status, form)


@command.command()
@click.option("--reset", is_flag=True, help="Also clear a damaged or stale directory.")
def stop(reset: bool) -> None:
    """Stop it and everything it started."""
    from hermes_cfn.local import control

    state = control.default_state()
    if reset:
        control.reset(state)
        terminal.echo("stopped and cleared")
    else:
        stopped = control.stop(state)
        if not stopped:
            control.server()
        terminal.echo("stopped" if stopped else "nothing runs here")


@command.command()
@console.format_option("text", "json")
def status(form: str) -> int:
    """What runs, and where."""
    from hermes_cfn.local import control

    found = control.status(control.default_state())
    if not found.running:
        control.server()
    show(found, form)
    return ExitCode.OK if found.running else ExitCode.FAILED


@command.command()
@click.option("--region", default="eu-south-2", show_default=True, help="The region that is called by default.")
def env(region: str) -> None:
    """Print the variables by which the AWS CLI and SDKs call it, secret key included: for `eval "$(... local env)"`."""
    import shlex

    from hermes_cfn.local import control

    reach.embedded(start=False)
    for name, value in control.variables(control.default_state(), region).items():
        terminal.echo(f"export {name}={shlex.quote(value)}")


@command.command()
def database() -> None:
    """Print the URL of the external PostgreSQL, password included: for ``secrets set DATABASE_URL``."""
    from hermes_cfn.local import control

    reach.embedded(start=False)
    terminal.echo(control.database(control.default_state()))


def _a_program(directory: Path) -> None:
    """Raises HermesError where the directory has neither a program nor the name of an engine's image."""
    if not any((directory / name).is_file() for name in ("run", "image.json")):
        raise HermesError(
            Finding(
                "image-without-program",
                str(directory),
                "holds neither a program named run nor an image.json",
                next='write run (executable), or image.json like {"Image": "localhost/shop:v1"} for local start --engine podman',
            ),
            exit_code=ExitCode.USAGE,
        )


def stand_in(settings: Settings, tag: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables by which the stand-in serves the port, path and code that the settings say; ``given`` come on top."""
    application = settings.application
    said = {"RELEASE": tag, "HEALTH_PATH": application.health_path}
    if "PORT" not in given:
        said["SERVES_PORT"] = str(application.port)
    if 200 not in application.health_codes:
        said["HEALTH_STATUS"] = str(application.health_codes[0])
    return {**said, **given}


@command.command()
@click.argument("tag")
@click.option(
    "--directory", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A program of your own."
)
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of the image.")
@click.option("--architecture", default=None, help="The image's architecture (default: what the instances have).")
def image(tag: str, directory: Path | None, variables: tuple[str, ...], architecture: str | None) -> None:
    """Push the stand-in application, or a directory with a program named `run`, under TAG."""
    from hermes_cfn.local import control
    from hermes_cfn.names import Names

    context = console.context()
    settings = context.settings()
    if directory:
        _a_program(directory)
    running = reach.embedded(start=False)
    own, repository = reach.clients(replace(context, local=True), settings, running), Names.of(settings).repository
    if own.ecr.uri(repository) is None:
        raise HermesError(
            Finding(
                "registry-missing",
                repository,
                "there is no repository for its images yet: the foundation makes it",
                next=hermes("--local", "bootstrap"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    pushed = control.ask(
        control.default_state(),
        "images",
        {
            "region": settings.region,
            "repository": repository,
            "tag": tag,
            "directory": str(directory.resolve()) if directory else None,
            "env": stand_in(settings, tag, dict(pair.split("=", 1) for pair in variables)),
            "architecture": architecture or settings.application.architecture,
        },
    )
    terminal.echo(f"{tag}  {pushed['reference']}")
