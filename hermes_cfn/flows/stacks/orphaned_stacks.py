"""Stacks that are there and that ``hermes.toml`` does not ask for any more: nobody updates them, and AWS charges for them."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import Finding, Severity, hermes
from hermes_cfn.flows.base.context import ELSEWHERE, DeployContext
from hermes_cfn.names import OPTIONAL, extra_key


def stacks(context: DeployContext) -> Iterator[StackSpec]:
    """Each as a stack without a template, which follows all that there may be; those that may not be looked at are left out."""
    own = tuple(spec.key for spec in context.deployment if not spec.account_wide)
    for key in (*OPTIONAL, *_extras(context)):
        region = ELSEWHERE if key == "worldwide" else context.region
        if key in own:
            continue
        name = context.names.stack(key)
        try:
            seen = context.clients.cloudformation(region).observe(name)
        except AwsError:
            continue
        if seen.status not in {None, "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}:
            yield StackSpec(key, name, region, {}, follows=own)


def _extras(context: DeployContext) -> list[str]:
    """Keys of stacks that are called as extras are; none where nobody may ask."""
    begins = context.names.stack("")
    try:
        names = context.clients.cloudformation(context.region).names(context.names.stack(extra_key("")))
    except AwsError:
        return []
    return sorted({name.removeprefix(begins) for name in names})


def findings(context: DeployContext) -> Iterator[Finding]:
    """``stack-left`` of each."""
    yield from map(told, stacks(context))


def told(spec: StackSpec) -> Finding:
    return Finding(
        "stack-left",
        spec.name,
        "is there, and hermes.toml does not ask for it any more",
        why="deploy leaves it as it is, the bill after is without it, and AWS charges for it",
        next=hermes("destroy", "--stack", spec.key),
        severity=Severity.WARNING,
    )
