"""``[github]``: which repository may deploy, and how its OIDC subject reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from hermes_cfn.config.section import Section


class GitHub(Section):
    """Repositories made, renamed or transferred after 18 June 2026 have ids in their subject: ``subject = "ids"``."""

    repository: str = "YOUR_ORG/hermes"
    subject: Literal["names", "ids"] = "names"
    owner_id: Annotated[int, Field(ge=0)] = 0
    repository_id: Annotated[int, Field(ge=0)] = 0
    branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,100}$")] = "main"

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        owner, _, name = value.partition("/")
        if "://" in value or value.startswith("git@") or value.endswith(".git"):
            tail = value.removesuffix(".git").replace(":", "/").rstrip("/").split("/")
            raise ValueError(f"is a URL; write {'/'.join(tail[-2:])!r}")
        if (
            not owner
            or not name
            or "/" in name
            or not all(part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, name))
        ):
            raise ValueError("is no repository; write it as OWNER/NAME")
        return value

    def _subject(self, tail: str) -> str:
        owner, _, name = self.repository.partition("/")
        if self.subject == "ids":
            owner, name = f"{owner}-{self.owner_id}", f"{name}-{self.repository_id}"
        return f"repo:{owner}/{name}:{tail}"

    def deployment_subject(self, environment: str) -> str:
        """The subject of a job with that GitHub environment."""
        return self._subject(f"environment:{environment}")

    @property
    def pull_request_subject(self) -> str:
        return self._subject("pull_request")
