"""Looking at what is deployed, for a plan: reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from hermes_cfn import bill, plan, tool
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.checks import budget, forecast, several, versions
from hermes_cfn.checks.facts import Facts
from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.errors import Finding, HermesError, Severity, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import group_drift, preconditions, releases
from hermes_cfn.flows.fleet.observer import group
from hermes_cfn.flows.fleet.rollout import strategy
from hermes_cfn.flows.stacks import account_facts, existing
from hermes_cfn.flows.stacks import orphaned_stacks as left_stacks
from hermes_cfn.flows.stacks.deployer import COMMIT, as_sent
from hermes_cfn.instance.release import Release, containers
from hermes_cfn.names import ENVIRONMENT_TAG, foundation_title, is_extra
from hermes_cfn.plan import Deployed, Plan, PlanInputs, extras
from hermes_cfn.plan.timing import Pace
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import rounded

ESTIMATE = "budget-estimate"
OUTPUT_MISSING = "output-missing"
"""Of a variable whose stack is made before the release: the plan does not need its value."""
LATER = "known after its stack"


@dataclass(frozen=True)
class PlanRequest:
    """What the plan is for: an image (or what runs), what may be replaced, prices.

    ``resume``: the goal of a run that was cut off instead of what runs; ``older``: a checkout that
    lacks what was deployed may undo it; ``unpriced``: why there is no price book, where there is none.
    """

    image: str = ""
    replace: frozenset[str] = frozenset()
    book: PriceBook | None = None
    lookups: Mapping[str, str] = field(default_factory=dict)
    older: bool = False
    compatible: bool = True
    resume: bool = False
    unpriced: tuple[Finding, ...] = ()


def deployed(context: DeployContext) -> dict[str, Deployed]:
    """Every stack of the deployment as it is."""

    def one(spec: StackSpec) -> Deployed | None:
        door = context.clients.cloudformation(spec.region)
        seen, template = context.clients.together([lambda: door.observe(spec.name), lambda: door.template(spec.name)])
        if seen.status is None or seen.status == "REVIEW_IN_PROGRESS":
            return None
        return Deployed(
            status=seen.status,
            template=template if isinstance(template, Mapping) else None,
            parameters=seen.parameters,
            outputs=seen.outputs,
            tags=seen.tags,
            commit=seen.tags.get(COMMIT, ""),
            drift=seen.drift,
        )

    found = context.clients.together([partial(one, spec) for spec in context.deployment])
    return {spec.key: seen for spec, seen in zip(context.deployment, found, strict=True) if seen is not None}


def make(context: DeployContext, question: PlanRequest) -> Plan:
    """The plan for what the deployment says now.  Nothing is written.

    What does not depend on each other is asked side by side first; what asks for it afterwards finds the answer there.
    """
    began = context.now
    with context.clients.one_look():
        made = _made(context, question)
    return replace(made, read=(began, context.now))


def _made(context: DeployContext, question: PlanRequest) -> Plan:
    there, *_ = context.clients.together(
        [
            lambda: deployed(context),
            *(
                partial(_known, ask)
                for ask in (
                    lambda: releases.stable(context),
                    lambda: releases.goal(context),
                    lambda: group(context),
                    lambda: releases.secret_versions(context),
                    lambda: list(left_stacks.findings(context)),
                    lambda: context.clients.account.identity(),
                )
            ),
        ]
    )
    known = account_facts.gather(context, question.image, there)
    findings = [
        *question.unpriced,
        *forecast.of(context.settings, known),
        *several.alone(context.settings),
        *_foundation(context, there),
        *_older(context, there, question),
        *versions.of(
            {key: one.tags.get(tool.TAG, "") for key, one in there.items()},
            context.version,
            tool.changelog(),
            question.older,
        ),
        *left_stacks.findings(context),
        *_group(context, there),
    ]
    now = releases.stable(context)
    goal = releases.goal(context)
    left = goal[0] if goal and now and goal[0].id != now.id else None
    if now and not question.image and not question.resume:
        findings += _kept(context, now)
    following = left.id if left and question.resume else now.id if now else ""
    if question.image:
        try:
            following = releases.resolve(context, question.image, question.compatible).id
        except HermesError as error:
            left_over = [finding for finding in error.findings if finding.code != OUTPUT_MISSING]
            findings += [_chore(finding) if known.first else finding for finding in left_over]
            following = question.image
    elif now is None and known.first:
        findings += _first_image(context)
    if now and not question.image:
        findings += _startable(context, left if left and question.resume else now)
    if left and following != left.id:
        findings += _half_way(context, left, now if now and not question.image else None, following)
    chosen = strategy(context.settings)
    return plan.make(
        context.deployment,
        there,
        PlanInputs(
            account=context.names.account,
            lookups=_lookups(context, there, _narrowed(known) | _estimate(context, question) | dict(question.lookups)),
            release_now=left.id if left and following != left.id else now.id if now else "",
            release_next=following,
            image=question.image,
            strategy=chosen.kind,
            batch=chosen.batch,
            canary=chosen.canary,
            bake_s=chosen.bake_s,
            instances=context.settings.compute.count,
            pace=Pace.of(context.settings),
            book=question.book,
            replace=question.replace,
            ceiling=Decimal(context.settings.budget.ceiling_usd),
            findings=_once(findings),
            commit=context.commit,
            admitted=context.settings.database.allow_list,
        ),
    )


def _known(ask: Callable[[], Any]) -> None:
    """Asks now what is asked again below; there it says what is wrong with it."""
    with suppress(HermesError):
        ask()


def _narrowed(known: Facts) -> dict[str, str]:
    """The lookup that says whether a budget counts this environment alone; none where that could not be asked."""
    value = budget.narrowed(known.cost_tag) if known.cost_tag else ""
    return {ENVIRONMENT_TAG: value} if value else {}


def _estimate(context: DeployContext, question: PlanRequest) -> dict[str, str]:
    """The lookup that a budget stands beside: what this deployment is expected to cost, USD a month."""
    wanted = any(
        isinstance(source, FromLookup) and source.lookup == ESTIMATE
        for spec in context.deployment
        for source in spec.parameters.values()
    )
    if not wanted or question.book is None:
        return {}
    return {ESTIMATE: str(rounded(bill.compute(context.deployment, question.book).expected))}


def _group(context: DeployContext, there: Mapping[str, Deployed]) -> list[Finding]:
    """What somebody, or a run that died, left at the group since its stack was deployed."""
    service = there.get("service", Deployed())
    if not (service.status or "").endswith("_COMPLETE"):
        return []
    try:
        seen = group(context)
    except AwsError:
        return []
    want = group_drift.said(context, service.status, service.template, service.outputs)
    return group_drift.forecast(seen, want) if seen else []


def _once(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each code once for what it is about, as it was told first."""
    told: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        told.setdefault((finding.code, finding.where.rpartition("/")[2]), finding)
    return tuple(told.values())


def _chore(finding: Finding) -> Finding:
    """Before the first deployment this is something to do, which ``deploy`` waits for."""
    return replace(finding, severity=Severity.WARNING)


def _kept(context: DeployContext, now: Release) -> Iterator[Finding]:
    """``release-kept``: what a release made now would bring; a deployment without an image leaves it out."""
    try:
        container, processes = containers(context.settings)
        wanted = replace(
            now,
            variables=releases.variables(context, unknown=LATER),
            secrets=releases.secret_versions(context),
            container=container,
            processes=processes,
        )
    except AwsError:
        return
    if different := wanted.changes(now):
        yield Finding(
            "release-kept",
            now.id,
            f"it stays as it is, without what has changed since: {', '.join(different)}",
            why="variables and secrets come with a release",
            next=hermes("release", "--image", now.tag) + f", or this with --image {now.tag}",
            severity=Severity.WARNING,
        )


def _startable(context: DeployContext, release: Release) -> list[Finding]:
    """What the release lacks that the instances shall run: nothing of the plan would end well."""
    try:
        return list(preconditions.startable(context, release))
    except AwsError:
        return []


def _half_way(context: DeployContext, left: Release, kept: Release | None, following: str) -> list[Finding]:
    """``rollout-left``: some instances may run what a paused or broken rollout brought them.

    Nobody takes off without a word what somebody paused: where no image is named, it stops the plan.
    """
    if kept and (stops := list(preconditions.half_way(context, kept))):
        return stops
    return [
        Finding(
            "rollout-left",
            left.id,
            "its rollout was paused, or ended half way",
            why=f"every instance that has it goes to {following}",
            next=hermes("release", "--resume") + ", to go on with it instead",
            severity=Severity.WARNING,
        )
    ]


def _first_image(context: DeployContext) -> Iterator[Finding]:
    """What the first release will run, where nobody says it."""
    try:
        images = releases.images_to_choose(context)
    except AwsError:
        return
    if len(images) == 1:
        yield releases.image_taken(context, images[0])
    else:
        yield _chore(releases.image_not_chosen(context, images))


def _foundation(context: DeployContext, there: Mapping[str, Deployed]) -> Iterator[Finding]:
    """``foundation-stale``: the account's stack is not what the settings say, and deploy leaves it alone."""
    for spec in context.deployment:
        if spec.account_wide and spec.key in there and there[spec.key].template != as_sent(spec):
            title = foundation_title(context.names.environment)
            needed = (f"{title}Cloudformation", f"{title}Boundary")
            roles = [name for name in spec.template["Resources"] if name.startswith(needed)]
            own = any(is_extra(one.key) for one in context.deployment)
            if own and (lacking := extras.lacking(spec, there[spec.key].template, roles)):
                yield _lacks_rights(spec, lacking)
            else:
                yield foundation_stale(spec)


def _lacks_rights(spec: StackSpec, lacking: list[str]) -> Finding:
    return Finding(
        "foundation-lacks-rights",
        spec.name,
        "CloudFormation and the application may not yet do what the extras and [access] need",
        why="deploy does not touch the account's foundation, and would fail half way",
        evidence="\n".join(lacking),
        next=hermes("bootstrap") + ", with administrator's credentials",
    )


def foundation_stale(spec: StackSpec) -> Finding:
    return Finding(
        "foundation-stale",
        spec.name,
        "the account's foundation is not what hermes.toml says",
        why="deploy does not touch it",
        next=hermes("bootstrap"),
        severity=Severity.WARNING,
    )


def _older(context: DeployContext, there: Mapping[str, Deployed], question: PlanRequest) -> Iterator[Finding]:
    """``checkout-older``: a stack was deployed from a commit that this checkout lacks."""
    by_commit: dict[str, list[str]] = {}
    for spec in context.deployment:
        commit = there.get(spec.key, Deployed()).commit
        if commit and commit != context.commit and not spec.account_wide:
            by_commit.setdefault(commit, []).append(spec.key)
    for commit, keys in by_commit.items():
        undone = context.undone(commit)
        if undone is None:
            continue
        yield Finding(
            "checkout-older",
            ", ".join(keys),
            f"deployed from commit {commit[:12]}, which this checkout does not contain",
            why="a deployment from here would undo what came with it",
            evidence=undone or f"{commit[:12]} is not in this clone: git fetch, with --unshallow in a shallow one",
            next="git pull (or merge it), or --allow-older if it shall be undone",
            severity=Severity.WARNING if question.older else Severity.ERROR,
        )


def against(inputs: PlanInputs, deployment: Deployment, old: Deployment) -> Plan:
    """The plan offline: as if ``old`` were deployed, each output named by its place."""
    there = {
        spec.key: Deployed(
            "UPDATE_COMPLETE",
            spec.template,
            {name: _placed(source) for name, source in spec.parameters.items()},
            {name: f"{spec.key}.{name}" for name in spec.template.get("Outputs", {})},
            spec.tags,
        )
        for spec in old
    }
    left = tuple(left_stacks.told(spec) for spec in old if spec.key not in deployment.keys)
    return plan.make(deployment, there, replace(inputs, findings=(*inputs.findings, *left)))


def _placed(source: Source) -> str:
    match source:
        case FromSetting(value):
            return value
        case FromOutput(stack, output):
            return f"{stack}.{output}"
        case FromLookup(lookup, _):
            return f"looked up: {lookup}"


def _lookups(context: DeployContext, there: Mapping[str, Deployed], given: Mapping[str, str]) -> dict[str, str]:
    """Machine images of stacks that are not there yet, as far as they may be read."""
    found = dict(given)
    for spec in context.deployment:
        for source in spec.parameters.values():
            if isinstance(source, FromLookup) and source.lookup in existing.LOOKUPS:
                with suppress(HermesError):
                    found[source.key] = existing.resolve(context, source)
            if not isinstance(source, FromLookup) or source.lookup != "machine-image":
                continue
            if source.key in found or spec.key in there:
                continue
            try:
                parameter = context.clients.ssm.parameter(source.argument)
            except AwsError:
                continue
            if parameter is not None:
                found[source.key] = parameter.value
    return found
