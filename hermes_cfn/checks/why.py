"""The cause of the last failure of a stack or a release, from what was kept of it: the cause first, then what followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from hermes_cfn.checks import instance, last_words
from hermes_cfn.errors import Finding, Severity

CONSEQUENCES = frozenset({"application-missing", "unit-down", "agent-silent"})
"""What a machine shows that has only just replaced one on which the release failed: it comes after the rollout's own sentence."""


class Listening(Protocol):
    """What an application says it listens on."""

    @property
    def port(self) -> int: ...
    @property
    def health_path(self) -> str: ...
    @property
    def health_codes(self) -> tuple[int, ...]: ...


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
    told = [one for name, said in diagnosis.items() for one in of_instance(name, said, application)]
    yield from (one for one in told if one.code not in CONSEQUENCES)
    stop = failed[-1]
    yield Finding(
        "release-failed",
        release,
        str(stop.get("detail") or "it failed"),
        evidence=f"{str(stop.get('at'))[:19]}",
        next=f"hermes-cfn logs --since 2h has the application's words; hermes-cfn releases show {release} what is kept of it",
    )
    yield from (one for one in told if one.code in CONSEQUENCES)


def of_instance(name: str, said: Mapping[str, Any], application: Listening) -> Iterator[Finding]:
    """What an instance's own diagnosis shows to be wrong, what its application last said before everything else."""
    if "silent" in said:
        yield Finding("agent-silent", name, str(said["silent"]), why="nobody could ask it", next="hermes-cfn doctor")
        return
    rule = last_words.rule(said.get("log"))
    if rule is not None:
        yield Finding(
            f"application-{rule.kind}",
            name,
            "its application's last words say what ended it",
            evidence=last_words.of(said.get("log")),
            next=rule.instead,
        )
    found = instance.check(name, said, application.port, application.health_path, application.health_codes)
    yield from sorted(found, key=lambda one: one.severity is not Severity.ERROR)
