"""``migrate``: the database migration of what runs, by hand and under the lock."""

from __future__ import annotations

from dataclasses import replace

from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import migration, preconditions, releases
from hermes_cfn.flows.fleet.observer import Observer, group
from hermes_cfn.flows.fleet.releases import ReleaseRecord


def run(context: DeployContext) -> Story[ReleaseRecord]:
    """Migrates with the release that is the goal, again if it has already.

    Raises HermesError ``migrate-nothing`` where no migrate command is set, ``release-none``, and what
    :mod:`hermes_cfn.flows.fleet.preconditions` demands, ``fleet-asleep`` among it.
    """
    if not context.settings.application.migrate:
        raise HermesError(
            Finding("migrate-nothing", "application.migrate", "is empty", next="set the command in hermes.toml"),
            exit_code=ExitCode.REFUSED,
        )
    found = releases.goal(context)
    if found is None:
        raise HermesError(
            Finding("release-none", context.names.goal_parameter, "nothing is released yet", next=hermes("deploy")),
            exit_code=ExitCode.REFUSED,
        )
    release, version = found
    preconditions.demand(context, release, group(context))
    with LeaseHolder(context, f"migrate {release.id}") as held:
        yield StageStarted(context.now, "migration", release.id)
        kept = releases.find(context, release.id) or ReleaseRecord(release)
        kept = yield from migration.once(context, held, Observer(context), replace(kept, migration={}), version)
    return kept
