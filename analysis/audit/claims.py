"""What a claim is, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from .figures import Figures


class Verdict(StrEnum):
    """``right``; ``wrong``: our figure differs; ``contradictory``: the guide disagrees with itself;
    ``unsupported``: possible, but nothing in the guide explains it; ``missing``: left out."""

    RIGHT = "right"
    WRONG = "wrong"
    CONTRADICTORY = "contradictory"
    UNSUPPORTED = "unsupported"
    MISSING = "missing"


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim.

    ``said`` is the guide's figure or range, ``figure`` computes ours in the same ``unit``; they
    agree when they overlap within ``tolerance``, or with ``inside`` when ours lies within the
    guide's.  ``otherwise`` is the verdict where they do not; ``agreed`` where they do.
    """

    id: str
    section: str
    text: str
    said: Range
    unit: str
    figure: Callable[[Figures], float | Range]
    reason: str | Callable[[Figures], str]
    source: str
    tolerance: float = 0.0
    otherwise: Verdict = Verdict.WRONG
    agreed: Verdict = Verdict.RIGHT
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Audited:
    """A claim, judged.  ``difference`` is ours less the guide's, between the middles, in ``unit``."""

    id: str
    section: str
    claim: str
    said: str
    figure: str
    unit: str
    difference: float
    verdict: Verdict
    reason: str
    source: str

    def as_dict(self) -> dict[str, str | float]:
        return {**asdict(self), "verdict": self.verdict.value}


def _pair(value: float | Range) -> Range:
    return value if isinstance(value, tuple) else (value, value)


def _shown(value: Range) -> str:
    low, high = (f"{part:,.4g}" if abs(part) < 1 else f"{part:,.2f}".rstrip("0").rstrip(".") for part in value)
    return low if low == high else f"{low} to {high}"


def judge(claim: Claim, figures: Figures) -> Audited:
    """One claim against our figure."""
    low, high = _pair(claim.figure(figures))
    said_low, said_high = claim.said
    least, most = said_low - claim.tolerance, said_high + claim.tolerance
    agrees = least <= low and high <= most if claim.inside else low <= most and high >= least
    return Audited(
        claim.id,
        claim.section,
        claim.text,
        _shown(claim.said),
        _shown((low, high)),
        claim.unit,
        round((low + high) / 2 - (said_low + said_high) / 2, 4),
        claim.agreed if agrees else claim.otherwise,
        claim.reason if isinstance(claim.reason, str) else claim.reason(figures),
        claim.source,
    )
