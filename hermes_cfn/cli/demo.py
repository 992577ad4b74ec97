"""``demo``: the main job on this machine, from the configuration to a rolled release."""

from __future__ import annotations

import json
import subprocess
import time
from decimal import Decimal

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.units import dollars

BEFORE_S = 1.5
"""Seconds of load before and after the rolling update."""


@click.command()
@click.option("--rate", default=60.0, show_default=True, help="Requests a second during the rolling update.")
def command(rate: float) -> int:
    """Render, validate, price, deploy, and roll a release under live requests."""
    from hermes_cfn.local import control
    from hermes_cfn.local.options import Options
    from hermes_cfn.rehearse.sandbox import Sandbox

    control.server()
    given = console.context()
    settings = given.settings()
    begun = time.monotonic()
    sandbox = Sandbox(given.config, control.default_state(), Options(database=True), given.environment)
    out = console.console()

    def say(*words: str, local: bool = False) -> None:
        out.print(f"\n[bold]$ python -m hermes_cfn {' '.join(words)}{' --local' if local else ''}[/bold]")

    def show(*words: str, local: bool = False) -> None:
        say(*words, local=local)
        _stream(sandbox.begin(*words), words)

    show("render")
    show("validate")
    control.reset(sandbox.state)
    say("local", "start")
    control.start(sandbox.state, sandbox.options)
    say("deploy", local=True)
    _stream(sandbox.begin("deploy", "--yes"), ("deploy",), expected=ExitCode.REFUSED)
    out.print("\n[dim]What is left to a person: an image, and secrets (of no worth here).[/dim]")
    for tag in ("v1", "v2"):
        show("local", "image", tag)
    for name in settings.application.secrets:
        say("secrets", "set", name, local=True)
    sandbox.set_secrets(settings.application.secrets)
    show("deploy", "--image", "v1", "--yes", local=True)

    say("release", "--image", "v2", "--yes", local=True)
    load = sandbox.load(settings.certificate.domain or "localhost", rate)
    try:
        time.sleep(BEFORE_S)
        _stream(sandbox.begin("release", "--image", "v2", "--yes"), ("release",))
        time.sleep(BEFORE_S)
    except BaseException:
        load.kill()
        raise
    tally = load.stop()

    bill = json.loads(sandbox.run("cost", "--format", "json"))
    show("status", local=True)
    out.print("\n[bold]What you just saw[/bold]")
    out.print(f"  requests during the rolling update   {tally.sent} sent, {tally.failed} failed")
    for reason, count in tally.failed_by_reason.items():
        out.print(f"    {count} x {reason}")
    answers = ", ".join(f"{count} by {release}" for release, count in sorted(tally.releases.items()))
    out.print(f"  answers                              {answers}")
    out.print(f"  the bill of what runs                {_total(bill)} a month; python -m hermes_cfn cost")
    out.print(f"  all of this took                     {time.monotonic() - begun:.0f} s")
    out.print("\n[bold]Where to look next[/bold]")
    out.print(f"  https://{sandbox.address()}/          the application, through the load balancer")
    out.print("  python -m hermes_cfn plan --local      what a change to hermes.toml would do")
    out.print("  python -m hermes_cfn local stop        ends the embedded cloud, which is still running")
    return ExitCode.FAILED if tally.failed else ExitCode.OK


def _total(bill: dict[str, object]) -> str:
    return dollars(Decimal(str(bill["total"])))


def _stream(process: subprocess.Popen[str], words: tuple[str, ...], expected: ExitCode = ExitCode.OK) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            terminal.echo(f"  {line}", nl=False)
    if process.wait() not in (ExitCode.OK, expected):
        raise HermesError(
            Finding(
                "demo-step",
                " ".join(words),
                f"ended with exit code {process.returncode}",
                next="read what it printed above; the demo starts afresh each time",
            )
        )
