"""``[account]`` and ``[environment]``: where, and under which name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Name, RoleArn, Section


class Account(Section):
    """``id`` may be left out; ``operators`` are the Identity Center roles of people."""

    id: Annotated[str, StringConstraints(pattern=r"^([0-9]{12})?$")] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")] = "eu-south-2"
    github_provider: Literal["create", "existing", "none"] = "create"
    operators: Annotated[tuple[RoleArn, ...], Field(strict=False)] = ()
    artifacts_encryption: Literal["AES256", "aws:kms"] = "AES256"


class Environment(Section):
    """The name is part of every stack, parameter and role.  ``shares``: another environment, whose network and load balancer are used."""

    name: Name = "production"
    shares: Name | Literal[""] = ""
