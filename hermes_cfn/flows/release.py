"""``release``: an image through the fleet; no stack is touched."""

from __future__ import annotations

from dataclasses import replace

from hermes_cfn import plan
from hermes_cfn.aws.autoscaling import GroupSeen
from hermes_cfn.checks import images
from hermes_cfn.checks.images import DOCKER_WORD
from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.events import StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder, patient, there
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import group_drift, prune, releases
from hermes_cfn.flows.fleet.observer import group, not_deployed
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
) -> Story[None]:
    """Resolve, compare, lock, roll.

    Raises HermesError ``image-architecture``, ``templates-differ`` when the stacks are not what the templates say, and
    whatever stops a rollout.
    """
    if not there(context) or group(context) is None:
        raise not_deployed(context)
    release = releases.resolve(context, image, compatible)
    right_architecture(context, release)
    if not despite_templates:
        _same_templates(context)
    with LeaseHolder(context, f"release {release.id}") as held:
        yield from roll(context, held, release, pause_at)


def right_architecture(context: DeployContext, release: Release) -> None:
    """Raises HermesError ``image-architecture`` where the image says that the instances cannot run it.

    Where it cannot be read, the first instance finds out, and the rollout goes back.
    """
    found = context.clients.ecr.architectures(context.names.repository, release.image.rpartition("@")[2])
    if found and DOCKER_WORD[context.settings.compute.architecture] not in found:
        raise HermesError(images.wrong(context.settings, release.tag, found), exit_code=ExitCode.REFUSED)


def _same_templates(context: DeployContext) -> None:
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
            next="hermes-cfn deploy --image TAG (or --resume), or release --despite-templates",
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
                "release-none", context.names.goal_parameter, "there is no goal to go on to", next="hermes-cfn deploy"
            ),
            exit_code=ExitCode.REFUSED,
        )
    if not despite_templates:
        _same_templates(context)
    with LeaseHolder(context, f"resume {found[0].id}") as held:
        yield from roll(context, held, found[0], goes_on=True)


def _asleep(seen: GroupSeen) -> bool:
    return not seen.group.desired and all(member.lifecycle is Lifecycle.GONE for member in seen.members)


def roll(
    context: DeployContext, held: LeaseHolder, release: Release, pause_at: int | None = None, goes_on: bool = False
) -> Story[None]:
    """Every instance to ``release``, recording it; what runs already needs no more than a look.

    ``goes_on``: in the way in which the run began that was cut off.

    Raises HermesError ``fleet-asleep`` for another release than the stable one, which instances start with, and
    ``processes-suspended`` and ``group-changed`` for what somebody did to the group that a rollout would go wrong by.
    """
    stable, want = releases.stable_if_readable(context), group_drift.as_deployed(context)
    seen = group_drift.settled(context, want)
    if seen is None:
        raise not_deployed(context)
    if _asleep(seen):
        if stable is None or stable.id != release.id:
            raise HermesError(
                Finding(
                    "fleet-asleep",
                    context.names.auto_scaling_group,
                    f"no instance runs and none is wanted, so that {release.id} can neither migrate nor be checked",
                    next="hermes-cfn wake, then the same command",
                ),
                exit_code=ExitCode.REFUSED,
            )
        yield StageEnded(context.now, "release", f"{release.id}, once hermes-cfn wake brings the instances back")
        return
    group_drift.stop(seen, want)
    kept = releases.find(context, release.id) or ReleaseRecord(release, previous=stable.id if stable else None)
    yield StageStarted(context.now, "release", f"{release.id} ({release.image.rpartition('@')[2][:19]})")
    yield from Rollout(context, held, pause_at, want, kept.strategy if goes_on else None).to(kept)
    yield from prune.after(context, release)
    yield StageEnded(context.now, "release", release.id)
