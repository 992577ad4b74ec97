"""A fleet seen with a want in mind: what the rules of a rollout ask again and again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from hermes_cfn.deciders.actions import Action, Send, Stop
from hermes_cfn.deciders.observed import Attempt, Fleet, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.operations import operation
from hermes_cfn.deciders.release import CanaryRules
from hermes_cfn.errors import Finding


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
    is the way back; ``proven``, that the release was verified on every instance once.

    ``scaled``: the group scales by itself between ``least`` and ``most``; ``size`` is then how many there were when this run
    began.  What a policy adds is welcome, rolled like the others, and left to the policy to take.
    """

    release: str
    goal_version: int
    token: int
    size: int
    template: str = ""
    strategy: Strategy = field(default_factory=Strategy)
    back: bool = False
    proven: bool = True
    patience_s: float = 900.0
    paused_at: int | None = None
    scaled: bool = False
    least: int = 0
    most: int = 0


class View:
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
        """A document that replaces its container runs, for whatever goal, or has ended and is not reported: wait."""
        return instance.behind or any(
            a.progress is Progress.RUNNING and a.task in {"deploy", "rollback"} for a in instance.attempts
        )

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
        """Instances that are on the line now: away, coming, or back and not proved yet."""
        return self.away + sum(self.halfway(i) or self.unproved(i) for i in self.members)

    @cached_property
    def away(self) -> int:
        """Those of ``worked`` that do not serve."""
        return sum(not i.up for i in self.members if not self.sick(i))

    def unproved(self, instance: Instance) -> bool:
        """It serves what a deployment gave it, and has not said yet that its container stayed up since.

        What has said that it did not, and is to be replaced, need say no more.
        """
        if not instance.up or not instance.armed or instance.release is None:
            return False
        said = self.attempt(instance, "confirm")
        return self.on_goal(instance) or said is None or said.progress is not Progress.FAILED

    @staticmethod
    def halfway(instance: Instance) -> bool:
        """It serves, and was left half way: nobody knows what it was deployed to, so nobody confirms it."""
        return instance.up and bool(instance.armed) and instance.release is None

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
        """Fewer than ``size`` members are current, or somebody came and is not: there is still somebody to work on."""
        done = sum(self.current(i) for i in self.members)
        return bool(self.members) and (done < self.want.size or (self.want.scaled and done < len(self.members)))

    @cached_property
    def surplus(self) -> int:
        """Members that nobody wants: of a group that scales by itself those that this run started, and beyond its most."""
        over = len(self.members) - self.want.size
        if not self.want.scaled:
            return over
        return max(min(self.fleet.started, over), len(self.members) - max(self.want.most, self.want.size))

    @property
    def room(self) -> tuple[int, int]:
        """Minimum and maximum that a rollout needs; a fixed group has them always."""
        if not self.want.scaled:
            return self.group.minimum, self.group.maximum
        batch = self.strategy.batch
        low, high = max(0, self.want.least - batch), max(self.want.most, self.want.size) + batch
        return min(low, self.group.minimum), max(high, self.group.maximum)

    @cached_property
    def settled(self) -> bool:
        """The group has as many instances as it wants: it launches and ends none by itself."""
        return len(self.serving) + len(self.pending) == self.group.desired

    @cached_property
    def over(self) -> bool:
        """Nobody will be taken any more; what is left to do is to disarm return timers."""
        return (
            (len(self.members) == self.want.size if not self.want.scaled else self.surplus <= 0)
            and len(self.members) >= self.want.size
            and self.settled
            and all(i.up and self.current(i) and not self.switching(i) for i in self.members)
        )

    def send(self, task: str, instances: Iterable[Instance], goal_version: int = 0) -> tuple[Action, ...]:
        names = tuple(i.id for i in instances)
        if not names:
            return ()
        version, token = goal_version or self.want.goal_version, self.want.token
        return (Send(task, names, operation(task, version, token), version, token),)


def stop(view: View, code: str, instances: tuple[Instance, ...], what: str, evidence: str, why: str = "") -> Stop:
    where = ", ".join(i.id for i in instances) or view.group.name
    return Stop(Finding(code, where, what, why=why, evidence=evidence), tuple(i.id for i in instances))
