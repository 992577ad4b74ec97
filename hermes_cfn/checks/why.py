"""The cause of the last failure of a stack or a release, from what was kept of it: the cause first, then what followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hermes_cfn.checks import instance, start
from hermes_cfn.checks.start import Listening
from hermes_cfn.errors import Finding, Severity, hermes

CONSEQUENCES = frozenset({"application-missing", "unit-down", "agent-silent"})
"""What a machine shows that has only just replaced one on which the release failed: it comes after the rollout's own sentence."""

FOLLOWS = frozenset(
    {
        "application-down",
        "application-out-of-memory",
        "application-restarts",
        "health-silent",
        "health-fails",
        "health-redirects",
    }
)
"""What only says again that the application is not well, where its cause is known."""


def of_release(
    release: str,
    history: Sequence[Mapping[str, Any]],
    diagnosis: Mapping[str, Any],
    application: Listening,
) -> Iterator[Finding]:
    """Why the last attempt of a release failed: each instance's own words, then the sentence with which the rollout stopped.

    Nothing where its last end was no failure.
    """
    ends = [line for line in history if line.get("what") in ("failed", "rolled back", "stable")]
    failed = [line for line in ends if line.get("what") == "failed"]
    if not failed or ends[-1].get("what") == "stable":
        return
    causes = of_instances(diagnosis, application)
    yield from causes
    told = [] if causes else [one for name, said in diagnosis.items() for one in of_instance(name, said, application)]
    yield from (one for one in told if one.code not in CONSEQUENCES)
    stop = failed[-1]
    yield Finding(
        "release-failed",
        release,
        str(stop.get("detail") or "it failed"),
        evidence=f"{str(stop.get('at'))[:19]}",
        next=hermes("logs", "--since", "2h")
        + " has the application's words; "
        + hermes("releases", "show", release)
        + " what is kept of it",
    )
    yield from (one for one in told if one.code in CONSEQUENCES)


def of_instances(diagnosis: Mapping[str, Any], application: Listening) -> list[Finding]:
    """The causes that the instances show, each once, with everybody who shows it."""
    found: dict[tuple[str, str], Finding] = {}
    for name, said in diagnosis.items():
        one = start.cause(name, start.read(said), application) if isinstance(said, Mapping) else None
        if one is not None:
            known = found.get((one.code, one.what))
            found[one.code, one.what] = replace(known, where=f"{known.where}, {name}") if known else one
    return list(found.values())


def of_instance(name: str, said: Mapping[str, Any], application: Listening) -> Iterator[Finding]:
    """What an instance's own diagnosis shows to be wrong, the cause of its application's state before everything else."""
    if "silent" in said:
        yield Finding("agent-silent", name, str(said["silent"]), why="nobody could ask it", next=hermes("doctor"))
        return
    cause = start.cause(name, start.now(said), application)
    if cause is not None:
        yield cause
    found = instance.check(name, said, application.port, application.health_path, application.health_codes)
    left = [one for one in found if cause is None or one.code not in FOLLOWS]
    yield from sorted(left, key=lambda one: one.severity is not Severity.ERROR)
