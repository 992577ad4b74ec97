"""``destroy``: the stacks in reverse; what holds data goes only when told, and what stays is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hermes_cfn.aws.cloudformation import CloudFormation
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.deciders import express
from hermes_cfn.deciders import stack as decider
from hermes_cfn.deciders.actions import DeleteStack, Done, Follow, Stop, Wait
from hermes_cfn.deciders.cause import root_cause
from hermes_cfn.deciders.observed import StackSeen
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import Advice, ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import Event, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, there
from hermes_cfn.flows.base.loop import Story, drive
from hermes_cfn.flows.stacks import adoption, orphaned_stacks
from hermes_cfn.flows.stacks.deployer import never_whole, unprotect
from hermes_cfn.flows.stacks.operation import Operation
from hermes_cfn.names import Names


@dataclass(frozen=True)
class Consent:
    """What may be given up.  ``only``: the key of one stack, which ``hermes.toml`` does not ask for any more;
    ``parameters``: the secrets and the records of releases that no stack made; ``express``: a stack for whose end no
    other waits is over as soon as AWS has been asked for everything, which then goes on by itself."""

    only: str = ""
    unprotect: bool = False
    empty_buckets: bool = False
    foundation: bool = False
    parameters: bool = False
    express: bool = False

    @classmethod
    def everything(cls, express: bool = False) -> Consent:
        """All of it, the foundation too."""
        return cls(unprotect=True, empty_buckets=True, foundation=True, parameters=True, express=express)


BY_HAND: Mapping[str, tuple[str, str]] = {
    "AWS::EC2::EIP": (
        'aws ec2 release-address --allocation-id "$(aws ec2 describe-addresses --public-ips {} '
        "--query 'Addresses[0].AllocationId' --output text)\"",
        "$3.65 a month",
    ),
    "AWS::Logs::LogGroup": ("aws logs delete-log-group --log-group-name {}", "up to $0.03 a GB-month"),
    "AWS::S3::Bucket": ("aws s3 rb --force s3://{}", "$0.023 a GB-month"),
    "AWS::ECR::Repository": ("aws ecr delete-repository --force --repository-name {}", "$0.10 a GB-month"),
    "AWS::DynamoDB::Table": ("aws dynamodb delete-table --table-name {}", "nothing without requests"),
}
"""Type of what a template keeps -> the command that removes one by hand, and what it costs until then.

Amazon VPC pricing (a public IPv4 address, $0.005 an hour), CloudWatch, S3 Standard and ECR pricing in us-east-1; a region's
own price is in ``hermes-cfn cost``.
"""


@dataclass
class _Track:
    spec: StackSpec
    door: CloudFormation
    tried: decider.Tried = field(default_factory=decider.Tried)
    operation: Operation = field(init=False)
    seen: StackSeen | None = None
    done: bool = False
    opened: bool = False

    def __post_init__(self) -> None:
        self.operation = Operation(self.door, self.spec.name)


@dataclass(frozen=True)
class Outlook:
    """What a deletion would take and what it would leave, a line each."""

    goes: list[str | Advice]
    stays: list[str | Advice]


def outlook(context: DeployContext, consent: Consent) -> Outlook:
    """Looked at before anything is deleted.  Raises HermesError for what would stop the deletion half way."""
    specs = _specs(context, consent)
    _check(context, consent, specs)
    return Outlook(list(_going(context, reversed(specs))), staying(context, consent, specs))


def _going(context: DeployContext, specs: Iterable[StackSpec]) -> Iterator[str]:
    for spec in specs:
        door = context.clients.cloudformation(spec.region)
        seen = door.observe(spec.name)
        if seen.status is not None:
            live = [one for one in door.resources(spec.name) if one.status != "DELETE_COMPLETE"]
            yield f"{spec.name}: {seen.status}, {len(live)} resources"


def run(context: DeployContext, consent: Consent) -> Story[list[str | Advice]]:
    """Deletes the environment's stacks; the value is what stays, one line each."""
    specs = _specs(context, consent)
    _check(context, consent, specs)
    stays = staying(context, consent, specs)
    own = [spec for spec in specs if not spec.account_wide]
    if there(context):
        with LeaseHolder(context, "destroy") as held:
            yield from StackDeleter(context, own, consent).run(held)
    else:  # without a lock table nobody can hold the lock, and shells of stacks may be left all the same
        yield from StackDeleter(context, own, consent).run(None)
    if common := [spec for spec in specs if spec.account_wide]:
        yield from StackDeleter(context, common, consent).run(None)
    if consent.parameters:
        for name in _parameters(context):
            context.clients.ssm.delete(name)
        yield StageEnded(context.now, "parameters", "secrets and records of releases are gone")
    return stays


def _parameters(context: DeployContext) -> list[str]:
    """Names of what Systems Manager keeps of the environment, and no stack made: secrets, releases, reports."""
    ssm, names = context.clients.ssm, context.names
    own = ssm.parameters([names.goal_parameter, names.stable_parameter])
    found = {*ssm.described(names.secrets_path), *own, *ssm.described(names.instance_reports_path)}
    return sorted(found)


def _alone(context: DeployContext) -> None:
    """Raises HermesError ``foundation-in-use`` while another environment of the file stands on the foundation."""
    door = context.clients.cloudformation(context.region)
    others = [one for one in context.settings.family if one.environment.name != context.names.environment]
    used = [
        one.environment.name
        for one in others
        if any(door.observe(Names.of(one).stack(key)).status is not None for key in ("network", "service"))
    ]
    if used:
        raise HermesError(
            Finding(
                "foundation-in-use",
                context.names.stack("foundation"),
                f"{', '.join(used)} stands on it, too",
                why="nothing was deleted",
                next=hermes("--env", used[0], "destroy") + " first; or destroy without --everything and --foundation",
            ),
            exit_code=ExitCode.REFUSED,
        )


def _specs(context: DeployContext, consent: Consent) -> list[StackSpec]:
    """The environment's stacks, and those that its settings do not ask for any more; or one of these.

    The account's stacks go only when told.  Raises HermesError ``stack-wanted``.
    """
    gone = list(orphaned_stacks.stacks(context))
    if not consent.only:
        return [*(spec for spec in context.deployment if consent.foundation or not spec.account_wide), *gone]
    if consent.only in context.deployment.keys:
        raise HermesError(
            Finding(
                "stack-wanted",
                consent.only,
                "hermes.toml asks for this stack",
                why="nothing was deleted",
                next="switch it off there first; or destroy without --stack, for the whole environment",
            ),
            exit_code=ExitCode.REFUSED,
        )
    return [spec for spec in gone if spec.key == consent.only]


def _check(context: DeployContext, consent: Consent, specs: Iterable[StackSpec]) -> None:
    """Raises HermesError for what would stop the deletion half way."""
    if consent.parameters:
        _alone(context)
    held_back = [found for spec in specs for found in _kept(context, spec, consent)]
    if held_back:
        raise HermesError(*held_back, exit_code=ExitCode.REFUSED)


def _kept(context: DeployContext, spec: StackSpec, consent: Consent) -> Iterator[Finding]:
    """What would stop a deletion half way: found before anything is touched."""
    door = context.clients.cloudformation(spec.region)
    seen = door.observe(spec.name)
    if seen.status is None:
        return
    if seen.protected and not consent.unprotect:
        yield _refused("stack-protected", spec.name, "termination protection is on", "--unprotect")
    template = door.template(spec.name)
    declared = template.get("Resources", {}) if isinstance(template, Mapping) else {}
    for resource in door.resources(spec.name):
        policy = str(declared.get(resource.logical_id, {}).get("DeletionPolicy", ""))
        if policy.startswith("Retain") or not resource.physical_id or resource.status == "DELETE_COMPLETE":
            continue
        where = f"{spec.key}/{resource.logical_id}"
        match resource.resource_type:
            case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                if not consent.unprotect and context.clients.elb.protected(resource.physical_id):
                    yield _refused("balancer-protected", where, "deletion protection is on", "--unprotect")
            case "AWS::S3::Bucket":
                if not consent.empty_buckets and context.clients.s3.holds_any(resource.physical_id):
                    yield _refused(
                        "bucket-not-empty", where, f"{resource.physical_id} holds objects", "--empty-buckets"
                    )


def _refused(code: str, where: str, what: str, option: str) -> Finding:
    return Finding(
        code, where, what, why="nothing was deleted", next=f"run the command again with {option} if you mean it"
    )


def staying(context: DeployContext, consent: Consent, specs: Iterable[StackSpec]) -> list[str | Advice]:
    """What a destroyed environment leaves: retained resources that are there, releases, secrets, the foundation.

    Looked at before anything is deleted: afterwards no stack knows them.
    """
    lines: list[str | Advice] = []
    for spec in specs:
        door = context.clients.cloudformation(spec.region)
        template = door.template(spec.name)
        declared = template.get("Resources", {}) if isinstance(template, Mapping) else {}
        for resource in door.resources(spec.name) if declared else ():
            said = declared.get(resource.logical_id, {})
            if str(said.get("DeletionPolicy", "")).startswith("Retain") and resource.physical_id:
                kind = f"{spec.key}/{resource.logical_id} ({resource.resource_type})"
                found = said.get("Type") == adoption.ADDRESS or _named(said, spec.region)
                later = "takes it up again" if found else "makes another: it has no name of its own"
                if said.get("Type") == adoption.ADDRESS:
                    later += "; AWS charges for it until then"
                line = f"{kind}: {resource.physical_id}; a later deploy {later}"
                if by_hand := BY_HAND.get(resource.resource_type):
                    line += f"; it costs {by_hand[1]}; by hand: {by_hand[0].format(resource.physical_id)}"
                lines.append(line)
    if consent.only:
        return lines
    common = [spec for spec in context.deployment if spec.account_wide and spec not in specs]
    for spec in common:
        status = context.clients.cloudformation(spec.region).observe(spec.name).status
        if status == "REVIEW_IN_PROGRESS":
            lines.append(f"{spec.name}: an empty shell, REVIEW_IN_PROGRESS; destroy --foundation deletes it")
        elif status is not None:
            lines.append(f"{spec.name}: artifacts, images, the lock and the roles of the account")
    secrets = () if consent.parameters else context.clients.ssm.described(context.names.secrets_path)
    if secrets:
        named = ", ".join(sorted(name.rpartition("/")[2] for name in secrets))
        lines.append(f"{context.names.secrets_path}: {named}; " + hermes("secrets", "delete", "NAME"))
    if not consent.parameters and context.clients.ssm.parameter(context.names.stable_parameter) is not None:
        lines.append(f"{context.names.stable_parameter}: the release that a later deploy takes up again")
    return lines


def _named(said: Mapping[str, Any], region: str) -> bool:
    """Whether the template gives a resource the name that identifies it: AWS finds only those again.

    (CloudFormation user guide, "Import AWS resources automatically": resources with custom names.)
    """
    known = schema(str(said.get("Type", "")), region)
    identifier = [path.lstrip("/") for path in known.primary_identifier] if known else []
    return bool(identifier) and all(name in said.get("Properties", {}) for name in identifier)


class StackDeleter:
    """Deletes stacks, a stack only when nothing that was built on it is left."""

    def __init__(self, context: DeployContext, specs: Iterable[StackSpec], consent: Consent) -> None:
        self.context = context
        self.consent = consent
        self.tracks = {spec.key: _Track(spec, context.clients.cloudformation(spec.region)) for spec in specs}

    def run(self, held: LeaseHolder | None) -> Story[None]:
        yield StageStarted(self.context.now, "destroy", ", ".join(reversed(list(self.tracks))))
        guard = held.guard if held else (lambda: None)
        result = yield from drive(
            self._look, self._decide, self._act, guard, self.context.clock, self.context.clients.now
        )
        if isinstance(result, Stop):
            raise HermesError(*self._causes(result))
        yield StageEnded(self.context.now, "destroy", result.what)

    def _ready(self) -> list[_Track]:
        blocked = {key for track in self.tracks.values() if not track.done for key in track.spec.precursors}
        return [track for key, track in self.tracks.items() if not track.done and key not in blocked]

    def _look(self) -> tuple[dict[str, StackSeen], list[Event]]:
        seen: dict[str, StackSeen] = {}
        news: list[Event] = []
        for track in self._ready():
            found = track.door.observe(track.spec.name)
            if track.seen is None and found.status:
                track.operation.skip(track.door.latest_event(track.spec.name))
            if track.tried.deletes:
                news += track.operation.news(self.context.now)
            begun = track.operation.shows(found, self.context.now)
            seen[track.spec.key] = track.seen = replace(found, begun=begun)
        return seen, news

    def _decide(self, seen: Mapping[str, StackSeen]) -> tuple[Any, ...]:
        steps, stops, busy = [], [], []
        for key, found in seen.items():
            track = self.tracks[key]
            goal = decider.Goal(False, track.spec.name, unprotect=self.consent.unprotect)
            step = decider.decide(found, goal, track.tried)
            if isinstance(step, Stop):
                stops.append(step)
            elif isinstance(step, Follow):
                busy.append(f"{key}: {found.status}")
            else:
                steps.append((key, step))
        if stops and not busy:
            return (stops[0],)
        if steps and not stops:
            return tuple(steps)
        if busy:
            return (Wait("; ".join(busy)),)
        return (Done("1 stack is gone" if len(self.tracks) == 1 else f"{len(self.tracks)} stacks are gone"),)

    def _act(self, what: tuple[str, Any]) -> Story[None]:
        key, step = what
        track = self.tracks[key]
        match step:
            case Done():
                track.done = True
                yield StageEnded(self.context.now, key, "gone")
            case DeleteStack():
                if not track.opened:
                    self._open(track)
                asked = track.operation.ask(track.seen, self.context.now, deletes=True)
                track.door.delete(track.spec.name, asked, express=self._express(key) and not track.tried.deletes)
                track.tried = replace(track.tried, deletes=track.tried.deletes + 1)

    def _express(self, key: str) -> bool:
        if not self.consent.express:
            return False
        specs = {name: track.spec for name, track in self.tracks.items()}
        return express.may(
            key,
            {name: spec.template for name, spec in specs.items()},
            {name: frozenset(spec.precursors) for name, spec in specs.items()},
        )

    def _open(self, track: _Track) -> None:
        """Takes away what protects, and empties buckets, as far as was agreed to."""
        track.opened = True
        if self.consent.unprotect:
            track.door.protect(track.spec.name, on=False)
        if self.consent.unprotect or never_whole(track.seen, track.door):
            unprotect(self.context, track.door, track.spec.name)
        for resource in track.door.resources(track.spec.name):
            if self.consent.empty_buckets and resource.resource_type == "AWS::S3::Bucket" and resource.physical_id:
                self.context.clients.s3.empty(resource.physical_id)

    def _causes(self, stop: Stop) -> list[Any]:
        for track in self.tracks.values():
            if track.spec.name == stop.finding.where:
                cause = root_cause(track.operation.ours)
                return [stop.finding, *([cause] if cause else [])]
        return [stop.finding]
