"""Every claim of the guide that can be computed: our figure, the difference, a verdict, the reason, the source.

Claims are rows; a verdict follows from the figure, so when the model changes a verdict changes
visibly.  Costs come from the bill engine, once with the book of the guide's own prices and once
with the dated snapshot, for the deployment that the guide describes (the defaults of
``hermes.toml``).
"""

from __future__ import annotations

from collections.abc import Sequence

from .claims import Audited, Claim, Verdict, judge
from .cost import COSTS
from .figures import Figures
from .place import PLACES
from .rest import REST

CLAIMS: tuple[Claim, ...] = (*REST, *COSTS, *PLACES)
"""The guide's claims, in its order."""


def audit(figures: Figures | None = None) -> tuple[Audited, ...]:
    """Every claim, judged in the guide's order."""
    known = figures or Figures()
    return tuple(judge(claim, known) for claim in CLAIMS)


def summary(found: Sequence[Audited]) -> dict[str, int]:
    """How many of each verdict."""
    return {verdict.value: sum(row.verdict is verdict for row in found) for verdict in Verdict}
