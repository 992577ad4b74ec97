"""Where one is today, as ``[planning] current_*`` states it: another house, by its published plan, or one's own servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import ExitCode, Finding, HermesError

from .data import rows
from .latency.places import place


@dataclass(frozen=True, slots=True)
class Plan:
    """A published plan of another house; ``monthly`` in ``currency``."""

    key: str
    name: str
    monthly: Decimal
    currency: str
    as_of: str
    source: str


@cache
def plans() -> Mapping[str, Plan]:
    """Plans by key, as ``heroku/standard-2x``."""
    return {
        row["key"]: Plan(row["key"], row["name"], Decimal(row["monthly"]), row["currency"], row["as_of"], row["source"])
        for row in rows("homes.csv")
    }


@dataclass(frozen=True, slots=True)
class Current:
    """What is known of it: USD a month, where it is, and what is lacking for a comparison."""

    name: str
    monthly: Decimal | None
    place: str
    lacks: str

    @property
    def compares(self) -> bool:
        """Whether its money and its distance are both known."""
        return self.monthly is not None and bool(self.place)


def plan_of(planning: Planning) -> Plan | None:
    """The published plan that the section names.  Raises :class:`HermesError` code ``plan-unknown``."""
    if not planning.current_plan:
        return None
    found = plans().get(planning.current_plan.casefold())
    if found is None:
        raise HermesError(
            Finding(
                "plan-unknown",
                planning.current_plan,
                "is no plan whose price is known",
                next=f"one of {', '.join(plans())}; or leave it out and say current_name and current_monthly",
            ),
            exit_code=ExitCode.USAGE,
        )
    return found


def current(planning: Planning) -> Current | None:
    """Where one is; None where the section says nothing of it.  Raises :class:`HermesError` for an unknown plan or place."""
    plan = plan_of(planning)
    if not (plan or planning.current_name or planning.current_monthly or planning.current_place):
        return None
    count = planning.current_count
    name = planning.current_name or (f"{count} x {plan.name}" if plan else "where you are")
    monthly: Decimal | None = planning.current_monthly or None
    lacking = []
    if monthly is None and plan is not None:
        if plan.currency == "USD":
            monthly = plan.monthly * count
        elif plan.currency == planning.currency and planning.currency_per_usd:
            monthly = plan.monthly * count / planning.currency_per_usd
        else:
            lacking.append(f'its price is in {plan.currency}: say currency = "{plan.currency}" and currency_per_usd')
    elif monthly is None:
        lacking.append("say current_monthly or current_plan in [planning]")
    if not (planning.current_place or planning.current_p50_ms):
        lacking.append("say current_place or current_p50_ms in [planning]")
    where = place(planning.current_place).key if planning.current_place else ""
    return Current(name, monthly, where, "; ".join(lacking))
