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
from hermes_cfn.flows import prune, releases, standing, survey
from hermes_cfn.flows.drive import Story
from hermes_cfn.flows.fleet import group, not_deployed
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.lock import Held, patient, there
from hermes_cfn.flows.releases import Kept
from hermes_cfn.flows.rollout import Rollout
from hermes_cfn.instance.release import Release
from hermes_cfn.plan import Circumstances, show


def run(
    ground: Ground, image: str, compatible: bool = True, pause_at: int | None = None, despite_templates: bool = False
) -> Story[None]:
    """Resolve, compare, lock, roll.

    Raises HermesError ``image-architecture``, ``templates-differ`` when the stacks are not what the templates say, and
    whatever stops a rollout.
    """
    if not there(ground) or group(ground) is None:
        raise not_deployed(ground)
    release = releases.resolve(ground, image, compatible)
    right_architecture(ground, release)
    if not despite_templates:
        _same_templates(ground)
    with Held(ground, f"release {release.id}") as held:
        yield from roll(ground, held, release, pause_at)


def right_architecture(ground: Ground, release: Release) -> None:
    """Raises HermesError ``image-architecture`` where the image says that the instances cannot run it.

    Where it cannot be read, the first instance finds out, and the rollout goes back.
    """
    found = ground.doors.ecr.architectures(ground.names.repository, release.image.rpartition("@")[2])
    if found and DOCKER_WORD[ground.settings.compute.architecture] not in found:
        raise HermesError(images.wrong(ground.settings, release.tag, found), exit_code=ExitCode.REFUSED)


def _same_templates(ground: Ground) -> None:
    """The account's foundation is bootstrap's, and not looked at."""
    around = Circumstances(account=ground.names.account, commit=ground.commit)
    own = replace(ground.deployment, stacks=tuple(spec for spec in ground.deployment if not spec.account_wide))
    made = plan.make(own, survey.deployed(replace(ground, deployment=own)), around)
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


def resume(ground: Ground, despite_templates: bool = False) -> Story[None]:
    """Go on where a rollout was left: towards the goal that is written.

    A run that was killed elsewhere left its lease behind, which is waited for.  How many instances there shall be is what
    the deployed stack says, and the strategy what that run recorded, whatever this checkout says.  Raises HermesError
    ``templates-differ`` as :func:`run` does: the stacks may be what is unfinished.
    """
    if not there(ground) or group(ground) is None:
        raise not_deployed(ground)
    yield from patient(ground)
    found = releases.goal(ground)
    if found is None:
        raise HermesError(
            Finding(
                "release-none", ground.names.goal_parameter, "there is no goal to go on to", next="hermes-cfn deploy"
            ),
            exit_code=ExitCode.REFUSED,
        )
    if not despite_templates:
        _same_templates(ground)
    with Held(ground, f"resume {found[0].id}") as held:
        yield from roll(ground, held, found[0], goes_on=True)


def _asleep(seen: GroupSeen) -> bool:
    return not seen.group.desired and all(member.lifecycle is Lifecycle.GONE for member in seen.members)


def roll(
    ground: Ground, held: Held, release: Release, pause_at: int | None = None, goes_on: bool = False
) -> Story[None]:
    """Every instance to ``release``, recording it; what runs already needs no more than a look.

    ``goes_on``: in the way in which the run began that was cut off.

    Raises HermesError ``fleet-asleep`` for another release than the stable one, which instances start with, and
    ``processes-suspended`` and ``group-changed`` for what somebody did to the group that a rollout would go wrong by.
    """
    stable, seen = releases.stable_if_readable(ground), group(ground)
    if seen is None:
        raise not_deployed(ground)
    if _asleep(seen):
        if stable is None or stable.id != release.id:
            raise HermesError(
                Finding(
                    "fleet-asleep",
                    ground.names.auto_scaling_group,
                    f"no instance runs and none is wanted, so that {release.id} can neither migrate nor be checked",
                    next="hermes-cfn wake, then the same command",
                ),
                exit_code=ExitCode.REFUSED,
            )
        yield StageEnded(ground.now, "release", f"{release.id}, once hermes-cfn wake brings the instances back")
        return
    standing.stop(seen, want := standing.as_deployed(ground))
    kept = releases.find(ground, release.id) or Kept(release, previous=stable.id if stable else None)
    yield StageStarted(ground.now, "release", f"{release.id} ({release.image.rpartition('@')[2][:19]})")
    yield from Rollout(ground, held, pause_at, want, kept.strategy if goes_on else None).to(kept)
    yield from prune.after(ground, release)
    yield StageEnded(ground.now, "release", release.id)
