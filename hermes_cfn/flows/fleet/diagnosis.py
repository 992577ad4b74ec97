"""What instances say of a failure, by the diagnose document: kept with the release."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hermes_cfn.aws.ssm import AT_ONCE
from hermes_cfn.checks import last_words, start
from hermes_cfn.clock import patience
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.fleet.machines import Machines
from hermes_cfn.flows.fleet.observer import SUSPICIOUS_S
from hermes_cfn.instance import documents

AT_MOST_S = 60.0
"""Seconds of service time that a diagnosis may take; a silent agent must not hold up the way back."""

AT_MOST_INSTANCES = 3

MACHINE_ENDED = "the instance's machine has ended"


def of(context: DeployContext, held: LeaseHolder, instances: Sequence[str]) -> Mapping[str, Any]:
    """Instance id to what it says; an instance that does not answer says so."""
    some = list(instances[:AT_MOST_INSTANCES])
    try:
        told = several(context, held, some) if some else {}
    except HermesError as error:
        return {instance: {"silent": str(error)} for instance in some}
    return {
        instance: last_line(out) if progress is Progress.OK else {"silent": err or "it did not answer"}
        for instance, (progress, out, err) in told.items()
    }


def with_words(context: DeployContext, told: Mapping[str, Any], since: datetime) -> dict[str, Any]:
    """``told`` and, where nobody in it has the application's words, its last lines in CloudWatch Logs since ``since``.

    An instance on which a first release never became well has been replaced by the time somebody asks, and the new one
    knows nothing yet; its log is where it always was.  The lines are those of the instance that wrote last.
    """
    if any(start.read(said).log for said in told.values() if isinstance(said, Mapping)):
        return dict(told)
    try:
        lines = [one for one in context.clients.logs.lines(context.names.log_group, since) if one.stream.endswith(APP)]
    except HermesError:
        return dict(told)
    if not lines:
        return dict(told)
    last = max(lines, key=lambda one: one.at).stream
    words = [masked(one.text) for one in sorted(lines, key=lambda one: one.at) if one.stream == last]
    return {
        last.removesuffix(APP): {"container": {"status": "replaced"}, "log": words[-last_words.LOOKED_AT :]},
        **told,
    }


_PASSWORD = re.compile(r"(\w[\w+.-]*://[^:/?#@\s]*:)[^\s\"'<>]*@")
_VALUE = re.compile(
    r"(?i)(\w*(?:pass(?:word|wd)?|pwd|secret\w*|token|api_?key)[\"']?\s*(?:=>|[=:])\s*[\"']?)[^\s\"',;&]{4,}"
)


def masked(text: str) -> str:
    """A line of a log without the passwords of its URLs and the values of what is named as a secret.

    On an instance every spelling of every secret is hidden; who reads CloudWatch Logs does not know the secrets.
    """
    return _VALUE.sub(r"\1********", _PASSWORD.sub(r"\1********@", text))


APP = "/app"
"""How the log streams of the application's containers end, as the boot script names them."""

Ended = tuple[Progress, str, str]
"""How a run ended, its stdout and its stderr."""


def several(
    context: DeployContext, held: LeaseHolder, instances: Sequence[str], at_most_s: float = AT_MOST_S
) -> dict[str, Ended]:
    """The diagnose document on several instances at once: how each ended."""
    name = f"diagnose-{int(context.now.timestamp()):010d}-{held.token:06d}"
    return _sent(context, held, "diagnose", instances, at_most_s, 0, name)


def run(
    context: DeployContext,
    held: LeaseHolder,
    task: str,
    instance: str,
    at_most_s: float,
    goal_version: int = 0,
    operation: str = "",
) -> Ended:
    """Runs a document on one instance and waits for it: how it ended, stdout and stderr."""
    name = operation or f"{task}-{int(context.now.timestamp()):010d}-{held.token:06d}"
    return _sent(context, held, task, [instance], at_most_s, goal_version, name)[instance]


def _sent(
    context: DeployContext,
    held: LeaseHolder,
    task: str,
    instances: Sequence[str],
    at_most_s: float,
    goal_version: int,
    name: str,
) -> dict[str, Ended]:
    ssm = context.clients.ssm
    parameters = documents.call(task, name, held.token, goal_version)
    sent = ssm.send(context.names.document(task), instances, parameters, name)
    commands = {instance: sent[at // AT_ONCE] for at, instance in enumerate(instances)}
    begun, waited, asked = context.now, 0.0, 0.0
    machines = Machines(context)
    ended: dict[str, Ended] = {}
    while left := [instance for instance in instances if instance not in ended]:
        held.guard()
        pause = patience(waited)
        context.clock.sleep(pause)
        waited += pause
        for instance in left:
            told = ssm.output(commands[instance], instance)
            if told[0] is not Progress.RUNNING:
                ended[instance] = told
        elapsed = (context.now - begun).total_seconds()
        if elapsed > asked + SUSPICIOUS_S:
            asked = elapsed
            for instance in machines.ended([one for one in left if one not in ended]):
                ended[instance] = (Progress.FAILED, "", MACHINE_ENDED)
        if elapsed > at_most_s and waited > 10:
            late = (Progress.FAILED, "", f"no end after {at_most_s:.0f} s")
            ended |= {instance: late for instance in left if instance not in ended}
    return ended


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


LAST = 8
"""So many of the application's last lines come before all else."""


def shown(told: Mapping[str, Any]) -> str:
    """A diagnosis for people: the application's own last words and the health check's answer first.

    Then exit code, memory, disk, database, and what the log said before.  What the container said that failed comes
    before what runs in its place now.
    """
    lines: list[str] = []
    for instance, whole in told.items():
        lines.append(f"{instance}:")
        said = {**whole, **(whole.get("failed") or {})}
        log = said.get("log") or []
        spoken = (log if isinstance(log, list) else str(log).splitlines())[-50:]
        lines += [f"  log: {line}" for line in spoken[-LAST:]]
        for key in ("process", "health", "silent", "container", "memory", "disk", "database"):
            if said.get(key):
                lines.append(f"  {key}: {_flat(said[key])}")
        lines += [f"  before: {line}" for line in spoken[:-LAST]]
    return "\n".join(lines)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item is not None)
    return str(value)
