"""The guide's claims as rows, in its order."""

from __future__ import annotations

from analysis.audit import Claim
from analysis.claims_cost import COSTS
from analysis.claims_place import PLACES
from analysis.claims_rest import REST

CLAIMS: tuple[Claim, ...] = (*REST, *COSTS, *PLACES)
