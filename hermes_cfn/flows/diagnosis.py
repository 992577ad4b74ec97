"""What instances say of a failure, by the diagnose document: kept with the release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hermes_cfn.clock import patience
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.lock import Held
from hermes_cfn.instance import documents

AT_MOST_S = 60.0
"""Seconds of service time that a diagnosis may take; a silent agent must not hold up the way back."""

AT_MOST_INSTANCES = 3


def of(ground: Ground, held: Held, instances: Sequence[str]) -> Mapping[str, Any]:
    """Instance id to what it says; an instance that does not answer says so."""
    told: dict[str, Any] = {}
    for instance in instances[:AT_MOST_INSTANCES]:
        try:
            told[instance] = last_line(run(ground, held, "diagnose", instance, AT_MOST_S)[1])
        except HermesError as error:
            told[instance] = {"silent": str(error)}
    return told


def run(
    ground: Ground, held: Held, task: str, instance: str, at_most_s: float, goal_version: int = 0, operation: str = ""
) -> tuple[Progress, str, str]:
    """Runs a document on one instance and waits for it: how it ended, stdout and stderr."""
    ssm = ground.doors.ssm
    name = operation or f"{task}-{int(ground.now.timestamp()):010d}-{held.token:06d}"
    command = ssm.send(
        ground.names.document(task), [instance], documents.call(task, name, held.token, goal_version), name
    )[0]
    begun, waited = ground.now, 0.0
    while True:
        held.guard()
        pause = patience(waited)
        ground.clock.sleep(pause)
        waited += pause
        progress, out, err = ssm.output(command, instance)
        if progress is not Progress.RUNNING:
            return progress, out, err
        if (ground.now - begun).total_seconds() > at_most_s and waited > 10:
            return Progress.FAILED, out, f"no end after {at_most_s:.0f} s"


def last_line(text: str) -> dict[str, Any]:
    """The JSON object that a document prints last; empty when there is none."""
    for line in reversed(text.strip().splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def shown(told: Mapping[str, Any]) -> str:
    """A diagnosis for people: exit code, health answer, memory and disk, database, last log lines.

    What the container said that failed comes before what runs in its place now.
    """
    lines: list[str] = []
    for instance, whole in told.items():
        lines.append(f"{instance}:")
        said = {**whole, **(whole.get("failed") or {})}
        for key in ("silent", "container", "health", "memory", "disk", "database"):
            if said.get(key):
                lines.append(f"  {key}: {_flat(said[key])}")
        log = said.get("log") or []
        lines += [f"  log: {line}" for line in (log if isinstance(log, list) else [str(log)])[-50:]]
    return "\n".join(lines)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item is not None)
    return str(value)
