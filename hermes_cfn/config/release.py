"""``[release]``: how a new release reaches the fleet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hermes_cfn.config.section import Section


class Release(Section):
    """``batch`` is instances at a time; ``*_s`` in seconds; ``return_after_s`` is the instance's own timer."""

    strategy: Literal["in-place", "surge"] = "in-place"
    batch: Annotated[int, Field(ge=1, le=50)] = 1
    surge: Annotated[int, Field(ge=1, le=50)] = 1
    canary: Annotated[int, Field(ge=0, le=50)] = 1
    canary_s: Annotated[int, Field(ge=0, le=86400)] = 0
    canary_error_rate: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.05
    return_after_s: Annotated[int, Field(ge=60, le=7200)] = 900
    healthy_timeout_s: Annotated[int, Field(ge=10, le=3600)] = 300
    keep_images: Annotated[int, Field(ge=2, le=100)] = 10
