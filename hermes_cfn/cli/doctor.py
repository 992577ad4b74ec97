"""``doctor``: what is wrong, the evidence, and the command that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import tell
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes

if TYPE_CHECKING:
    from hermes_cfn.flows.base.loop import Story


@click.command()
@click.option("--offline", is_flag=True, help="Only what needs no AWS: the file, the templates, the tools.")
@click.option("--drift", is_flag=True, help="Let CloudFormation look for changes by hand (takes a minute).")
@console.format_option("text", "json")
@console.local_option
def command(offline: bool, drift: bool, form: str) -> int:
    """Run every check and say what to type next; changes nothing.

    Ends with 1 when it finds an error.  Where AWS cannot be reached, that is one more finding.
    """
    context = console.context()
    with console.progress("the file, the templates, the tools"):
        found = [*_offline(context), *_protection(context, offline)]
    if not offline:
        try:
            found += _visited(context, drift)
        except HermesError as problem:
            found += problem.findings
    if form == "json":
        console.put_json([finding.as_dict() for finding in found])
    else:
        for finding in found:
            _show(finding)
        errors = sum(finding.severity is Severity.ERROR for finding in found)
        terminal.echo(f"{len(found)} findings, {errors} of them errors" if found else "nothing is wrong")
    return ExitCode.FAILED if any(finding.severity is Severity.ERROR for finding in found) else ExitCode.OK


def _protection(context: console.Context, offline: bool) -> Iterator[Finding]:
    """Who may use the pipeline's environments on GitHub; the embedded cloud's pipeline is nobody's."""
    from hermes_cfn.flows.base import github

    if not context.local:
        yield from github.check(context.settings(), offline=offline)


def _visited(context: console.Context, drift: bool) -> list[Finding]:
    from hermes_cfn.flows.doctor import Doctor, resolve, zone_resolver

    deploy_context = reach.deploy_context(context)
    return _told(Doctor(deploy_context, zone_resolver(deploy_context) if context.local else resolve, drift).visit())


def _told(story: Story[list[Finding]]) -> list[Finding]:
    """The story's value; its stages are progress for a terminal, what one begins with is said to everybody."""
    from hermes_cfn.events import StageStarted

    out = console.console(stderr=True)
    while True:
        try:
            event = next(story)
        except StopIteration as end:
            return list(end.value)
        if isinstance(event, StageStarted) and event.detail:
            terminal.echo(event.detail, err=True)
        if out.is_terminal and isinstance(event, StageStarted):
            out.print(f"looks at {event.stage}", style="dim")


def _show(finding: Finding) -> None:
    colour = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}[finding.severity]
    tell(finding, colour)


def _offline(context: console.Context) -> Iterator[Finding]:
    """The configuration (which raises by itself), placeholders, stale templates, cfn-lint, tools."""
    from hermes_cfn import lint, templates

    settings = context.settings()
    for key, value, placeholder in (
        ("certificate.domain", settings.certificate.domain, "yourdomain.com"),
        ("github.repository", settings.github.repository, "YOUR_ORG"),
    ):
        if placeholder in value:
            yield Finding(
                "placeholder", key, f"is still {value!r}", next=f"edit {context.config}", severity=Severity.WARNING
            )
    deployment = context.deployment()
    directory = context.config.parent / "templates" / deployment.environment
    if directory.exists() and templates.compare(deployment, directory):
        yield Finding(
            "templates-stale",
            str(directory),
            "differs from the file",
            next=hermes("render"),
            severity=Severity.WARNING,
        )
    yield from lint.lint(deployment)
    for tool, why in (("docker", "builds and pushes images"), ("aws", "opens shells through Session Manager")):
        if shutil.which(tool) is None:
            yield Finding("tool-missing", tool, "is not on this machine", why=why, severity=Severity.INFO)
