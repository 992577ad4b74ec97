"""What a deployer has just done, and a look does not show yet.

Auto Scaling is read a moment late, and a later answer may be an earlier one again.  A rollout that decided on such a
look would take a second instance while the first leaves.  So what an own call was answered well for is laid over every
look for :data:`SHOWN_S`, whatever the look says: the last thing that was done to an instance counts.  It is safety for
the moment, no memory: a deployer that was killed waits longer than this for its lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hermes_cfn.deciders.actions import Action, EnterStandby, ExitStandby, Resume, Suspend, Terminate
from hermes_cfn.deciders.observed import Fleet, Instance, Lifecycle, Target

SHOWN_S = 30.0
"""Seconds of service time after which a look is believed against an own call: an estimate, for AWS has no figure."""

BEFORE: Mapping[type[Action], Lifecycle] = {
    EnterStandby: Lifecycle.IN_SERVICE,
    ExitStandby: Lifecycle.STANDBY,
}
"""Where a look that is too old shows an instance."""


@dataclass(frozen=True, slots=True)
class Own:
    """The last own action on each instance, and on each process of the group, with its service time."""

    instances: Mapping[str, tuple[Action, datetime]] = field(default_factory=dict)
    processes: Mapping[str, tuple[Action, datetime]] = field(default_factory=dict)

    def did(self, action: Action, now: datetime) -> Own:
        """With one more action that AWS has accepted."""
        match action:
            case EnterStandby(names) | ExitStandby(names):
                return replace(self, instances={**self.instances, **dict.fromkeys(names, (action, now))})
            case Terminate(name):
                return replace(self, instances={**self.instances, name: (action, now)})
            case Suspend(processes) | Resume(processes):
                return replace(self, processes={**self.processes, **dict.fromkeys(processes, (action, now))})
        return self

    def shown(self, fleet: Fleet) -> Fleet:
        """The fleet as it is at least: every look that is older than what was done is brought up to it."""
        lately = {name: action for name, (action, at) in self.instances.items() if _fresh(at, fleet.now)}
        changed = {one.id: _later(one, lately[one.id]) for one in fleet.instances if one.id in lately}
        desired = fleet.group.desired + sum(by for _, by in changed.values())
        instances = tuple(changed[one.id][0] if one.id in changed else one for one in fleet.instances)
        off = _processes(self.processes, Suspend, fleet.now)
        on = _processes(self.processes, Resume, fleet.now)
        group = replace(
            fleet.group,
            desired=desired,
            suspended=(fleet.group.suspended | off) - on,
            marked=(fleet.group.marked | off) - on,
        )
        return replace(fleet, group=group, instances=instances)


def _fresh(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() < SHOWN_S


def _processes(known: Mapping[str, tuple[Action, datetime]], kind: type[Action], now: datetime) -> frozenset[str]:
    return frozenset(name for name, (action, at) in known.items() if isinstance(action, kind) and _fresh(at, now))


def _later(instance: Instance, action: Action) -> tuple[Instance, int]:
    """The instance as it is at least, and by how much the desired capacity has changed with it."""
    if isinstance(action, Terminate) and instance.member:
        by = -1 if action.decrement and instance.lifecycle is Lifecycle.IN_SERVICE else 0
        return replace(instance, lifecycle=Lifecycle.GONE), by
    if instance.lifecycle is not BEFORE.get(type(action)):
        return instance, 0
    if isinstance(action, EnterStandby):
        return replace(instance, lifecycle=Lifecycle.ENTERING_STANDBY, target=Target.DRAINING), -1
    target = Target.INITIAL if instance.target is Target.ABSENT else instance.target
    return replace(instance, lifecycle=Lifecycle.IN_SERVICE, target=target), 1
