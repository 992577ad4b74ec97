"""What was observed: the only way by which the world reaches a decider.

*Now* is the service's time; every duration is a difference of service times, so neither the
skew of a machine nor a clock that runs faster than the wall's matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hermes_cfn.instance.report import Fault


class Lifecycle(StrEnum):
    """An instance's place in its Auto Scaling group, folded to what matters for a rollout.

    The twenty states of the API fold by prefix (Auto Scaling user guide, "Amazon EC2 Auto
    Scaling instance lifecycle"): ``Pending*`` is not in service yet, ``Terminat*`` and
    ``Detach*`` never will be again.
    """

    PENDING = "pending"
    IN_SERVICE = "in service"
    ENTERING_STANDBY = "entering standby"
    STANDBY = "standby"
    GONE = "gone"

    @classmethod
    def of(cls, state: str) -> Lifecycle:
        """The folded state for a ``LifecycleState`` of the API."""
        if state.startswith("Pending"):
            return cls.PENDING
        return {
            "InService": cls.IN_SERVICE,
            "EnteringStandby": cls.ENTERING_STANDBY,
            "Standby": cls.STANDBY,
        }.get(state, cls.GONE)


class Target(StrEnum):
    """An instance's health as a target of the load balancer; ``ABSENT`` when it is none."""

    HEALTHY = "healthy"
    INITIAL = "initial"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    ABSENT = "absent"

    @classmethod
    def of(cls, state: str) -> Target:
        """The folded state for a ``TargetHealth.State`` of the API."""
        if state.startswith("unhealthy"):
            return cls.UNHEALTHY
        return {"healthy": cls.HEALTHY, "initial": cls.INITIAL, "draining": cls.DRAINING}.get(state, cls.ABSENT)


class Progress(StrEnum):
    """How far a document run has come on one instance."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run of a document on an instance, known by its operation id; ``fault`` is whose it is that it failed."""

    task: str
    goal_version: int
    token: int
    progress: Progress
    detail: str = ""
    command: str = ""
    fault: Fault = Fault.UNCLEAR


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of the group.

    ``release`` is what it runs and answers with locally, by its own report; ``prepared`` the
    goal version whose image it has pulled; ``armed`` the goal version of a deployment that nobody
    has confirmed yet, so that its return timer runs, else 0; ``ended`` says that it is out of service
    and its machine does not run any more, which Auto Scaling does not look at in standby.

    ``behind``: its report is older than the end of its last document, so that nothing follows from what it does not
    say yet.  ``restarted``: it says that its container ended by itself since it was deployed.  ``unbooted``: whose fault it was that
    it could not start the release that new instances start with.
    """

    id: str
    lifecycle: Lifecycle
    target: Target
    release: str | None = None
    template: str = ""
    prepared: int = 0
    armed: int = 0
    zone: str = ""
    attempts: tuple[Attempt, ...] = ()
    detail: str = ""
    ended: bool = False
    behind: bool = False
    restarted: bool = False
    unbooted: Fault | None = None

    @property
    def up(self) -> bool:
        """In service and healthy: it serves requests."""
        return self.lifecycle is Lifecycle.IN_SERVICE and self.target is Target.HEALTHY

    @property
    def member(self) -> bool:
        return self.lifecycle is not Lifecycle.GONE


SCALE_IN = "ScaleIn"
"""Stands among a group's processes for its target tracking policies: suspended, where none of them may shrink the group
(``DisableScaleIn``)."""


@dataclass(frozen=True, slots=True)
class Group:
    """The Auto Scaling group.  ``marked`` are the processes that a rollout of ours suspended."""

    name: str
    minimum: int
    maximum: int
    desired: int
    suspended: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests that one side answered in one period of a canary, and how many of them failed."""

    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class Canary:
    """Counts by period, oldest first, of the canary and of the instances on the old release."""

    canary: tuple[Counts, ...] = ()
    others: tuple[Counts, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that a rollout looks at.

    ``still_s``: seconds since anything in it changed; ``replaced``: how many failed instances
    this run has ended; ``boots``: the release that new instances start with, None where nobody knows; ``started``: how
    many this run has started beyond what was wanted, and not ended yet.
    """

    now: datetime
    group: Group
    instances: tuple[Instance, ...]
    alarms: tuple[str, ...] = ()
    canary: Canary = field(default_factory=Canary)
    still_s: float = 0.0
    replaced: int = 0
    boots: str | None = None
    started: int = 0


@dataclass(frozen=True, slots=True)
class ChangeSetSeen:
    """A change set of ours.  ``empty`` when it failed only because nothing would change."""

    status: str
    execution: str = ""
    reason: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class StackSeen:
    """A stack as CloudFormation shows it; ``status`` is None when there is none.

    ``begun``: it shows what this run has asked for, or this run has asked for nothing.
    """

    status: str | None
    reason: str = ""
    change_set: ChangeSetSeen | None = None
    protected: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    stack_id: str = ""
    begun: bool = True
    updated: str = ""
    drift: str = ""


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """The lock's item: who holds it, what for, until when (service time), and its token."""

    owner: str
    purpose: str
    expires: datetime
    token: int
