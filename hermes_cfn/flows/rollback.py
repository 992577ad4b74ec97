"""``rollback``: the previous release, or another one, on every instance."""

from __future__ import annotations

from contextlib import suppress

from hermes_cfn.deciders.actions import Stop
from hermes_cfn.deciders.rollout import decide_emergency
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.events import StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, there
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import group_drift, releases
from hermes_cfn.flows.fleet.observer import group, not_deployed
from hermes_cfn.flows.fleet.rollout import Rollout
from hermes_cfn.instance.release import Release


def run(context: DeployContext, to: str = "", emergency: bool = False, despite_schema: bool = False) -> Story[None]:
    """Back in the careful way, or with ``emergency`` everywhere at once, in service.

    Raises HermesError ``rollback-nowhere``, ``rollback-schema`` and what stops a rollout; in the careful way also what
    somebody did to the group that it would go wrong by.
    """
    seen = group(context) if there(context) else None
    if seen is None:
        raise not_deployed(context)
    with LeaseHolder(context, f"rollback {to or 'to the previous release'}") as held:
        target = _target(context, to, despite_schema)
        want = group_drift.as_deployed(context)
        if not emergency:
            group_drift.stop(group_drift.settled(context, want) or seen, want)
        rollout = Rollout(context, held, deployed=want)
        if emergency:
            yield from _at_once(rollout, target)
        else:
            yield from rollout.back(target)


def _target(context: DeployContext, to: str, despite_schema: bool) -> Release:
    goal, stable = releases.goal(context), releases.stable(context)
    current = goal[0] if goal else stable
    if current is None:
        raise _nowhere(context, "there is no release")
    kept = releases.find(context, current.id)
    if to:
        target = releases.known(context, to).release
    elif kept and kept.history and kept.history[-1]["what"] == releases.GOING_BACK:
        target = current
    elif stable is not None and stable.id != current.id:
        target = stable
    elif kept is not None and kept.previous:
        target = releases.known(context, kept.previous).release
    else:
        raise _nowhere(context, f"{current.id} is the first release")
    changed = bool(kept and kept.migration.get("changed"))
    if changed and not current.compatible and target.id != current.id and not despite_schema:
        migration = kept.migration if kept else {}
        raise HermesError(
            Finding(
                "rollback-schema",
                current.id,
                f"it migrated the schema from {migration.get('before')} to {migration.get('after')}, "
                f"and is not marked compatible with {target.id}",
                why="the earlier release may not run on this schema",
                next="restore the database and use --despite-schema, or mend and release forward",
            ),
            exit_code=ExitCode.REFUSED,
        )
    return target


def _at_once(rollout: Rollout, target: Release) -> Story[None]:
    """Seconds count: the rollback document on all instances; replacing unhealthy ones is suspended meanwhile."""
    context = rollout.context
    yield StageStarted(context.now, "emergency rollback", f"to {target.id}, all instances at once")
    rollout.begin_back(target)
    releases.write_stable(context, target)
    want = rollout.want(target, releases.write_goal(context, target), back=True)
    try:
        result = yield from rollout.drive(want, decide_emergency)
        if isinstance(result, Stop):
            raise HermesError(result.finding)
    except BaseException as error:
        if not _lost(error):
            with suppress(HermesError):
                list(rollout.resume_processes())
        raise
    rollout.end_back(target)
    yield StageEnded(context.now, "emergency rollback", result.what)


def _lost(error: BaseException) -> bool:
    """Whether the lease is somebody else's now: then nothing more is ours to do."""
    return isinstance(error, HermesError) and any(finding.code == "lock-lost" for finding in error.findings)


def _nowhere(context: DeployContext, what: str) -> HermesError:
    names = ", ".join(releases.listed(context)[:8]) or "none"
    return HermesError(
        Finding(
            "rollback-nowhere",
            context.names.stable_parameter,
            f"{what}: there is nothing to go back to",
            evidence=f"kept: {names}",
            next="hermes-cfn rollback --to RELEASE",
        ),
        exit_code=ExitCode.REFUSED,
    )
