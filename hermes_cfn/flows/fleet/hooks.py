"""Hooks: a team's own commands on the deployer's machine, with the release in their environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet.releases import ReleaseRecord

OUTPUT_KEPT = 4000
"""Characters of output, from its end, that are kept with the release."""


def run(
    context: DeployContext, name: str, kept: ReleaseRecord, must: bool = False, **more: str
) -> Story[Mapping[str, Any]]:
    """Runs the command of ``[release] NAME`` and answers its record; empty where none is set.

    Raises HermesError ``hook-failed`` when it ``must`` end well and does not; else that is told.
    """
    command: tuple[str, ...] = getattr(context.settings.release, name)
    if not command:
        return {}
    yield StageStarted(context.now, name, " ".join(command))
    outcome, output = _run(command, {**os.environ, **environment(context, kept), **more}, _limit(context))
    record = {"at": context.now.isoformat(), "command": list(command), "outcome": outcome, "output": output}
    if outcome == "ok":
        yield StageEnded(context.now, name, output.strip().rpartition("\n")[2])
        return record
    finding = Finding(
        "hook-failed",
        f"[release] {name}",
        f"{command[0]} {outcome}",
        why="it must end well before the database is migrated" if must else "the release itself is as it was",
        evidence=output,
        next=f"mend {command[0]}, then the same command again" if must else f"run it by hand: {' '.join(command)}",
        severity=Severity.ERROR if must else Severity.WARNING,
    )
    if must:
        raise HermesError(finding)
    yield Noted(context.now, finding)
    return record


def environment(context: DeployContext, kept: ReleaseRecord) -> Mapping[str, str]:
    """What a hook may know of the release: no secret."""
    release = kept.release
    return {
        "HERMES_ENVIRONMENT": context.names.environment,
        "HERMES_REGION": context.region,
        "HERMES_RELEASE": release.id,
        "HERMES_IMAGE": release.image,
        "HERMES_TAG": release.tag,
        "HERMES_COMMIT": release.commit,
        "HERMES_REQUESTED_BY": release.requested_by,
        "HERMES_PREVIOUS_RELEASE": kept.previous or "",
    }


def _limit(context: DeployContext) -> float:
    return float(context.settings.release.hook_timeout_s)


def _run(command: tuple[str, ...], env: Mapping[str, str], limit_s: float) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        return f"did not end within {limit_s:g} s", text[-OUTPUT_KEPT:]
    except OSError as error:
        return f"cannot be started: {error.strerror}", ""
    outcome = "ok" if done.returncode == 0 else f"ended with status {done.returncode}"
    return outcome, done.stdout[-OUTPUT_KEPT:]
