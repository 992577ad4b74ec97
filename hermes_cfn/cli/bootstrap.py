"""``bootstrap``: the foundation of an account, and what to put where afterwards."""

from __future__ import annotations

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode, hermes

VARIABLES = {
    "AWS_ROLE_ARN": "release",
    "AWS_INFRASTRUCTURE_ROLE_ARN": "infrastructure",
    "AWS_PLAN_ROLE_ARN": "plan",
}
"""GitHub variable -> role whose ARN it holds."""


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.reset_option
def command(yes: bool, form: str) -> int:
    """Artifacts bucket, registry, lock, GitHub's OIDC provider, roles and their boundary.

    Needs administrator's credentials, once for an account, and changes nothing when run again.
    """
    from hermes_cfn.flows import deploy

    context = console.context()
    agree(yes, "bootstrap")
    deploy_context = reach.deploy_context(context, start=True)
    console.follow(deploy.foundation(deploy_context), form)
    arns = {
        name: f"arn:aws:iam::{deploy_context.names.account}:role/{deploy_context.names.role(role)}"
        for name, role in VARIABLES.items()
    }
    secrets = deploy_context.settings.application.secrets
    if form == "json":
        console.put_json({"github_variables": arns, "github_secrets": [], "secrets": list(secrets)})
        return ExitCode.OK
    environment, repository = deploy_context.names.environment, deploy_context.settings.github.repository
    terminal.echo(f"\nIn GitHub, {repository}, Settings → Secrets and variables → Actions → Variables:")
    for name, arn in arns.items():
        terminal.echo(f"  {name}={arn}")
    terminal.echo("  no secret: the pipeline signs in with OIDC and holds no key")
    terminal.echo("Settings → Environments:")
    terminal.echo(f"  {environment}  restricted to branch {deploy_context.settings.github.branch}")
    terminal.echo(f"  {environment}-infrastructure  the same, with required reviewers")
    terminal.echo("In Systems Manager, from standard input:")
    for name in secrets:
        terminal.echo(again("  " + hermes("secrets", "set", name)))
    terminal.echo(
        again("next: " + hermes("image", "push", "TAG") + ", then " + hermes("deploy", "--image", "TAG")), err=True
    )
    return ExitCode.OK
