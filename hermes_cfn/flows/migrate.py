"""``migrate``: the database migration of what runs, by hand and under the lock."""

from __future__ import annotations

from dataclasses import replace

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.events import StageStarted
from hermes_cfn.flows import migration, releases
from hermes_cfn.flows.drive import Story
from hermes_cfn.flows.fleet import Observer
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.lock import Held
from hermes_cfn.flows.releases import Kept


def run(ground: Ground) -> Story[Kept]:
    """Migrates with the release that is the goal, again if it has already.

    Raises HermesError ``migrate-nothing`` where no migrate command is set, ``release-none``.
    """
    if not ground.settings.application.migrate:
        raise HermesError(
            Finding("migrate-nothing", "application.migrate", "is empty", next="set the command in hermes.toml"),
            exit_code=ExitCode.REFUSED,
        )
    found = releases.goal(ground)
    if found is None:
        raise HermesError(
            Finding("release-none", ground.names.goal_parameter, "nothing is released yet", next="hermes-cfn deploy"),
            exit_code=ExitCode.REFUSED,
        )
    release, version = found
    with Held(ground, f"migrate {release.id}") as held:
        yield StageStarted(ground.now, "migration", release.id)
        kept = releases.find(ground, release.id) or Kept(release)
        kept = yield from migration.once(ground, held, Observer(ground), replace(kept, migration={}), version)
    return kept
