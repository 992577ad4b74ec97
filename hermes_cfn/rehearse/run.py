"""The story of a rehearsal: a fresh cloud, a first release, load, an update with faults, a verdict."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.aws.ssm import Parameter
from hermes_cfn.config import Settings
from hermes_cfn.errors import Severity
from hermes_cfn.instance.release import Release
from hermes_cfn.local.options import IDLE_SHORT_S
from hermes_cfn.names import Names
from hermes_cfn.plan.timing import Pace, RolloutTime, rollout
from hermes_cfn.rehearse.faults import BARRED, BARS_BACK, DEADLY, ENDS_NOBODY, FIRST_BAD, OUTAGES, OWN_HARM, Fault
from hermes_cfn.rehearse.outage import Outage
from hermes_cfn.rehearse.sandbox import Sandbox
from hermes_cfn.rehearse.verdict import HELD, Verdict, ends, final_release
from hermes_cfn.rehearse.watcher import GONE, Watcher

QUIET_S = 1.5
"""Real seconds of load before and after the update."""

STAND_IN_STOP_S = 0.1
STAND_IN_START_S = 0.3
"""Real seconds that the stand-in application takes to stop and to start."""

CHECK_PATIENCE_S = 2.0
"""Real seconds that the embedded cloud's health checks wait at least for an answer."""

TAGS = ("v1", "v2", "v3")
"""Releases of a rehearsal, which starts from the first."""

HOLDS = "release-held"
"""The code by which the deployer says that what serves goes on serving, and nothing was rolled back."""

AT_MOST_RUNS = 3
"""How often a deployer that was killed is run again before the rehearsal gives up."""

SHOWN = 20
"""Failed requests of a verdict that are kept one by one."""

PAGES = 0.2
"""Requests that need the database, for each of the others, while an outage is rehearsed."""

SETTLE_S = 20.0
"""Real seconds that the fleet may take to be whole again after the deployer's end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``kill_at``: kill the deployer at that line of its output; ``again``: then run it again; ``back``: a rollback;
    ``before``: the tag that serves when the update begins; ``profile``: what the load asks for, as JSON, instead of the
    stand-in's mix; ``to``: the release to which it rolls back, instead of the one before."""

    rate: float = 50.0
    sockets: int = 4
    seed: int = 1
    faults: tuple[Fault, ...] = ()
    kill_at: int | None = None
    again: bool = True
    back: bool = False
    before: str = ""
    profile: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """One run of the deployer: its exit code (negative for the signal that ended it), its lines, and the epoch seconds of each."""

    exit_code: int
    lines: tuple[str, ...]
    times: tuple[float, ...] = ()

    def said(self, code: str) -> bool:
        """Whether one of its findings has this code."""
        return any(code == _code(line) for line in self.lines)


def _code(line: str) -> str:
    """The code of a finding by its first line: severity, code, where."""
    severity, _, rest = line.partition(": ")
    return rest.split(" ", 1)[0] if severity in set(Severity) else ""


@dataclass
class Strikes:
    """The faults of one update to ``release`` from the one ``before``; when (epoch seconds) those struck that end instances, those by which the release
    does harm of its own, and its outages."""

    pending: list[Fault]
    release: str
    before: str = ""
    deadly: list[float] = field(default_factory=list)
    harmful: list[float] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    def due(self, sandbox: Sandbox, line: str, say: Callable[[str], None]) -> bool:
        """Lets happen what is due at a line; True when it is the deployer that has to die."""
        dies = False
        for fault in [fault for fault in self.pending if fault.due(line)]:
            self.pending.remove(fault)
            say(f"fault: {fault}")
            if fault.kind in DEADLY:
                self.deadly.append(time.time())
            if fault.kind in OWN_HARM:
                self.harmful.append(time.time())
            struck = time.time()
            dies |= fault.strike(sandbox, line, self.release, self.before)
            if fault.kind in OUTAGES:
                lasts_s = (fault.lasts_s or OUTAGES[fault.kind]) / sandbox.options.speed
                self.outages.append(Outage(struck, lasts_s, sandbox.database_answers))
        return dies

    @property
    def over(self) -> float:
        """Epoch second at which the last outage was over, which is waited for; 0 without one."""
        return max((outage.span[1] for outage in self.outages), default=0.0)


def update(sandbox: Sandbox, tag: str, seen: Callable[[int, str], bool], back: bool = False, to: str = "") -> Update:
    """Run ``release``, or ``rollback``, as its own process; kill it when ``seen(number, line)`` says so."""
    verb = ("rollback", *(("--to", to) if to else ())) if back else ("release", "--image", tag)
    process = sandbox.begin(*verb, "--yes", "--format", "json")
    lines: list[str] = []
    times: list[float] = []
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            times.append(time.time())
            if seen(len(lines), line):
                process.send_signal(signal.SIGKILL)
    return Update(process.wait(), tuple(lines), tuple(times))


def spoken(line: str) -> str:
    """An event of the deployer in a few words; empty for what only waits, and for what is no event."""
    try:
        told = json.loads(line)
    except ValueError:
        return ""
    match told.get("event") if isinstance(told, dict) else None:
        case "StageStarted":
            return f"{told['stage']} begins"
        case "StageEnded":
            return f"{told['stage']} is done"
        case "InstanceEvent":
            return " ".join(filter(None, (told["instance_id"], told["what"])))
        case "Noted":
            return f"{told['finding']['severity']}: {told['finding']['where']}: {told['finding']['what']}"
    return ""


def first(sandbox: Sandbox, settings: Settings, say: Callable[[str], None], bad: bool = False) -> None:
    """v1 on a fresh cloud, and the other tags in its registry; ``bad``: its application crashes at start.

    Raises :class:`hermes_cfn.errors.HermesError` when even the first deployment fails, but for a bad one, which must.
    """
    say(f"deploying v1{', which crashes,' if bad else ''} to a fresh embedded cloud")
    sandbox.first_deployment(settings.application.secrets, bad=bad)
    for tag in TAGS[1:]:
        sandbox.push(tag)


def rehearse(sandbox: Sandbox, settings: Settings, wanted: Wanted, say: Callable[[str], None]) -> Verdict:
    """Deploy v1 to the sandbox's cloud, roll v2 through it under load, and judge."""
    first(sandbox, settings, say)
    return roll(sandbox, settings, wanted, "v2", say)


def roll(sandbox: Sandbox, settings: Settings, wanted: Wanted, tag: str, say: Callable[[str], None]) -> Verdict:
    """Roll ``tag`` through a fleet that runs, under load, and judge."""
    clients = sandbox.clients(settings.region)
    group = f"{settings.application.name}-{settings.environment.name}"
    pages = PAGES if any(fault.kind in OUTAGES for fault in wanted.faults) else 0.0
    load = sandbox.load(
        settings.certificate.domain or "localhost",
        wanted.rate,
        wanted.sockets,
        wanted.seed,
        pages,
        [] if wanted.profile else rests(sandbox, settings, wanted.faults),
        wanted.profile,
    )
    strikes = Strikes(list(wanted.faults), tag, wanted.before)
    try:
        with Watcher(clients, group) as watcher:
            time.sleep(QUIET_S)
            begun = time.time()
            say(f"{'back to' if wanted.back else 'releasing'} {tag} under {wanted.rate:g} requests a second")
            runs = list(_runs(sandbox, tag, wanted, strikes, say))
            ended = time.time()
            over = strikes.over
            if runs[-1].exit_code < 0:
                say("nobody runs the deployer again; every instance looks after itself")
                time.sleep(settings.release.return_after_s / sandbox.options.speed)
            whole = watcher.await_whole(settings.compute.count, SETTLE_S)
            settled = time.time()
            time.sleep(QUIET_S)
    except BaseException:
        load.kill()
        raise
    tally = load.stop()
    one, release = final_release(tally, settled) if tally.releases else reported(clients, settings, group)
    origin = tally.samples[0][0] if tally.samples else begun
    time_line = watcher.time_line()
    excused = [(at, at + detection(sandbox, settings)) for at in strikes.deadly]
    excused += [(at, float("inf")) for at in strikes.harmful]
    if any(fault.kind == FIRST_BAD for fault in wanted.faults):
        excused.append((0.0, tally.first_good()))
    away = [(at, end + check(sandbox, settings)) for at, end in (outage.span for outage in strikes.outages)]
    unexcused = tally.failed_outside(excused, {"page": away})
    return Verdict(
        seed=wanted.seed,
        faults=tuple(str(fault) for fault in wanted.faults),
        sent=tally.sent,
        failed=tally.failed,
        failed_by_reason=tally.failed_by_reason,
        unexcused=len(unexcused),
        first_unexcused=[(at - origin, latency, kind, outcome) for at, latency, kind, outcome, _ in unexcused[:SHOWN]],
        killed_at=wanted.kill_at,
        missed=tuple(str(fault) for fault in strikes.pending),
        reconnected=tally.reconnected,
        interruption_s=tally.interruption_s,
        planned_s=planned(sandbox, settings).interruption_s / sandbox.options.speed,
        duration_s=ended - begun,
        lower_bound_s=planned(sandbox, settings).bound_s / sandbox.options.speed,
        floor=floor(settings),
        ends=ends(runs[-1].exit_code, whole, one, release == tag, barred(wanted.faults), runs[-1].said(HOLDS)),
        release=release,
        exit_code=runs[-1].exit_code,
        runs=len(runs),
        steps=len(runs[0].lines),
        before=tally.window(0, begun),
        during=tally.window(begun, ended),
        after=tally.window(settled, float("inf")),
        ended=max(0, sum(line[-1][1] == GONE for line in time_line.values()) - surplus(settings)),
        spared=all(fault.kind in ENDS_NOBODY for fault in wanted.faults) and bool(wanted.faults),
        back_s=tally.answered_after(over, "page") if strikes.outages else None,
        check_s=check(sandbox, settings),
        capacity=[(at - origin, count) for at, count in watcher.capacity()],
        time_line={name: [(at - origin, stands) for at, stands in line] for name, line in time_line.items()},
        told=runs[-1].lines[-40:],
        begun_s=begun - origin,
        ended_s=ended - origin,
        seconds=tally.seconds(origin),
        spoken=[
            (at - origin, said)
            for run in runs
            for at, line in zip(run.times, run.lines, strict=True)
            if (said := spoken(line))
        ],
    )


def reported(clients: AwsClients, settings: Settings, group: str) -> tuple[bool, str]:
    """Whether all instances say of themselves that they run what is stable, and the tag of that: for an application whose
    answers do not name their release."""
    names = Names.of(settings, clients.account.identity().account)
    seen, stable = clients.auto_scaling.observe(group), stable_release(clients, settings)
    if seen is None or stable is None:
        return False, ""
    wanted = [names.instance_report(member.id) for member in seen.members]
    told = [report.get("release") for report in map(_report, clients.ssm.parameters(wanted).values())]
    return len(told) == len(wanted) and set(told) == {stable.id}, stable.tag


def stable_release(clients: AwsClients, settings: Settings) -> Release | None:
    """What new instances boot."""
    kept = clients.ssm.parameter(Names.of(settings, clients.account.identity().account).stable_parameter)
    return Release.from_json(kept.value) if kept else None


def _report(parameter: Parameter) -> dict[str, Any]:
    try:
        found = json.loads(parameter.value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def rests(sandbox: Sandbox, settings: Settings, faults: Sequence[Fault]) -> list[float]:
    """Idle timeouts in real seconds around which connections rest: the load balancer's, and the application's where it has one."""
    own = [IDLE_SHORT_S] if any(fault.kind == "idle-short" for fault in faults) else []
    return [seconds / sandbox.options.speed for seconds in (settings.service.idle_timeout_s, *own)]


def barred(faults: Sequence[Fault]) -> bool:
    """Whether the faults may bar the way back, so that what serves both releases stays as it is."""
    return any(fault.kind in BARS_BACK for fault in faults)


def mend(sandbox: Sandbox, faults: Sequence[Fault], tags: Sequence[str], secrets: Sequence[str]) -> None:
    """What ``clear`` of the cloud does not bring back: images, and secrets, whose versions begin at one again."""
    if any(fault.kind in ("image-gone", BARRED) for fault in faults):
        for tag in tags:
            sandbox.push(tag)
    if any(fault.kind == "secret-gone" for fault in faults):
        sandbox.set_secrets(secrets)


def planned(sandbox: Sandbox, settings: Settings) -> RolloutTime:
    """What the plan's formula says of the update on this cloud, in seconds of service time.

    The stand-in application stops and starts in real time, which is taken from what it needs here.
    """
    speed = sandbox.options.speed
    pace = Pace.of(settings, stop_s=STAND_IN_STOP_S * speed, start_s=STAND_IN_START_S * speed)
    kind, batch = settings.release.strategy, settings.release.at_once(settings.compute.count)
    return rollout(pace, settings.compute.count, kind, batch)


def floor(settings: Settings) -> int:
    """Instances that the strategy keeps in service."""
    count, release = settings.compute.count, settings.release
    own = count if release.strategy == "surge" else count - release.in_place_batch(count)
    return max(own, release.minimum)


def detection(sandbox: Sandbox, settings: Settings) -> float:
    """Real seconds after which the load balancer must have noticed that a target is gone.

    Threshold checks at their interval, and one that has just begun runs into its timeout.
    """
    service = settings.service
    speed = sandbox.options.speed
    checks = service.unhealthy_threshold * service.health_interval_s / speed
    return checks + max(service.health_timeout_s / speed, CHECK_PATIENCE_S)


def check(sandbox: Sandbox, settings: Settings) -> float:
    """Real seconds of one health check: its interval, and its timeout."""
    return (settings.service.health_interval_s + settings.service.health_timeout_s) / sandbox.options.speed


def surplus(settings: Settings) -> int:
    """Instances that the strategy starts, and ends again."""
    release = settings.release
    return release.at_once(settings.compute.count) if release.strategy == "surge" else 0


def _runs(sandbox: Sandbox, tag: str, wanted: Wanted, strikes: Strikes, say: Callable[[str], None]) -> Iterator[Update]:
    for turn in range(AT_MOST_RUNS):

        def seen(number: int, line: str, turn: int = turn) -> bool:
            return strikes.due(sandbox, line, say) or (turn == 0 and wanted.kill_at == number)

        run = update(sandbox, tag, seen, wanted.back, wanted.to)
        yield run
        killed = run.exit_code == -signal.SIGKILL
        if not killed or not wanted.again:
            return
        say("the deployer was killed; it is run again")


def in_turn(
    sandbox: Sandbox, settings: Settings, turns: Sequence[Wanted], running: str, say: Callable[[str], None]
) -> Iterator[Verdict]:
    """Several updates of one fleet, each with faults of its own, and to a release that neither runs nor was tried just now.

    One that was tried has left its image behind, and would not be prepared.  An update that did not converge is the
    last: what came after would say nothing.
    """
    tried = running
    for turn in turns:
        tried = next(tag for tag in TAGS[1:] + TAGS[:1] if tag not in (running, tried))
        if turn.back:
            sandbox.run("release", "--image", tried, "--yes")
        turn = replace(turn, before=tried if turn.back else running)
        turned = running if turn.back else tried
        verdict = roll(sandbox, settings, turn, turned, say)
        yield verdict
        if not verdict.converged:
            return
        running = verdict.release
        sandbox.fault("clear")
        barred_back = any(fault.kind == BARRED for fault in turn.faults)
        deleted = turn.before if barred_back else turned
        mend(sandbox, turn.faults, [deleted], settings.application.secrets)
        if verdict.ends == HELD or any(fault.kind in OWN_HARM for fault in turn.faults):
            running = tried = next(tag for tag in TAGS if tag not in (running, tried))
            sandbox.run("release", "--image", running, "--yes")


def kill_everywhere(
    sandbox: Sandbox, settings: Settings, wanted: Wanted, steps: tuple[int, int] | None, say: Callable[[str], None]
) -> Iterator[Verdict]:
    """One rehearsal that is left alone counts the steps; then one for each step, or those chosen, at which the deployer is killed."""
    alone = rehearse(sandbox, settings, wanted, say)
    yield alone
    first, last = steps or (1, alone.steps)
    chosen = range(first, min(last, alone.steps) + 1)
    say(f"the deployer is killed at {len(chosen)} of {alone.steps} steps in turn")
    turns = [replace(wanted, kill_at=step) for step in chosen]
    yield from in_turn(sandbox, settings, turns, alone.release, say)
