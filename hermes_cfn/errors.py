"""Findings and failures: everything a check has to say, and the one way to stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
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
    next: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}"]
        if self.why:
            parts.append(self.why)
        if self.next:
            parts.append(f"next: {self.next}")
        return " — ".join(parts)

    def as_dict(self) -> dict[str, str]:
        return {key: str(value) for key, value in asdict(self).items()}


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
