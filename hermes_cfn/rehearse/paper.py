"""A fleet on paper: the deployer's own loop against doors that answer from a table, on a clock that jumps.

What it shows is what the deployer adds: how many calls it makes, and how much longer it takes than
draining, stopping, starting and health checks take by themselves.  Calls are counted as the API
pages them; each takes :data:`CALL_S`.  How instances behave is shown by a rehearsal, not here.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from types import SimpleNamespace
from typing import Any, cast

from hermes_cfn.aws.autoscaling import GroupSeen, Member
from hermes_cfn.aws.clients import SIDE_BY_SIDE
from hermes_cfn.aws.elb import TargetSeen
from hermes_cfn.aws.ssm import Invocation, Parameter
from hermes_cfn.clock import Clock
from hermes_cfn.config import Settings
from hermes_cfn.deciders.actions import Done, Stop
from hermes_cfn.deciders.observed import Fleet, Group, Lifecycle, Progress, Target
from hermes_cfn.deciders.operations import parse_operation
from hermes_cfn.deciders.rollout import decide, decide_prepared
from hermes_cfn.deciders.view import RolloutTarget
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet.rollout import Rollout
from hermes_cfn.instance.release import Release
from hermes_cfn.names import Names
from hermes_cfn.plan.timing import PULL_S, START_S, STOP_S, Pace, rollout

CALL_S = 0.1
"""Seconds that a call of the API takes: an estimate."""

DELIVERY_S = 0.5
"""Seconds from SendCommand to the agent's start, and from the document's end to Systems Manager's word of it,
which comes after the instance's own report: an estimate."""

ACCOUNT = "123456789012"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = "old", "new"


@dataclass
class _One:
    lifecycle: Lifecycle = Lifecycle.IN_SERVICE
    target: Target = Target.HEALTHY
    report: dict[str, Any] = field(default_factory=lambda: {"release": OLD, "prepared": 0, "state": "running"})


@dataclass(frozen=True, slots=True)
class Told:
    """One rollout on paper: API calls by operation, its time and the lower bound, in seconds."""

    instances: int
    batch: int
    calls: Mapping[str, int]
    duration_s: float
    bound_s: float

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    @property
    def overhead(self) -> float:
        """Share of the lower bound that the rollout took longer."""
        return self.duration_s / self.bound_s - 1


class Paper:
    """The doors, the clock and the lock of a fleet of ``settings.compute.count`` instances."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = Names.of(settings, ACCOUNT)
        self.pace = Pace.of(settings)
        self.calls: Counter[str] = Counter()
        self.at = 0.0
        self.ones = {f"i-{number:017x}": _One() for number in range(settings.compute.count)}
        self.runs: dict[tuple[str, str], list[Any]] = {}
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.suspended: frozenset[str] = frozenset()
        self.token = 1
        self.versions: dict[str, str] = {}
        self.lanes: list[float] | None = None

    # The clock: sleeping is jumping.

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.at)

    def told(self) -> datetime:
        """Service time, in whole seconds as the Date header has it."""
        return BEGAN + timedelta(seconds=int(self.at))

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        due = sorted((one for one in self.later if one[0] <= self.at), key=lambda one: one[0])
        self.later = [one for one in self.later if one[0] > self.at]
        for _, happen in due:
            happen()

    def guard(self) -> None:
        """The lease is long enough."""

    def certain(self) -> None:
        """The lease is ours."""
        self._call("GetItem")

    def _call(self, name: str, items: int = 1, at_once: int = 1) -> None:
        pages = max(1, ceil(items / at_once))
        self.calls[name] += pages
        if self.lanes is None:
            self.sleep(pages * CALL_S)
        else:
            self.lanes.append(pages * CALL_S)

    def together(self, asks: Sequence[Callable[[], Any]]) -> list[Any]:
        """Calls side by side take as long as the longest lane of :data:`SIDE_BY_SIDE`."""
        self.lanes = []
        answers = [ask() for ask in asks]
        taken, self.lanes = self.lanes, None
        lanes = [0.0] * SIDE_BY_SIDE
        for seconds in taken:
            lanes[lanes.index(min(lanes))] += seconds
        self.sleep(max(lanes))
        return answers

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self.later.append((self.at + seconds, happen))

    # Auto Scaling and the load balancer.

    def observe(self, name: str, scaled: bool = False) -> GroupSeen:
        self._call("DescribeAutoScalingGroups")
        serving = sum(one.lifecycle in (Lifecycle.IN_SERVICE, Lifecycle.PENDING) for one in self.ones.values())
        size = len(self.ones)
        group = Group(name, 0, size, serving, self.suspended, self.suspended)
        members = tuple(Member(one_id, one.lifecycle, "1", "a", True) for one_id, one in self.ones.items())
        return GroupSeen(group, members, "1", ("arn",))

    def health(self, _arn: str) -> Mapping[str, TargetSeen]:
        self._call("DescribeTargetHealth")
        return {
            name: TargetSeen(one.target, "", "") for name, one in self.ones.items() if one.target is not Target.ABSENT
        }

    def suspend(self, _name: str, processes: Sequence[str], marked: Sequence[str]) -> None:
        self._call("CreateOrUpdateTags")
        self._call("SuspendProcesses")
        self.suspended = frozenset(marked)

    def resume(self, _name: str, _processes: Sequence[str]) -> None:
        self._call("ResumeProcesses")
        self._call("DeleteTags")
        self.suspended = frozenset()

    def enter_standby(self, _name: str, instances: Sequence[str]) -> None:
        self._call("EnterStandby", len(instances), 20)
        for name in instances:
            one = self.ones[name]
            one.lifecycle, one.target = Lifecycle.ENTERING_STANDBY, Target.DRAINING

            def drained(one: _One = one) -> None:
                one.lifecycle, one.target = Lifecycle.STANDBY, Target.ABSENT

            self._after(self.pace.drain_s, drained)

    def exit_standby(self, _name: str, instances: Sequence[str]) -> None:
        self._call("ExitStandby", len(instances), 20)
        for name in instances:
            one = self.ones[name]
            one.lifecycle, one.target = Lifecycle.IN_SERVICE, Target.INITIAL

            def healthy(one: _One = one) -> None:
                one.target = Target.HEALTHY

            self._after(self.pace.health_s, healthy)

    # Systems Manager.

    def parameters(self, names: Sequence[str]) -> dict[str, Parameter]:
        if names:
            self._call("GetParameters", len(names), 10)
        return {name: self._parameter(name.rpartition("/")[2]) for name in names}

    def _parameter(self, name: str) -> Parameter:
        return Parameter(self.names.instance_report(name), json.dumps(self.ones[name].report), 1)

    def document_version(self, document: str) -> str:
        if document not in self.versions:
            self._call("DescribeDocument")
            self.versions[document] = "1"
        return self.versions[document]

    def send(
        self, document: str, instances: Sequence[str], _parameters: Mapping[str, Sequence[str]], operation: str
    ) -> list[str]:
        self._call("SendCommand", len(instances), 50)
        takes = {"prepare": PULL_S, "deploy": STOP_S + START_S + self.pace.steady_s, "confirm": 0.5}[
            document.rpartition("-")[2]
        ]
        for name in instances:
            run = [self.told(), Progress.RUNNING, operation]
            self.runs[operation, name] = run

            def ended(run: list[Any] = run) -> None:
                run[1] = Progress.OK

            self._after(DELIVERY_S + takes + CALL_S, partial(self._reported, name, operation))
            self._after(DELIVERY_S + takes + CALL_S + DELIVERY_S, ended)
        return [operation]

    def _reported(self, name: str, operation: str) -> None:
        parsed = parse_operation(operation)
        assert parsed is not None
        task, goal, _ = parsed
        report = self.ones[name].report | {"operation": operation, "outcome": "ok"}
        if task == "prepare":
            report["prepared"] = goal
        if task == "deploy":
            report |= {"release": NEW, "prepared": 0}
        self.ones[name].report = report

    def invocations(self, now: datetime, within_s: float = 3600) -> Iterator[Invocation]:
        since = now - timedelta(seconds=within_s)
        seen = [(key, run) for key, run in self.runs.items() if run[0] >= since]
        self._call("ListCommandInvocations", len(seen), 50)
        for (operation, name), (requested, progress, _) in seen:
            yield Invocation(operation, name, "", operation, progress, progress.value, requested)

    def ended(self, _instances: Sequence[str]) -> frozenset[str]:
        self._call("DescribeInstanceStatus")
        return frozenset()

    def firing(self, _prefix: str) -> tuple[str, ...]:
        self._call("DescribeAlarms")
        return ()

    def context(self) -> DeployContext:
        """What flows stand on, all of it this paper."""
        clients = SimpleNamespace(
            now=self.told, together=self.together, auto_scaling=self, elb=self, ssm=self, ec2=self, cloudwatch=self
        )
        context = SimpleNamespace(clients=clients, names=self.names, settings=self.settings, clock=cast(Clock, self))
        return cast(DeployContext, _PaperContext(context, self))


class _PaperContext:
    """A ground whose time is the paper's."""

    def __init__(self, given: SimpleNamespace, paper: Paper) -> None:
        self.clients, self.names = given.clients, given.names
        self.settings, self.clock = given.settings, given.clock
        self._paper = paper

    @property
    def now(self) -> datetime:
        return self._paper.told()


LATE_SHARE, LATE_S = 0.3, 1.0
"""How many looks at the group and the target group are late on a late paper, and by how much on average (exponential)."""


class LatePaper(Paper):
    """Group and target health as of a moment ago, drawn anew for each look: answers go back as well."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        super().__init__(settings)
        self._random = random.Random(seed)  # noqa: S311
        self._told: dict[str, list[tuple[float, Any]]] = {}

    def _late(self, what: str, fresh: Any) -> Any:
        kept = self._told.setdefault(what, [])
        kept.append((self.at, fresh))
        if self._random.random() >= LATE_SHARE:
            return fresh
        then = self.at - self._random.expovariate(1 / LATE_S)
        return next(answer for at, answer in kept if at >= then)

    def observe(self, name: str, scaled: bool = False) -> GroupSeen:
        found: GroupSeen = self._late("group", super().observe(name))
        return found

    def health(self, arn: str) -> Mapping[str, TargetSeen]:
        found: Mapping[str, TargetSeen] = self._late(arn, super().health(arn))
        return found


def roll(
    settings: Settings,
    decider: Callable[[Fleet, RolloutTarget], tuple[Any, ...]] = decide,
    made: Callable[[Settings], Paper] = Paper,
) -> Told:
    """Pull a release everywhere on paper, and roll it.

    Calls are those of both; the time is the rollout's, as its bound is, for a pull takes nobody out.
    Raises AssertionError when the rollout does not end well, which the decider's own tests exclude.
    """
    paper = made(settings)
    running = Rollout(paper.context(), cast(LeaseHolder, paper))
    release = Release(NEW, f"paper@sha256:{0:064x}", "tag", {}, {}, BEGAN.isoformat(), "somebody", "")
    want = running.want(release, 1)
    _driven(running.drive(want, decide_prepared))
    pulled_s = paper.at
    _driven(running.drive(want, decider))
    bound = rollout(paper.pace, want.size, want.strategy.kind, want.strategy.batch).bound_s
    return Told(want.size, want.strategy.batch, dict(paper.calls), paper.at - pulled_s, bound)


def _driven(story: Story[Done | Stop]) -> None:
    try:
        while True:
            next(story)
    except StopIteration as stop:
        assert isinstance(stop.value, Done), stop.value
