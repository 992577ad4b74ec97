"""Container images on an instance: a directory with a program, named by repository and digest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """``directory`` holds the program; ``configuration`` is ``image.json`` of that directory,
    with Docker's keys Entrypoint, Cmd, Env, Architecture, StopSignal, and ``Image`` where a real
    container engine has the program under that name.
    """

    repository: str
    digest: str
    directory: Path
    configuration: dict[str, Any]
    tags: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, repository: str, digest: str, directory: Path) -> Image:
        """An image as it lies in ``directory``."""
        return cls(repository, digest, directory, json.loads((directory / "image.json").read_text()))

    @property
    def real(self) -> str:
        """The name by which a container engine knows it; empty for a directory with a program."""
        return str(self.configuration.get("Image") or "")

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.digest}"

    def inspected(self) -> dict[str, Any]:
        """As ``docker image inspect`` shows it."""
        return {
            "Id": self.digest,
            "RepoDigests": [self.reference],
            "RepoTags": [f"{self.repository}:{tag}" for tag in sorted(self.tags)],
            "Architecture": self.configuration.get("Architecture", ""),
            "Os": "linux",
            "Config": {key: self.configuration.get(key) for key in ("Entrypoint", "Cmd", "Env", "StopSignal")},
        }


class Images:
    """What was pulled, by reference; kept in a file so that it survives a reboot."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._images: dict[str, Image] = {}

    def add(self, image: Image, tag: str) -> Image:
        """Adds a pulled image, or a further tag of one that is here."""
        known = self._images.get(image.reference)
        tags = (known.tags if known else frozenset()) | ({tag} if tag else set())
        self._images[image.reference] = replace(image, tags=tags)
        return self._images[image.reference]

    def find(self, reference: str) -> Image | None:
        """The image of ``repository@digest``, ``repository:tag`` or a digest."""
        for image in self._images.values():
            names = {image.reference, image.digest, image.digest.removeprefix("sha256:")[:12]}
            names |= {f"{image.repository}:{tag}" for tag in image.tags}
            if reference in names or f"{reference}:latest" in names:
                return image
        return None

    def remove(self, image: Image) -> None:
        self._images.pop(image.reference, None)

    def all(self, repository: str = "") -> list[Image]:
        """Every image, or those of a repository, the newest first."""
        return [i for i in reversed(list(self._images.values())) if repository in ("", i.repository)]


def split_reference(reference: str) -> tuple[str, str, str]:
    """Repository, tag and digest of an image reference; the tag is ``latest`` if neither is given."""
    rest, _, digest = reference.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    return head, tag or ("" if digest else "latest"), digest
