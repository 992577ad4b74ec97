"""The database migration: on one instance, once a release, before any instance is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hermes_cfn.deciders.observed import Progress
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.events import StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import diagnosis, hooks, releases
from hermes_cfn.flows.fleet.observer import Observer
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.instance.report import Cause

AT_MOST_S = 1800.0
"""Seconds of service time; the document's own time limit."""

OUTPUT_KEPT = 4000
"""Characters of output that are kept with the release."""


def once(
    context: DeployContext, held: LeaseHolder, observer: Observer, kept: ReleaseRecord, goal_version: int
) -> Story[ReleaseRecord]:
    """Runs the migrate document unless this attempt has migrated already.

    Another attempt runs it again, for the database may have been restored meanwhile: migration tools do nothing twice.

    On the next instance when the machine of one ends meanwhile (migration tools take a lock of the
    database and go on where they were cut off), or when its memory does not suffice beside the
    application.

    ``before_migrate`` runs first, and its result is kept.  Raises HermesError ``migration-failed`` or
    ``hook-failed``; no instance has been touched then.
    """
    if not context.settings.application.migrate or kept.migration.get("outcome") == "ok":
        return kept
    fleet, _ = observer.look()
    up = {i.id for i in fleet.instances if i.up}
    if fleet.instances and all(i.release == kept.release.id for i in fleet.instances if i.up) and not kept.previous:
        yield StageStarted(context.now, "migrate", "first release")
    else:
        yield StageStarted(context.now, "migrate", kept.release.id)
    backup = yield from hooks.run(context, "before_migrate", kept, must=True)
    progress, out, err = Progress.FAILED, "", ""
    said: Mapping[str, Any] = {}
    crowded = False
    instance = ""
    for instance in sorted((i.id for i in fleet.instances if i.member), key=lambda name: name not in up):
        operation = f"migrate-{goal_version:06d}-{held.token:06d}"
        progress, out, err = diagnosis.run(context, held, "migrate", instance, AT_MOST_S, goal_version, operation)
        said = diagnosis.last_line(out)
        crowded = said.get("cause") == Cause.NO_MEMORY
        if err != diagnosis.MACHINE_ENDED and not crowded:
            break
    if not instance:
        return kept
    outcome = said.get("outcome") or ("ok" if progress is Progress.OK else "failed")
    before, after = said.get("schema_before"), said.get("schema_after")
    record: dict[str, Any] = {
        "at": context.now.isoformat(),
        "instance": instance,
        "outcome": outcome,
        "before": before,
        "after": after,
        "changed": None if before is None and after is None else before != after,
        "output": out[-OUTPUT_KEPT:],
        **({"before_migrate": backup} if backup else {}),
    }
    told = {"before": before, "after": after, "changed": record["changed"]}
    kept = replace(kept.then(context.now, releases.MIGRATED, str(outcome), **told), migration=record)
    releases.keep(context, kept)
    if progress is not Progress.OK:
        raise HermesError(
            Finding(
                "migration-failed",
                f"{kept.release.id} on {instance}",
                str(outcome),
                why="it stopped before any instance was touched",
                evidence=(err or out)[-OUTPUT_KEPT:],
                next="less for application.migrate_memory_mib, or "
                + hermes("scale", "--type", "TYPE")
                + " for a larger one"
                if crowded
                else hermes("releases", "show", kept.release.id),
            )
        )
    shown = f"schema {before} -> {after}" if before != after else "schema unchanged"
    yield StageEnded(context.now, "migrate", shown)
    return kept
