"""Who may use an embedded cloud: whoever can read the file that it writes when it starts.

The file is ``<state>/cloud/cloud.json``, of mode 0600 in directories of mode 0700: process, endpoint, the administrator's access
key, and the token of the control side.  All of them are drawn anew for each cloud.
"""

from __future__ import annotations

import os
import secrets
import stat
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
OTHERS = 0o077
"""The bits of a mode that let anybody but the owner do something."""

_LETTERS = string.ascii_uppercase + string.digits


class AccessKey(NamedTuple):
    """An access key: its ID and its secret."""

    id: str
    secret: str


def draw_access_key() -> AccessKey:
    """A long-term access key as IAM makes them: 20 characters that begin with AKIA, a secret of 40 (240 bits)."""
    return AccessKey("AKIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)), secrets.token_urlsafe(30))


@dataclass(frozen=True)
class Owner:
    """What opens an embedded cloud: the administrator's access key, and the token of the control side."""

    access_key: AccessKey
    token: str

    @classmethod
    def drawn(cls) -> Owner:
        return cls(draw_access_key(), secrets.token_urlsafe(32))

    def record(self) -> dict[str, Any]:
        """What the file of the cloud says of its owner."""
        return {"access_key_id": self.access_key.id, "secret_access_key": self.access_key.secret, "token": self.token}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Owner:
        """Raises KeyError when the record is not one of :meth:`record`."""
        return cls(AccessKey(str(record["access_key_id"]), str(record["secret_access_key"])), str(record["token"]))


def make_private(directory: Path) -> None:
    """Makes ``directory``, and those above it that are missing, for their owner alone.

    Raises OSError, and PermissionError for one that is a link or belongs to somebody else: whoever owns it could put files of
    their own there.
    """
    for each in reversed([one for one in (directory, *directory.parents) if not one.exists()]):
        each.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    check_private(directory)
    directory.chmod(PRIVATE_DIRECTORY)


def check_private(path: Path) -> None:
    """Raises PermissionError for what is a link, or of another user, or (a file) open to other users."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise PermissionError(f"{path} is a symbolic link")
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user of this machine (number {found.st_uid})")
    if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS:
        raise PermissionError(
            f"{path} can be read by other users of this machine (mode {stat.S_IMODE(found.st_mode):04o})"
        )


def write_private(path: Path, content: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
        file.write(content)
    temporary.replace(path)
