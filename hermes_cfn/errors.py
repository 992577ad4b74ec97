"""Findings and failures: everything a check has to say, and the one way to stop."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum


class Severity(StrEnum):
    """How much a finding matters; only errors stop."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ExitCode(IntEnum):
    """What a process ends with.  The reference in ``docs/`` is made from this table."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CHANGES = 3
    OVER_BUDGET = 4
    LOCKED = 5
    ROLLED_BACK = 6
    REFUSED = 7
    NOT_ALLOWED = 8
    INTERRUPTED = 130


PLACELESS = frozenset({"completion", "demo", "init", "local", "rehearse"})
"""Verbs that ask for no environment and no cloud: the options of a run say nothing to them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of this tool: the words behind ``hermes-cfn``, each as the shell hands it over."""

    words: tuple[str, ...]

    def text(self, options: Mapping[str, str] | None = None) -> str:
        """As it has to be typed, with those ``options`` (name to value; "" for a switch) that it does not have itself."""
        own = list(self.words)
        verb = next(
            (i for i, word in enumerate(own) if not word.startswith("-") and (i == 0 or own[i - 1] not in VALUED)), 0
        )
        given: list[str] = []
        if own and own[verb] not in PLACELESS:
            for option, value in (options or {}).items():
                if option not in own[:verb]:
                    given += [option, shlex.quote(value)] if value else [option]
        return " ".join(["hermes-cfn", *given, *own])


VALUED = ("--config", "--env", "--profile")
"""Options before the verb that a value follows."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next: words for people, and commands between them, which stay values until they are shown."""

    parts: tuple[str | Command, ...]

    def __add__(self, other: str | Advice) -> Advice:
        return Advice(self.parts + (other.parts if isinstance(other, Advice) else (other,)))

    def __radd__(self, other: str) -> Advice:
        return Advice((other, *self.parts))

    def __str__(self) -> str:
        return self.text()

    def text(self, options: Mapping[str, str] | None = None) -> str:
        """The sentence, each command of it with the ``options`` of the run that says it."""
        return "".join(part.text(options) if isinstance(part, Command) else part for part in self.parts)

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(part for part in self.parts if isinstance(part, Command))


def hermes(*words: str) -> Advice:
    """The advice to run one command of this tool."""
    return Advice((Command(words),))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has to say.

    ``code`` is stable and documented, ``where`` a file and key, a stack and logical ID
    or an instance, ``what`` the fact, ``why`` the reason that it matters, ``evidence``
    what was seen, ``next`` the command or the change that mends it.
    """

    code: str
    where: str
    what: str
    why: str = ""
    evidence: str = ""
    next: str | Advice = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}"]
        if self.why:
            parts.append(self.why)
        if self.next:
            parts.append(f"next: {self.next}")
        return " — ".join(parts)

    def as_dict(self) -> dict[str, str]:
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}


class HermesError(Exception):
    """Stops a verb with one or more findings and an exit code; never a stack trace."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, *findings: Finding, exit_code: ExitCode | None = None) -> None:
        self.findings: tuple[Finding, ...] = findings
        if exit_code is not None:
            self.exit_code = exit_code
        super().__init__("\n".join(str(finding) for finding in findings))

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> HermesError:
        return cls(*findings)


class ConfigurationError(HermesError):
    """``hermes.toml`` says something that cannot be built; all findings at once."""

    exit_code = ExitCode.USAGE
