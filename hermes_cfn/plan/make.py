"""Making a plan from what is wanted and what was observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from graphlib import TopologicalSorter

from hermes_cfn import bill
from hermes_cfn.config.usage import Usage
from hermes_cfn.deployment import Deployment, FromSetting, StackSpec
from hermes_cfn.errors import Finding, Severity, hermes
from hermes_cfn.names import is_extra
from hermes_cfn.plan import extras, handover
from hermes_cfn.plan.model import Change, Deployed, Interruption, Plan, StackPlan
from hermes_cfn.plan.stacks import followed, stack_plan, wanted
from hermes_cfn.plan.timing import Pace, RolloutTime, critical_path, rollout
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import dollars

REPLACES_INSTANCES = frozenset({"AWS::EC2::LaunchTemplate"})
"""A change of these makes instances stale; the rollout replaces them."""

INTERRUPTS = frozenset(
    {
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EC2::NatGateway",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::EIP",
        "AWS::CloudFront::Distribution",
    }
)
"""Types in the path of requests: replacing one is noticed."""


@dataclass(frozen=True)
class PlanInputs:
    """What a plan needs beside the templates.  ``admitted``: the database admits known addresses only.

    ``bake_s``: seconds that a canary serves before the others follow; ``replace``: logical IDs whose data may go.  ``ceiling``: USD a month, 0 for none.
    """

    account: str = ""
    lookups: Mapping[str, str] = field(default_factory=dict)
    release_now: str = ""
    release_next: str = ""
    image: str = ""
    strategy: str = "in-place"
    batch: int = 1
    canary: int = 0
    bake_s: float = 0.0
    instances: int = 0
    pace: Pace | None = None
    book: PriceBook | None = None
    usage: Usage | None = None
    replace: frozenset[str] = frozenset()
    ceiling: Decimal = Decimal(0)
    findings: tuple[Finding, ...] = ()
    commit: str = ""
    admitted: bool = False


def make(deployment: Deployment, deployed: Mapping[str, Deployed], inputs: PlanInputs) -> Plan:
    """The plan.  ``deployed`` is by stack key; a key that is not there is a stack that is not there."""
    stacks = tuple(_stacks(deployment, deployed, inputs))
    changes = tuple(change for stack in stacks for change in stack.changes)
    rolling = _rolls(stacks, changes, inputs)
    before, after = _bills(deployment, deployed, inputs) if inputs.book else (None, None)
    findings = (
        *inputs.findings,
        *_data_findings(changes, inputs.replace),
        *_network_findings(changes),
        *(finding for stack in stacks for finding in stack.findings),
        *_extras(deployment, deployed, inputs),
        *(_addresses(stacks) if inputs.admitted else ()),
        *_ceiling(before, after, inputs),
    )
    release_next = inputs.release_next or inputs.release_now
    return Plan(
        environment=deployment.environment,
        stacks=stacks,
        interruption=_interruption(changes, rolling, inputs, stacks),
        stacks_s=critical_path(
            {stack.key: stack.seconds for stack in stacks}, {spec.key: spec.precursors for spec in deployment}
        ),
        rollout_s=rolling.estimate_s,
        release_now=inputs.release_now,
        release_next=release_next,
        strategy=inputs.strategy,
        bill=bill.difference(before, after) if before and after else None,
        bill_high=after.high if after else None,
        findings=findings,
        commit=inputs.commit,
        image=inputs.image,
        replace=inputs.replace,
        lookups=inputs.lookups,
        held_back=handover.held_back(deployment, deployed),
    )


def _stacks(deployment: Deployment, deployed: Mapping[str, Deployed], inputs: PlanInputs) -> Iterator[StackPlan]:
    """Each stack's plan, made with what the stacks that feed it will say then."""
    found: dict[str, Deployed] = dict(deployed)
    made: dict[str, StackPlan] = {}
    graph = {spec.key: spec.precursors & set(deployment.keys) for spec in deployment}
    for key in TopologicalSorter(graph).static_order():
        spec = deployment.stack(key)
        made[key] = stack_plan(spec, found, inputs.lookups, inputs.account)
        if key in found:
            found[key] = followed(spec, found[key], made[key])
    yield from (made[spec.key] for spec in deployment)


def _extras(deployment: Deployment, deployed: Mapping[str, Deployed], inputs: PlanInputs) -> Iterator[Finding]:
    if any(is_extra(spec.key) for spec in deployment):
        yield from extras.names((spec, wanted(spec, deployed, inputs.lookups, inputs.account)) for spec in deployment)
        yield from extras.new_permissions(deployment, deployed)


def _rolls(stacks: tuple[StackPlan, ...], changes: tuple[Change, ...], inputs: PlanInputs) -> RolloutTime:
    """How long the rollout takes, if there is one to make."""
    first = any(stack.key == "service" and stack.action in {"create", "recreate"} for stack in stacks)
    stale = inputs.release_next not in {"", inputs.release_now} or _new_template(changes)
    if inputs.pace is None or not (stale or first):
        return RolloutTime(0.0, 0.0, 0.0, 0)
    if first:
        seconds = inputs.pace.boot_s + inputs.pace.health_s
        return RolloutTime(seconds, seconds, 0.0, 1)
    return rollout(
        inputs.pace,
        inputs.instances,
        inputs.strategy,
        inputs.batch,
        _new_template(changes),
        inputs.canary,
        inputs.bake_s,
    )


def _new_template(changes: tuple[Change, ...]) -> bool:
    return any(c.resource_type in REPLACES_INSTANCES and c.action == "Modify" for c in changes)


def _interruption(
    changes: tuple[Change, ...], rolling: RolloutTime, inputs: PlanInputs, stacks: tuple[StackPlan, ...]
) -> Interruption:
    lost = tuple(f"{c.stack}/{c.logical_id} ({c.resource_type})" for c in changes if c.loses_data)
    if lost:
        return Interruption("data", what=lost)
    hit = tuple(
        f"{c.stack}/{c.logical_id} is {'replaced' if c.replacement else 'removed'}"
        for c in changes
        if c.resource_type in INTERRUPTS and (c.replacement == "True" or c.action == "Remove")
    )
    if hit:
        return Interruption("instances", rolling.interruption_s, hit)
    perhaps = tuple(
        f"noticed if AWS replaces {c.stack}/{c.logical_id}"
        for c in changes
        if c.resource_type in INTERRUPTS and c.perhaps_replaced
    )
    if rolling.interruption_s:
        return Interruption(
            "instances",
            rolling.interruption_s,
            (
                f"{_all(inputs.instances)} at once, {inputs.strategy}; surge would interrupt nobody",
                *perhaps,
            ),
        )
    return Interruption("none", what=perhaps)


def _all(instances: int) -> str:
    return "the only instance leaves" if instances == 1 else f"all {instances} instances leave"


def _data_findings(changes: tuple[Change, ...], allowed: frozenset[str]) -> list[Finding]:
    return [
        Finding(
            "data-at-risk",
            f"{change.stack}/{change.logical_id}",
            f"{change.resource_type} is {'replaced' if change.replacement else 'removed'}, and its data with it",
            why=", ".join(shown.path for shown in change.details if shown.replaces)
            or "it is no longer in the template",
            next=f"--replace {change.logical_id}, if its data may go",
        )
        for change in changes
        if change.loses_data and change.logical_id not in allowed
    ]


def _network_findings(changes: tuple[Change, ...]) -> Iterator[Finding]:
    """``vpc-replaced``: AWS would fail at the internet gateway, half way.

    A replaced resource is made before the old one goes, the attachment is replaced with its VPC
    (CloudFormation template reference, AWS::EC2::VPCGatewayAttachment: VpcId, "Update requires:
    Replacement"), and a gateway is attached to one VPC at a time (EC2: ``Resource.AlreadyAssociated``).
    """
    attached = {change.stack for change in changes if change.resource_type == "AWS::EC2::VPCGatewayAttachment"}
    for change in changes:
        if change.resource_type == "AWS::EC2::VPC" and change.replacement == "True" and change.stack in attached:
            yield Finding(
                "vpc-replaced",
                f"{change.stack}/{change.logical_id}",
                "CloudFormation cannot replace the VPC: its internet gateway is still attached to the old one",
                why=", ".join(shown.path for shown in change.details if shown.replaces),
                next=(
                    "leave it as it was; or a second environment beside this one, then "
                    + hermes("destroy")
                    + " of this one"
                ),
            )


def _addresses(stacks: tuple[StackPlan, ...]) -> Iterator[Finding]:
    """``database-allow-list``: instances that serve will reach the database from addresses that it does not know."""
    moved = [
        f"{change.sign} {change.stack}/{change.logical_id}"
        for stack in stacks
        for change in stack.changes
        if stack.action == "update" and change.resource_type == "AWS::EC2::EIP" and change.sign in "+-±?"
    ]
    if moved:
        yield Finding(
            "database-allow-list",
            "the external database",
            f"instances will reach it from other addresses: {', '.join(moved)}",
            why="until it admits the new ones they do not reach it at all",
            next=(
                "admit them as soon as "
                + hermes("outputs", "nat_public_ips")
                + " shows them; or leave [network] egress as it was"
            ),
            severity=Severity.WARNING,
        )


def _bills(deployment: Deployment, deployed: Mapping[str, Deployed], inputs: PlanInputs) -> tuple[bill.Bill, bill.Bill]:
    assert inputs.book is not None
    before = bill.compute(as_deployed(deployment, deployed), inputs.book, inputs.usage)
    return before, bill.compute(deployment, inputs.book, inputs.usage)


def as_deployed(deployment: Deployment, deployed: Mapping[str, Deployed]) -> Deployment:
    """The deployment as it is: the same wiring around the templates that are there."""
    return replace(
        deployment, stacks=tuple(_as_it_is(spec, deployed[spec.key]) for spec in deployment if _is(deployed, spec.key))
    )


def _is(deployed: Mapping[str, Deployed], key: str) -> bool:
    return key in deployed and deployed[key].there


def _as_it_is(spec: StackSpec, mine: Deployed) -> StackSpec:
    template = dict(mine.template or {})
    declared = template.get("Parameters", {})
    kept = {
        name: FromSetting(mine.parameters[name])
        if isinstance(spec.parameters.get(name), FromSetting | type(None)) and name in mine.parameters
        else spec.parameters[name]
        for name in declared
        if name in mine.parameters or name in spec.parameters
    }
    return replace(spec, template=template, parameters=kept)


def _ceiling(before: bill.Bill | None, after: bill.Bill | None, inputs: PlanInputs) -> Iterator[Finding]:
    """``over-budget``: the bill is above the ceiling, as expected or at its P90; ``ceiling-undecided``: there is no bill."""
    if not inputs.ceiling:
        return
    if before is None or after is None:
        yield Finding(
            "ceiling-undecided",
            "hermes.toml [budget] ceiling_usd",
            f"nobody can say whether the bill stays below {dollars(inputs.ceiling)} a month: this region has no prices here",
            next=hermes("prices", "refresh") + ", or [budget] ceiling_usd = 0 to go on without a ceiling",
        )
        return
    if after.high <= inputs.ceiling:
        return
    above = after.expected > inputs.ceiling
    amount = after.expected if above else after.high
    word = "expected over the range of its usage" if above else "P90"
    yield Finding(
        "over-budget",
        "hermes.toml [budget] ceiling_usd",
        f"the bill would be {dollars(amount)} a month ({word}), the ceiling is {dollars(inputs.ceiling)}",
        evidence="\n".join(_crossing(before, after, amount - inputs.ceiling, before.total > inputs.ceiling)),
        next="raise [budget] ceiling_usd, or take out what is dear: " + hermes("cost"),
    )


def _crossing(before: bill.Bill, after: bill.Bill, excess: Decimal, already: bool) -> Iterator[str]:
    """The lines without which the bill would stay below: what this change adds, or, where it
    was above before, the dearest there are; until they make up ``excess``."""
    found = bill.difference(before, after).changes
    lines = [line for line in found if line.monthly > 0]
    standing = already or not lines
    if standing:
        lines = list(bill.difference(replace(after, lines=()), after).changes)
    for line in lines:
        was = "" if standing else f"{dollars(line.before)} -> "
        yield f"{line.stack} {line.logical_id}  {line.what}: {was}{dollars(line.after)}"
        excess -= line.monthly
        if excess <= 0:
            return
