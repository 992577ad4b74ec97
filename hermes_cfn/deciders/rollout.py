"""The rollout: from any state of the fleet to every instance on the goal, without a dropped request.

Theory
------
``decide(fleet, want)`` is pure, level-triggered and idempotent.  It keeps no memory: what is
to do follows from what is there, so a deployer can be killed after any call and run again.
The same view gives the same actions, and each action done twice is done once: standby and
termination name their instances, the desired capacity is absolute, and a document run is
known by its operation id, which the scripts do not run twice.

An instance is *current* when it runs the goal's release and was launched from the wanted
launch template version.  One on an older release is redeployed; one on an older template
version is replaced.  Each passes through the same line::

    serving, stale --EnterStandby--> leaving --(drained)--> out --Send deploy--> out, current
        --ExitStandby--> serving, armed --(target healthy)--> Send confirm --> serving, current

What holds at every step, beyond what faults take:

* *Capacity.*  An instance that serves is taken only while ``up - 1 >= floor``.  The floor is
  ``size - batch`` in place and ``size`` with surge, which starts its surplus first.
* *Checks.*  ExitStandby only for an instance whose own report says that the goal answers
  locally; the next instance is taken only when the load balancer says ``healthy`` and the
  document that disarms the return timer has said that the container has not restarted since it was deployed.
* *One direction.*  A release that fails stops the rollout.  Going back is the same rollout
  towards the previous release (``want.back``).  On both ways a machine that fails is replaced.
* *Who is ended.*  Only by a rule of :class:`hermes_cfn.deciders.actions.Ending`; for a failure only a machine, never
  for its release's or a dependency's fault, and what serves only in its turn (``deciders.failures``).
* *Progress.*  What new instances start with and cannot is replaced by the goal; nobody waits for them meanwhile.
* *Scaling.*  A group that scales by itself (``want.scaled``) may grow meanwhile and not shrink: its load decides, and what
  leaves for a release is missed.  It gets room for the rollout beyond its range; who ends the rollout gives range and
  policies back, once it is done.
* *An end.*  Every action shortens the way of an instance to current, and a fleet in which
  nothing has changed for ``want.patience_s`` stops.

The rules below are asked in order; see their docstrings.
"""

from __future__ import annotations

from collections.abc import Callable

from hermes_cfn.deciders.actions import (
    Action,
    Done,
    Ending,
    EnterStandby,
    ExitStandby,
    Launch,
    Register,
    Resize,
    Resume,
    Suspend,
    Terminate,
    Wait,
    WriteStable,
)
from hermes_cfn.deciders.failures import failed, relief
from hermes_cfn.deciders.observed import SCALE_IN, Fleet, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.release import MOST_PERIODS, Verdict, judge
from hermes_cfn.deciders.view import RolloutTarget, View, stop
from hermes_cfn.instance.report import Fault

WHILE_WORKING = ("AZRebalance",)
"""Suspended while a rollout works: entering standby may trigger a rebalancing that would
terminate an instance (Auto Scaling user guide, "Temporarily remove instances")."""

WHILE_SCALED = (*WHILE_WORKING, SCALE_IN, "ScheduledActions")
"""The same of a group that scales by itself.  AlarmNotification goes on: what leaves for a release is load for the
others, and a policy that may only grow serves it.  A schedule that is missed is made good by who ends the rollout, for
Auto Scaling forgets it (user guide, "Suspend and resume processes")."""

UNREGISTERED_S = 30.0
"""Seconds without any change after which an instance in service that is no target was not on its way to be one."""


def _alarmed(view: View) -> tuple[Action, ...]:
    """An alarm of ``watch`` stops a rollout that goes forward."""
    if not view.fleet.alarms or view.want.back:
        return ()
    names = ", ".join(view.fleet.alarms)
    return (stop(view, "rollout-alarm", (), f"alarm fires: {names}", names, "an alarm during a rollout stops it"),)


def _bury(view: View) -> tuple[Action, ...]:
    """A machine that ended while it was out of service is replaced: nobody else notices it there.

    At most as many as the fleet has: more do not end by chance.
    """
    ended = tuple(i for i in view.members if i.ended)
    if ended and view.fleet.replaced >= view.want.size:
        what = f"{', '.join(i.id for i in ended)}: its machine has ended, after {view.fleet.replaced} were replaced"
        return (stop(view, "rollout-machines-end", ended, what, ""),)
    return tuple(Terminate(i.id, False, Ending.MACHINE_ENDED, "its machine has ended") for i in ended)


def _anchor(view: View) -> tuple[Action, ...]:
    """What new instances start with and cannot is no anchor: they start the goal from now on.

    An application that does not answer on a new machine may be that machine's fault while it serves on another.
    """
    boots = view.fleet.boots
    if boots is None or boots == view.want.release:
        return ()
    served = any(i.up and i.release == boots for i in view.members)
    useless = {Fault.RELEASE} if served else {Fault.RELEASE, Fault.UNCLEAR}
    if any(i.unbooted in useless for i in view.fleet.instances):
        return (WriteStable(view.want.release),)
    return ()


def _finished(view: View) -> tuple[Action, ...]:
    """Everything is as wanted: give back what was suspended while the last are confirmed, then say so."""
    if not view.over:
        return ()
    if view.want.scaled:
        armed = any(i.armed for i in view.members)
        return _confirm(view) or (() if armed else (Done(f"{len(view.members)} instances on {view.want.release}"),))
    resume = (Resume(tuple(sorted(view.group.marked))),) if view.group.marked else ()
    if last := (*_confirm(view), *resume):
        return last
    if any(i.armed for i in view.members):
        return ()
    return (Done(f"{len(view.members)} instances on {view.want.release}"),)


def stalled(view: View) -> tuple[Action, ...]:
    """Nothing has changed for too long; a document that runs has a time limit of its own."""
    working = any(a.progress is Progress.RUNNING for i in view.members for a in i.attempts)
    if working or _baking(view) or view.fleet.still_s <= view.want.patience_s:
        return ()
    shown = "; ".join(f"{i.id} {i.lifecycle}, target {i.target}, release {i.release}" for i in view.members)
    what = f"nothing has changed for {view.fleet.still_s:.0f} s"
    return (stop(view, "rollout-stalled", (), what, shown),)


def _impossible(view: View) -> tuple[Action, ...]:
    """A group that may have no instance cannot run a release."""
    if view.want.size > 0 and view.group.maximum > 0:
        return ()
    return (stop(view, "rollout-empty-fleet", (), "the group may have no instances", f"maximum {view.group.maximum}"),)


def _suspend(view: View) -> tuple[Action, ...]:
    """Before anything else: no rebalancing while instances come and go."""
    if view.over:
        return ()
    wanted = WHILE_SCALED if view.want.scaled else WHILE_WORKING
    missing = tuple(p for p in wanted if p not in view.group.suspended)
    room = view.room
    resize = (Resize(*room),) if room != (view.group.minimum, view.group.maximum) else ()
    return (*((Suspend(missing),) if missing else ()), *resize)


def _prepare(view: View) -> tuple[Action, ...]:
    """Pull everywhere while everything serves; an instance leaves only when it is prepared."""
    return view.send("prepare", (i for i in view.serving if _unprepared(view, i) and view.takes(i, "prepare")))


def _unprepared(view: View, instance: Instance) -> bool:
    return not view.on_goal(instance) and not view.outdated(instance) and instance.prepared != view.want.goal_version


def _deploy(view: View) -> tuple[Action, ...]:
    """Work on what is out: deploy what is not on the goal."""
    return view.send("deploy", (i for i in view.out if not view.on_goal(i) and not view.switching(i)))


def _put_back(view: View) -> tuple[Action, ...]:
    """Only what answers locally on the goal goes back, and only where there is room."""
    room = view.group.maximum - view.group.desired
    fit = tuple(i.id for i in view.out if view.on_goal(i) and not view.switching(i))
    if fit and room <= 0:
        return tuple(Terminate(name, False, Ending.NO_ROOM, "the group is full") for name in fit)
    return (ExitStandby(fit[:room]),) if fit else ()


def _confirm(view: View) -> tuple[Action, ...]:
    """Disarm the return timer of what the load balancer calls healthy."""
    known = (i for i in view.members if i.up and i.armed and i.release is not None)
    waiting = [i for i in known if view.takes(i, "confirm")]
    return tuple(
        action
        for version in sorted({i.armed for i in waiting})
        for action in view.send("confirm", (i for i in waiting if i.armed == version), version)
    )


def _register(view: View) -> tuple[Action, ...]:
    """Auto Scaling registers an instance when it enters service and never looks again: a hand took it out since."""
    lost = tuple(i.id for i in view.serving if view.current(i) and i.target is Target.ABSENT)
    return (Register(lost),) if lost and view.fleet.still_s > UNREGISTERED_S else ()


def _launch(view: View) -> tuple[Action, ...]:
    """Start the surplus of a surge, or what is missing, when the group is not at it already."""
    missing = view.wanted_members - len(view.members)
    if missing <= 0 or not view.settled:
        return ()
    desired = min(view.group.desired + missing, view.group.maximum)
    if view.want.scaled:
        return (Launch(desired, view.room[0], max(0, min(missing, view.wanted_members - view.want.size))),)
    return (Launch(desired),)


def _retire(view: View) -> tuple[Action, ...]:
    """Enough are current: the surplus leaves by name, what is stale first."""
    surplus = view.surplus
    if view.unfinished or surplus <= 0 or not view.settled:
        return ()
    ready = {i.id for i in view.members if i.up and view.current(i) and not i.armed}
    leave: list[Action] = []
    for instance in sorted(view.serving, key=lambda i: (view.current(i), i.up, i.id)):
        if len(leave) < surplus and len(ready - {instance.id}) >= view.want.size and not view.switching(instance):
            ready.discard(instance.id)
            leave.append(Terminate(instance.id, True, Ending.SURPLUS, "surplus"))
    return tuple(leave)


def _take(view: View) -> tuple[Action, ...]:
    """Take out, or replace, as many as batch, floor and the group's minimum allow.

    What was left half way counts against the others, but never against itself.  A target that is not checked yet may be
    healthy by now, and is left alone while too few serve.
    """
    if not view.unfinished:
        return ()
    pace, taken = _pace(view), 0
    spare = view.up - view.floor
    leave: list[str] = []
    replace: list[Action] = []
    desired = view.group.desired
    for instance in sorted(view.serving, key=lambda i: (i.up, not view.halfway(i), i.id)):
        busy = view.worked if instance.up and not view.halfway(instance) else view.away
        if pace - busy - taken <= 0 or view.current(instance) or (instance.up and spare <= 0):
            continue
        if _unprepared(view, instance) or view.unproved(instance) or view.switching(instance):
            continue
        if instance.target is Target.INITIAL and view.up < view.floor:
            continue
        if view.outdated(instance):
            if replace or not view.settled:
                continue
            why = "launched from an older template version"
            replace.append(Terminate(instance.id, False, Ending.OUTDATED, why))
        elif desired - 1 < view.group.minimum:
            continue
        else:
            leave.append(instance.id)
            desired -= 1
        taken += 1
        spare -= instance.up
    return (*((EnterStandby(tuple(leave)),) if leave else ()), *replace)


def _pace(view: View) -> int:
    """How many may be on the line at once: the canary's number until it has proved itself."""
    strategy = view.strategy
    if not strategy.canary or view.want.back or len(view.members) <= strategy.canary:
        return strategy.batch
    done = sum(view.current(i) for i in view.members)
    if done < strategy.canary:
        return min(strategy.batch, strategy.canary - done + view.worked)
    verdict, _ = judge(view.fleet.canary, strategy.rules)
    return strategy.batch if verdict is Verdict.GOOD else 0


def _baking(view: View) -> bool:
    """The canary serves beside the others, and is not judged yet: time passes on purpose."""
    done = sum(view.current(i) and i.up for i in view.members)
    beside = any(i.up for i in view.stale)
    if not 0 < view.strategy.canary <= done or view.want.back or not beside:
        return False
    return judge(view.fleet.canary, view.strategy.rules)[0] in {Verdict.BAKING, Verdict.TOO_LITTLE}


def _canary(view: View) -> tuple[Action, ...]:
    """A canary that is worse than the others stops the rollout."""
    strategy = view.strategy
    if not strategy.canary or view.want.back or not view.stale:
        return ()
    done = tuple(i for i in view.members if view.current(i))
    if len(done) < strategy.canary:
        return ()
    verdict, evidence = judge(view.fleet.canary, strategy.rules)
    if verdict is Verdict.TOO_LITTLE and len(view.fleet.canary.canary) >= MOST_PERIODS:
        what = f"too little traffic to judge the canary by after {MOST_PERIODS} periods"
        why = "release.canary_requests says how many requests are enough"
        return (stop(view, "rollout-canary-unproven", done, what, evidence, why),)
    if verdict is not Verdict.BAD:
        return ()
    return (stop(view, "rollout-canary-worse", done, "the canary fails more often than the others", evidence),)


def _paused(view: View) -> bool:
    limit = view.want.paused_at
    return limit is not None and sum(view.current(i) for i in view.members) >= limit


def _rest(view: View) -> tuple[Action, ...]:
    """Paused, and nobody is on the line: nothing stays suspended meanwhile, and the deployer may go."""
    if not _paused(view) or view.out or not all(i.up and not i.armed for i in view.members):
        return ()
    if view.group.marked and not view.want.scaled:
        return (Resume(tuple(sorted(view.group.marked))),)
    done = sum(view.current(i) for i in view.members)
    return (Done(f"paused with {done} of {len(view.members)} instances on {view.want.release}", paused=True),)


def decide_prepared(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """Only the first part: pull everywhere, take nothing out; then the migration may come.

    Rebalancing is suspended meanwhile, which the first batch need not wait for then.  An instance that starts is waited
    for only where no other serves: it starts what is to be replaced, which may be why it never ends starting.
    """
    view = View(fleet, want)
    for rule in (_impossible, failed, _alarmed, stalled):
        if actions := rule(view):
            return actions
    left = [i for i in view.serving if _unprepared(view, i)]
    if not left and (view.serving or not view.pending):
        return (Done("every instance has the image"),)
    return (*_anchor(view), *_suspend(view), *_prepare(view), *relief(view)) or (waiting_for(view),)


STOPS: tuple[Callable[[View], tuple[Action, ...]], ...] = (
    _impossible,
    failed,
    _alarmed,
    _canary,
    _finished,
    _bury,
    stalled,
)
"""Asked first, one answer at most."""

WORK: tuple[Callable[[View], tuple[Action, ...]], ...] = (_anchor, _prepare, _deploy, _put_back, _register, _confirm)
"""All of these may answer together, before what takes anything out of service."""

CAPACITY: tuple[Callable[[View], tuple[Action, ...]], ...] = (_launch, relief, _retire, _take)
"""The first that answers: each spends what the others count on."""


def decide(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """The next actions; ``(Done,)``, ``(Stop,)`` and ``(Wait,)`` stand alone."""
    view = View(fleet, want)
    for rule in STOPS:
        if actions := rule(view):
            return actions
    if rest := _rest(view):
        return rest
    work = (*_suspend(view), *(action for rule in WORK for action in rule(view)))
    if not _paused(view):
        for rule in CAPACITY:
            if actions := rule(view):
                return (*work, *actions)
    return work or (waiting_for(view),)


def waiting_for(view: View) -> Wait:
    """What a reader wants to know while nothing is to do."""
    for instance in view.members:
        if instance.lifecycle is Lifecycle.ENTERING_STANDBY or (
            instance.lifecycle is Lifecycle.STANDBY and instance.target is Target.DRAINING
        ):
            return Wait(f"{instance.id} drains", "drain")
        for attempt in instance.attempts:
            if attempt.progress is Progress.RUNNING:
                return Wait(f"{attempt.task} on {instance.id}", attempt.task)
        if instance.lifecycle is Lifecycle.PENDING:
            return Wait(f"{instance.id} starts")
        if not instance.up:
            return Wait(f"{instance.id} becomes healthy")
    if not view.settled:
        return Wait("the group reaches its desired capacity")
    if view.strategy.canary and view.stale:
        return Wait(f"canary: {judge(view.fleet.canary, view.strategy.rules)[1]}", "canary")
    return Wait("the fleet settles")
