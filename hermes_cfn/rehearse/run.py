"""The story of a rehearsal: a fresh cloud, a first release, load, an update with faults, a verdict."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hermes_cfn.config import Settings
from hermes_cfn.errors import ExitCode
from hermes_cfn.plan.timing import Pace, rollout
from hermes_cfn.rehearse.faults import Fault
from hermes_cfn.rehearse.sandbox import Sandbox
from hermes_cfn.rehearse.tally import Tally
from hermes_cfn.rehearse.verdict import Verdict, final_release
from hermes_cfn.rehearse.watcher import Watcher

QUIET_S = 1.5
"""Real seconds of load before and after the update."""

STAND_IN_STOP_S = 0.1
STAND_IN_START_S = 0.3
"""Real seconds that the stand-in application takes to stop and to start."""

AT_MOST_RUNS = 3
"""How often a deployer that was killed is run again before the rehearsal gives up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``kill_at``: kill the deployer at that line of its output; ``again``: then run it again."""

    rate: float = 50.0
    sockets: int = 4
    seed: int = 1
    faults: tuple[Fault, ...] = ()
    kill_at: int | None = None
    again: bool = True


@dataclass(frozen=True, slots=True)
class Update:
    """One run of the deployer: its exit code (negative for the signal that ended it) and its lines."""

    exit_code: int
    lines: tuple[str, ...]


def update(sandbox: Sandbox, tag: str, seen: Callable[[int, str], bool]) -> Update:
    """Run ``release`` as its own process; kill it when ``seen(number, line)`` says so."""
    process = sandbox.begin("release", "--image", tag, "--yes", "--format", "json")
    lines: list[str] = []
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if seen(len(lines), line):
                process.send_signal(signal.SIGKILL)
    return Update(process.wait(), tuple(lines))


def rehearse(sandbox: Sandbox, settings: Settings, wanted: Wanted, say: Callable[[str], None]) -> Verdict:
    """Deploy v1 to the sandbox's cloud, roll v2 through it under load, and judge.

    Raises :class:`hermes_cfn.errors.HermesError` when even the first deployment fails.
    """
    say("deploying v1 to a fresh embedded cloud")
    sandbox.first_deployment(settings.application.secrets)
    sandbox.push("v2")
    return roll(sandbox, settings, wanted, "v2", say)


def roll(sandbox: Sandbox, settings: Settings, wanted: Wanted, tag: str, say: Callable[[str], None]) -> Verdict:
    """Roll ``tag`` through a fleet that runs, under load, and judge."""
    doors = sandbox.doors(settings.region)
    group = f"{settings.application.name}-{settings.environment.name}"
    load = sandbox.load(settings.certificate.domain or "localhost", wanted.rate, wanted.sockets, wanted.seed)
    try:
        with Watcher(doors, group) as watcher:
            time.sleep(QUIET_S)
            begun = time.time()
            say(f"releasing {tag} under {wanted.rate:g} requests a second")
            runs = list(_runs(sandbox, tag, wanted, say))
            ended = time.time()
            time.sleep(QUIET_S)
    except BaseException:
        load.kill()
        raise
    return judge(load.stop(), watcher, wanted, runs, begun, ended, lower_bound(sandbox, settings))


def lower_bound(sandbox: Sandbox, settings: Settings) -> float:
    """Real seconds that the update takes physically on this cloud, whose waits pass ``speed`` times faster.

    The stand-in application stops and starts in real time, which is taken from what it needs here.
    """
    speed = sandbox.options.speed
    pace = Pace.of(settings, stop_s=STAND_IN_STOP_S * speed, start_s=STAND_IN_START_S * speed)
    kind, batch = settings.release.strategy, settings.release.batch
    return rollout(pace, settings.compute.count, kind, batch).bound_s / speed


def _runs(sandbox: Sandbox, tag: str, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Update]:
    pending = list(wanted.faults)
    for turn in range(AT_MOST_RUNS):

        def seen(number: int, line: str, turn: int = turn) -> bool:
            for fault in [fault for fault in pending if fault.due(line)]:
                pending.remove(fault)
                say(f"fault: {fault}")
                fault.strike(sandbox, line)
            return turn == 0 and wanted.kill_at == number

        run = update(sandbox, tag, seen)
        yield run
        killed = run.exit_code == -signal.SIGKILL
        if not killed or not wanted.again:
            return
        say("the deployer was killed; it is run again")


def kill_everywhere(sandbox: Sandbox, settings: Settings, wanted: Wanted, say: Callable[[str], None]) -> list[Verdict]:
    """One rehearsal that is left alone counts the steps; then one for each step at which the deployer is killed.

    All of them roll the same fleet, to and fro between two releases.
    """
    first = rehearse(sandbox, settings, wanted, say)
    verdicts = [first]
    for step in range(1, first.steps + 1):
        say(f"killing the deployer at step {step} of {first.steps}")
        tag = "v1" if step % 2 else "v2"
        verdicts.append(roll(sandbox, settings, replace(wanted, kill_at=step), tag, say))
    return verdicts


def judge(
    tally: Tally, watcher: Watcher, wanted: Wanted, runs: list[Update], begun: float, ended: float, bound: float
) -> Verdict:
    """The verdict from what the load, the watcher and the deployer have seen."""
    one, release = final_release(tally, ended)
    origin = tally.samples[0][0] if tally.samples else begun
    return Verdict(
        seed=wanted.seed,
        faults=tuple(str(fault) for fault in wanted.faults),
        sent=tally.sent,
        failed=tally.failed,
        failed_by_reason=tally.failed_by_reason,
        reconnected=tally.reconnected,
        interruption_s=tally.interruption_s,
        duration_s=ended - begun,
        lower_bound_s=bound,
        converged=one and runs[-1].exit_code in (ExitCode.OK, ExitCode.ROLLED_BACK),
        release=release,
        exit_code=runs[-1].exit_code,
        runs=len(runs),
        steps=len(runs[0].lines),
        before=tally.window(0, begun),
        during=tally.window(begun, ended),
        after=tally.window(ended, float("inf")),
        capacity=[(at - origin, count) for at, count in watcher.capacity()],
        time_line={name: [(at - origin, stands) for at, stands in line] for name, line in watcher.time_line().items()},
        told=runs[-1].lines[-40:],
    )
