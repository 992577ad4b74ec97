"""``[certificate]`` and ``[database]``: two things that live partly elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Domain, Port, Section, ZoneId


class Certificate(Section):
    """``arn`` of an existing one, or one for ``domain`` that is validated by DNS."""

    domain: Domain = "hermes.yourdomain.com"
    wildcard: bool = True
    validation: Literal["manual", "route53"] = "manual"
    hosted_zone_id: ZoneId = ""
    arn: Annotated[
        str, StringConstraints(pattern=r"^(arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+)?$")
    ] = ""


class Database(Section):
    """The external PostgreSQL: ``allow_list`` says that it admits known addresses only."""

    port: Port = 5432
    allow_list: bool = True
    addresses: Annotated[tuple[Literal["ipv4", "ipv6"], ...], Field(strict=False, min_length=1)] = ("ipv4",)
