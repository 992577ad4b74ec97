"""``[github]``: which repository may deploy, and how its OIDC subject reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from hermes_cfn.config.section import Section


class GitHub(Section):
    """Repositories made, renamed or moved on 15 July 2026 or later have ids in their subject: ``subject = "ids"``.

    GitHub, "OpenID Connect reference", immutable subject claims: ``repo:OWNER@ID/NAME@ID:…``.
    """

    repository: str = "YOUR_ORG/hermes"
    subject: Literal["names", "ids"] = "names"
    owner_id: Annotated[int, Field(ge=0)] = 0
    repository_id: Annotated[int, Field(ge=0)] = 0
    branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,100}$")] = "main"
    workflow: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}\.ya?ml$")] = "cd.yml"

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

    @property
    def subject_prefix(self) -> str:
        """How each subject of the repository begins; GitHub calls it ``sub_claim_prefix``."""
        owner, _, name = self.repository.partition("/")
        if self.subject == "ids":
            owner, name = f"{owner}@{self.owner_id}", f"{name}@{self.repository_id}"
        return f"repo:{owner}/{name}"

    def _subject(self, tail: str) -> str:
        return f"{self.subject_prefix}:{tail}"

    def deployment_claims(self, environment: str) -> dict[str, str]:
        """What the token of a job with that GitHub environment says, that runs the workflow of the branch, on the branch.

        IAM user guide, "Available keys for AWS OIDC federation": STS compares these claims beside the subject.
        """
        branch = f"refs/heads/{self.branch}"
        return {
            "sub": self._subject(f"environment:{environment}"),
            "ref": branch,
            "job_workflow_ref": f"{self.repository}/.github/workflows/{self.workflow}@{branch}",
            **self._ids,
        }

    @property
    def pull_request_claims(self) -> dict[str, str]:
        """A pull request runs the workflow as it proposes it: only the repository can be named."""
        return {"sub": self._subject("pull_request"), **self._ids}

    @property
    def _ids(self) -> dict[str, str]:
        """A name can be registered again by others, the number cannot."""
        return {"repository_id": str(self.repository_id)} if self.repository_id else {}
