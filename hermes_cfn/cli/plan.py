"""``plan``: what would change, cost, interrupt and fail."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes

if TYPE_CHECKING:
    from hermes_cfn.plan import Plan
    from hermes_cfn.plan.drift import DriftReport
    from hermes_cfn.pricing.prices import PriceBook


@click.command()
@console.local_option
@click.option("--image", default="", help="Tag or digest that would be released.")
@click.option("--against", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Compare offline.")
@click.option("--change-set", is_flag=True, help="Ask AWS too, by change sets that are deleted again.")
@click.option(
    "--drift", is_flag=True, help="Let CloudFormation look for changes by hand, and price them (takes a minute)."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Record the plan for deploy --plan.")
@click.option("--replace", multiple=True, metavar="LOGICAL_ID", help="It may be replaced, and its data go with it.")
@click.option("--allow-older", is_flag=True, help="This checkout may undo what was deployed from a newer one.")
@click.option("--all", "whole", is_flag=True, help="Fold nothing: each resource, each line of the bill.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 3 when something would change.")
@console.format_option("text", "json", "markdown")
def command(
    image: str,
    against: Path | None,
    change_set: bool,
    drift: bool,
    out: Path | None,
    replace: tuple[str, ...],
    allow_older: bool,
    whole: bool,
    detailed_exitcode: bool,
    form: str,
) -> int:
    """Reads only; nothing is written, except with --change-set, which cleans up after itself."""
    from hermes_cfn.plan import record

    if against and (change_set or image or out or drift):
        raise click.UsageError(
            "--against compares two sets of templates offline: no --image, --change-set, --drift or --out"
        )
    if against:
        made = _offline(against, replace)
    else:
        made = _online(image, replace, allow_older, change_set) or _offline(None, replace)
    if out:
        out.write_text(record.text(made), encoding="utf-8")
    told = _drifted(made) if drift else None
    put(made, form, whole, told)
    if any(finding.code == "over-budget" for finding in made.errors):
        return ExitCode.OVER_BUDGET
    if made.errors:
        return ExitCode.FAILED
    return ExitCode.CHANGES if detailed_exitcode and not made.empty else ExitCode.OK


def _online(image: str, replace: tuple[str, ...], older: bool, change_set: bool) -> Plan | None:
    """The plan against AWS; None for whoever has no credentials at all and asks for nothing that needs them."""
    from hermes_cfn.flows.stacks import change_set_preview, plan_inputs

    context = console.context()
    try:
        deploy_context = reach.deploy_context(context)
    except HermesError as error:
        code = error.findings[0].code if error.findings else ""
        if code != "credentials-missing" or context.profile or image or change_set:
            raise
        terminal.echo("no credentials, so nothing was asked: what a first deployment would make", err=True)
        return None
    book, unpriced = price_book(deploy_context.region)
    question = plan_inputs.PlanRequest(
        image=image, replace=frozenset(replace), book=book, older=older, unpriced=unpriced
    )
    made = plan_inputs.make(deploy_context, question)
    return change_set_preview.of_aws(deploy_context, made) if change_set else made


def _offline(directory: Path | None, replace: tuple[str, ...]) -> Plan:
    from hermes_cfn import templates
    from hermes_cfn.flows.fleet.rollout import strategy
    from hermes_cfn.flows.stacks import plan_inputs
    from hermes_cfn.plan import PlanInputs
    from hermes_cfn.plan.timing import Pace

    context = console.context()
    settings, deployment = context.settings(), context.deployment()
    chosen = strategy(settings)
    book, unpriced = price_book(settings.account.region)
    inputs = PlanInputs(
        account=settings.account.id,
        strategy=chosen.kind,
        batch=chosen.batch,
        canary=chosen.canary,
        bake_s=chosen.bake_s,
        instances=settings.compute.count,
        pace=Pace.of(settings),
        book=book,
        findings=unpriced,
        replace=frozenset(replace),
        ceiling=settings.budget.ceiling_usd,
        commit=reach.head(context.config),
        admitted=settings.database.allow_list,
    )
    before = templates.read(directory) if directory else dataclasses.replace(deployment, stacks=())
    return plan_inputs.against(inputs, deployment, before)


def price_book(region: str) -> tuple[PriceBook | None, tuple[Finding, ...]]:
    """The book that ``cost`` uses by default; none where the region has no prices, and then a warning that says so."""
    from hermes_cfn.pricing import books

    try:
        return books.load(region), ()
    except HermesError as error:
        if {finding.code for finding in error.findings} != {"book-missing"}:
            raise
        return None, tuple(
            dataclasses.replace(
                finding, severity=Severity.WARNING, why="the plan goes on without its bill: nothing is priced"
            )
            for finding in error.findings
        )


def as_event(made: Plan, at: datetime) -> None:
    """Print a plan as a line of JSON, like an event."""
    from hermes_cfn.plan.model import as_data

    terminal.echo(json.dumps({"event": "Planned", "at": str(at), "plan": as_data(made)}))


def _drifted(made: Plan) -> DriftReport:
    """What somebody changed by hand, with its price."""
    from hermes_cfn import stacks
    from hermes_cfn.flows.stacks import drifted

    deploy_context = reach.deploy_context(console.context())
    return drifted.look(deploy_context, made, price_book(deploy_context.region)[0], stacks.build)


def _put_drift(told: DriftReport, form: str) -> None:
    """Three columns: what the template says, what was deployed, what is there; and what it costs."""
    from hermes_cfn.units import dollars

    heads = ("stack/resource", "property", "template", "deployed", "real", "setting")
    rows = [
        (
            f"{row.drifted.stack}/{row.drifted.logical_id}",
            row.drifted.path.lstrip("/") or row.drifted.resource_type,
            row.template,
            row.drifted.deployed,
            row.drifted.real,
            row.setting,
        )
        for row in told.rows
    ]
    if form == "markdown":
        terminal.echo("\n### Changed by hand\n")
        for cells in (heads, ("---",) * len(heads), *rows) if rows else ():
            terminal.echo("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    elif rows:
        console.put_table("changed by hand", heads, rows)
    if not rows:
        terminal.echo("nothing was changed by hand")
    if told.bill is not None:
        sign = "+" if told.bill.monthly >= 0 else ""
        terminal.echo(f"what was changed by hand costs {sign}{dollars(told.bill.monthly)} a month")
    for key, why in (told.unread or {}).items():
        terminal.echo(f"{key}: CloudFormation could not look at all of it: {why}")
    if rows:
        terminal.echo(
            again("next: " + hermes("deploy", "--revert-drift") + ", or deploy --keep-drift where a setting says it")
        )


def put(made: Plan, form: str, whole: bool = False, told: DriftReport | None = None) -> None:
    """Print a plan; a large one is folded for people unless they want the ``whole``.  ``told``: what drifted, too."""
    from hermes_cfn.clock import read_between
    from hermes_cfn.plan import drift, record, show
    from hermes_cfn.plan.model import as_data

    hashed = record.digest(made)
    read = read_between(*made.read) if made.read else ""
    if form == "json":
        more = {} if told is None else {"drift": drift.as_data(told)}
        console.put_json(as_data(made) | {"hash": hashed, "read": made.read} | more)
        return
    if told is not None:
        _put_drift(told, form)
        terminal.echo("")
    if form == "markdown":
        terminal.echo(show.markdown(made, typed=again), nl=False)
        if read:
            terminal.echo(f"\nThe account was {read}.")
        terminal.echo(f"\nPlan `{hashed}`: `hermes-cfn deploy --plan {hashed}` does this and nothing else.")
    else:
        for line in show.lines(made, fold=not whole, typed=again):
            terminal.echo(line)
        if read:
            terminal.echo(read)
        terminal.echo(f"plan {hashed}; deploy --plan {hashed} does this and nothing else")
