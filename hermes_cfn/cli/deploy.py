"""``deploy``: the plan, a question, stacks, then the release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import approvals, console, live, reach, terminal
from hermes_cfn.cli.plan import as_event, price_book, put
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config.allowance import Allowance
    from hermes_cfn.deciders.approval import Approval
    from hermes_cfn.flows.base.context import DeployContext
    from hermes_cfn.flows.stacks.plan_inputs import PlanRequest


@click.command()
@console.local_option
@console.lock_option
@console.reset_option
@click.option("--image", default="", help="Tag or digest to release; what runs is kept without it.")
@click.option(
    "--plan",
    "approved",
    default="",
    metavar="FILE|HASH",
    help="Do what plan --out FILE recorded, or what plan showed under HASH, if it would still be the same.",
)
@click.option(
    "--approved", "by_person", is_flag=True, help="With --plan HASH: only if `approve HASH` was typed for it."
)
@click.option(
    "--allow",
    default=None,
    metavar="LIMITS",
    help="At most this, else nothing is done and the exit code is 8: interruption=30s,replace=none,cost=+20,duration=15m.",
)
@click.option("--replace", multiple=True, metavar="LOGICAL_ID", help="It may be replaced, and its data go with it.")
@click.option("--allow-older", is_flag=True, help="This checkout may undo what was deployed from a newer one.")
@click.option("--resume", is_flag=True, help="Go on where a run was cut off: stacks, then the release it drove to.")
@click.option("--revert-drift", is_flag=True, help="Put back what somebody changed by hand; plan --drift shows it.")
@click.option(
    "--keep-drift",
    is_flag=True,
    help="First write what somebody changed by hand into hermes.toml, where a setting says it.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Stay and poll while you do what only you can do.")
@click.option(
    "--on-interrupt",
    type=click.Choice(["ask", "detach", "cancel"]),
    default="ask",
    show_default=True,
    help="On Ctrl-C: leave CloudFormation to it, or cancel its updates; nobody to ask means detach.",
)
@click.option(
    "--assets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Publish these static files before the release.",
)
@click.option("--incompatible", is_flag=True, help="This release's schema does not serve the one before it.")
@click.option("--stacks-only", is_flag=True, help="Leave the instances as they are; `release` brings them after.")
@console.format_option("text", "json")
def command(
    image: str,
    approved: str,
    by_person: bool,
    allow: str | None,
    replace: tuple[str, ...],
    allow_older: bool,
    resume: bool,
    revert_drift: bool,
    keep_drift: bool,
    yes: bool,
    wait: bool,
    on_interrupt: str,
    assets: Path | None,
    incompatible: bool,
    stacks_only: bool,
    form: str,
) -> int:
    """Show the plan, ask, then every stack through a change set, then the release on every instance."""
    from hermes_cfn.flows import deploy
    from hermes_cfn.flows.stacks.plan_inputs import PlanRequest
    from hermes_cfn.plan import record

    if resume and (image or approved):
        raise click.UsageError("--resume knows which release; give neither --image nor --plan beside it")
    if revert_drift and keep_drift:
        raise click.UsageError("--revert-drift puts back what --keep-drift would keep: give one of them")
    context = console.context()
    if keep_drift:
        _keep(context)
    agreed, hashed = _approved(approved)
    if agreed is not None:
        asked = record.asked(agreed)
        if image or replace:
            raise click.UsageError("--plan FILE says which image and what may be replaced; give neither beside it")
        image, replace = asked.image, tuple(asked.replace)
    kept = _kept(hashed, by_person, bool(image or replace))
    if kept is not None:
        image, replace = kept.image, kept.replace
    limits = None if allow is None else _limits(allow)
    agreement = bool(approved) or yes
    if not sys.stdin.isatty():
        agree(agreement, "deploy")
    deploy_context = reach.deploy_context(context, start=kept is None)
    if kept is not None:
        approvals.demand(deploy_context, kept)
    book, unpriced = price_book(deploy_context.region)
    question = PlanRequest(
        image=image,
        replace=frozenset(replace),
        book=book,
        unpriced=unpriced,
        older=allow_older,
        compatible=not incompatible,
        resume=resume,
    )
    if agreed is None:
        agreed = _shown(deploy_context, question, agreement, form, limits, hashed)
    if kept is not None:
        approvals.use(kept)
    wish = deploy.DeployOptions(
        question,
        agreed=agreed,
        wait=wait or sys.stdin.isatty(),
        interrupted=lambda: _leaving(on_interrupt),
        assets=assets,
        stacks_only=stacks_only,
        allowed=limits,
        revert_drift=revert_drift,
    )
    console.follow(deploy.run(deploy_context, wish), form)
    return ExitCode.OK


def _approved(given: str) -> tuple[str | None, str]:
    """The text of a recorded plan (None without a file), and the hash of one.  Raises UsageError for what is neither."""
    from hermes_cfn.plan import record

    if not given or record.is_digest(given):
        return None, given
    try:
        return Path(given).read_text(encoding="utf-8"), ""
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"--plan {given} is neither a plan's hash of 16 hexadecimal digits nor a file that can be read: {error}"
        ) from error


def _kept(hashed: str, by_person: bool, said: bool) -> Approval | None:
    """The approval of the plan with this hash.  Raises HermesError ``approval-missing``."""
    if not by_person:
        return None
    if not hashed or said:
        raise click.UsageError("--approved goes with --plan HASH; the image is the approved plan's")
    return approvals.find(hashed)


def _limits(text: str) -> Allowance:
    from hermes_cfn.config import allowance

    try:
        return allowance.parse(text)
    except ValueError as error:
        raise click.UsageError(f"--allow: {error}") from error


def _shown(
    deploy_context: DeployContext,
    question: PlanRequest,
    agreement: bool,
    form: str,
    limits: Allowance | None,
    hashed: str,
) -> str:
    """The first half: the plan, and whether it may be done.  Answers its record."""
    from hermes_cfn.flows import deploy
    from hermes_cfn.flows.stacks import plan_inputs
    from hermes_cfn.plan import record

    made = plan_inputs.make(deploy_context, question)
    if form == "json":
        as_event(made, deploy_context.now)
    else:
        put(made, "text")
    deploy.stop(made, deploy.limits(deploy_context, limits))
    if hashed:
        record.approved(hashed, made)
    agree(agreement or made.empty, "deploy")
    return record.text(made)


def _keep(context: console.Context) -> None:
    """Writes what is really there into ``hermes.toml``.  Raises HermesError ``drift-unsaid``; then nothing is written."""
    from hermes_cfn import stacks
    from hermes_cfn.flows.stacks import drifted, plan_inputs

    there = reach.deploy_context(context)
    made = plan_inputs.make(there, plan_inputs.PlanRequest())
    told = drifted.look(there, made, None, stacks.build)
    before = context.config.read_text(encoding="utf-8")
    after = drifted.kept(before, context.environment, told, str(context.config))
    if after == before:
        terminal.echo("nothing was changed by hand", err=True)
        return
    context.config.write_text(after, encoding="utf-8")
    for row in told.rows:
        terminal.echo(f"{context.config}: {row.setting} = {row.drifted.real} (was {row.drifted.deployed})", err=True)


def _leaving(choice: str) -> str:
    """``detach`` or ``cancel``."""
    if choice != "ask":
        return choice
    if not sys.stdin.isatty():
        return "detach"
    with live.paused():
        return str(
            click.prompt(
                "\nCloudFormation goes on by itself. Leave it to it, or cancel its updates?",
                type=click.Choice(["detach", "cancel"]),
                default="detach",
            )
        )


def agree(yes: bool, verb: str) -> None:
    """Ask on a terminal; elsewhere ``--yes`` must say so, or the cloud be the embedded one.  Raises HermesError ``not-agreed``."""
    if yes:
        return
    if sys.stdin.isatty():
        environment = console.context().settings().environment.name
        terminal.confirm(f"{verb} now, in {environment}?", abort=True)
        return
    if not console.context().local:
        raise not_agreed(verb)


def not_agreed(verb: str) -> HermesError:
    return HermesError(
        Finding("not-agreed", verb, "nobody can be asked here", next=hermes(*verb.split(), "…", "--yes")),
        exit_code=ExitCode.REFUSED,
    )
