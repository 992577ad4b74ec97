"""``why``: what failed last, of the environment or of one stack, release or instance; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from hermes_cfn.aws.cloudformation import StackEvent
from hermes_cfn.checks import why as decide
from hermes_cfn.deciders import cause
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import command, releases
from hermes_cfn.flows.fleet.releases import FAILED, ReleaseRecord

RELEASES = 20
"""So many releases, the last ones touched, are looked through for a failure."""


@dataclass(frozen=True, slots=True)
class Why:
    """``subject`` failed at ``at`` (service time; None where it is not over); the cause is the first of ``findings``."""

    subject: str
    at: datetime | None
    findings: tuple[Finding, ...]


def of(context: DeployContext, what: str = "") -> Why | None:
    """The last failure of a stack (its key or name), a release, an instance, or of anything; None if nothing failed.

    Raises :class:`HermesError` code ``subject-unknown``.
    """
    if not what:
        found = [one for one in (*_stacks(context), *_releases(context)) if one is not None]
        return max(found, key=lambda one: one.at or datetime.min.replace(tzinfo=UTC), default=None)
    for spec in context.deployment:
        if what in (spec.key, spec.name):
            return _stack(context, spec)
    if what.startswith("i-"):
        return _instance(context, what)
    kept = releases.find(context, what)
    if kept is None:
        raise HermesError(
            Finding(
                "subject-unknown",
                what,
                "is no stack, release or instance of this environment",
                next=(hermes("why") + "; or one of ") + ", ".join(spec.key for spec in context.deployment),
            ),
            exit_code=ExitCode.USAGE,
        )
    return _release(context, kept)


def _stacks(context: DeployContext) -> list[Why | None]:
    return list(context.clients.together([partial(_stack, context, spec) for spec in context.deployment]))


def _stack(context: DeployContext, spec: StackSpec) -> Why | None:
    """Of the newest operation of a stack, if something in it failed."""
    events = context.clients.cloudformation(spec.region).events(spec.name, None)
    last = newest_operation(events)
    found = cause.root_cause(last)
    if found is None:
        return None
    failed = next(event for event in last if event.status.endswith("FAILED") and event.reason)
    return Why(spec.name, failed.at, (found,))


def newest_operation(events: list[StackEvent]) -> list[StackEvent]:
    """The events of the last thing that was asked of a stack, its way back included; events are oldest first."""
    begins = [
        n
        for n, event in enumerate(events)
        if event.of_stack and event.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
    ]
    return events[begins[-1] :] if begins else events


def _releases(context: DeployContext) -> list[Why | None]:
    names = releases.listed(context)[:RELEASES]
    kept = context.clients.together([partial(releases.find, context, name) for name in names])
    return [_release(context, one) for one in kept if one is not None]


def _release(context: DeployContext, kept: ReleaseRecord) -> Why | None:
    found = tuple(decide.of_release(kept.release.id, kept.history, kept.diagnosis, context.settings.application))
    if not found:
        return None
    at = [str(line["at"]) for line in kept.history if line.get("what") == FAILED][-1]
    return Why(kept.release.id, datetime.fromisoformat(at), found)


def _instance(context: DeployContext, name: str) -> Why | None:
    """What an instance says of itself now."""
    told = command.diagnose(context, name) if name in context.clients.ssm.online() else {}
    said = told or {"silent": "its Systems Manager agent does not answer"}
    found = tuple(decide.of_instance(name, said, context.settings.application))
    return Why(name, None, found) if found else None
