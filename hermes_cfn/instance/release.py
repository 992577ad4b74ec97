"""A release: an image digest, the plain variables and the version of each secret, together.

So that going back brings all three back.  Its JSON is the value of the SSM parameters ``goal``
and ``stable``; a standard parameter holds 4 KB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.names import repositories

LIMIT_BYTES = 4096
"""What a standard SSM parameter holds (AWS, PutParameter: maximum 4 KB for the standard tier)."""

_IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def images(settings: Settings) -> str:
    """The pattern of the images that may run: of the repositories that the settings name, by digest.

    A regular expression without anchors.  Where no account is named any will do: an instance's role pulls from its own
    account's repository alone.  ``scripts/library.sh`` compares the same on the instance.
    """
    account, region = settings.account.id or "[0-9]{12}", settings.account.region
    return rf"{account}\.dkr\.ecr\.{region}\.amazonaws\.com/({'|'.join(repositories(settings))})@sha256:[0-9a-f]{{64}}"


@dataclass(frozen=True, slots=True)
class Release:
    """What the fleet runs.

    ``image`` is ``repository@sha256:…``, ``variables`` the container's plain environment,
    ``secrets`` the version of each secret's SSM parameter by name, ``requested_at`` an ISO time,
    ``migrated_from`` the release whose schema was there before, ``compatible`` whether that one
    still runs on this one's schema.  ``container`` and ``processes`` are how its containers are started
    (:func:`containers`), empty for the web container alone, as Docker has it.  Raises :class:`HermesError` ``release-invalid``.
    """

    id: str
    image: str
    tag: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, int] = field(default_factory=dict)
    requested_at: str = ""
    requested_by: str = ""
    commit: str = ""
    migrated_from: str | None = None
    compatible: bool = True
    container: Mapping[str, Any] = field(default_factory=dict)
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise _invalid(self.id, f"{self.id!r} is no release id: letters, digits, dot, underscore and dash")
        if not _IMAGE.fullmatch(self.image):
            raise _invalid(self.id, f"{self.image!r} is not an image by digest, like repository@sha256:<64 hex digits>")

    def to_json(self) -> str:
        """One line, keys in order, at most :data:`LIMIT_BYTES` bytes."""
        content = {**asdict(self), "variables": dict(self.variables), "secrets": dict(self.secrets)}
        content = {name: value for name, value in content.items() if value or name not in ("container", "processes")}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        if len(text.encode()) > LIMIT_BYTES:
            raise _invalid(self.id, f"takes {len(text.encode())} bytes, and an SSM parameter holds {LIMIT_BYTES}")
        return text

    def changes(self, previous: Release) -> list[str]:
        """What differs from another release: the image's tags, and the names of variables and secrets."""
        parts = [f"image {previous.tag} -> {self.tag}"] if previous.image != self.image else []
        for kind, before, after in (
            ("variable", previous.variables, self.variables),
            ("secret", previous.secrets, self.secrets),
        ):
            parts += [f"{kind} {name}" for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        parts += ["container"] if self.container != previous.container else []
        for name in sorted({*self.processes, *previous.processes}):
            parts += [f"process {name}"] if self.processes.get(name) != previous.processes.get(name) else []
        return parts

    @classmethod
    def from_json(cls, text: str) -> Release:
        try:
            content = json.loads(text)
            return cls(**content)
        except (TypeError, ValueError) as error:
            raise _invalid("release", f"cannot be read: {error}") from error


def containers(settings: Settings) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """``[container]`` and ``[processes]`` as a release says them: what is as it is by default is left out, where that may be."""
    own = settings.container.model_dump(mode="json", exclude_defaults=True)
    optional = {"count": 1, "entrypoint": "", "health_command": [], "health_port": None, "env": {}}
    found = {
        name: {
            key: value
            for key, value in one.model_dump(mode="json").items()
            if key not in optional or value != optional[key]
        }
        for name, one in settings.processes.items()
    }
    return own, found


def _invalid(release: str, what: str) -> HermesError:
    return HermesError(
        Finding(
            "release-invalid",
            release or "release",
            what,
            next=hermes("release", "--image", "…") + " makes a new one",
        )
    )
