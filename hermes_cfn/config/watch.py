"""``[watch]``, ``[edge]``, ``[worldwide]``, ``[budget]``: what is switched on later."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from hermes_cfn.config.section import Domain, Email, Section, ZoneId


class Watch(Section):
    """Alarms and who hears of them; ``*_s`` in seconds, percentages from 0 to 100."""

    enabled: bool = False
    emails: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    dashboard: bool = True
    audit_trail: bool = False
    error_rate_percent: Annotated[float, Field(gt=0, le=100, strict=False)] = 5
    p99_s: Annotated[float, Field(gt=0, le=60, strict=False)] = 1
    cpu_credits: Annotated[int, Field(ge=1, le=1000)] = 20
    memory_percent: Annotated[int, Field(ge=1, le=99)] = 90
    disk_percent: Annotated[int, Field(ge=1, le=99)] = 85
    certificate_days: Annotated[int, Field(ge=1, le=90)] = 21
    rollout_minutes: Annotated[int, Field(ge=5, le=720)] = 45


class Edge(Section):
    """Static assets, and the record of the application's name."""

    assets: bool = False
    dns: Literal["manual", "alias", "weighted"] = "manual"
    hosted_zone_id: ZoneId = ""
    weight: Annotated[int, Field(ge=0, le=255)] = 100


class Worldwide(Section):
    """CloudFront for the static assets; everything of it lives in us-east-1."""

    cloudfront: bool = False
    assets_domain: Domain | Literal[""] = ""
    hosted_zone_id: ZoneId = ""
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_100"
    waf: bool = False


class Budget(Section):
    """``ceiling_usd`` a month is set by a person; 0 is no budget.

    ``by_tag``: the budget counts this environment alone as soon as its tag is seen active for cost allocation,
    and the whole account until then.  ``always`` is for a member account of an organization, which cannot see
    what its management account has activated; ``never`` counts the whole account for good.
    """

    ceiling_usd: Annotated[Decimal, Field(ge=0, le=1_000_000, strict=False)] = Decimal(0)
    emails: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    by_tag: Literal["when-active", "always", "never"] = "when-active"

    @property
    def waits_for_tag(self) -> bool:
        """Whether there is a budget that is narrowed when its tag is seen active."""
        return self.ceiling_usd > 0 and self.by_tag == "when-active"
