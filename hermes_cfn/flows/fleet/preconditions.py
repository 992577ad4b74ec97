"""What must be true of a release before the fleet is driven to it, whatever verb asks.

Every verb that drives asks :func:`demand` before it touches or writes anything: release, deploy, promote, resume,
rollback, the emergency, machine-image, scale's deploy, wake and a rotation; sleep asks whether a rollout is half way.
What the verbs differ in is said by them: where they come from (the schema on the way), and whether they may take a
rollout off that somebody left half way.  What only an instance can tell (whether the database lets this release in,
whether the disk suffices) the prepare document finds out on each, before anything is taken out of service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hermes_cfn.aws.autoscaling import GroupSeen
from hermes_cfn.checks import goal as checks
from hermes_cfn.checks import images
from hermes_cfn.checks.images import DOCKER_WORD
from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.deciders.release import SchemaStep, schema_between
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import registry, releases
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.instance.release import Release


@dataclass(frozen=True, slots=True)
class Way:
    """How a verb comes to a release.

    ``back``: an earlier release, so that the schema on the way counts, unless ``despite_schema``.  ``asleep``: it may be
    asked of a fleet without instances.  ``names_it``: somebody said this release, so that what was left half way may go.
    """

    back: bool = False
    despite_schema: bool = False
    asleep: bool = False
    names_it: bool = True


def demand(context: DeployContext, release: Release, seen: GroupSeen | None, way: Way = Way()) -> None:
    """Raises HermesError with everything that bars the way to ``release``; nothing was touched yet."""
    found = [*_fleet(context, release, seen, way), *startable(context, release)]
    if not way.names_it:
        found += half_way(context, release)
    if way.back and not way.despite_schema:
        found += schema(context, release)
    if found:
        raise HermesError(*found, exit_code=ExitCode.REFUSED)


def demand_no_rollout(context: DeployContext, release: Release) -> None:
    """Raises HermesError ``rollout-left`` where the rollout of another release than ``release`` is half way."""
    if found := list(half_way(context, release)):
        raise HermesError(*found, exit_code=ExitCode.REFUSED)


def startable(context: DeployContext, release: Release) -> Iterator[Finding]:
    """What :func:`bootable` says, and ``processes-gone``: no instance could start it as it says."""
    yield from bootable(context, release)
    yield from checks.told(release.id, bool(release.container or release.processes), context.settings)


def bootable(context: DeployContext, release: Release) -> Iterator[Finding]:
    """``image-gone``, ``image-architecture`` and ``secret-gone``: no instance could start it at all."""
    repository, digest = registry.repository_of(release.image), release.image.rpartition("@")[2]
    there = context.clients.ecr.image(repository, digest) is not None
    yield from checks.startable(
        release.id, release.image, there, release.secrets, releases.newest_versions(context, release.secrets)
    )
    architectures = context.clients.ecr.architectures(repository, digest) if there else ()
    if architectures and DOCKER_WORD[context.settings.compute.architecture] not in architectures:
        yield images.wrong(context.settings, release.tag, architectures)


def _fleet(context: DeployContext, release: Release, seen: GroupSeen | None, way: Way) -> Iterator[Finding]:
    if way.asleep or seen is None or not asleep(seen):
        return
    yield Finding(
        "fleet-asleep",
        context.names.auto_scaling_group,
        f"no instance runs and none is wanted, so that {release.id} can neither migrate nor be checked",
        next=hermes("wake") + ", then the same command",
    )


def asleep(seen: GroupSeen) -> bool:
    """Whether its instances were taken away on purpose."""
    return not seen.group.desired and all(member.lifecycle is Lifecycle.GONE for member in seen.members)


def half_way(context: DeployContext, release: Release) -> Iterator[Finding]:
    """``rollout-left``: another release is paused or was cut off, and would be taken off without a word."""
    goal = releases.goal(context)
    if goal is None or goal[0].id == release.id:
        return
    record = releases.find(context, goal[0].id)
    if record is None or not record.open:
        return
    yield Finding(
        "rollout-left",
        goal[0].id,
        "its rollout is paused, or was cut off half way",
        why=f"every instance that has it would go to {release.id}",
        next=(
            hermes("release", "--resume")
            + " goes on with it, "
            + hermes("rollback")
            + " goes back; then the same command"
        ),
    )


def schema(context: DeployContext, target: Release) -> Iterator[Finding]:
    """``rollback-schema``: what has changed the schema since the target ran last, and does not serve it."""
    record = releases.find(context, target.id)
    for step in schema_between(steps(context), record.ran_last if record else "", target.id):
        yield Finding(
            "rollback-schema",
            step.release,
            f"it migrated the schema from {step.before} to {step.after}, and is not marked compatible with {target.id}",
            why="the earlier release may not run on this schema",
            next="restore the database and use --despite-schema, or mend and release forward",
        )


def steps(context: DeployContext) -> list[SchemaStep]:
    """Every migration of every kept release."""
    found = [releases.find(context, name) for name in releases.listed(context)]
    return [step for record in found if record for step in record.schema_steps()]


def bars(context: DeployContext, previous: Release) -> list[Finding]:
    """What bars the way back to ``previous`` by itself."""
    return [*startable(context, previous), *schema(context, previous)]


def boots(context: DeployContext, stable: Release | None, record: ReleaseRecord | None) -> bool:
    """Whether new instances can start ``stable``; one that never answered, or lacks something, is no anchor.

    A release without a record was written by a version that kept none, and is believed.  One whose processes the settings
    no longer have is an anchor still, for its web process serves; not so one that says how that is started.
    """
    if stable is None or (record is not None and not record.verified):
        return False
    otherwise = checks.told(stable.id, bool(stable.container), context.settings)
    return not [*bootable(context, stable), *otherwise]
