"""Stacks through change sets, side by side where they are independent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from hermes_cfn import tool
from hermes_cfn.aws.calls import LATE_S, AwsError
from hermes_cfn.aws.cloudformation import TEMPLATE_LIMIT, CloudFormation, EarlyWarning, role_unknown
from hermes_cfn.aws.young import ROLE_S
from hermes_cfn.deciders import stack as decider
from hermes_cfn.deciders.actions import (
    ContinueRollback,
    CreateChangeSet,
    DeleteChangeSet,
    DeleteStack,
    Done,
    ExecuteChangeSet,
    Follow,
    RollBack,
    StackStep,
    Stop,
    Wait,
)
from hermes_cfn.deciders.cause import of_change_set, root_cause
from hermes_cfn.deciders.observed import StackSeen
from hermes_cfn.deployment import DEFAULTS, FromLookup, FromOutput, FromSetting, StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.events import Event, Noted, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story, drive
from hermes_cfn.flows.stacks import existing
from hermes_cfn.flows.stacks.operation import Operation
from hermes_cfn.names import output_id

PAUSE_S = 1.0
"""Seconds until a call that was refused for something that passes is made again."""

COMMIT = "hermes:commit"
"""The stack tag that carries the commit it was deployed from."""

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"

WHOLE = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE"})
"""What the history of a stack has once it was whole."""

Guard = Callable[[StackSpec, list[dict[str, Any]]], list[Finding]]
"""Looks at a change set's resource changes before it is executed; what it finds stops."""


class Gate(Protocol):
    """Holds stacks until what only a person can do is done; ``slow`` are keys of stacks that wait for one too."""

    @property
    def slow(self) -> frozenset[str]: ...

    def chores(self, spec: StackSpec, outputs: Mapping[str, Mapping[str, str]]) -> list[Finding]:
        """Errors hold the stack, the rest is told."""
        ...

    def open(self, spec: StackSpec) -> None:
        """Called once, when the stack's turn has come and nothing holds it."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """How many resources of a stack change, and about how many seconds that takes."""

    resources: int = 0
    seconds: float = 0.0


@dataclass
class StackState:
    """One stack on its way.  What is remembered is only what this run has done."""

    spec: StackSpec
    door: CloudFormation
    parameters: Mapping[str, str] = field(default_factory=dict)
    change_set: str = ""
    tried: decider.Tried = field(default_factory=decider.Tried)
    operation: Operation = field(init=False)
    role_asked: datetime | None = None
    refused: datetime | None = None
    seen: StackSeen | None = None
    outcome: str = ""
    checked: bool = False

    def __post_init__(self) -> None:
        self.operation = Operation(self.door, self.spec.name)

    @property
    def done(self) -> bool:
        return bool(self.outcome)


@dataclass(frozen=True)
class Step:
    """A step of one stack, as the loop carries it."""

    key: str
    step: StackStep


def parameters_of(
    context: DeployContext,
    spec: StackSpec,
    outputs: Mapping[str, Mapping[str, str]],
    deployed: Mapping[str, str],
    lookups: Mapping[str, str],
) -> dict[str, str]:
    """Every parameter's value: from the settings, from another stack's outputs, or looked up.

    The machine image that is deployed stays; only ``machine-image update`` moves it (it passes
    the new one in ``lookups``).  Raises HermesError ``output-missing``.
    """
    values: dict[str, str] = {}
    for name, source in spec.parameters.items():
        match source:
            case FromSetting(value):
                values[name] = value
            case FromOutput(stack, output):
                found = outputs.get(stack, {})
                value = found.get(output, found.get(output_id(output), ""))
                if not value:
                    raise HermesError(
                        Finding(
                            "output-missing",
                            spec.key,
                            f"stack {stack} has no output {output}",
                            next=hermes("render", "--check"),
                        )
                    )
                values[name] = value
            case FromLookup():
                values[name] = _looked_up(context, source, deployed.get(name, ""), lookups)
    return values


def _looked_up(context: DeployContext, source: FromLookup, deployed: str, lookups: Mapping[str, str]) -> str:
    if source.key in lookups:
        return lookups[source.key]
    if source.lookup == "commit":
        return context.commit or deployed or "unknown"
    if source.lookup in existing.LOOKUPS:
        return existing.resolve(context, source)
    if deployed:
        return deployed
    if source.lookup == "machine-image":
        found = context.clients.ssm.parameter(source.argument)
        if found is not None:
            return found.value
    if source.lookup in DEFAULTS:
        return DEFAULTS[source.lookup]
    raise HermesError(Finding("lookup-failed", source.lookup, f"{source.key} could not be resolved"))


@dataclass(frozen=True)
class ChangeSetRequest:
    """A change set of ours; its name is a digest of what it says, so that a second run finds it."""

    spec: StackSpec
    parameters: Mapping[str, str]
    name: str

    @classmethod
    def of(cls, spec: StackSpec, parameters: Mapping[str, str], purpose: str = "") -> ChangeSetRequest:
        text = json.dumps([dict(spec.template), dict(parameters), dict(spec.tags)], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return cls(spec, parameters, f"hermes-{purpose}-{digest}" if purpose else f"hermes-{digest}")

    def make(
        self,
        context: DeployContext,
        door: CloudFormation,
        kind: str,
        role: str = "",
        imports: Sequence[Mapping[str, Any]] = (),
        revert: bool = False,
    ) -> None:
        """Has CloudFormation make it; ``role`` is the ARN that it works with, else the caller's own rights.

        ``revert``: an update compares with what is really there, not with what was deployed.

        With ``imports`` (``ResourcesToImport``) it takes up resources that are there, and does nothing else.
        """
        spec = self.spec
        tags = dict(spec.tags) | {tool.TAG: context.version} | ({COMMIT: context.commit} if context.commit else {})
        door.create_change_set(
            spec.name,
            self.name,
            "IMPORT" if imports else kind,
            _carried(context, spec),
            self.parameters,
            tags,
            role,
            import_existing=kind == "CREATE" and not imports,
            imports=imports,
            revert=revert and kind == "UPDATE",
        )


def _carried(context: DeployContext, spec: StackSpec) -> dict[str, str]:
    """The template in the request where it fits, else through the artifacts bucket."""
    body = compact(spec.template)
    if size(spec.template) <= TEMPLATE_LIMIT:
        return {"TemplateBody": body}
    bucket = context.names.artifacts_bucket
    key = context.names.template_key(spec.key, hashlib.sha256(body.encode()).hexdigest()[:16])
    version = context.clients.s3.put(bucket, key, body.encode(), ContentType="application/json")
    return {"TemplateURL": context.clients.s3.url(bucket, context.region, key, version)}


class StackDeployer:
    """Brings stacks to what the deployment says."""

    def __init__(
        self,
        context: DeployContext,
        specs: Iterable[StackSpec],
        outputs: Mapping[str, Mapping[str, str]] | None = None,
        lookups: Mapping[str, str] | None = None,
        gate: Gate | None = None,
        guard: Guard | None = None,
        role: str = "",
        sizes: Mapping[str, Size] | None = None,
        interrupted: Callable[[], str] = lambda: "detach",
        imports: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        revert: bool = False,
    ) -> None:
        self.context = context
        self.revert = revert
        self.tracks = {spec.key: StackState(spec, context.clients.cloudformation(spec.region)) for spec in specs}
        self.outputs: dict[str, Mapping[str, str]] = dict(outputs or {})
        self.lookups = lookups or {}
        self.gate = gate
        self.change_guard = guard or (lambda _spec, _changes: [])
        self.role = role
        self.sizes = sizes or {}
        self.interrupted = interrupted
        self.imports = imports or {}
        self.chores: dict[str, list[Finding]] = {}
        self.abandoned = False
        self._told: set[Finding] = set()

    def run(self, hold: Callable[[], None]) -> Story[dict[str, str]]:
        """Until every stack rests; the value is key -> outcome.

        Raises HermesError with the root cause of the first stack that failed, after the others
        that were under way have come to rest.
        """
        try:
            result = yield from self._drive(hold)
        except KeyboardInterrupt:
            yield from self._leave()
            result = yield from self._drive(hold)
        if isinstance(result, Stop):
            raise HermesError(*self._causes(result), exit_code=ExitCode.INTERRUPTED if self.abandoned else None)
        return {key: track.outcome for key, track in self.tracks.items()}

    def _drive(self, hold: Callable[[], None]) -> Story[Done | Stop]:
        return drive(self._look, self._decide, self._act, hold, self.context.clock, self.context.clients.now)

    def _leave(self) -> Iterator[Event]:
        """A person wants to leave: updates are cancelled and followed to their end, or go on without us.

        CloudFormation cancels updates only; a creation goes on (CancelUpdateStack).
        """
        busy = [track for track in self.tracks.values() if track.seen and track.seen.status in decider.BUSY]
        updates = [track for track in busy if track.seen and track.seen.status == "UPDATE_IN_PROGRESS"]
        if not updates or self.interrupted() != "cancel":
            raise HermesError(_detached([track.spec.name for track in busy]), exit_code=ExitCode.INTERRUPTED)
        for track in updates:
            if track.door.observe(track.spec.name).status == "UPDATE_IN_PROGRESS":
                track.door.cancel_update(track.spec.name)
                yield StageStarted(self.context.now, track.spec.key, "cancelled: the stack goes back to what it was")
        self.abandoned = True

    def _ready(self) -> list[StackState]:
        done = {key for key, track in self.tracks.items() if track.done} | set(self.outputs)
        absent = {before for track in self.tracks.values() for before in track.spec.precursors} - set(self.tracks)
        return [t for t in self.tracks.values() if not t.done and t.spec.precursors <= done | absent]

    def _look(self) -> tuple[dict[str, StackSeen], list[Event]]:
        seen: dict[str, StackSeen] = {}
        news: list[Event] = []
        if not self.abandoned:
            news += self._next()
        for track in self._ready():
            if not track.checked:
                continue
            found = track.door.observe(track.spec.name, "" if track.tried.executes else track.change_set)
            if track.tried != decider.Tried() or found.status in decider.BUSY:
                news += track.operation.news(self.context.now)
            begun = track.operation.shows(found, self.context.now)
            seen[track.spec.key] = track.seen = replace(found, begun=begun)
        return seen, news

    def _next(self) -> Iterator[Event]:
        """Begins every stack whose turn has come; one that is as it should be lets the next ones begin."""
        for track in self._near():
            yield from self._ask(track)
        while fresh := [t for t in self._ready() if not t.checked and not self.chores.get(t.spec.key)]:
            for track in fresh:
                yield from self._begin(track)
            for track in self._near():
                yield from self._ask(track)

    def _near(self) -> list[StackState]:
        """Stacks that a gate may hold, and that wait for nothing but what waits for a person itself."""
        if self.gate is None:
            return []
        over = {key for key, track in self.tracks.items() if track.done} | set(self.outputs)
        slow = {key for key, track in self.tracks.items() if track.checked and key in self.gate.slow}
        return [t for t in self.tracks.values() if t.spec.gates and not t.checked and t.spec.precursors <= over | slow]

    def _ask(self, track: StackState) -> Iterator[Event]:
        """What holds the stack, and what a person should know before it; each is told once."""
        chores = self.gate.chores(track.spec, self.outputs) if self.gate else []
        self.chores[track.spec.key] = [chore for chore in chores if chore.severity is Severity.ERROR]
        yield from (Noted(self.context.now, chore) for chore in chores if chore not in self._told)
        self._told |= set(chores)

    def _begin(self, track: StackState) -> Iterator[Event]:
        """Once, when a stack's turn comes: its parameters, its change set's name, and whether anything differs."""
        spec, found = track.spec, track.door.observe(track.spec.name)
        if self.gate:
            self.gate.open(spec)
        track.parameters = parameters_of(self.context, spec, self.outputs, found.parameters, self.lookups)
        track.change_set = ChangeSetRequest.of(spec, track.parameters, "revert" if self.revert else "").name
        track.operation.skip(track.door.latest_event(spec.name) if found.status else None)
        track.checked = True
        if found.status in decider.STEADY and not self.revert and self._same(track, found):
            self._finish(track, "unchanged", found)
            yield StageEnded(self.context.now, spec.key, "unchanged")
            return
        size = self.sizes.get(spec.key, Size())
        yield StageStarted(self.context.now, spec.key, spec.name, size.seconds or None, size.resources)

    def _same(self, track: StackState, found: StackSeen) -> bool:
        """Nothing differs but the commit: no change set is needed to know."""
        volatile = {n for n, s in track.spec.parameters.items() if isinstance(s, FromLookup) and s.lookup == "commit"}
        hidden = {name for name, value in found.parameters.items() if set(value) == {"*"}}
        wanted = {k: v for k, v in track.parameters.items() if k not in volatile | hidden}
        there = {k: v for k, v in found.parameters.items() if k in wanted}
        tags = {k: v for k, v in found.tags.items() if k not in (COMMIT, tool.TAG)}
        if wanted != there or tags != dict(track.spec.tags):
            return False
        return bool(track.door.template(track.spec.name) == as_sent(track.spec))

    def _decide(self, seen: Mapping[str, StackSeen]) -> tuple[Any, ...]:
        steps: list[Step] = []
        stops: list[Stop] = []
        busy: list[str] = []
        for key, found in seen.items():
            track = self.tracks[key]
            if track.done:
                continue
            if self.abandoned:
                busy += [f"{key}: {found.status}"] if found.status in decider.BUSY else []
                continue
            step = decider.decide(found, decider.Goal(True, track.spec.name), track.tried)
            match step:
                case Done(what):
                    steps.append(Step(key, Done(what)))
                case Stop():
                    stops.append(step)
                case Follow(why):
                    busy.append(f"{key}: {found.status or 'not there yet'} ({why})")
                case _:
                    steps.append(Step(key, step))
        if self.abandoned and not busy:
            return (Stop(Finding("cancelled", self._rest(seen), "cancelled as you wished", next=hermes("deploy"))),)
        if stops and not busy:
            return (stops[0],)
        if steps and not stops:
            return tuple(steps)
        if all(track.done for track in self.tracks.values()):
            return (Done(f"{len(self.tracks)} stacks"),)
        if busy:
            return (Wait("; ".join(sorted(line.split(" (")[0] for line in busy))),)
        left = sum(map(len, self.chores.values()))
        return (Wait(f"{left} thing{'s' if left > 1 else ''} that only you can do" if left else "the next stack"),)

    @staticmethod
    def _rest(seen: Mapping[str, StackSeen]) -> str:
        return ", ".join(f"{key}: {found.status or 'not there'}" for key, found in seen.items()) or "stacks"

    def _act(self, step: Step) -> Story[None]:
        track = self.tracks[step.key]
        door, name, tried, operation = track.door, track.spec.name, track.tried, track.operation
        match step.step:
            case Done(what):
                self._finish(track, what, track.seen or StackSeen(None))
                if track.change_set and what == "unchanged":
                    _quietly(lambda: door.delete_change_set(name, track.change_set))
                yield StageEnded(self.context.now, step.key, what)
            case CreateChangeSet(kind):
                yield from self._create(track, kind)
            case ExecuteChangeSet():
                for warning in door.early_warnings(name, track.change_set):
                    yield Noted(self.context.now, early_warning(name, warning))
                refused = self.change_guard(track.spec, door.changes(name, track.change_set))
                if refused:
                    _quietly(lambda: door.delete_change_set(name, track.change_set))
                    raise HermesError(*refused, exit_code=ExitCode.REFUSED)
                self._execute(track)
            case DeleteChangeSet():
                _quietly(lambda: door.delete_change_set(name, track.change_set))
            case DeleteStack(why):
                yield Noted(
                    self.context.now, Finding("stack-recreated", name, "the stack is deleted and created anew", why=why)
                )
                if never_whole(track.seen, door):
                    unprotect(self.context, door, name)
                door.delete(name, operation.ask(track.seen, self.context.now, deletes=True))
                track.tried = replace(tried, deletes=tried.deletes + 1)
            case ContinueRollback():
                door.continue_rollback(name, operation.ask(track.seen, self.context.now))
                track.tried = replace(tried, continues=tried.continues + 1)
            case RollBack():
                door.roll_back(name, operation.ask(track.seen, self.context.now))
                track.tried = replace(tried, rollbacks=tried.rollbacks + 1)

    def _create(self, track: StackState, kind: str) -> Iterator[Event]:
        """Has the change set made; a service role that was made a moment ago is waited for, and that is told once."""
        track.operation.over()
        offer = ChangeSetRequest(track.spec, track.parameters, track.change_set)
        try:
            offer.make(self.context, track.door, kind, self.role, self.imports.get(track.spec.key, ()), self.revert)
        except AwsError as error:
            now = self.context.clock.now()
            if not self.role or not role_unknown(error):
                raise
            if track.role_asked is None:
                track.role_asked = now
                yield Noted(self.context.now, _role_waited_for(self.role))
            if (now - track.role_asked).total_seconds() > ROLE_S:
                raise
            self.context.clock.sleep(PAUSE_S)
            return
        track.role_asked = None
        track.tried = replace(track.tried, creates=track.tried.creates + 1)

    def _execute(self, track: StackState) -> None:
        """Where it cannot be executed, as after an earlier run has done it, the next looks say what to do."""
        token = track.operation.ask(track.seen, self.context.now)
        try:
            track.door.execute(track.spec.name, track.change_set, token)
        except AwsError as error:
            now = self.context.clock.now()
            track.refused = track.refused or now
            if error.code != "InvalidChangeSetStatus" or (now - track.refused).total_seconds() > LATE_S:
                raise
            track.operation.token = ""
            self.context.clock.sleep(PAUSE_S)
            return
        track.refused = None
        track.tried = replace(track.tried, executes=track.tried.executes + 1)

    def _finish(self, track: StackState, what: str, found: StackSeen) -> None:
        track.outcome, track.seen = what, found
        self.outputs[track.spec.key] = found.outputs

    def _causes(self, stop: Stop) -> list[Finding]:
        if stop.finding.code == "change-set-failed":
            return [stop.finding, *of_change_set(stop.finding.where, stop.finding.evidence)]
        for track in self.tracks.values():
            if track.spec.name == stop.finding.where:
                track.operation.news(self.context.now)
                cause = root_cause(track.operation.ours)
                return [stop.finding, *([cause] if cause else [])]
        return [stop.finding]


def early_warning(where: str, warning: EarlyWarning) -> Finding:
    """What CloudFormation found before anything was made, and what does not stop it by itself."""
    return Finding(
        "early-validation",
        f"{where} / {warning.logical_id} ({warning.resource_type})",
        warning.why,
        why="CloudFormation looked at the resources before it acts; it goes on, and may fail when it gets there",
        evidence=f"WARN at {warning.path}" if warning.path else "WARN",
        next="mend it before the stack gets there, or stop with Ctrl-C",
        severity=Severity.WARNING,
    )


def _role_waited_for(role: str) -> Finding:
    return Finding(
        "role-not-known-yet",
        role,
        "CloudFormation cannot assume the service role yet",
        why="IAM tells a new role to the other services within seconds, a minute at most",
        next=f"it is tried again for {ROLE_S:.0f} s",
        severity=Severity.INFO,
    )


def never_whole(seen: StackSeen | None, door: CloudFormation) -> bool:
    """Whether the creation of a stack never ended well, so that nothing in it has ever served."""
    if seen is None or seen.status not in decider.DEAD | decider.UNDELETED:
        return False
    return seen.status in decider.DEAD or not any(
        event.logical_id == event.stack and event.status in WHOLE for event in door.events(seen.stack_id, None)
    )


def unprotect(context: DeployContext, door: CloudFormation, stack: str) -> None:
    """Takes the deletion protection off what a stack holds: CloudFormation itself deletes nothing that has it."""
    for resource in door.resources(stack):
        if resource.resource_type == BALANCER and resource.physical_id and resource.status != "DELETE_COMPLETE":
            context.clients.elb.unprotect(resource.physical_id)


def _detached(busy: Sequence[str]) -> Finding:
    if not busy:
        return Finding("detached", "stacks", "nothing is under way", next="the same command goes on from here")
    return Finding(
        "detached",
        ", ".join(busy),
        "nobody follows it any more; what CloudFormation has begun goes on",
        next=hermes("deploy") + " attaches to it again and goes on from there",
    )


def compact(template: Mapping[str, Any]) -> str:
    """A template as it is sent."""
    return json.dumps(dict(template), separators=(",", ":"))


def as_sent(spec: StackSpec) -> Any:
    """A template as AWS gives it back."""
    return json.loads(compact(spec.template))


def size(template: Mapping[str, Any]) -> int:
    """Bytes of a template as it is sent."""
    return len(compact(template).encode())


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except AwsError as error:
        if error.code not in {"ChangeSetNotFound", "ValidationError", "InvalidChangeSetStatus"}:
            raise


def outputs_of(context: DeployContext) -> dict[str, Mapping[str, str]]:
    """Outputs of every stack of the deployment that is there."""
    found: dict[str, Mapping[str, str]] = {}
    for spec in context.deployment:
        seen = context.clients.cloudformation(spec.region).observe(spec.name)
        if seen.status is not None:
            found[spec.key] = seen.outputs
    return found
