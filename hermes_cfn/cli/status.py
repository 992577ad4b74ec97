"""``status``: one screen."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, hermes

if TYPE_CHECKING:
    from rich.console import Group

    from hermes_cfn.checks.observed import InstanceLine
    from hermes_cfn.flows.base.context import DeployContext
    from hermes_cfn.flows.status import Status


@click.command()
@click.option("--watch", is_flag=True, help="Look again until interrupted.")
@click.option("--every", default=5.0, show_default=True, help="Seconds between two looks.")
@click.option(
    "--bill/--no-bill", default=True, show_default=True, help="Ask what this month has cost (a cent, cached)."
)
@console.format_option("table", "json")
@console.local_option
def command(watch: bool, every: float, bill: bool, form: str) -> int:
    """Stacks, release, instances, load balancer, alarms, certificate, lock, drift, rollouts, cost."""
    from hermes_cfn.flows import status

    deploy_context = reach.deploy_context(console.context())
    if form == "json":
        seen = _seen(deploy_context, bill)
        console.put_json({**asdict(seen), "healthy": seen.healthy, "asleep": seen.asleep})
        return ExitCode.OK
    out = console.console()
    seen = _seen(deploy_context, bill)
    if not watch:
        out.print(screen(seen))
        return ExitCode.OK
    if not out.is_terminal:
        while True:
            out.print(screen(seen))
            time.sleep(every)
            seen = replace(status.observe(deploy_context), month_usd=seen.month_usd, estimate_usd=seen.estimate_usd)
    from rich.live import Live

    with Live(screen(seen), console=out, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every)
            looked = status.observe(deploy_context)
            live.update(screen(looked, seen), refresh=True)


def screen(seen: Status, billed: Status | None = None) -> Group:
    """``seen`` as tables; the bill of ``billed`` where that was asked earlier."""
    from rich.console import Group
    from rich.text import Text

    from hermes_cfn.clock import read_between
    from hermes_cfn.units import duration

    stable, days = seen.stable, seen.certificate_days
    facts = [
        ("release", f"{stable.id} ({stable.tag}, {stable.requested_by or 'somebody'})" if stable else "none yet"),
        ("goal", "the same" if seen.goal == stable else seen.goal.id if seen.goal else "none yet"),
        ("instances", _fleet(seen)),
        ("load balancer", _balancer(seen)),
        ("alarms", _alarms(seen)),
        ("certificate", seen.certificate + ("" if days is None else f", {days} days left")),
        ("lock", seen.lock),
        ("this month", _month(billed or seen)),
    ]
    where = f"{seen.environment} · account {seen.account} · {seen.region} · {seen.at:%Y-%m-%d %H:%M:%S} UTC"
    parts: list[object] = [
        Text(where, style="bold"),
        Text(read_between(seen.began, seen.at), style="dim"),
        console.table("", ("", ""), facts),
        console.table(
            "Stacks",
            ("stack", "status", "drift", "commit"),
            [(line.name, line.status, _drift(line.drift), line.commit[:12]) for line in seen.stacks],
        ),
    ]
    if seen.instances:
        rows = [
            (
                i.id,
                i.zone,
                i.lifecycle,
                i.health,
                i.release,
                duration(i.age_s),
                "; ".join(filter(None, (i.reason, _beside(i)))),
            )
            for i in seen.instances
        ]
        parts.append(
            console.table("Instances", ("instance", "zone", "lifecycle", "health", "release", "age", ""), rows)
        )
    if seen.rollouts:
        parts.append(console.table("Last rollouts", ("",), [(line,) for line in seen.rollouts]))
    return Group(*parts)  # type: ignore[arg-type]


def _beside(line: InstanceLine) -> str:
    """The processes of an instance: their number, and each that does not run."""
    bad = [f"{name} {state}" for name, state in sorted(line.processes.items()) if state != "running"]
    return ", ".join(bad) or (f"{len(line.processes)} processes run" if line.processes else "")


def _fleet(seen: Status) -> str:
    if seen.asleep:
        return again("asleep; next: " + hermes("wake"))
    said = f"{seen.healthy} healthy of {seen.wanted} wanted ({seen.minimum} to {seen.maximum})"
    return said + (f"; suspended: {', '.join(seen.suspended)}" if seen.suspended else "")


def _balancer(seen: Status) -> str:
    if not seen.load_balancer:
        return "none yet"
    others = [line.health for line in seen.instances if line.health != "healthy"]
    states = [f"{seen.healthy} healthy", *(f"{others.count(state)} {state}" for state in sorted(set(others)))]
    return f"{seen.load_balancer}: targets {', '.join(states)}"


def _alarms(seen: Status) -> str:
    if seen.alarms is None:
        return "none are set; watch.enabled in hermes.toml"
    return ", ".join(seen.alarms) or "none fires"


def _month(seen: Status) -> str:
    from hermes_cfn.units import dollars

    so_far = (
        dollars(seen.month_usd)
        if seen.month_usd is not None
        else "not known: billing may not be read, or no day is over"
    )
    return so_far + (f"; a whole month is expected to cost {dollars(seen.estimate_usd)}" if seen.estimate_usd else "")


def _drift(status: str) -> str:
    return {"NOT_CHECKED": "not checked", "IN_SYNC": "none", "DRIFTED": "drifted"}.get(status, status.lower())


def _seen(deploy_context: DeployContext, bill: bool) -> Status:
    """One look, with what this month has cost: from the cache when it is younger than six hours."""
    from hermes_cfn.flows import month_to_date, status

    seen = status.observe(deploy_context)
    if not bill:
        return seen
    return replace(
        seen,
        month_usd=month_to_date.to_date(deploy_context, seen.at),
        estimate_usd=month_to_date.estimate(deploy_context),
    )
