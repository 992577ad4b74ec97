"""``[release]``: how a new release reaches the fleet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from hermes_cfn.config import allowance
from hermes_cfn.config.section import Section

Share = Annotated[str, StringConstraints(pattern=r"^(100|[1-9][0-9]?)%$")]


def _allowance(text: str) -> str:
    allowance.parse(text)
    return text


Command = Annotated[tuple[str, ...], Field(strict=False)]


class Release(Section):
    """``batch`` is instances at a time, or a share of them; ``*_s`` in seconds; ``return_after_s`` is the
    instance's own timer; ``before_migrate``, ``after_deploy`` and ``on_failure`` are commands of the deployer's machine."""

    strategy: Literal["in-place", "surge"] = "in-place"
    batch: Annotated[int, Field(ge=1, le=50)] | Share = 1
    minimum: Annotated[int, Field(ge=0, le=1000)] = 0
    surge: Annotated[int, Field(ge=1, le=50)] = 1
    canary: Annotated[int, Field(ge=0, le=50)] = 1
    canary_s: Annotated[int, Field(ge=0, le=86400)] = 0
    canary_error_rate: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.05
    canary_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    steady_s: Annotated[int, Field(ge=0, le=600)] = 0
    return_after_s: Annotated[int, Field(ge=60, le=7200)] = 900
    healthy_timeout_s: Annotated[int, Field(ge=10, le=3600)] = 300
    allow: Annotated[str, AfterValidator(_allowance)] = ""
    keep_images: Annotated[int, Field(ge=2, le=100)] = 10
    before_migrate: Command = ()
    after_deploy: Command = ()
    on_failure: Command = ()
    hook_timeout_s: Annotated[int, Field(ge=1, le=7200)] = 600

    def in_place_batch(self, count: int) -> int:
        """Instances that leave at once, of ``count``: a share is rounded down, to one at least."""
        wanted = self.batch if isinstance(self.batch, int) else count * int(self.batch[:-1]) // 100
        return max(1, min(wanted, count))

    def at_once(self, count: int) -> int:
        """Instances on their way at once, of ``count``: the batch in place, the surplus of a surge."""
        return self.surge if self.strategy == "surge" else self.in_place_batch(count)
