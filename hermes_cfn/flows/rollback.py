"""``rollback``: the previous release, or another one, on every instance."""

from __future__ import annotations

from contextlib import suppress

from hermes_cfn.deciders.actions import Stop
from hermes_cfn.deciders.emergency import decide_emergency
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, there
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import group_drift, preconditions, releases
from hermes_cfn.flows.fleet.observer import group, not_deployed
from hermes_cfn.flows.fleet.preconditions import Way
from hermes_cfn.flows.fleet.rollout import Rollout
from hermes_cfn.instance.release import Release


def run(context: DeployContext, to: str = "", emergency: bool = False, despite_schema: bool = False) -> Story[None]:
    """Back in the careful way, or with ``emergency`` everywhere at once, in service.

    Raises HermesError ``rollback-nowhere``, ``rollback-same``, what :mod:`hermes_cfn.flows.fleet.preconditions` demands,
    ``rollback-schema`` among it, and what stops a rollout; in the careful way also what somebody did to the group that
    it would go wrong by.
    """
    seen = group(context) if there(context) else None
    if seen is None:
        raise not_deployed(context)
    with LeaseHolder(context, f"rollback {to or 'to the previous release'}") as held:
        current, target = _target(context, to)
        way = Way(back=target.id != current.id, despite_schema=despite_schema)
        preconditions.demand(context, target, seen, way)
        want = group_drift.as_deployed(context)
        if not emergency:
            group_drift.stop(group_drift.settled(context, want) or seen, want)
        yield from _told(context, current, target)
        rollout = Rollout(context, held, deployed=want)
        if emergency:
            yield from _at_once(rollout, target)
        else:
            yield from rollout.back(target)


def _target(context: DeployContext, to: str) -> tuple[Release, Release]:
    """What the fleet was last driven to, and what to go back to."""
    goal, stable = releases.goal(context), releases.stable(context)
    current = goal[0] if goal else stable
    if current is None:
        raise _nowhere(context, "there is no release")
    kept = releases.find(context, current.id)
    if to:
        target = releases.known(context, to).release
        if stable is not None and target.id == current.id == stable.id and not (kept and kept.open):
            raise _same(target)
        return current, target
    if kept and kept.history and kept.history[-1]["what"] == releases.GOING_BACK:
        return current, current
    if stable is not None and stable.id != current.id:
        return current, stable
    before = releases.known(context, kept.previous) if kept is not None and kept.previous else None
    if before is None:
        raise _nowhere(context, f"{current.id} is the first release")
    if not before.verified:
        raise _nowhere(context, f"{before.release.id}, the release before {current.id}, was never verified")
    return current, before.release


def _told(context: DeployContext, current: Release, target: Release) -> Story[None]:
    """What comes back with the image: variables and secrets are a release's too."""
    if parts := target.changes(current):
        yield Noted(
            context.now,
            Finding(
                "rollback-changes",
                target.id,
                f"brings back: {', '.join(parts)}",
                next=(
                    hermes("release", "--image", target.tag) + " takes its image with the variables and secrets of now"
                ),
                severity=Severity.INFO,
            ),
        )


def _same(target: Release) -> HermesError:
    return HermesError(
        Finding(
            "rollback-same",
            target.id,
            "is what runs: there is nothing to go back",
            next=hermes("status") + "; " + hermes("release", "--resume") + ", if an instance does not run it",
        ),
        exit_code=ExitCode.REFUSED,
    )


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
            next=(
                hermes("release", "--image", "TAG")
                + " reaches every instance from here; or "
                + hermes("rollback", "--to", "RELEASE")
            ),
        ),
        exit_code=ExitCode.REFUSED,
    )
