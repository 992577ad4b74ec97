"""``releases``: what was released, and everything kept of one."""

from __future__ import annotations

import json

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.errors import ExitCode


@click.group(invoke_without_command=True)
@console.local_option
@console.format_option("text", "json")
@click.pass_context
def command(ctx: click.Context, form: str) -> int:
    """List releases, the last one touched first; ``releases show ID`` has everything of one."""
    if ctx.invoked_subcommand is not None:
        return ExitCode.OK
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
    if kept.migration:
        terminal.echo(
            f"  migration  {kept.migration['outcome']}, {kept.migration['before']} -> {kept.migration['after']}"
        )
    for line in kept.history:
        terminal.echo(f"  {line['at'][:19]}  {line['what']}  {line['detail']}")
    if kept.diagnosis:
        terminal.echo(diagnosis.shown(kept.diagnosis))
    return ExitCode.OK
