"""``release``: an image through the fleet; no stack is touched."""

from __future__ import annotations

from dataclasses import replace

from hermes_cfn import plan
from hermes_cfn.aws.autoscaling import GroupSeen
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, patient, there, unlocked
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import group_drift, preconditions, prune, rehearsed, releases
from hermes_cfn.flows.fleet.observer import group, not_deployed
from hermes_cfn.flows.fleet.preconditions import Way
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.flows.fleet.rollout import Rollout
from hermes_cfn.flows.stacks import plan_inputs
from hermes_cfn.instance.release import Release
from hermes_cfn.plan import PlanInputs, show


def run(
    context: DeployContext,
    image: str,
    compatible: bool = True,
    pause_at: int | None = None,
    despite_templates: bool = False,
    required: rehearsed.Required | None = None,
) -> Story[None]:
    """Resolve, compare, lock, roll.

    Raises HermesError ``templates-differ`` when the stacks are not what the templates say, what
    :mod:`hermes_cfn.flows.fleet.preconditions` and, where a rehearsal is ``required``,
    :mod:`hermes_cfn.flows.fleet.rehearsed` demand, and whatever stops a rollout.
    """
    if not there(context) or group(context) is None:
        raise not_deployed(context)
    release = releases.resolve(context, image, compatible)
    if required:
        rehearsed.demand(context, release, required)
    if not despite_templates:
        same_templates(context)
    with LeaseHolder(context, f"release {release.id}") as held:
        yield from roll(context, held, release, pause_at)


def same_templates(context: DeployContext) -> None:
    """The account's foundation is bootstrap's, and not looked at."""
    around = PlanInputs(account=context.names.account, commit=context.commit)
    own = replace(context.deployment, stacks=tuple(spec for spec in context.deployment if not spec.account_wide))
    made = plan.make(own, plan_inputs.deployed(replace(context, deployment=own)), around)
    if not made.stacks_changed:
        return
    raise HermesError(
        Finding(
            "templates-differ",
            ", ".join(stack.key for stack in made.stacks if stack.action != "unchanged"),
            "the stacks are not what hermes.toml says, and a release touches no stack",
            evidence="\n".join(show.lines(made)),
            next=hermes("deploy", "--image", "TAG") + " (or --resume), or release --despite-templates",
        ),
        exit_code=ExitCode.REFUSED,
    )


def resume(context: DeployContext, despite_templates: bool = False) -> Story[None]:
    """Go on where a rollout was left: towards the goal that is written.

    A run that was killed elsewhere left its lease behind, which is waited for.  How many instances there shall be is what
    the deployed stack says, and the strategy what that run recorded, whatever this checkout says.  Raises HermesError
    ``templates-differ`` as :func:`run` does: the stacks may be what is unfinished.
    """
    if not there(context) or group(context) is None:
        raise not_deployed(context)
    yield from patient(context)
    found = releases.goal(context)
    if found is None:
        raise HermesError(
            Finding(
                "release-none", context.names.goal_parameter, "there is no goal to go on to", next=hermes("deploy")
            ),
            exit_code=ExitCode.REFUSED,
        )
    if not despite_templates:
        same_templates(context)
    with LeaseHolder(context, f"resume {found[0].id}") as held:
        yield from roll(context, held, found[0], goes_on=True)


def ready(context: DeployContext, release: Release) -> None:
    """Raises HermesError where what runs could not be released again with other secrets: before one is written."""
    unlocked(context)
    same_templates(context)
    way = Way(names_it=False)
    preconditions.demand(context, replace(release, secrets={}), group(context), way)


def _sleeper(context: DeployContext, release: Release, stable: Release | None, seen: GroupSeen) -> bool:
    """Whether a fleet that sleeps takes it: what it wakes with anyway, and another only where it could not wake with that."""
    if not preconditions.asleep(seen) or (stable is not None and stable.id == release.id):
        return True
    record = releases.find(context, stable.id) if stable else None
    return not preconditions.boots(context, stable, record)


def roll(
    context: DeployContext,
    held: LeaseHolder,
    release: Release,
    pause_at: int | None = None,
    goes_on: bool = False,
    named: bool = True,
) -> Story[None]:
    """Every instance to ``release``, recording it; what runs already needs no more than a look.

    ``goes_on``: in the way in which the run began that was cut off.  ``named``: somebody said this release, so that
    another one that was left half way may go.

    Raises HermesError for what :mod:`hermes_cfn.flows.fleet.preconditions` demands, and
    ``processes-suspended`` and ``group-changed`` for what somebody did to the group that a rollout would go wrong by.
    """
    stable, want = releases.stable_if_readable(context), group_drift.as_deployed(context)
    seen = group_drift.settled(context, want)
    if seen is None:
        raise not_deployed(context)
    way = Way(asleep=_sleeper(context, release, stable, seen), names_it=named or goes_on)
    preconditions.demand(context, release, seen, way)
    if preconditions.asleep(seen):
        yield from _asleep(context, release, stable)
        return
    group_drift.stop(seen, want)
    kept = releases.find(context, release.id)
    if kept is None or not (goes_on and kept.open):
        kept, differs = _attempt(kept, release, stable)
        yield from (Noted(context.now, finding) for finding in differs)
    yield StageStarted(context.now, "release", f"{release.id} ({release.image.rpartition('@')[2][:19]})")
    yield from Rollout(context, held, pause_at, want, kept.strategy if goes_on else None).to(kept)
    yield from prune.after(context, release)
    yield StageEnded(context.now, "release", release.id)


def _asleep(context: DeployContext, release: Release, stable: Release | None) -> Story[None]:
    """Nothing to roll: the instances start with it when they come back."""
    then = "the verb wake brings the instances back"
    if stable is None or stable.id != release.id:
        releases.keep(context, ReleaseRecord(release).then(context.now, releases.REQUESTED, release.requested_by))
        releases.write_goal(context, release)
        releases.write_stable(context, release)
        then += ", and release --resume migrates and verifies it"
    yield StageEnded(context.now, "release", f"{release.id}, once {then}")


def _attempt(
    kept: ReleaseRecord | None, release: Release, stable: Release | None
) -> tuple[ReleaseRecord, list[Finding]]:
    """A new attempt at a release: what is known of earlier ones stays in its history, and decides nothing.

    What was stable when it begins is what it goes back to, whether the release before runs on its schema is the newest
    word, and it migrates again.
    """
    before = stable.id if stable and stable.id != release.id else (kept.previous if kept else None)
    if kept is None:
        return ReleaseRecord(release, previous=before), []
    differs = []
    if kept.release.compatible != release.compatible:
        what = "compatible" if release.compatible else "incompatible"
        told = f"is {what} with the release before from now on, which an earlier attempt said otherwise"
        differs.append(Finding("release-compatible", release.id, told, severity=Severity.INFO))
    return replace(kept, release=release, previous=before, migration={}, diagnosis={}), differs
