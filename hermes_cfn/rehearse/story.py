"""Every verb in turn on a cloud that answers late: what each of them ended with, and what it left behind.

From ``bootstrap`` to ``destroy``, each verb as a process of its own; from the first deployment on under load.  A verb
is *false* when it ends otherwise than it must, whatever the cloud answered; the same command is then typed again.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.config import Settings
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.local import control
from hermes_cfn.names import Names
from hermes_cfn.rehearse.run import SETTLE_S, update
from hermes_cfn.rehearse.sandbox import Sandbox
from hermes_cfn.rehearse.watcher import GONE, Watcher

AGAIN = 3
"""How often a verb that ended falsely is typed again before the story ends."""

RATE = 30.0
"""Requests a second."""

NO_ROOM_S = 160.0
"""Service seconds for which no zone has room for a new instance."""

NO_ROOM = "We currently do not have sufficient capacity"
FAILS = "NEVER_BOOTS=yes"
NEW_KEY = "story-secret-key-base-" + "y" * 64


@dataclass(frozen=True, slots=True)
class Scenario:
    """``words`` is what is typed, with ``given`` on standard input; ``codes`` are the exit codes that are right.

    ``loaded``: requests are sent meanwhile, of which none may be lost unless it ``interrupts``; ``ends``: every instance
    is replaced; ``renews``: another release must be stable afterwards.  ``fault`` strikes as it begins; ``killed``: the
    deployer is killed at that line first, and then ``words`` are typed.
    """

    name: str
    words: str
    given: str = ""
    codes: tuple[int, ...] = (0,)
    loaded: bool = True
    interrupts: bool = False
    ends: bool = False
    renews: bool = False
    fault: str = ""
    killed: str = ""
    no_room: bool = False


def scenarios(settings: Settings, database: str) -> Iterator[Scenario]:
    """The story: an account from nothing to nothing."""
    quiet = [("bootstrap", "bootstrap", "")]
    quiet += [(f"local image {tag}", f"local image {tag}", "") for tag in ("v1", "v2")]
    quiet += [("local image that fails", f"local image broken --variable {FAILS}", "")]
    for name in settings.application.secrets:
        value = database if name == "DATABASE_URL" else f"story-{name.lower()}-{'x' * 64}"
        quiet.append((f"secrets set {name}", f"secrets set {name}", value))
    quiet += [("first deployment", "deploy --image v1 --yes", ""), ("the same again", "deploy --yes", "")]
    yield from (Scenario(name, words, given and f"{given}\n", loaded=False) for name, words, given in quiet)
    yield Scenario("release", "release --image v2 --yes", renews=True)
    yield Scenario("rollback", "rollback --yes", renews=True)
    yield Scenario("release, answers lost", "release --image v2 --yes", fault="answer-lost", renews=True)
    yield Scenario("release that fails", "release --image broken --yes", codes=(ExitCode.ROLLED_BACK,))
    yield Scenario("killed, then resumed", "release --resume --yes", killed="leaves the load balancer", renews=True)
    yield Scenario("scale", f"scale --type {_other(settings)} --no-plan", loaded=False)
    yield Scenario("another instance type", "deploy --yes", ends=True)
    yield Scenario("scale back", f"scale --type {settings.compute.instance_type} --no-plan", loaded=False)
    yield Scenario("no room for instances", "deploy --yes", ends=True, no_room=True)
    if "SECRET_KEY_BASE" in settings.application.secrets:
        yield Scenario("secrets rotate", "secrets rotate SECRET_KEY_BASE --yes", given=f"{NEW_KEY}\n", renews=True)
    yield Scenario("machine image", "machine-image update --yes")
    yield Scenario("status", "status --no-bill")
    yield Scenario("plan", "plan")
    yield Scenario("doctor", "doctor")
    yield Scenario("rollback --emergency", "rollback --emergency --yes", interrupts=True, renews=True)
    yield Scenario(
        "destroy", "destroy --unprotect --empty-buckets --foundation --yes", loaded=False, codes=(ExitCode.OK,)
    )


def _other(settings: Settings) -> str:
    family = settings.compute.instance_type.partition(".")[0]
    return next(
        f"{family}.{size}" for size in ("medium", "small") if f"{family}.{size}" != settings.compute.instance_type
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """What one scenario has shown.  ``wrong`` is why it is not what it must be, empty where it is.

    ``false``: how often it ended otherwise than it must; ``lost``: requests that failed and had not to;
    ``ended``: instances that the group has no more without need; ``suspended``: processes, or our mark, left behind.
    """

    name: str
    exit_code: int
    false: int
    sent: int = 0
    lost: int = 0
    ended: int = 0
    suspended: tuple[str, ...] = ()
    took_s: float = 0.0
    wrong: str = ""
    said: str = ""

    @property
    def good(self) -> bool:
        return not (self.false or self.lost or self.ended or self.suspended or self.wrong)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "good": self.good}


def tell(sandbox: Sandbox, settings: Settings, seed: int, say: Callable[[str], None]) -> Iterator[Scene]:
    """The scenes in turn; the last is one that did not come to its end, if there is one."""
    story = scenarios(settings, control.database(sandbox.state))
    for number, scenario in enumerate(story):
        say(f"{scenario.name}: {scenario.words}")
        scene = _played(sandbox, settings, scenario, seed + number) if scenario.loaded else _typed(sandbox, scenario)
        yield scene
        if scene.exit_code not in scenario.codes:
            return


def _typed(sandbox: Sandbox, scenario: Scenario) -> Scene:
    """Types the verb, and again where it ended falsely."""
    false, said, code, begun = 0, "", -1, time.monotonic()
    if scenario.killed:
        update(sandbox, "v1", lambda _number, line: scenario.killed in line)
    for _ in range(AGAIN):
        process = sandbox.begin(*scenario.words.split(), stdin=subprocess.PIPE)
        written, _error = process.communicate(scenario.given)
        code = process.returncode
        if code in scenario.codes:
            break
        false += 1
        said = written[-3000:]
    return Scene(scenario.name, code, false, took_s=time.monotonic() - begun, said=said)


def _played(sandbox: Sandbox, settings: Settings, scenario: Scenario, seed: int) -> Scene:
    """The verb under load, with somebody who watches the group as it is."""
    clients = sandbox.clients(settings.region)
    group = f"{settings.application.name}-{settings.environment.name}"
    before = stable(clients, settings)
    load = sandbox.load(settings.certificate.domain or "localhost", RATE, seed=seed)
    over = threading.Timer(NO_ROOM_S / sandbox.options.speed, lambda: _room(sandbox, None))
    try:
        with Watcher(clients, group) as watcher:
            if scenario.fault:
                sandbox.fault(scenario.fault)
            if scenario.no_room:
                _room(sandbox, NO_ROOM)
                over.start()
            scene = _typed(sandbox, scenario)
            whole = watcher.await_whole(settings.compute.count, SETTLE_S)
    except BaseException:
        load.kill()
        raise
    finally:
        over.cancel()
        sandbox.fault("clear")
    tally = load.stop()
    gone = sum(line[-1][1] == GONE for line in watcher.time_line().values())
    seen = clients.auto_scaling.observe(group)
    left = sorted(seen.group.suspended | seen.group.marked) if seen else ["no group"]
    wrong = "" if whole else "the fleet is not whole"
    if scenario.renews and stable(clients, settings) == before:
        wrong = wrong or "no other release is stable"
    return replace(
        scene,
        sent=tally.sent,
        lost=0 if scenario.interrupts else tally.failed,
        ended=max(0, gone - (settings.compute.count if scenario.ends else 0)),
        suspended=tuple(left),
        wrong=wrong,
    )


def stable(clients: AwsClients, settings: Settings) -> str:
    """What the parameter of the stable release holds."""
    try:
        found = clients.ssm.parameter(Names.of(settings, clients.account.identity().account).stable_parameter)
    except HermesError:
        return ""
    return found.value if found else ""


def _room(sandbox: Sandbox, message: str | None) -> None:
    control.ask(sandbox.state, "faults", {"set": "capacity", "subject": "*", "value": message})


def screen(scene: Scene) -> Iterator[str]:
    """A scene as lines of text."""
    marks = [
        f"{scene.false} x ended falsely" if scene.false else "",
        f"{scene.lost} of {scene.sent} requests lost" if scene.lost else "",
        f"{scene.ended} instances ended without need" if scene.ended else "",
        f"left suspended: {', '.join(scene.suspended)}" if scene.suspended else "",
        scene.wrong,
    ]
    found = "; ".join(filter(None, marks)) or "well"
    yield f"{scene.name:<24} exit code {scene.exit_code}, {scene.took_s:5.1f} s, {scene.sent:5} requests: {found}"
    yield from (f"    | {line}" for line in scene.said.splitlines()[-12:])
