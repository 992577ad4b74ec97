"""Secrets: written to Systems Manager as SecureString, never read back, never shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.flows import releases
from hermes_cfn.flows.ground import Ground


@dataclass(frozen=True, slots=True)
class SecretSeen:
    """A secret without its value; ``released`` is the version that the stable release uses."""

    name: str
    version: int | None
    released: int | None
    modified: datetime | None
    needed: bool

    @property
    def state(self) -> str:
        if self.version is None:
            return "missing"
        if not self.needed:
            return "not used"
        if self.released is None:
            return "not released"
        return "in use" if self.released == self.version else f"version {self.released} in use until a release"


def put(ground: Ground, name: str, value: str) -> int:
    """Writes a value and answers its version.

    Raises HermesError ``secret-unknown`` for a name that the application does not ask for, and
    ``secret-invalid`` for one that an environment file cannot carry.
    """
    known = ground.settings.application.secrets
    if name not in known:
        raise HermesError(
            Finding(
                "secret-unknown",
                name,
                "the application does not ask for this secret",
                evidence=f"it asks for: {', '.join(known)}",
                next="add it to [application] secrets in hermes.toml",
            ),
            exit_code=ExitCode.USAGE,
        )
    if not value or "\n" in value or "\x00" in value:
        raise HermesError(
            Finding(
                "secret-invalid", name, "a secret is one line that is not empty", next=f"hermes-cfn secrets set {name}"
            ),
            exit_code=ExitCode.USAGE,
        )
    return ground.doors.ssm.put_secret(ground.names.secret(name), value)


def listed(ground: Ground) -> list[SecretSeen]:
    """Every secret that is asked for or set."""
    there = ground.doors.ssm.described(ground.names.secrets_path)
    stable = releases.stable(ground)
    used = stable.secrets if stable else {}
    names = dict.fromkeys((*ground.settings.application.secrets, *(name.rpartition("/")[2] for name in sorted(there))))
    seen = []
    for name in names:
        found = there.get(ground.names.secret(name))
        seen.append(
            SecretSeen(
                name,
                found.version if found else None,
                used.get(name),
                found.modified if found else None,
                name in ground.settings.application.secrets,
            )
        )
    return seen


def delete(ground: Ground, name: str) -> None:
    ground.doors.ssm.delete(ground.names.secret(name))
