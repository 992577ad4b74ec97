"""``approve``: a person agrees to one plan, so that something else may apply it."""

from __future__ import annotations

import getpass
import sys
from datetime import timedelta

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

LONGEST = timedelta(days=1)


@click.command()
@console.local_option
@click.argument("plan")
@click.option("--image", default="", help="The image for which the plan was made.")
@click.option("--replace", multiple=True, metavar="LOGICAL_ID", help="What may be replaced, as for the plan.")
@click.option(
    "--for", "lasts", default="1h", show_default=True, metavar="AGE", help="How long it holds (30m, 12h, 1d)."
)
def command(plan: str, image: str, replace: tuple[str, ...], lasts: str) -> int:
    """Show the plan of this hash again, and keep your approval for whoever applies it.

    Typed on a terminal only.  It holds for this account, region and environment, once, and until it expires.
    """
    from hermes_cfn.cli import approvals
    from hermes_cfn.cli.plan import price_book, put
    from hermes_cfn.deciders import certificate
    from hermes_cfn.deciders.approval import Approval
    from hermes_cfn.flows.stacks import plan_inputs
    from hermes_cfn.plan import record

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise HermesError(
            Finding(
                "approval-needs-terminal",
                plan,
                "an approval is typed by a person on a terminal; nothing was approved",
                next="a person types: " + hermes("approve", plan),
            ),
            exit_code=ExitCode.REFUSED,
        )
    holds = certificate.age(lasts)
    if not record.is_digest(plan):
        raise click.UsageError(f"{plan!r} is no plan's hash of 16 hexadecimal digits; hermes-cfn plan shows it")
    if holds is None or holds > LONGEST:
        raise click.BadParameter(f"{lasts!r} is no time up to 1d, like 30m or 12h", param_hint="--for")
    context = reach.deploy_context(console.context())
    book, unpriced = price_book(context.region)
    request = plan_inputs.PlanRequest(image=image, replace=frozenset(replace), book=book, unpriced=unpriced)
    made = plan_inputs.make(context, request)
    record.approved(plan, made)
    put(made, "text")
    if made.errors:
        raise HermesError(
            Finding(
                "approval-of-errors",
                plan,
                "the plan ends in errors, so there is nothing to approve",
                next=hermes("plan"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    environment = context.settings.environment.name
    where = f"{environment} of account {context.names.account} in {context.region}"
    if click.prompt(f"Type {environment!r} to approve this for {where}", default="", show_default=False) != environment:
        terminal.echo("nothing was approved", err=True)
        return ExitCode.FAILED
    until = context.now + holds
    approvals.keep(
        Approval(
            plan,
            context.names.account,
            context.region,
            environment,
            until.isoformat(),
            getpass.getuser(),
            image,
            replace,
        )
    )
    terminal.echo(f"approved until {console.at(until)}: hermes-cfn deploy --plan {plan} --approved")
    return ExitCode.OK
