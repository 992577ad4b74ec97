"""Looking at what is deployed, for a plan: reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TypeVar

from hermes_cfn import plan
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.checks import forecast
from hermes_cfn.checks.facts import Facts, ImageFacts
from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, Source
from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.flows import releases
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.rollout import strategy
from hermes_cfn.flows.stacks import COMMIT
from hermes_cfn.plan import Circumstances, Deployed, Plan
from hermes_cfn.plan.timing import Pace
from hermes_cfn.pricing.prices import PriceBook

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Question:
    """What the plan is for: an image (or what runs), what may be replaced, prices."""

    image: str = ""
    replace: frozenset[str] = frozenset()
    book: PriceBook | None = None
    lookups: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def deployed(ground: Ground) -> dict[str, Deployed]:
    """Every stack of the deployment as it is."""
    found: dict[str, Deployed] = {}
    for spec in ground.deployment:
        door = ground.doors.cloudformation(spec.region)
        seen = door.observe(spec.name)
        if seen.status is None or seen.status == "REVIEW_IN_PROGRESS":
            continue
        template = door.template(spec.name)
        found[spec.key] = Deployed(
            status=seen.status,
            template=template if isinstance(template, Mapping) else None,
            parameters=seen.parameters,
            outputs=seen.outputs,
            tags=seen.tags,
            commit=seen.tags.get(COMMIT, ""),
        )
    return found


def make(ground: Ground, question: Question) -> Plan:
    """The plan for what the deployment says now.  Nothing is written."""
    there = deployed(ground)
    findings = [*question.findings, *forecast.of(ground.settings, facts(ground, question, there))]
    now = releases.stable(ground)
    following = now.id if now else ""
    if question.image:
        try:
            following = releases.resolve(ground, question.image).id
        except HermesError as error:
            findings += error.findings
            following = question.image
    chosen = strategy(ground.settings)
    return plan.make(
        ground.deployment,
        there,
        Circumstances(
            account=ground.names.account,
            lookups=_lookups(ground, there, question.lookups),
            release_now=now.id if now else "",
            release_next=following,
            strategy=chosen.kind,
            batch=chosen.batch,
            instances=ground.settings.compute.count,
            pace=Pace.of(ground.settings),
            book=question.book,
            replace=question.replace,
            ceiling=Decimal(ground.settings.budget.ceiling_usd),
            findings=tuple(dict.fromkeys(findings)),
            commit=ground.commit,
        ),
    )


def against(around: Circumstances, deployment: Deployment, old: Deployment) -> Plan:
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
    return plan.make(deployment, there, around)


def _placed(source: Source) -> str:
    match source:
        case FromSetting(value):
            return value
        case FromOutput(stack, output):
            return f"{stack}.{output}"
        case FromLookup(lookup, _):
            return f"looked up: {lookup}"


def _lookups(ground: Ground, there: Mapping[str, Deployed], given: Mapping[str, str]) -> dict[str, str]:
    """Machine images of stacks that are not there yet, as far as they may be read."""
    found = dict(given)
    for spec in ground.deployment:
        for source in spec.parameters.values():
            if not isinstance(source, FromLookup) or source.lookup != "machine-image":
                continue
            if source.lookup in found or spec.key in there:
                continue
            try:
                parameter = ground.doors.ssm.parameter(source.argument)
            except AwsError:
                continue
            if parameter is not None:
                found[source.lookup] = parameter.value
    return found


def facts(ground: Ground, question: Question, there: Mapping[str, Deployed]) -> Facts:
    """What the forecast asks the account; what may not be asked stays None."""
    doors, names, settings = ground.doors, ground.names, ground.settings
    kind = settings.compute.instance_type
    image = None
    there_is = question.image and _allowed(lambda: doors.ecr.uri(names.repository) or "")
    if there_is:
        found = doors.ecr.image(names.repository, question.image)
        if found is not None:
            known = _allowed(lambda: doors.ecr.architectures(names.repository, found.digest))
            image = ImageFacts(found.digest, known or ())
    fresh = "service" not in there
    return Facts(
        account=names.account,
        region=settings.account.region,
        first=fresh,
        offered=_allowed(lambda: doors.ec2.offered(kind)) if fresh else None,
        zones=_allowed(doors.ec2.zones) if fresh else None,
        key_pair=_allowed(lambda: doors.ec2.key_pair(settings.compute.key_name)) if settings.compute.key_name else None,
        addresses=_allowed(doors.ec2.addresses) if "network" not in there else None,
        addresses_quota=_allowed(lambda: doors.account.quota("ec2", "L-0263D0A3")) if "network" not in there else None,
        vcpus=_allowed(doors.ec2.vcpus) if fresh else None,
        vcpus_quota=_allowed(lambda: doors.account.quota("ec2", "L-1216C47A")) if fresh else None,
        buckets={name: _allowed(partial(doors.s3.exists, name)) or "" for name in _buckets(ground, there)},
        missing_secrets=tuple(_allowed(lambda: releases.missing_secrets(ground)) or ()),
        image=image,
        image_wanted=question.image,
        stacks={key: str(one.status) for key, one in there.items()},
    )


def _buckets(ground: Ground, there: Mapping[str, Deployed]) -> list[str]:
    names = []
    if "foundation" not in there:
        names.append(ground.names.artifacts_bucket)
    if "edge" in ground.deployment.keys and "edge" not in there:
        names.append(ground.names.assets_bucket)
    return names


def _allowed(ask: Callable[[], Answer]) -> Answer | None:
    """What a question answers, or None where it may not be asked."""
    try:
        return ask()
    except AwsError:
        return None


def worst(findings: tuple[Finding, ...]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)
