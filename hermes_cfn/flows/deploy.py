"""``deploy``: stacks, then the release."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hermes_cfn.aws.cloudformation import TEMPLATE_LIMIT
from hermes_cfn.cfn.template import Template, dependencies, references
from hermes_cfn.checks import namesakes
from hermes_cfn.checks.facts import Facts
from hermes_cfn.config.allowance import ANYTHING, Allowance
from hermes_cfn.config.allowance import parse as parse_allowance
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import Event, Noted, StageEnded, StageStarted
from hermes_cfn.flows import assets, release
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, patient, there
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import releases
from hermes_cfn.flows.stacks import account_facts, adoption, default_security_group, manual_steps, plan_inputs
from hermes_cfn.flows.stacks.deployer import Size, StackDeployer, as_sent, outputs_of, size
from hermes_cfn.flows.stacks.plan_inputs import PlanRequest
from hermes_cfn.plan import Plan, allowance, guard, record


@dataclass(frozen=True)
class DeployOptions:
    """``question``: the image, or what runs, and what may be replaced for it.

    ``agreed``: the record of the plan that somebody agreed to; what would be done now must be the
    same.  ``wait``: stay while a person does chores.  ``interrupted`` says ``detach`` or ``cancel``
    when a person wants to leave.  ``assets``: a directory of static files to publish before the release.
    ``stacks_only``: leave the release to whoever may make one.  ``allowed``: a plan that goes beyond it is not done;
    None is what ``[release] allow`` says, for every verb that deploys.  ``revert_drift``: what was changed by hand in the
    environment's stacks is put back.
    """

    question: PlanRequest = field(default_factory=PlanRequest)
    agreed: str = ""
    wait: bool = False
    interrupted: Callable[[], str] = lambda: "detach"
    assets: Path | None = None
    stacks_only: bool = False
    allowed: Allowance | None = None
    revert_drift: bool = False


def run(context: DeployContext, wish: DeployOptions) -> Story[None]:
    """Foundation, then under the lock every other stack, then the release."""
    common = frozenset(spec.key for spec in context.deployment if spec.account_wide)
    done: frozenset[str] = frozenset()
    if not there(context) or not founded(context):
        _planned(context, wish, done)
        yield from foundation(context)
        done = common
    if wish.question.resume and there(context):
        yield from patient(context)
    with LeaseHolder(context, f"deploy {wish.question.image}".strip()) as held:
        made = _planned(context, wish, done)
        yield from _waited(context)
        yield from stacks(context, wish, held, made)
        yield from _waited(context)
        if wish.assets is not None:
            yield from assets.push(context, wish.assets)
        if not wish.stacks_only:
            yield from _release(context, wish, held)
        yield from _waited(context)


def _waited(context: DeployContext) -> Iterator[Event]:
    """What was made a moment ago and had to be waited for, each once."""
    yield from (Noted(context.now, finding) for finding in context.clients.time.waited())


def _planned(context: DeployContext, wish: DeployOptions, done: frozenset[str]) -> Plan:
    """The plan as of now.  Raises HermesError for what would fail, and when it is not what was agreed to."""
    made = plan_inputs.make(context, wish.question)
    stop(made, limits(context, wish.allowed))
    if wish.agreed:
        record.compare(wish.agreed, made, done)
    return made


def limits(context: DeployContext, asked: Allowance | None) -> Allowance:
    """How far a plan may go: as somebody asked for this once, else as ``[release] allow`` says."""
    return parse_allowance(context.settings.release.allow) if asked is None else asked


def founded(context: DeployContext) -> bool:
    """Whether every account-wide stack stands: a lock table that an earlier destroy left behind does not say so."""
    common = (spec for spec in context.deployment if spec.account_wide)
    statuses = [context.clients.cloudformation(spec.region).observe(spec.name).status for spec in common]
    return all(status not in (None, "REVIEW_IN_PROGRESS") for status in statuses)


def stop(made: Plan, allowed: Allowance = ANYTHING) -> None:
    """Raises HermesError with everything that would make the plan fail, or goes beyond what is allowed."""
    if made.errors:
        budget = {finding.code for finding in made.errors} == {"over-budget"}
        raise HermesError(*made.errors, exit_code=ExitCode.OVER_BUDGET if budget else ExitCode.REFUSED)
    if more := list(allowance.beyond(allowed, made)):
        raise HermesError(*more, exit_code=ExitCode.NOT_ALLOWED)


def foundation(context: DeployContext) -> Story[None]:
    """What an account has once; nothing is locked yet, because the lock is part of it.

    Raises HermesError ``names-clash`` before anything is made.
    """
    known = Facts(context.now, neighbours=account_facts.neighbours(context) or ())
    if clashes := list(namesakes.environments(context.settings, known)):
        raise HermesError(*clashes, exit_code=ExitCode.REFUSED)
    specs = [spec for spec in context.deployment if spec.account_wide]
    if not specs:
        raise HermesError(Finding("foundation-missing", "foundation", "no account-wide stack", next=hermes("render")))
    parts = [part for spec in specs if (part := beginning(spec)) is not spec]
    if parts and context.clients.s3.exists(context.names.artifacts_bucket) == "free":
        yield from StackDeployer(context, parts).run(lambda: None)
    yield from StackDeployer(context, specs).run(lambda: None)


def beginning(spec: StackSpec, limit: int = TEMPLATE_LIMIT) -> StackSpec:
    """As much of a stack, in its own order, as a request can carry.

    A template above the limit goes through the artifacts bucket, which is itself part of the
    first stack: so that one is created in two steps.
    """
    if size(spec.template) <= limit:
        return spec
    resources = dict(spec.template["Resources"])
    waits = dependencies(Template.parse(dict(spec.template)))
    while True:
        outputs = {
            name: output
            for name, output in spec.template.get("Outputs", {}).items()
            if all(reference.target in resources for reference in references(output))
        }
        template = {**spec.template, "Resources": resources, "Outputs": outputs}
        if size(template) <= limit:
            return replace(spec, template=template)
        last = [name for name in resources if not any(name in waits[other] for other in resources)][-1]
        del resources[last]


def stacks(context: DeployContext, wish: DeployOptions, held: LeaseHolder, made: Plan) -> Story[dict[str, str]]:
    """Every stack, gates in between: the first release is written as stable before instances start."""
    common = [spec for spec in context.deployment if spec.account_wide]
    own = [spec for spec in context.deployment if not spec.account_wide]
    before = outputs_of(context)
    yield from (Noted(context.now, finding) for spec in common if (finding := stale(context, spec)))

    def unplanned(spec: StackSpec, changes: list[dict[str, Any]]) -> list[Finding]:
        return list(guard.unplanned(made, spec.key, changes, wish.revert_drift))

    def deployer(
        specs: list[StackSpec], outputs: Mapping[str, Mapping[str, str]], revert: bool = False
    ) -> StackDeployer:
        return StackDeployer(
            context,
            specs,
            outputs=outputs,
            lookups=made.lookups,
            gate=manual_steps.Gate(context, wish.question.image, wish.question.compatible, wish.wait),
            guard=unplanned,
            role=context.names.service_role_arn,
            sizes=sizes(made),
            interrupted=wish.interrupted,
            revert=revert,
        )

    yield StageStarted(context.now, "stacks", f"{len(own)} of {context.deployment.environment}", made.stacks_s or None)
    yield from adoption.adopt(context, held, context.names.service_role_arn)
    moving = deployer(
        [made.held_back.get(spec.key, spec) for spec in own],
        {spec.key: before.get(spec.key, {}) for spec in common},
        wish.revert_drift,
    )
    outcomes = yield from moving.run(held.guard)
    outputs = moving.outputs
    if made.held_back:
        letting_go = [spec for spec in own if spec.key in made.held_back]
        last = deployer(letting_go, {key: value for key, value in outputs.items() if key not in made.held_back})
        outcomes |= yield from last.run(held.guard)
        outputs = outputs | last.outputs
    changed = sum(outcome != "unchanged" for outcome in outcomes.values())
    yield StageEnded(context.now, "stacks", f"{changed} changed, {len(outcomes) - changed} unchanged")
    yield from default_security_group.close(context, outputs)
    found = manual_steps.record(context, before, outputs)
    if found is not None:
        yield Noted(context.now, found)
    return outcomes


def sizes(made: Plan) -> Mapping[str, Size]:
    """How many resources of each stack change, and about how long that takes in seconds."""
    return {stack.key: Size(len(stack.changes), stack.seconds) for stack in made.stacks}


def stale(context: DeployContext, spec: StackSpec) -> Finding | None:
    """An account-wide stack that differs from its template: only bootstrap may touch it."""
    there = context.clients.cloudformation(spec.region).template(spec.name)
    return None if there is None or there == as_sent(spec) else plan_inputs.foundation_stale(spec)


def _release(context: DeployContext, wish: DeployOptions, held: LeaseHolder) -> Story[None]:
    """The release half: what was asked for, where a run was left, or what is stable, on every instance."""
    stable = releases.stable(context)
    if stable is None:
        yield StageEnded(context.now, "release", "there is none to roll")
        return
    question = wish.question
    left = releases.goal(context) if question.resume else None
    wanted = releases.resolve(context, question.image, question.compatible) if question.image else stable
    wanted = left[0] if left else wanted
    yield from release.roll(context, held, wanted, goes_on=left is not None, named=bool(question.image))
