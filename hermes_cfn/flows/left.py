"""Stacks that are there and that ``hermes.toml`` does not ask for any more: nobody updates them, and AWS charges for them."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import Finding, Severity
from hermes_cfn.flows.ground import ELSEWHERE, Ground
from hermes_cfn.names import OPTIONAL


def stacks(ground: Ground) -> Iterator[StackSpec]:
    """Each as a stack without a template, which follows all that there may be; those that may not be looked at are left out."""
    own = tuple(spec.key for spec in ground.deployment if not spec.account_wide)
    for key in OPTIONAL:
        region = ELSEWHERE if key == "worldwide" else ground.region
        if key in own:
            continue
        name = ground.names.stack(key)
        try:
            seen = ground.doors.cloudformation(region).observe(name)
        except AwsError:
            continue
        if seen.status not in {None, "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}:
            yield StackSpec(key, name, region, {}, follows=own)


def findings(ground: Ground) -> Iterator[Finding]:
    """``stack-left`` of each."""
    yield from map(told, stacks(ground))


def told(spec: StackSpec) -> Finding:
    return Finding(
        "stack-left",
        spec.name,
        "is there, and hermes.toml does not ask for it any more",
        why="deploy leaves it as it is, the bill after is without it, and AWS charges for it",
        next=f"hermes-cfn destroy --stack {spec.key}",
        severity=Severity.WARNING,
    )
