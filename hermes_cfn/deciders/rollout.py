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
  document that disarms the return timer is on its way.
* *One direction.*  A failed instance stops the rollout.  Going back is the same rollout
  towards the previous release (``want.back``), in which what fails is replaced.
* *An end.*  Every action shortens the way of an instance to current, and a fleet in which
  nothing has changed for ``want.patience_s`` stops.

The rules below are asked in order; see their docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from hermes_cfn.deciders.actions import (
    Action,
    Done,
    EnterStandby,
    ExitStandby,
    Launch,
    Register,
    Resume,
    Send,
    Stop,
    Suspend,
    Terminate,
    Wait,
)
from hermes_cfn.deciders.observed import Attempt, Fleet, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.operations import operation
from hermes_cfn.deciders.release import MOST_PERIODS, CanaryRules, Verdict, judge
from hermes_cfn.errors import Finding

WHILE_WORKING = ("AZRebalance",)
"""Suspended while a rollout works: entering standby may trigger a rebalancing that would
terminate an instance (Auto Scaling user guide, "Temporarily remove instances")."""

IN_AN_EMERGENCY = ("AZRebalance", "ReplaceUnhealthy")


UNREGISTERED_S = 30.0
"""Seconds without any change after which an instance in service that is no target was not on its way to be one."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """``in-place`` or ``surge``, with sizes in instances.

    ``minimum`` in service overrides the strategy's own floor when it is higher.
    """

    kind: str = "in-place"
    batch: int = 1
    minimum: int = 0
    canary: int = 0
    rules: CanaryRules = field(default_factory=CanaryRules)

    @property
    def bake_s(self) -> float:
        """Seconds that a canary serves at least before it is judged good."""
        return self.rules.period_s * self.rules.periods if self.canary else 0.0


@dataclass(frozen=True, slots=True)
class RolloutTarget:
    """What the rollout drives to: a release at a goal version, on a template version.

    ``size`` is the number of instances that shall serve in the end; ``back`` says that this
    is the way back, in which a failing instance is replaced instead of stopping the rollout.
    """

    release: str
    goal_version: int
    token: int
    size: int
    template: str = ""
    strategy: Strategy = field(default_factory=Strategy)
    back: bool = False
    patience_s: float = 900.0
    paused_at: int | None = None


class _View:
    """A fleet seen with a want in mind."""

    def __init__(self, fleet: Fleet, want: RolloutTarget) -> None:
        self.fleet = fleet
        self.want = want
        self.strategy = want.strategy
        self.group = fleet.group
        self.members = tuple(sorted((i for i in fleet.instances if i.member), key=lambda i: i.id))

    def attempt(self, instance: Instance, task: str) -> Attempt | None:
        """The run of ``task`` towards this goal that counts: one that runs, or ours.

        A confirmation belongs to the deployment that it confirms, whatever the goal is now.
        """
        ours = None
        goal_version = instance.armed if task == "confirm" else self.want.goal_version
        for attempt in instance.attempts:
            if attempt.task != task or attempt.goal_version != goal_version:
                continue
            if attempt.progress is Progress.RUNNING:
                return attempt
            if attempt.token == self.want.token:
                ours = attempt
        return ours

    def running(self, instance: Instance, task: str) -> bool:
        attempt = self.attempt(instance, task)
        return attempt is not None and attempt.progress is Progress.RUNNING

    def takes(self, instance: Instance, task: str) -> bool:
        """Whether it is worth sending: what failed under this operation id would only be told again."""
        attempt = self.attempt(instance, task)
        return attempt is None or attempt.progress is Progress.OK

    @staticmethod
    def switching(instance: Instance) -> bool:
        """A document that replaces its container runs, for whatever goal: let it end first."""
        return any(a.progress is Progress.RUNNING and a.task in {"deploy", "rollback"} for a in instance.attempts)

    def on_goal(self, instance: Instance) -> bool:
        return instance.release == self.want.release

    def outdated(self, instance: Instance) -> bool:
        """Launched from another template version than the wanted one: to be replaced."""
        return bool(self.want.template) and instance.template != self.want.template

    def current(self, instance: Instance) -> bool:
        return self.on_goal(instance) and not self.outdated(instance)

    @cached_property
    def serving(self) -> tuple[Instance, ...]:
        return tuple(i for i in self.members if i.lifecycle is Lifecycle.IN_SERVICE)

    @cached_property
    def pending(self) -> tuple[Instance, ...]:
        return tuple(i for i in self.members if i.lifecycle is Lifecycle.PENDING)

    @cached_property
    def out(self) -> tuple[Instance, ...]:
        """In standby and drained: free to be worked on."""
        return tuple(
            i
            for i in self.members
            if i.lifecycle is Lifecycle.STANDBY and i.target is not Target.DRAINING and not i.ended
        )

    @cached_property
    def up(self) -> int:
        return sum(i.up for i in self.members)

    @cached_property
    def worked(self) -> int:
        """Instances that are on the line now: away, coming, or back and not to be confirmed yet.

        What is confirmed in this turn is done: confirmations are sent before anything is taken.
        """
        return sum(not i.up or (bool(i.armed) and i.release is None) for i in self.members if not self.sick(i))

    def sick(self, instance: Instance) -> bool:
        """In service on something stale and unhealthy: nothing is lost by taking it."""
        return (
            instance.lifecycle is Lifecycle.IN_SERVICE
            and instance.target is not Target.HEALTHY
            and not self.current(instance)
        )

    @cached_property
    def floor(self) -> int:
        own = self.want.size if self.strategy.kind == "surge" else self.want.size - self.strategy.batch
        return max(0, own, min(self.strategy.minimum, self.want.size))

    @cached_property
    def stale(self) -> tuple[Instance, ...]:
        return tuple(i for i in self.members if not self.current(i))

    @cached_property
    def wanted_members(self) -> int:
        surplus = self.strategy.batch if self.strategy.kind == "surge" and self.unfinished else 0
        return min(self.want.size + surplus, max(self.group.maximum, self.want.size))

    @cached_property
    def unfinished(self) -> bool:
        """Fewer than ``size`` members are current: there is still somebody to work on."""
        return sum(self.current(i) for i in self.members) < self.want.size and bool(self.members)

    @cached_property
    def settled(self) -> bool:
        """The group has as many instances as it wants: it launches and ends none by itself."""
        return len(self.serving) + len(self.pending) == self.group.desired

    @cached_property
    def over(self) -> bool:
        """Nobody will be taken any more; what is left to do is to disarm return timers."""
        return (
            len(self.members) == self.want.size
            and self.settled
            and all(i.up and self.current(i) and not self.switching(i) for i in self.members)
        )

    def send(self, task: str, instances: Iterable[Instance], goal_version: int = 0) -> tuple[Action, ...]:
        names = tuple(i.id for i in instances)
        if not names:
            return ()
        version, token = goal_version or self.want.goal_version, self.want.token
        return (Send(task, names, operation(task, version, token), version, token),)


def _stop(view: _View, code: str, instances: tuple[Instance, ...], what: str, evidence: str, why: str = "") -> Stop:
    where = ", ".join(i.id for i in instances) or view.group.name
    return Stop(Finding(code, where, what, why=why, evidence=evidence), tuple(i.id for i in instances))


def _alarmed(view: _View) -> tuple[Action, ...]:
    """An alarm of ``watch`` stops a rollout that goes forward."""
    if not view.fleet.alarms or view.want.back:
        return ()
    names = ", ".join(view.fleet.alarms)
    return (_stop(view, "rollout-alarm", (), f"alarm fires: {names}", names, "an alarm during a rollout stops it"),)


def _failure(view: _View, instance: Instance) -> str:
    """Why this instance failed the rollout, or nothing."""
    for task in ("prepare", "deploy", "confirm"):
        attempt = view.attempt(instance, task)
        if attempt is not None and attempt.progress is Progress.FAILED:
            return f"{task} failed{': ' + attempt.detail if attempt.detail else ''}"
    deployed = view.attempt(instance, "deploy")
    if deployed is not None and deployed.progress is Progress.OK and not view.on_goal(instance):
        return f"went back to release {instance.release} by itself"
    unhealthy = instance.lifecycle is Lifecycle.IN_SERVICE and instance.target is Target.UNHEALTHY
    if unhealthy and (instance.armed or (view.want.back and view.on_goal(instance))):
        return "is unhealthy behind the load balancer"
    return ""


def _failed(view: _View) -> tuple[Action, ...]:
    """A failed instance stops the way forward; on the way back it is replaced, as many as the fleet has."""
    failed = [(instance, why) for instance in view.members if (why := _failure(view, instance))]
    if not failed:
        return ()
    if view.want.back and _everywhere(view):
        return (Wait("no instance is healthy, whatever it runs: what they all depend on may be away"),)
    if not view.want.back or view.fleet.replaced >= view.want.size:
        what = "; ".join(f"{instance.id} {why}" for instance, why in failed)
        instances = tuple(instance for instance, _ in failed)
        evidence = "; ".join(instance.detail for instance in instances if instance.detail)
        return (_stop(view, "rollout-instance-failed", instances, what, evidence),)
    spare = view.up - view.floor
    leave: list[Action] = []
    for instance, why in failed:
        if not instance.up or spare > 0:
            spare -= instance.up
            leave.append(Terminate(instance.id, decrement=False, why=why, failed=True))
    return tuple(leave)


def _everywhere(view: _View) -> bool:
    """Nobody of several is healthy, not even where nothing was done: replacing them would not help.

    Believed for half the patience.
    """
    return len(view.members) > 1 and not view.up and view.fleet.still_s <= view.want.patience_s / 2


def _bury(view: _View) -> tuple[Action, ...]:
    """A machine that ended while it was out of service is replaced: nobody else notices it there."""
    return tuple(Terminate(i.id, decrement=False, why="its machine has ended") for i in view.members if i.ended)


def _finished(view: _View) -> tuple[Action, ...]:
    """Everything is as wanted: give back what was suspended while the last are confirmed, then say so."""
    if not view.over:
        return ()
    resume = (Resume(tuple(sorted(view.group.marked))),) if view.group.marked else ()
    if last := (*_confirm(view), *resume):
        return last
    if any(i.armed for i in view.members):
        return ()
    return (Done(f"{len(view.members)} instances on {view.want.release}"),)


def _stalled(view: _View) -> tuple[Action, ...]:
    """Nothing has changed for too long; a document that runs has a time limit of its own."""
    working = any(a.progress is Progress.RUNNING for i in view.members for a in i.attempts)
    if working or _baking(view) or view.fleet.still_s <= view.want.patience_s:
        return ()
    shown = "; ".join(f"{i.id} {i.lifecycle}, target {i.target}, release {i.release}" for i in view.members)
    what = f"nothing has changed for {view.fleet.still_s:.0f} s"
    return (_stop(view, "rollout-stalled", (), what, shown),)


def _impossible(view: _View) -> tuple[Action, ...]:
    """A group that may have no instance cannot run a release."""
    if view.want.size > 0 and view.group.maximum > 0:
        return ()
    return (_stop(view, "rollout-empty-fleet", (), "the group may have no instances", f"maximum {view.group.maximum}"),)


def _suspend(view: _View) -> tuple[Action, ...]:
    """Before anything else: no rebalancing while instances come and go."""
    if view.over:
        return ()
    missing = tuple(p for p in WHILE_WORKING if p not in view.group.suspended)
    return (Suspend(missing),) if missing else ()


def _prepare(view: _View) -> tuple[Action, ...]:
    """Pull everywhere while everything serves; an instance leaves only when it is prepared."""
    return view.send("prepare", (i for i in view.serving if _unprepared(view, i) and view.takes(i, "prepare")))


def _unprepared(view: _View, instance: Instance) -> bool:
    return not view.on_goal(instance) and not view.outdated(instance) and instance.prepared != view.want.goal_version


def _deploy(view: _View) -> tuple[Action, ...]:
    """Work on what is out: deploy what is not on the goal."""
    return view.send("deploy", (i for i in view.out if not view.on_goal(i) and not view.switching(i)))


def _put_back(view: _View) -> tuple[Action, ...]:
    """Only what answers locally on the goal goes back, and only where there is room."""
    room = view.group.maximum - view.group.desired
    fit = tuple(i.id for i in view.out if view.on_goal(i) and not view.switching(i))
    if fit and room <= 0:
        return tuple(Terminate(name, decrement=False, why="the group is full") for name in fit)
    return (ExitStandby(fit[:room]),) if fit else ()


def _confirm(view: _View) -> tuple[Action, ...]:
    """Disarm the return timer of what the load balancer calls healthy."""
    known = (i for i in view.members if i.up and i.armed and i.release is not None)
    waiting = [i for i in known if view.takes(i, "confirm")]
    return tuple(
        action
        for version in sorted({i.armed for i in waiting})
        for action in view.send("confirm", (i for i in waiting if i.armed == version), version)
    )


def _register(view: _View) -> tuple[Action, ...]:
    """Auto Scaling registers an instance when it enters service and never looks again: a hand took it out since."""
    lost = tuple(i.id for i in view.serving if view.current(i) and i.target is Target.ABSENT)
    return (Register(lost),) if lost and view.fleet.still_s > UNREGISTERED_S else ()


def _launch(view: _View) -> tuple[Action, ...]:
    """Start the surplus of a surge, or what is missing, when the group is not at it already."""
    missing = view.wanted_members - len(view.members)
    if missing <= 0 or not view.settled:
        return ()
    return (Launch(min(view.group.desired + missing, view.group.maximum)),)


def _retire(view: _View) -> tuple[Action, ...]:
    """Enough are current: the surplus leaves by name, what is stale first."""
    if view.unfinished or len(view.members) <= view.want.size or not view.settled:
        return ()
    surplus = len(view.members) - view.want.size
    ready = {i.id for i in view.members if i.up and view.current(i) and not i.armed}
    leave: list[Action] = []
    for instance in sorted(view.serving, key=lambda i: (view.current(i), i.up, i.id)):
        if len(leave) < surplus and len(ready - {instance.id}) >= view.want.size and not view.switching(instance):
            ready.discard(instance.id)
            leave.append(Terminate(instance.id, decrement=True, why="surplus"))
    return tuple(leave)


def _take(view: _View) -> tuple[Action, ...]:
    """Take out, or replace, as many as batch, floor and the group's minimum allow."""
    if not view.unfinished:
        return ()
    allowance = _pace(view) - view.worked
    spare = view.up - view.floor
    leave: list[str] = []
    replace: list[Action] = []
    desired = view.group.desired
    for instance in sorted(view.serving, key=lambda i: (i.up, i.id)):
        if allowance <= 0 or view.current(instance) or (instance.up and spare <= 0):
            continue
        if _unprepared(view, instance) or _unconfirmed(instance) or view.switching(instance):
            continue
        if view.outdated(instance):
            if replace or not view.settled:
                continue
            replace.append(Terminate(instance.id, decrement=False, why="launched from an older template version"))
        elif desired - 1 < view.group.minimum:
            continue
        else:
            leave.append(instance.id)
            desired -= 1
        allowance -= 1
        spare -= instance.up
    return (*((EnterStandby(tuple(leave)),) if leave else ()), *replace)


def _unconfirmed(instance: Instance) -> bool:
    """It serves what a deployment gave it, and its return timer still runs."""
    return instance.up and bool(instance.armed) and instance.release is not None


def _pace(view: _View) -> int:
    """How many may be on the line at once: the canary's number until it has proved itself."""
    strategy = view.strategy
    if not strategy.canary or view.want.back or len(view.members) <= strategy.canary:
        return strategy.batch
    done = sum(view.current(i) for i in view.members)
    if done < strategy.canary:
        return min(strategy.batch, strategy.canary - done + view.worked)
    verdict, _ = judge(view.fleet.canary, strategy.rules)
    return strategy.batch if verdict is Verdict.GOOD else 0


def _baking(view: _View) -> bool:
    """The canary serves beside the others, and is not judged yet: time passes on purpose."""
    done = sum(view.current(i) and i.up for i in view.members)
    beside = any(i.up for i in view.stale)
    if not 0 < view.strategy.canary <= done or view.want.back or not beside:
        return False
    return judge(view.fleet.canary, view.strategy.rules)[0] in {Verdict.BAKING, Verdict.TOO_LITTLE}


def _canary(view: _View) -> tuple[Action, ...]:
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
        return (_stop(view, "rollout-canary-unproven", done, what, evidence, why),)
    if verdict is not Verdict.BAD:
        return ()
    return (_stop(view, "rollout-canary-worse", done, "the canary fails more often than the others", evidence),)


def _paused(view: _View) -> bool:
    limit = view.want.paused_at
    return limit is not None and sum(view.current(i) for i in view.members) >= limit


def _rest(view: _View) -> tuple[Action, ...]:
    """Paused, and nobody is on the line: nothing stays suspended meanwhile, and the deployer may go."""
    if not _paused(view) or view.out or not all(i.up and not i.armed for i in view.members):
        return ()
    if view.group.marked:
        return (Resume(tuple(sorted(view.group.marked))),)
    done = sum(view.current(i) for i in view.members)
    return (Done(f"paused with {done} of {len(view.members)} instances on {view.want.release}", paused=True),)


def decide_prepared(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """Only the first part: pull everywhere, take nothing out; then the migration may come.

    Rebalancing is suspended meanwhile, which the first batch need not wait for then.
    """
    view = _View(fleet, want)
    for rule in (_impossible, _failed, _alarmed, _stalled):
        if actions := rule(view):
            return actions
    left = [i for i in view.serving if _unprepared(view, i)]
    if not left and not view.pending:
        return (Done("every instance has the image"),)
    return (*_suspend(view), *_prepare(view)) or (_waiting_for(view),)


STOPS: tuple[Callable[[_View], tuple[Action, ...]], ...] = (
    _impossible,
    _failed,
    _alarmed,
    _canary,
    _finished,
    _bury,
    _stalled,
)
"""Asked first, one answer at most."""

WORK: tuple[Callable[[_View], tuple[Action, ...]], ...] = (_prepare, _deploy, _put_back, _register, _confirm)
"""All of these may answer together, before what takes anything out of service."""

CAPACITY: tuple[Callable[[_View], tuple[Action, ...]], ...] = (_launch, _retire, _take)
"""The first that answers: each spends what the others count on."""


def decide(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """The next actions; ``(Done,)``, ``(Stop,)`` and ``(Wait,)`` stand alone."""
    view = _View(fleet, want)
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
    return work or (_waiting_for(view),)


def _waiting_for(view: _View) -> Wait:
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


def decide_emergency(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """Everything back to ``want.release`` at once, in service, without standby; what a rollout had taken out comes back.

    For when every second of the running release does harm.  Replacing unhealthy instances is
    suspended meanwhile, because all of them restart, and always resumed.
    """
    view = _View(fleet, want)
    if not view.members:
        return (_stop(view, "rollout-empty-fleet", (), "the group has no instances", ""),)
    room = max(0, view.group.maximum - view.group.desired)
    away = [
        i for i in view.members if not i.up and i.lifecycle is not Lifecycle.PENDING and (room or i not in view.out)
    ]
    if not away and all(view.on_goal(i) and not i.armed for i in view.members):
        if view.group.marked:
            return (Resume(tuple(sorted(view.group.marked))),)
        return (Done(f"{len(view.members)} instances on {want.release}"),)
    failed = tuple(i for i in view.members if "failed" in _emergency_failure(view, i))
    if failed and not any(view.running(i, "rollback") for i in view.members):
        what = "; ".join(f"{i.id} {_emergency_failure(view, i)}" for i in failed)
        return (_stop(view, "rollout-instance-failed", failed, what, ""),)
    if stalled := _stalled(view):
        return stalled
    missing = tuple(p for p in IN_AN_EMERGENCY if p not in view.group.suspended)
    if missing:
        return (Suspend(missing),)
    sent = view.send(
        "rollback",
        (
            i
            for i in view.members
            if i.lifecycle is not Lifecycle.PENDING
            and (not view.on_goal(i) or i.armed)
            and view.attempt(i, "rollback") is None
        ),
    )
    fit = tuple(i.id for i in view.out if view.on_goal(i))[:room]
    return (*sent, *((ExitStandby(fit),) if fit else ())) or (_waiting_for(view),)


def _emergency_failure(view: _View, instance: Instance) -> str:
    attempt = view.attempt(instance, "rollback")
    if attempt is None or attempt.progress is not Progress.FAILED:
        return ""
    return f"rollback failed{': ' + attempt.detail if attempt.detail else ''}"
