"""``releases``: what was released, and everything kept of one."""

from __future__ import annotations

import json
import shlex

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode


@click.group(invoke_without_command=True)
@console.local_option
@click.option("--dora", "figures", is_flag=True, help="Frequency, lead time, failure rate and time to restore.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="For --dora: so many days back."
)
@console.format_option("text", "json")
@click.pass_context
def command(ctx: click.Context, figures: bool, days: int, form: str) -> int:
    """List releases, the last one touched first; ``releases show ID`` has everything of one."""
    if ctx.invoked_subcommand is not None:
        return ExitCode.OK
    if figures:
        return _dora(days, form)
    from hermes_cfn.flows.fleet import releases

    deploy_context = reach.deploy_context(console.context())
    stable, goal = releases.stable(deploy_context), releases.goal(deploy_context)
    kept = [found for name in releases.listed(deploy_context)[:50] if (found := releases.find(deploy_context, name))]
    rows = []
    for one in kept:
        marks = [
            word
            for word, there in (
                ("stable", stable is not None and stable.id == one.release.id),
                ("goal", goal is not None and goal[0].id == one.release.id),
            )
            if there
        ]
        last = one.history[-1]["what"] if one.history else ""
        rows.append(
            {
                "id": one.release.id,
                "tag": one.release.tag,
                "marks": marks,
                "last": last,
                "requested_at": one.release.requested_at,
                "requested_by": one.release.requested_by,
                "commit": one.release.commit,
            }
        )
    if form == "json":
        console.put_json(rows)
    else:
        shown = [
            (r["id"], ", ".join(r["marks"]), r["last"], r["requested_at"], r["requested_by"], r["commit"][:12])
            for r in rows
        ]
        columns = ("release", "", "last", "requested", "by", "commit")
        console.console().print(console.table("", columns, shown))
    return ExitCode.OK


def _dora(days: int, form: str) -> int:
    """The records of all attempts, and DORA's four figures."""
    from dataclasses import asdict
    from datetime import timedelta

    from hermes_cfn.deciders import attempts
    from hermes_cfn.flows.fleet import releases

    deploy_context = reach.deploy_context(console.context())
    kept = [found for name in releases.listed(deploy_context) if (found := releases.find(deploy_context, name))]
    records = sorted(
        (one for record in kept for one in releases.attempts(record)), key=lambda one: one.start, reverse=True
    )
    until = deploy_context.now
    four = attempts.dora(records, until - timedelta(days=days), until, releases.committed(kept))
    if form == "json":
        times = {"since": four.since.isoformat(), "until": four.until.isoformat()}
        console.put_json({"dora": asdict(four) | times, "records": [one.as_dict() for one in records]})
        return ExitCode.OK

    def length(seconds: float | None) -> str:
        return "not known" if seconds is None else str(timedelta(seconds=round(seconds)))

    rate = "not known" if four.failure_rate is None else f"{four.failure_rate:.0%}"
    terminal.echo(f"{four.attempts} rollouts in {days} days")
    terminal.echo(f"  deployment frequency     {four.a_day:.2f} a day")
    terminal.echo(f"  lead time, commit        {length(four.lead_s)}")
    terminal.echo(f"  lead time, request       {length(four.rollout_s)}")
    terminal.echo(f"  change failure rate      {rate}")
    terminal.echo(f"  time to restore          {length(four.restore_s)}")
    return ExitCode.OK


@command.command("show")
@console.local_option
@click.argument("release")
@console.format_option("text", "json")
def show(release: str, form: str) -> int:
    """Image, variables, secret versions, history, migration and diagnosis."""
    from hermes_cfn.flows.fleet import diagnosis, releases

    kept = releases.known(reach.deploy_context(console.context()), release)
    if form == "json":
        console.put_json(json.loads(kept.to_json()))
        return ExitCode.OK
    one = kept.release
    terminal.echo(f"{one.id}\n  image      {one.image}\n  tag        {one.tag}\n  commit     {one.commit or '-'}")
    terminal.echo(f"  requested  {one.requested_at} by {one.requested_by}\n  previous   {kept.previous or '-'}")
    for name, value in one.variables.items():
        terminal.echo(f"  variable   {name}={value}")
    for name, version in one.secrets.items():
        terminal.echo(f"  secret     {name} version {version}")
    for name, said in one.processes.items():
        terminal.echo(f"  process    {name}: {shlex.join(said['command'])}")
    for name, value in one.container.items():
        terminal.echo(f"  container  {name}: {json.dumps(value)}")
    if kept.migration:
        terminal.echo(
            f"  migration  {kept.migration['outcome']}, {kept.migration['before']} -> {kept.migration['after']}"
        )
    for line in kept.history:
        terminal.echo(f"  {line['at'][:19]}  {line['what']}  {line['detail']}")
    if kept.diagnosis:
        terminal.echo(diagnosis.shown(kept.diagnosis))
    return ExitCode.OK
