"""``validate``: cfn-lint over the stacks, or over any template."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--region", default=None, help="The region of the files (default: the file's own settings).")
@console.format_option("text", "json")
def command(files: tuple[Path, ...], region: str | None, form: str) -> int:
    """Zero errors and zero warnings, each stack for its region; or FILES, for --region."""
    from hermes_cfn import lint

    context = console.context()
    if files:
        where = region or context.settings().region
        findings = lint.lint_templates([(file, where, str(file)) for file in files])
        looked_at = len(files)
    else:
        deployment = context.deployment()
        findings = lint.lint(deployment)
        looked_at = len(deployment.stacks)
    if form == "json":
        console.put_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            terminal.echo(f"{finding.severity}: {finding.code} {finding}")
        terminal.echo(f"{looked_at} templates, {len(findings)} findings")
    return ExitCode.FAILED if findings else ExitCode.OK
