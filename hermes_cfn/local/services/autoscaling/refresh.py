"""Instance refresh: a group's instances are replaced, so many at once as its preferences let.

Amazon EC2 Auto Scaling user guide, "Use an instance refresh to update instances in an Auto Scaling group": "How an
instance refresh works", "Default values", "Add checkpoints", "Use skip matching", "Monitor CloudWatch alarms"; API
reference ``API_RefreshPreferences``.  Root volumes that are replaced in place are refused by name.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import Group, Member
from hermes_cfn.local.wire import ServiceError, unsupported

LOOK_S = 2.0
"""Service seconds between two looks."""

PATIENCE = timedelta(hours=1)
"""How long an instance in standby or protected from scale in is waited for ("Wait": an hour, then the refresh fails)."""

OPEN = frozenset({"Pending", "InProgress", "Baking", "Cancelling"})


@dataclass(frozen=True)
class Preferences:
    """Percentages of the desired capacity, and seconds; the defaults are the service's."""

    least: int = 90
    most: int = 100
    warmup_s: int = 0
    skip: bool = False
    checkpoints: tuple[int, ...] = ()
    delay_s: int = 3600
    bake_s: int = 0
    protected: str = "Wait"
    standby: str = "Wait"
    alarms: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any], group: Group) -> Preferences:
        """Raises ServiceError ``ValidationError`` for what the API reference does not take."""
        least, most = int(given.get("MinHealthyPercentage", 90)), int(given.get("MaxHealthyPercentage", 100))
        if most - least > 100 or ("MaxHealthyPercentage" in given and "MinHealthyPercentage" not in given):
            raise _refused(
                "MaxHealthyPercentage needs MinHealthyPercentage, and the difference cannot be greater than 100."
            )
        points = tuple(int(one) for one in given.get("CheckpointPercentages") or ())
        if list(points) != sorted(set(points)) or any(not 0 < one <= 100 for one in points):
            raise _refused("CheckpointPercentages must be in ascending order, each from 1 to 100.")
        if given.get("AutoRollback"):
            raise unsupported("autoscaling", "AutoRollback of an instance refresh")
        settings = group.settings
        return cls(
            least,
            most,
            int(given.get("InstanceWarmup", settings.get("DefaultInstanceWarmup", group.grace_s))),
            bool(given.get("SkipMatching", False)),
            points,
            int(given.get("CheckpointDelay", 3600)),
            int(given.get("BakeTime", 0)),
            str(given.get("ScaleInProtectedInstances", "Wait")),
            str(given.get("StandbyInstances", "Wait")),
            tuple((given.get("AlarmSpecification") or {}).get("Alarms") or ()),
        )


@dataclass
class Refresh:
    """One refresh; ``old`` are the instances that it replaces."""

    group: Group
    preferences: Preferences
    given: Mapping[str, Any]
    at: datetime
    old: frozenset[str]
    total: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    ended: datetime | None = None
    baking: datetime | None = None
    passed: set[int] = field(default_factory=set)
    waits_until: datetime | None = None

    @property
    def left(self) -> int:
        return sum(name in self.old for name in self.group.members)

    @property
    def percent(self) -> int:
        return 100 if not self.total else (self.total - self.left) * 100 // self.total

    def end(self, status: str, now: datetime, reason: str = "") -> None:
        self.status, self.reason, self.ended, self.group.surge = status, reason, now, 0

    def described(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StartTime": self.at,
            "PercentageComplete": self.percent,
            "InstancesToUpdate": self.left,
            "Preferences": dict(self.given),
            "Strategy": "Rolling",
        }
        if self.reason:
            shown["StatusReason"] = self.reason
        if self.ended is not None:
            shown["EndTime"] = self.ended
        return shown


def batch(preferences: Preferences, desired: int, serving: int, left: int) -> int:
    """How many old instances may go now: as many as leave the least share of ``desired`` in service, and at least one
    where a share of so small a group would be none."""
    spare = serving - math.ceil(desired * preferences.least / 100)
    if desired and preferences.most == 100 and math.floor(desired * (100 - preferences.least) / 100) < 1:
        spare = serving - (desired - 1)
    return max(0, min(spare, left))


def surge(preferences: Preferences, desired: int, left: int) -> int:
    """How many more than ``desired`` may be there, so that new ones come before old ones go."""
    return max(0, min(math.floor(desired * preferences.most / 100) - desired, left))


def checkpoint(preferences: Preferences, total: int, replaced: int, passed: set[int]) -> tuple[int, int | None]:
    """How many more may be replaced before the next checkpoint, and the one that is reached now, if any."""
    for point in preferences.checkpoints:
        if point in passed:
            continue
        enough = math.ceil(total * point / 100)
        return max(0, enough - replaced), point if replaced >= enough else None
    return total - replaced if not preferences.checkpoints or 100 in passed else 0, None


class Refreshes:
    """The refreshes of every group; ``loud(group, names)`` says which of the alarms are in ALARM or not there."""

    def __init__(self, engine: Engine, loud: Callable[[Group, tuple[str, ...]], list[str]]) -> None:
        self._engine, self._loud = engine, loud
        self._of: dict[int, list[Refresh]] = {}

    def of(self, group: Group) -> list[Refresh]:
        """The newest first."""
        return list(reversed(self._of.get(id(group), [])))

    def start(self, group: Group, params: Mapping[str, Any]) -> Refresh:
        if params.get("Strategy", "Rolling") != "Rolling":
            raise unsupported("autoscaling", f"the strategy {params['Strategy']} of an instance refresh")
        if params.get("DesiredConfiguration"):
            raise unsupported("autoscaling", "DesiredConfiguration of an instance refresh")
        if any(one.status in OPEN for one in self.of(group)):
            raise ServiceError(
                "InstanceRefreshInProgress",
                "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
            )
        preferences = Preferences.of(params.get("Preferences") or {}, group)
        old = {name for name, one in group.members.items() if not (preferences.skip and self._fits(group, one))}
        old -= {name for name, one in group.members.items() if one.state.startswith("Terminating")}
        if preferences.standby == "Ignore":
            old -= {name for name, one in group.members.items() if one.state == "Standby"}
        if preferences.protected == "Ignore":
            old -= {name for name, one in group.members.items() if one.protected}
        made = Refresh(group, preferences, params.get("Preferences") or {}, self._now(), frozenset(old), len(old))
        self._of.setdefault(id(group), []).append(made)
        self._soon(made)
        return made

    def cancel(self, group: Group) -> Refresh:
        for one in self.of(group):
            if one.status in OPEN:
                one.end("Cancelled", self._now(), "Cancelled due to user request.")
                return one
        raise ServiceError("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found.")

    def _now(self) -> datetime:
        return self._engine.scheduler.clock.now()

    def _fits(self, group: Group, member: Member) -> bool:
        wanted = group.settings.get("LaunchTemplate")
        if not wanted:
            return member.template.get("LaunchConfigurationName") == group.settings.get("LaunchConfigurationName")
        version = str(wanted.get("Version", "$Default"))
        return not version.startswith("$") and member.template.get("Version") == version

    def _soon(self, one: Refresh) -> None:
        self._engine.scheduler.after(LOOK_S, lambda: self._look(one))

    def _look(self, one: Refresh) -> None:
        gone = self._engine.groups.get((one.group.region, one.group.name)) is not one.group
        if one.status not in OPEN:
            return
        if gone:
            one.end("Cancelled", self._now(), "The group was deleted.")
            return
        self._step(one)
        self._soon(one)

    def _step(self, one: Refresh) -> None:
        group, wish, now = one.group, one.preferences, self._now()
        loud = self._loud(group, wish.alarms)
        if loud:
            return one.end("Failed", now, f"The CloudWatch alarm(s) {', '.join(loud)} went into ALARM state.")
        if one.baking is not None:
            if now - one.baking >= timedelta(seconds=wish.bake_s):
                one.end("Successful", now)
            return None
        one.status = "InProgress"
        old = [member for name, member in group.members.items() if name in one.old]
        held = [member for member in old if not self._may_go(one, member)]
        if held and now - one.at > PATIENCE:
            names = ", ".join(member.instance_id for member in held)
            return one.end("Failed", now, f"Timed out waiting for instances in standby or protected: {names}")
        room, reached = checkpoint(wish, one.total, one.total - len(old), one.passed)
        warm = [member for member in group.members.values() if self._warm(one, member, now)]
        surplus = sum(member.state == "InService" for member in group.members.values()) > group.desired
        settled = len(warm) >= group.desired
        if not old:
            group.surge = 0
            if settled and not surplus and not wish.bake_s:
                return one.end("Successful", now)
            if settled and not surplus:
                one.status, one.baking = "Baking", now
            return None
        if reached is not None:
            one.waits_until = one.waits_until or (now + timedelta(seconds=wish.delay_s) if settled else None)
            if one.waits_until is None or now < one.waits_until:
                return None
            one.passed.add(reached)
            one.waits_until = None
            return None
        if wish.checkpoints and not room and max(wish.checkpoints) in one.passed:
            return one.end("Successful", now)
        staying = sum(not member.state.startswith("Terminating") for member in old)
        group.surge = surge(wish, group.desired, min(room, staying))
        ready = [member for member in old if member.state == "InService" and self._may_go(one, member)]
        for member in ready[: min(room, batch(wish, group.desired, len(warm), len(ready)))]:
            self._engine.terminate(
                group, member, "an instance was taken out of service in response to an instance refresh"
            )
        self._engine.soon(group)
        return None

    def _may_go(self, one: Refresh, member: Member) -> bool:
        if member.state == "Standby":
            return one.preferences.standby == "Terminate"
        return not member.protected or one.preferences.protected == "Refresh"

    def _warm(self, one: Refresh, member: Member, now: datetime) -> bool:
        if member.state != "InService":
            return False
        since = member.in_service_at
        return (
            member.instance_id in one.old
            or since is None
            or (now.replace(tzinfo=None) - since).total_seconds() >= one.preferences.warmup_s
        )


def _refused(words: str) -> ServiceError:
    return ServiceError("ValidationError", words)
