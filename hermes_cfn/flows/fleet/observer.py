"""Looking at the fleet: what is observed, since when it has stood still, and what is new about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hermes_cfn.aws.autoscaling import GroupSeen, Member
from hermes_cfn.aws.ssm import BY_NAME, Invocation
from hermes_cfn.deciders.actions import EnterStandby
from hermes_cfn.deciders.observed import Attempt, Fleet, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.operations import parse_operation
from hermes_cfn.deciders.own import Own
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.events import Event, InstanceEvent
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet.instance_reports import Reading
from hermes_cfn.flows.fleet.machines import Machines
from hermes_cfn.instance import report as reports_of
from hermes_cfn.instance.documents import PROVE_S
from hermes_cfn.instance.report import Cause, Fault

SUSPICIOUS_S = 15.0
"""Seconds without any change after which EC2 is asked whether the machines out of service still run."""

SETTLED = frozenset({Lifecycle.IN_SERVICE, Lifecycle.STANDBY})
"""Where an instance stays by itself."""

OUT = frozenset({Lifecycle.ENTERING_STANDBY, Lifecycle.STANDBY})

FRESH_S = 3.0
"""Seconds of service time after which everything about the fleet is read again, whether or not it can have changed."""

TRIAL_S = 6.0
"""Seconds of service time after which those are asked again whose containers were replaced lately: draining takes longer."""

UNSETTLED = ("starting", "switching", "changed")
"""States of a report in which nobody knows what the container is: a document was cut off, or is at it; or it is not the
one that a document started."""

BEHIND_S = 30.0
"""Seconds for which a report that is older than the end of its instance's last document is waited for: an estimate, for
AWS promises nothing about how soon a parameter that was written is read."""

REPORTING = frozenset({"prepare", "migrate", "deploy", "confirm", "rollback"})
"""Documents that write the report when they end."""


def not_deployed(context: DeployContext) -> HermesError:
    return HermesError(
        Finding(
            "service-missing",
            context.names.auto_scaling_group,
            "there is no Auto Scaling group: the service stack is not deployed",
            next=hermes("deploy"),
        )
    )


@dataclass
class Observer:
    """Looks at the fleet; remembers since when nothing has changed, and what need not be read again."""

    context: DeployContext
    watch_alarms: bool = False
    alongside: Callable[[], None] = lambda: None
    template: str = ""
    replaced: int = 0
    started: int = 0
    scaled: bool = False
    ignored: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()
    target_groups: tuple[str, ...] = ()
    _parts: dict[str, tuple[datetime, Any]] = field(default_factory=dict)
    _moving: frozenset[str] = frozenset()
    _stands: Mapping[str, tuple[Lifecycle, Target]] = field(default_factory=dict)
    boots: str | None = None
    own: Own = field(default_factory=Own)
    _behind: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _trials: dict[str, datetime] = field(default_factory=dict)
    _tried: datetime | None = None
    _last: tuple[object, ...] = ()
    _shown: dict[str, str] = field(default_factory=dict)
    _since: datetime | None = None
    _looked: datetime | None = None

    def __post_init__(self) -> None:
        self.reading = Reading(self.context)
        self.machines = Machines(self.context)

    def look(self) -> tuple[Fleet, list[Event]]:
        """The fleet as it is, and what is new about it.

        Raises HermesError ``service-missing`` when there is no group.
        """
        clients, names = self.context.clients, self.context.names
        auto_scaling, elb, cloudwatch, _ssm = clients.auto_scaling, clients.elb, clients.cloudwatch, clients.ssm
        parts: dict[str, Callable[[], Any]] = {
            "group": lambda: auto_scaling.observe(names.auto_scaling_group, self.scaled),
            "runs": self.reading.runs,
            "alarms": lambda: cloudwatch.firing(names.alarm("")) if self.watch_alarms else (),
            "lock": self.alongside,
            **{arn: partial(elb.health, arn) for arn in self.target_groups},
        }
        now, expected = clients.now(), self.reading.expected()
        due = [part for part in parts if self._due(part, now)]
        self._looked = now
        answers = clients.together([*(parts[part] for part in due), *expected])
        self._parts |= {part: (now, answer) for part, answer in zip(due, answers, strict=False)}
        seen, runs, alarms = (self._parts[part][1] for part in ("group", "runs", "alarms"))
        health = [self._parts[arn][1] for arn in self.target_groups]
        self.ignored &= frozenset(alarms)
        if seen is None:
            raise not_deployed(self.context)
        if seen.target_groups != self.target_groups:
            self.target_groups = seen.target_groups
            health = [elb.health(arn) for arn in seen.target_groups]
        self.template, self.marked = seen.template, seen.group.marked
        targets = {name: target for found in health for name, target in found.items()}
        stands = {
            member.id: (member.lifecycle, targets[member.id].health if member.id in targets else Target.ABSENT)
            for member in seen.members
        }
        moved = [name for name, stand in stands.items() if self._stands.get(name) != stand]
        self._stands = stands
        reports = self.reading.reports([member.id for member in seen.members], moved)
        instances = tuple(
            _instance(
                member,
                targets[member.id].health if member.id in targets else Target.ABSENT,
                targets[member.id].description if member.id in targets else "",
                reports.get(member.id, {}),
                runs.get(member.id, []),
                self._is_behind(member.id, reports.get(member.id, {}), runs.get(member.id, []), now),
            )
            for member in seen.members
        )
        self.reading.expect(
            {*(i.id for i in instances if not i.up or i.armed or i.behind), *self._on_trial(instances, now)}
        )
        self._moving = frozenset(_moving(instances, seen.group.desired))
        stopping = tuple(name for name in alarms if name not in self.ignored)
        fleet = Fleet(
            clients.now(),
            seen.group,
            instances,
            stopping,
            replaced=self.replaced,
            boots=self.boots,
            started=self.started,
        )
        return self.own.shown(self._buried(self._stillness(fleet))), list(self._news(fleet))

    def _on_trial(self, instances: Iterable[Instance], now: datetime) -> frozenset[str]:
        """Whom somebody stays beside since it was deployed to, and who may say any moment that its container ended.

        The next instance is taken only while none of them has said so; they are asked every :data:`TRIAL_S`,
        of many as many as one call reads: a release that does not stay up does so on every instance.
        """
        self._trials |= {i.id: now + timedelta(seconds=PROVE_S) for i in instances if i.armed}
        self._trials = {name: until for name, until in self._trials.items() if until > now}
        if self._tried is not None and (now - self._tried).total_seconds() < TRIAL_S:
            return frozenset()
        self._tried = now
        return frozenset(sorted(self._trials)[:BY_NAME])

    def _due(self, part: str, now: datetime) -> bool:
        """Whether a part is read again: it may change by itself any moment, or is older than :data:`FRESH_S`."""
        kind = part if part in ("group", "runs", "alarms", "lock") else "targets"
        read, _ = self._parts.get(part, (None, None))
        return kind in self._moving or read is None or (now - read).total_seconds() >= FRESH_S

    @property
    def out_of_service(self) -> tuple[str, ...]:
        """Who was away in the last look, or was taken since."""
        away = {name for name, (lifecycle, _) in self._stands.items() if lifecycle in OUT}
        taken = {name: isinstance(action, EnterStandby) for name, (action, _) in self.own.instances.items()}
        return tuple(sorted(name for name in self._stands if taken.get(name, name in away)))

    def sure(self) -> None:
        """Before an action: the lock is asked for unless the look that it follows from did."""
        if self._parts.get("lock", (None, None))[0] != self._looked:
            self.alongside()

    def acted(self) -> None:
        """Something was done: whatever was read is old."""
        self._parts.clear()

    def _is_behind(self, name: str, report: Mapping[str, Any], runs: Sequence[Invocation], now: datetime) -> bool:
        """Whether the report is older than the end of the instance's last document, for a stated time at most."""
        late = older(report, runs)
        if not late:
            self._behind.pop(name, None)
            return False
        if self._behind.get(name, ("", now))[0] != late:
            self._behind[name] = (late, now)
        return (now - self._behind[name][1]).total_seconds() < BEHIND_S

    def _buried(self, fleet: Fleet) -> Fleet:
        """With those marked whose machine has ended in standby, where nobody else looks; EC2 is asked once a wait is
        suspicious."""
        away = [i.id for i in fleet.instances if i.lifecycle is Lifecycle.STANDBY]
        if not away or fleet.still_s <= SUSPICIOUS_S:
            return fleet
        gone = self.machines.ended(away)
        return replace(fleet, instances=tuple(replace(i, ended=i.id in gone) for i in fleet.instances))

    def _stillness(self, fleet: Fleet) -> Fleet:
        """Since when nothing has changed; instances that come and go without ever serving change nothing."""
        settled = tuple(i for i in fleet.instances if i.lifecycle not in (Lifecycle.PENDING, Lifecycle.GONE))
        shape = (fleet.group, settled)
        if shape != self._last or self._since is None:
            self._last, self._since = shape, fleet.now
        return replace(fleet, still_s=(fleet.now - self._since).total_seconds())

    def _news(self, fleet: Fleet) -> Iterator[Event]:
        for instance in fleet.instances:
            shown = f"{instance.lifecycle}, target {instance.target}, release {instance.release or 'none yet'}"
            if self._shown.get(instance.id) != shown:
                self._shown[instance.id] = shown
                yield InstanceEvent(fleet.now, instance.id, shown)


def _moving(instances: Collection[Instance], desired: int) -> Iterator[str]:
    """What may change any moment: somebody comes or goes, or becomes healthy.

    The end of a document is in its instance's report first, which is read at every look while somebody waits for it.
    """
    serving = [i for i in instances if i.lifecycle is Lifecycle.IN_SERVICE]
    if len(serving) != desired or any(i.lifecycle not in SETTLED for i in instances):
        yield "group"
    if not all(i.up for i in serving) or any(i.target is Target.DRAINING for i in instances):
        yield "targets"


def _instance(
    member: Member,
    target: Target,
    description: str,
    report: Mapping[str, Any],
    runs: Sequence[Invocation],
    behind: bool = False,
) -> Instance:
    return Instance(
        id=member.id,
        lifecycle=member.lifecycle,
        target=target,
        release=None if report.get("state") in UNSETTLED else report.get("release"),
        template=member.template,
        prepared=int(report.get("prepared") or 0),
        armed=_armed(report, runs),
        zone=member.zone,
        attempts=_attempts(report, runs),
        detail=description,
        behind=behind,
        restarted=report.get("cause") == Cause.RESTARTED,
        unbooted=_fault(report) if _failed(report) and not report.get("operation") else None,
    )


def older(report: Mapping[str, Any], runs: Sequence[Invocation]) -> str:
    """The operation of the last document that ended well if the report does not have it yet; by order, not by any clock.

    ``runs`` are in the order in which they were sent, which is that in which an instance does them.
    """
    told = [run for run in runs if (key := parse_operation(run.operation)) and key[0] in REPORTING]
    own = max((at for at, run in enumerate(told) if run.operation == report.get("operation")), default=-1)
    return next((run.operation for run in reversed(told[own + 1 :]) if run.progress is Progress.OK), "")


def _failed(report: Mapping[str, Any]) -> bool:
    return bool(report.get("outcome")) and report["outcome"] != "ok"


def _fault(report: Mapping[str, Any]) -> Fault:
    return reports_of.fault(str(report.get("cause") or ""))


def _attempts(report: Mapping[str, Any], runs: Sequence[Invocation]) -> tuple[Attempt, ...]:
    """Runs by operation id.  The instance's own report is newer than Systems Manager's, unless the same was sent again."""
    found: dict[tuple[str, int, int], Attempt] = {}
    again: set[tuple[str, int, int]] = set()
    for run in runs:
        key = parse_operation(run.operation)
        if key is not None:
            if key in found and run.progress is Progress.RUNNING:
                again.add(key)
            fault = Fault.MACHINE if run.status in reports_of.UNDELIVERED else Fault.UNCLEAR
            found[key] = Attempt(*key, run.progress, run.status, run.command, fault)
    key = parse_operation(str(report.get("operation") or ""))
    outcome = str(report.get("outcome") or "")
    if key is not None and outcome and key not in again:
        progress = Progress.OK if outcome == "ok" else Progress.FAILED
        known = found.get(key)
        command = known.command if known else ""
        found[key] = Attempt(*key, progress, outcome.removeprefix("failed: "), command, _fault(report))
    return tuple(found.values())


def _armed(report: Mapping[str, Any], runs: Sequence[Invocation]) -> int:
    """The goal version of a deployment that nobody has confirmed: its return timer runs."""
    if report.get("cause") == Cause.NOBODY_CONFIRMED:
        return 0
    own, last = parse_operation(str(report.get("operation") or "")), 0
    confirmed: set[int] = set()
    for run in runs:
        key = parse_operation(run.operation)
        if key and key[0] == "deploy":
            last = key[1]
            confirmed.discard(last)
        if key and key[0] in {"confirm", "rollback"} and run.progress is Progress.OK:
            confirmed.add(key[1])
            last = 0 if key[0] == "rollback" else last
    if own and own[0] == "deploy" and own not in {parse_operation(run.operation) for run in runs}:
        last = own[1]
        confirmed.discard(last)
    if own and own[0] == "confirm" and report.get("outcome") == "ok":
        confirmed.add(own[1])
    return 0 if last in confirmed else last


def group(context: DeployContext) -> GroupSeen | None:
    """The group as it is, or None before the first deployment."""
    return context.clients.auto_scaling.observe(context.names.auto_scaling_group)
