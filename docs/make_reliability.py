"""``python docs/make_reliability.py [ROW…]``: rehearse rows of ``docs/reliability.md`` and write the page.

A rehearsal takes minutes and its figures differ from run to run, so what each row has shown is kept in
``docs/reliability.json``; without arguments every row is rehearsed, ``--page`` writes the page alone, and
``kill-everywhere@1-14`` rehearses a part of that row.
The whole reports, time lines and the deployer's last lines with them, go to ``.reports/ROW.json``, which is not committed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hermes_cfn.config import Settings, parse
from hermes_cfn.flows.fleet.observer import FRESH_S
from hermes_cfn.rehearse import faults, paper

HERE = Path(__file__).resolve().parent
PAGE, SEEN, PICTURE = HERE / "reliability.md", HERE / "reliability.json", HERE / "reliability.svg"
REPORTS = HERE.parent / ".reports"
KEPT = (
    *("seed", "faults", "sent", "failed", "failed_by_reason", "unexcused", "reconnected"),
    *("interruption_s", "planned_s", "duration_s", "lower_bound_s", "ends", "release", "runs"),
    *("ended", "back_s", "check_s", "missed", "killed_at", "steps"),
)
SIZES = (2, 20, 200)

Verdict = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """What is rehearsed, with which configuration and options."""

    what: str
    options: Sequence[str]
    configuration: str = ""


CANARY = """compute.count = 3
release.canary = 1
release.canary_s = 60
release.canary_requests = 100
env.REQUEST_LOG = "yes"
"""
LOAD = ("--rate", "200")
QUIET: Mapping[str, Row] = {
    "in-place": Row("two instances in place", (*LOAD, "--times", "20")),
    "surge": Row("one instance, surge", (*LOAD, "--times", "20"), 'compute.count = 1\nrelease.strategy = "surge"\n'),
    "canary": Row("three instances, one of them first as a canary", (*LOAD, "--times", "20"), CANARY),
    "single": Row("one instance in place", ("--rate", "50", "--times", "2", "--speed", "2"), "compute.count = 1\n"),
    "unhurried": Row("two instances in place, waits as long as AWS's", ("--rate", "50", "--speed", "1")),
    "unhurried-canary": Row("three instances, one of them first as a canary", ("--rate", "50", "--speed", "1"), CANARY),
}
STEADY = "release.steady_s = 45\n"
FAULTS: Mapping[str, Row] = {
    **{
        kind: Row(about, ("--rate", "100", "--fault", f"{kind}@{faults.EVERY}")) for kind, about in faults.KINDS.items()
    },
    faults.FIRST_BAD: Row(faults.KINDS[faults.FIRST_BAD], ("--rate", "100", "--fault", faults.FIRST_BAD)),
    "ends-by-itself-steady": Row(
        f"{faults.KINDS['ends-by-itself']}, with `release.steady_s = 45`",
        ("--rate", "100", "--fault", f"ends-by-itself@{faults.EVERY}"),
        STEADY,
    ),
    "registry-throttles-long": Row(
        "pulling an image is refused for 300 s of service time",
        ("--rate", "100", "--fault", f"registry-throttles=300@{faults.EVERY}"),
    ),
}
KILLS: Mapping[str, Row] = {
    faults.KILL_EVERYWHERE: Row(
        "the deployer killed at each step in turn, and run again",
        ("--rate", "60", "--fault", faults.KILL_EVERYWHERE),
    ),
    "never-again": Row(
        "the deployer killed when an instance has just left, and never run again",
        ("--rate", "60", "--fault", "deployer-dies@leaving", "--never-again"),
    ),
    "never-again-ever": Row(
        "the deployer killed at every moment, and never run again",
        ("--rate", "60", "--fault", "deployer-dies@every", "--never-again"),
    ),
}
BACK: Mapping[str, Row] = {
    f"back-{kind}": Row(faults.KINDS[kind], ("--rate", "100", "--back", "--fault", f"{kind}@{faults.EVERY}"))
    for kind in (
        *("image-gone", "secret-gone", "password-rotated", "registry-throttles", "instance-dies"),
        *("disk-full", faults.DEPLOYER_DIES),
    )
}
ROWS: Mapping[str, Row] = {**QUIET, **FAULTS, **BACK, **KILLS}

HEAD = """# Reliability

What a rolling update loses, counted by the client. Each row is `hermes-cfn rehearse` on a fresh embedded cloud: real processes
behind a real proxy, the waits of the fleet hurried by one factor (20 unless the options say otherwise) that keeps them in proportion.
Requests arrive at random, a twentieth of them slow and a twentieth uploads; four WebSockets are held open, reconnect when their
instance leaves, and are counted apart. Without options of its own a row rolls this repository's `hermes.toml`, two t4g.small in
place. The page is written by `python docs/make_reliability.py` from what it has seen; figures differ from run to run.
"""
MIDDLE = """
*Without service* is the longest time in which nothing was answered well. *Bound* is drain, stop, start and health checks of each
batch; the rest is mostly shell scripts and Python processes starting on one machine, which no factor hurries: at a factor of 20 a
second of them counts as much as twenty of a drain. *Ends* counts how the updates ended.

## Faults

Every fault at every moment: as the update begins, when an instance is prepared, leaves, is deployed to, and goes back. A failed request
is *excused* only while the load balancer cannot have noticed yet that a fault has ended an instance: its unhealthy threshold times
its interval, and one timeout. No deployer can shorten that time. Only an outage of the database excuses, too, what needs the database, and a release that harms its
own requests while it serves (`ends-by-itself`, `idle-short`) those. Before the first good answer of a first release that
follows a bad one (`first-release-bad`) there is nothing to lose. Connections that were idle for just under and just over the load
balancer's idle timeout, and the application's where that is the fault, are asked on again all the while.
"""

SOAK = (
    "## Operations at random",
    "",
    "Releases, rollbacks, scalings, restarts of instances and changes of the stacks at random, each under thirty requests a second:",
    "`.venv/bin/pytest -m soak -s tests/soak/test_soak.py`, `SOAK_OPERATIONS`, `SOAK_SEED` and `SOAK_MINUTES` say how many, which and how long.",
    "After each, fleet and stacks must be right; a failed request must be one that the load balancer's access log shows sent to an",
    "instance while that restarted, before it was noticed. Two hundred operations in 23 minutes (69 releases, 37 rollbacks, 29 scalings, 33",
    "changes of stacks, 32 restarts) were 39,292 requests; 157 failed, all of them sent to an instance while it restarted. The cloud held",
    "three open files and no process more at the end than after the first five, and 1.27 times the memory.",
    "",
)


def rehearse(name: str, row: Row) -> tuple[list[Verdict], bool]:
    """What the rehearsal of a row has shown, of one that is interrupted what it has until then; and whether to go on.

    Raises SystemExit when it shows nothing.
    """
    with tempfile.TemporaryDirectory() as directory:
        config = HERE.parent / "hermes.toml"
        if row.configuration:
            config = Path(directory, "hermes.toml")
            config.write_text(row.configuration, encoding="utf-8")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "hermes_cfn", "--config", str(config)),
                *("rehearse", "--format", "json", *row.options),
            ],
            cwd=HERE.parent,
            env={**os.environ, "HERMES_STATE": str(Path(directory, "state"))},
            stdout=subprocess.PIPE,
            text=True,
        )
        whole = True
        try:
            told, _ = process.communicate()
        except KeyboardInterrupt:
            whole = False
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate()
    try:
        report = json.loads(told)
    except ValueError:
        raise SystemExit(f"{row.what}: exit code {process.returncode}") from None
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    verdicts = report if isinstance(report, list) else [report]
    return [{key: one[key] for key in KEPT} for one in verdicts], whole


def together(before: Sequence[Verdict], shown: Sequence[Verdict]) -> list[Verdict]:
    """Updates by the step at which the deployer was killed: those shown now in place of those before."""
    every = {one.get("killed_at"): one for one in (*before, *shown)}
    return [every[step] for step in sorted(every, key=lambda step: step or 0)]


def table(rows: Mapping[str, Row], seen: Mapping[str, Sequence[Verdict]]) -> list[str]:
    """The table of some rows; a row that was never rehearsed says so."""
    lines = [
        "| rehearsed | options | updates | sent | failed | of these excused | WebSockets that reconnected "
        "| without service (s) | took (s) | bound (s) | ends |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, row in rows.items():
        told = seen.get(name, ())
        options = " ".join(row.options)
        if not told:
            lines.append(f"| {row.what} | `{options}` | not rehearsed yet | | | | | | | | |")
            continue
        ends = {one["ends"]: sum(other["ends"] == one["ends"] for other in told) for one in told}
        failed, unexcused = (sum(one[key] for one in told) for key in ("failed", "unexcused"))
        lines.append(
            f"| {row.what} | `{options}` | {updates(told, row)} | {sum(one['sent'] for one in told):,} | {failed:,} "
            f"| {failed - unexcused if failed else '-'} | {sum(one['reconnected'] for one in told)} "
            f"| {away(told)} | {span(one['duration_s'] for one in told)} "
            f"| {told[0]['lower_bound_s']:.1f} | {', '.join(f'{count} × {end}' for end, count in ends.items())} |"
        )
    return lines


def updates(told: Sequence[Verdict], row: Row) -> str:
    """How many updates, of how many if not of all, and how many of them saw no fault because its moment did not come."""
    wanted = told[0].get("steps", 0) + 1 if any(one.get("killed_at") for one in told) else len(told)
    if row.options[-1].endswith(f"@{faults.EVERY}"):
        wanted = len(faults.MOMENTS)
    if len(told) < wanted:
        return f"{len(told)} of {wanted}"
    missed = sum(bool(one.get("missed")) for one in told)
    return f"{len(told)}, {missed} without a fault" if missed else str(len(told))


def away(told: Sequence[Verdict]) -> str:
    """The longest time without service, and what the plan said where it expects one."""
    planned = told[0].get("planned_s", 0.0)
    if not planned:
        return f"{max(one['interruption_s'] for one in told):.1f}"
    return f"{span(one['interruption_s'] for one in told)}, planned {planned:.1f}"


def outage(told: Sequence[Verdict]) -> list[str]:
    """What an outage of the database has shown beside the table."""
    answered = [one for one in told if one.get("back_s") is not None]
    if not answered:
        return []
    back, check = max(one["back_s"] for one in answered), answered[0]["check_s"]
    return [
        "",
        f"While the database was gone, **{sum(one['ended'] for one in told)} instances were ended** in {len(told)} updates. The first page",
        f"that needs it was answered {back:.2f} s after its return at the latest; one health check, interval and timeout, takes {check:.2f} s",
        "at this factor. Pages that need the database are excused until then, and nothing else is.",
    ]


def span(values: Any) -> str:
    """The least and the largest of some seconds."""
    low, *_, high = [*sorted(values), 0.0][:-1] * 2
    return f"{low:.1f} to {high:.1f}" if round(low, 1) != round(high, 1) else f"{low:.1f}"


def sized(count: int, batch: int | str) -> Settings:
    """This repository's defaults with another fleet."""
    settings = parse("")
    compute = settings.compute.model_copy(update={"count": count})
    release = settings.release.model_copy(update={"batch": batch, "canary": 0})
    return settings.model_copy(update={"compute": compute, "release": release})


def late() -> str:
    """The section of :mod:`late`, which stands beside this file."""
    spec = importlib.util.spec_from_file_location("late", HERE / "late.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return str(made.table())


def added() -> list[str]:
    """The paragraph on what the deployer adds, with its table."""
    halves = {size: paper.roll(sized(size, "50%")) for size in SIZES}
    tenths = {size: paper.roll(sized(size, max(1, size // 10))) for size in SIZES}
    slope = (halves[200].total - halves[2].total) / 198
    constant = halves[2].total - 2 * slope
    overheads = [told.overhead for told in (*halves.values(), *tenths.values())]
    return [
        "",
        "## What the deployer adds",
        "",
        "On paper: the deployer's own loop against doors that answer from a table, on a clock that jumps; a call takes "
        f"{paper.CALL_S:g} s, Systems Manager {paper.DELIVERY_S:g} s to deliver a document and as many to tell its end, and a target's one "
        "health check comes at the end of its interval ([one is enough](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "target-group-health-checks.html) after registering). A rollout takes "
        f"**{min(overheads):.1%} to {max(overheads):.1%} longer** than draining, stopping, starting and that check of each batch. What is left is the "
        "delivery of each document, the look that sees a wait end, and the confirmation of each batch, without which the next is not "
        "taken; the group's own way back from standby, "
        "which AWS takes, is in neither. Calls, those of the pull before it included, "
        f"are linear in the fleet: in two batches **{constant:.0f} and {slope:.1f} an instance**. The constant is looks; each part of the fleet is "
        "asked for while it can change by itself, and otherwise every "
        f"{FRESH_S:g} s. That a decision's time grows no faster than the fleet, over 2, 20, 200 and 2,000 instances, is measured by `make bench`.",
        "",
        "| instances | batch | calls | calls an instance | took (s) | lower bound (s) | above it |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {t.instances} | {t.batch} | {t.total:,} | {t.total / t.instances:.1f} | {t.duration_s:,.1f} | {t.bound_s:,.1f} "
            f"| {t.overhead:.1%} |"
            for t in (*halves.values(), *tenths.values())
        ),
        "",
        "![API calls of a rollout in two batches by the number of instances](reliability.svg)",
        "",
    ]


def picture(told: Mapping[int, paper.Told]) -> str:
    """Calls over instances as SVG, against the line of six an instance."""
    width, height, left, bottom = 560, 260, 60, 40
    most = max(t.total for t in told.values()) * 1.1
    constant = told[2].total - 12

    def x(size: float) -> float:
        return left + size / 200 * (width - left - 20)

    def y(calls: float) -> float:
        return height - bottom - min(calls, most) / most * (height - bottom - 20)

    limit = min(200.0, (most - constant) / 6)
    points = " ".join(f"{x(size):.1f},{y(t.total):.1f}" for size, t in told.items())
    marks = "".join(
        f'<circle cx="{x(size):.1f}" cy="{y(t.total):.1f}" r="4" fill="#1f77b4"/>'
        f'<text x="{x(size) + (8 if size < 200 else -8):.1f}" y="{y(t.total) + 18:.1f}" '
        f'text-anchor="{"start" if size < 200 else "end"}">{t.total}</text>'
        f'<text x="{x(size):.1f}" y="{height - bottom + 16 + (12 if size == 20 else 0)}" text-anchor="middle">{size}</text>'
        for size, t in told.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        '<rect width="100%" height="100%" fill="#fff"/>'
        f'<path d="M{left} 20V{height - bottom}H{width - 20}" fill="none" stroke="#444"/>'
        f'<path d="M{x(2):.1f} {y(constant + 12):.1f}L{x(limit):.1f} {y(constant + 6 * limit):.1f}" stroke="#999" '
        'stroke-dasharray="4 4" fill="none"/>'
        f'<text x="{x(limit) + 6:.1f}" y="32" fill="#666">six calls an instance</text>'
        f'<polyline points="{points}" fill="none" stroke="#1f77b4" stroke-width="2"/>{marks}'
        f'<text x="{width / 2:.0f}" y="{height - 4}" text-anchor="middle">instances, in two batches</text>'
        f'<text x="14" y="{height / 2:.0f}" transform="rotate(-90 14 {height / 2:.0f})" text-anchor="middle">API calls</text>'
        "</svg>\n"
    )


def page(seen: Mapping[str, Sequence[Verdict]]) -> str:
    """The whole page."""
    return "\n".join(
        [
            HEAD,
            *table(QUIET, seen),
            MIDDLE,
            *table(FAULTS, seen),
            *outage(seen.get("database-outage", ())),
            "",
            "## The way back",
            "",
            "The same of a `rollback`.",
            "",
            *table(BACK, seen),
            "",
            "## A deployer that dies",
            "",
            *table(KILLS, seen),
            "",
            "Two deployers that are started together are a test, `pytest -m soak tests/soak/test_rollouts.py -k two_deployers`: fifty times",
            "one acts, and the other ends at once with exit code 5, saying who holds the lock, what for, and until when.",
            late(),
            *added(),
            *SOAK,
            "## What is not shown here",
            "",
            "* The figures come from the embedded cloud, not from AWS; [the embedded cloud](embedded-cloud.md) lists where the two differ.",
            "* The window of the lock that remains is in [the lock's own theory](../hermes_cfn/deciders/lease.py): between a deployer's last",
            "  look at its lease and an action under way; there instances refuse documents with an older token.",
            "",
        ]
    )


def main(wanted: Sequence[str]) -> None:
    """Rehearse what is wanted, keep it, and write the page."""
    seen: dict[str, Any] = json.loads(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    for given in [] if list(wanted) == ["--page"] else wanted or ROWS:
        name, _, steps = given.partition("@")
        if name not in ROWS:
            raise SystemExit(f"there is no row {name!r}; there are {', '.join(ROWS)}")
        row = ROWS[name]
        if steps:
            row = replace(row, options=(*row.options[:-1], f"{row.options[-1]}@{steps}"))
        shown, whole = rehearse(given, row)
        seen[name] = together(seen.get(name, ()), shown) if steps else shown
        sys.stderr.write("\n".join(table({name: ROWS[name]}, seen)[2:]) + "\n")
        kept = {name: seen[name] for name in ROWS if name in seen}
        SEEN.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        if not whole:
            break
    PAGE.write_text(page(seen), encoding="utf-8")
    PICTURE.write_text(picture({size: paper.roll(sized(size, "50%")) for size in SIZES}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
