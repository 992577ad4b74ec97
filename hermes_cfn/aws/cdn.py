"""CloudFront: forgetting what has changed under its name."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_cfn.aws.calls import Calls

AT_ONCE = 1000
"""Paths that are free of charge each month (AWS, "CloudFront pricing": the first 1,000); more become ``/*``."""


class Cdn:
    """Distributions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def invalidate(self, distribution: str, paths: Sequence[str], reference: str) -> None:
        """The same ``reference`` twice is one invalidation (CloudFront API, CreateInvalidation)."""
        items = list(paths) if len(paths) <= AT_ONCE else ["/*"]
        self._calls.create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={"Paths": {"Quantity": len(items), "Items": items}, "CallerReference": reference},
        )
