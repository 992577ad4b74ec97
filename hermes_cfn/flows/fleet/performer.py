"""Doing to the fleet what a decider asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hermes_cfn.aws.autoscaling import AT_ONCE as BY_GROUP
from hermes_cfn.aws.autoscaling import passing
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.ssm import AT_ONCE as BY_COMMAND
from hermes_cfn.deciders.actions import (
    Action,
    EnterStandby,
    ExitStandby,
    Launch,
    Register,
    Resize,
    Resume,
    Send,
    Suspend,
    Terminate,
    WriteStable,
)
from hermes_cfn.errors import Severity
from hermes_cfn.events import InstanceEvent, Noted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet.observer import Observer
from hermes_cfn.instance import documents

TASKS = ("prepare", "deploy", "confirm")
"""The documents of a rollout."""


@dataclass
class Performer:
    """Does what a rollout decider asks, and tells of it.

    It remembers what it has suspended: a look that is older than the call shows nothing of it, and nothing may stay
    suspended behind us (:meth:`settle`).
    """

    context: DeployContext
    observer: Observer
    suspended: frozenset[str] = frozenset()
    write_stable: Callable[[str], None] = lambda release: None

    def act(self, action: Action) -> Story[bool]:
        """Performs one action.  A refusal that only says that the fleet has moved on is told, and answers False."""
        now = self.context.now
        self.observer.acted()
        try:
            self._perform(action)
        except AwsError as error:
            if not _moved_on(action, error):
                raise
            yield Noted(now, replace(error.findings[0], code="moved-on", severity=Severity.INFO))
            self.context.clock.sleep(1.0)
            return False
        self.observer.own = self.observer.own.did(action, now)
        for name, what in _told(action):
            yield InstanceEvent(now, name, what)
        return True

    def settle(self, sizes: tuple[int, int] | None = None) -> Story[None]:
        """Resumes what this run has suspended, whatever the last look says; ``sizes`` of a group that scales by itself."""
        if sizes is not None:
            self.context.clients.auto_scaling.resize(self.context.names.auto_scaling_group, sizes[0], None, sizes[1])
            self.suspended |= self.observer.marked
            yield InstanceEvent(self.context.now, "group", f"scales by itself, {sizes[0]} to {sizes[1]} instances")
        if self.suspended:
            processes = sorted(self.suspended)
            self.context.clients.auto_scaling.resume(self.context.names.auto_scaling_group, processes)
            self.suspended = frozenset()
            yield InstanceEvent(self.context.now, "group", f"resumes {', '.join(processes)}")

    def _perform(self, action: Action) -> None:
        auto_scaling, name = self.context.clients.auto_scaling, self.context.names.auto_scaling_group
        match action:
            case Suspend(processes):
                auto_scaling.suspend(name, processes, (*self.observer.marked, *processes))
                self.suspended |= {*processes}
            case Resume(processes):
                auto_scaling.resume(name, processes)
                self.suspended -= {*processes}
            case EnterStandby(instances):
                self._portions(instances, BY_GROUP, partial(auto_scaling.enter_standby, name))
            case ExitStandby(instances):
                self._portions(instances, BY_GROUP, partial(auto_scaling.exit_standby, name))
            case Register(instances):
                for arn in self.observer.target_groups:
                    self.context.clients.elb.register(arn, instances)
            case Launch(desired, None):
                auto_scaling.launch(name, desired)
            case Launch(desired, floor, surplus):
                auto_scaling.grow(name, desired, floor or 0)
                self.observer.started = max(self.observer.started, surplus)
            case Resize(minimum, maximum):
                auto_scaling.resize(name, minimum, None, maximum)
            case Terminate(instance, decrement):
                auto_scaling.terminate(instance, decrement)
                self.observer.replaced += action.failed
                self.observer.started = max(0, self.observer.started - decrement)
            case WriteStable(release):
                self.write_stable(release)
                self.observer.boots = release
            case Send(task, instances, operation, goal_version, token):
                ssm, document = self.context.clients.ssm, self.context.names.document(task)
                self._versions(task)
                given = documents.call(task, operation, token, goal_version)
                self._portions(instances, BY_COMMAND, lambda some: ssm.send(document, some, given, operation))

    def _versions(self, task: str) -> None:
        """Learns the versions of the documents of a rollout at once, before anybody waits for them."""
        documents_of = [self.context.names.document(name) for name in dict.fromkeys((task, *TASKS))]
        self.context.clients.together(
            [partial(self.context.clients.ssm.document_version, name) for name in documents_of]
        )

    def _portions(self, instances: Sequence[str], most: int, call: Callable[[Sequence[str]], object]) -> None:
        """A call for as many instances as it may name, side by side."""
        starts = range(0, len(instances), most)
        self.context.clients.together([partial(call, instances[at : at + most]) for at in starts])


def _moved_on(action: Action, error: AwsError) -> bool:
    if isinstance(action, Send):
        return error.code == "InvalidInstanceId"
    return passing(error)


def _told(action: Action) -> Iterator[tuple[str, str]]:
    match action:
        case Suspend(processes):
            yield "group", f"suspends {', '.join(processes)}"
        case Resume(processes):
            yield "group", f"resumes {', '.join(processes)}"
        case EnterStandby(instances):
            yield from ((name, "leaves the load balancer") for name in instances)
        case ExitStandby(instances):
            yield from ((name, "goes back in service") for name in instances)
        case Register(instances):
            yield from ((name, "was no target of the load balancer, and is registered again") for name in instances)
        case Resize(minimum, maximum):
            yield "group", f"may have {minimum} to {maximum} instances"
        case Launch(desired):
            yield "group", f"wants {desired} instances"
        case Terminate(instance, _, _, why):
            yield instance, f"leaves for good: {why}"
        case WriteStable(release):
            yield "group", f"starts new instances with {release}: what they started with cannot be started"
        case Send(task, instances, operation, _, _):
            yield from ((name, f"{task} ({operation})") for name in instances)
