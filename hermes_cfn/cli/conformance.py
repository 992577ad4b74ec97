"""``conformance``: whether a cloud does what the documentation of AWS says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import ExitCode, Finding, HermesError

if TYPE_CHECKING:
    from hermes_cfn.aws.clients import AwsClients


@click.command()
@click.option("--endpoint", default="", help="Any endpoint that speaks AWS's APIs, like http://127.0.0.1:5000.")
@click.option("--region", default="eu-south-2", show_default=True, help="Where the cases make what they need.")
@click.option("--budget", type=float, default=None, help="Dollars that a run in a real account may cost at most.")
@click.option("--only", default="", help="Only cases whose name has this in it.")
@click.option("--clean", is_flag=True, help="Only take away what a run that was cut off has left.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@console.format_option("text", "json")
@console.local_option
def command(endpoint: str, region: str, budget: float | None, only: str, clean: bool, yes: bool, form: str) -> int:
    """Run the cases of conformance against the embedded cloud, an endpoint, or a real account."""
    from hermes_cfn.clock import SystemClock
    from hermes_cfn.flows import conformance
    from hermes_cfn.flows.conformance.cases import CASES

    context = console.context()
    clients = _clients(context, endpoint, region)
    chosen = [case for case in CASES if only in case.name]
    if clean:
        stays = conformance.clean(clients, SystemClock())
        for item in stays:
            terminal.echo(f"still there: {item}")
        terminal.echo("nothing is left" if not stays else "run the same command again, or delete these by hand")
        return ExitCode.OK if not stays else ExitCode.FAILED
    if not endpoint and not context.local:
        _agree(clients, chosen, budget, yes)
    results = []
    for result in conformance.run(clients, SystemClock(), chosen):
        results.append(result)
        if form == "text":
            terminal.echo(f"{result.outcome.value:<8} {result.case.name}" + (f": {result.said}" if result.said else ""))
    failed = [one for one in results if one.outcome is conformance.Outcome.FAILED]
    if form == "json":
        rows = [
            {"case": one.case.name, "page": one.case.page, "outcome": one.outcome.value, "said": one.said}
            for one in results
        ]
        console.put_json(rows)
    else:
        terminal.echo(f"{len(results) - len(failed)} of {len(results)} cases are as the documentation says")
    return ExitCode.FAILED if failed else ExitCode.OK


def _clients(context: console.Context, endpoint: str, region: str) -> AwsClients:
    """Clients of the cloud that was named; an endpoint of somebody else's never gets this machine's own credentials."""
    from hermes_cfn.aws.clients import connect
    from hermes_cfn.cli import reach

    if context.local:
        from hermes_cfn.local import control

        found = reach.embedded(start=False)
        return connect(None, region, found.endpoint, control.administrator(control.default_state()))
    if endpoint:
        return connect(None, region, endpoint, ("testing", "testing"))
    os.environ.pop("AWS_ENDPOINT_URL", None)
    return connect(context.profile, region)


def _agree(clients: AwsClients, chosen: Sequence[object], budget: float | None, yes: bool) -> None:
    """What a run in a real account makes and costs is said first, and agreed to."""
    from hermes_cfn.flows.conformance import PREFIX, TAG
    from hermes_cfn.flows.conformance.cases import AT_MOST_USD

    if budget is None or Decimal(str(budget)) < AT_MOST_USD:
        raise HermesError(
            Finding(
                "conformance-budget",
                "--budget",
                f"a run in a real account costs at most {AT_MOST_USD} USD, and nobody agreed to that",
                next=f"add --budget {max(AT_MOST_USD, Decimal(1))}, or --local, or --endpoint URL",
            ),
            exit_code=ExitCode.USAGE,
        )
    identity = clients.account.identity()
    terminal.echo(f"account {identity.account}, as {identity.arn}, in {clients.region}")
    terminal.echo(
        f"{len(chosen)} cases make stacks of standard SSM parameters, and one SSM document, each deleted at once;"
    )
    terminal.echo(f"their names begin with {PREFIX}, the stacks have the tag {TAG}; cost: {AT_MOST_USD} USD.")
    terminal.echo("After a run that was cut off: the same command with --clean.")
    if not yes and not terminal.confirm("Go on?"):
        raise HermesError(Finding("declined", "conformance", "nothing was done"), exit_code=ExitCode.REFUSED)
