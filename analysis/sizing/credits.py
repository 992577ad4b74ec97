"""CPU credits of the T family over a day.

One credit is one vCPU for a minute (EC2 user guide, "CPU credits and baseline utilization").
*Standard*: without credits an instance runs at its baseline.  *Unlimited* (T4g's and T3's
default): it borrows up to a day's earnings, and what it borrows beyond that is charged by
the vCPU-hour; what a terminated instance still owes is charged too.  A new instance starts
with none: only T2 gets launch credits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from hermes_cfn.config.planning import CreditMode
from hermes_cfn.errors import ExitCode, Finding, HermesError

from ..data import rows

MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance type.  ``baseline`` is a fraction of every vCPU, 1 where nothing bursts; ``memory_mib`` MiB;
    network in Gbit/s, infinite
    where nothing is published.  ``borrows``: whether unlimited mode exists, which turns too few credits into money."""

    type: str
    vcpu: int
    memory_mib: float
    baseline: float
    credits_per_hour: float
    max_credits: float
    network_gbps: float
    architecture: str
    borrows: bool = True

    @property
    def bursts(self) -> bool:
        """Whether it lives on CPU credits."""
        return self.baseline < 1


@cache
def machines() -> dict[str, Machine]:
    """Known types by name, smallest first within a family."""
    return {
        row["type"]: Machine(
            row["type"],
            int(row["vcpu"]),
            float(row["memory_gib"]) * 1024,
            float(row["baseline_percent"]) / 100,
            float(row["credits_per_hour"]),
            float(row["max_credits"]),
            float(row["network_baseline_gbps"]),
            row["architecture"],
        )
        for row in rows("instances.csv")
    }


BURSTABLE = {"arm64": "t4g", "x86_64": "t3"}
"""Architecture -> the family of burstable types that is tried for it."""


def families(architecture: str, own: str = "") -> tuple[str, ...]:
    """Families that run an image of ``architecture``: the burstable one, and the family of the type ``own``."""
    return tuple(dict.fromkeys(filter(None, (BURSTABLE[architecture], own.partition(".")[0]))))


def candidates(architecture: str, own: str = "") -> tuple[str, ...]:
    """Types to compare, smallest first within a family, of :func:`families`."""
    return tuple(
        name
        for family in families(architecture, own)
        for name, kind in machines().items()
        if name.startswith(family + ".") and kind.architecture == architecture
    )


def machine(name: str) -> Machine:
    """The type with that name.  Raises :class:`HermesError` code ``instance-type-unknown``."""
    found = machines().get(name)
    if found is None:
        raise HermesError(
            Finding(
                "instance-type-unknown",
                name,
                "is not a type whose credits and memory are known here",
                next=f"one of {', '.join(machines())}",
            ),
            exit_code=ExitCode.USAGE,
        )
    return found


@dataclass(frozen=True, slots=True)
class Day:
    """Credits minute by minute (``balance``; below zero is borrowed), and what came of it.

    ``dry_at`` is the hour from the start at which none are left, ``throttled`` the share of
    the wanted work that standard mode refuses, ``charged_vcpu_hours`` a day in unlimited mode.
    """

    balance: tuple[float, ...]
    dry_at: float | None
    throttled: float
    charged_vcpu_hours: float

    def surplus_month(self, price: Decimal) -> Decimal:
        """USD a month of 730 hours, at ``price`` a vCPU-hour."""
        return Decimal(repr(self.charged_vcpu_hours)) * price * Decimal(730) / 24


def surplus_day(kind: Machine, hourly: Sequence[float], mode: CreditMode) -> float:
    """vCPU-hours of surplus credits that a day of one instance is charged for in the long run.

    What equal days use beyond what they earn: the borrowing is one day's earnings at most, so a mean at or under
    the baseline is never charged, and of a mean above it all that is above (:func:`settled` after enough days).
    """
    if mode == "standard" or not kind.bursts or not kind.borrows:
        return 0.0
    return max(0.0, sum(hourly) - 24 * kind.baseline) * kind.vcpu


def boot_s(kind: Machine, boot_cpu_s: float, mode: CreditMode) -> float:
    """Seconds that ``boot_cpu_s`` of processor time take on a new instance, which has no credits yet."""
    return boot_cpu_s / (kind.vcpu * (kind.baseline if mode == "standard" else 1.0))


def over_a_day(kind: Machine, hourly: Sequence[float], mode: CreditMode, start: float = 0.0, owed: float = 0.0) -> Day:
    """One day of utilisation (24 fractions of the whole machine) from ``start`` credits and ``owed`` ones.

    Raises :class:`HermesError` for a day that is not 24 hours of 0 to 1.
    """
    if len(hourly) != 24 or not all(0 <= use <= 1 for use in hourly):
        raise HermesError(
            Finding(
                "load-impossible", "sizing", "a day is 24 utilisations between 0 and 1", evidence=str(list(hourly))
            ),
            exit_code=ExitCode.USAGE,
        )
    earned = kind.credits_per_hour / 60
    limit = kind.credits_per_hour * 24
    balance, debt, charged, refused, wanted = start, owed, 0.0, 0.0, 0.0
    dry_at: float | None = None
    track: list[float] = []
    for minute in range(MINUTES):
        use = hourly[minute // 60] * kind.vcpu
        wanted += use
        left = balance + earned - debt
        spent = min(use, max(left, earned)) if mode == "standard" else use
        refused += use - spent
        net = left - spent
        if net < 0 and dry_at is None and use > earned:
            dry_at = minute / 60
        if mode == "standard":
            if net <= 1e-9 and use > earned and dry_at is None:
                dry_at = minute / 60
            net = max(net, 0.0)
        balance, debt = max(0.0, min(net, kind.max_credits)), max(0.0, -net)
        if debt > limit:
            charged += debt - limit
            debt = limit
        track.append(balance - debt)
    return Day(tuple(track), dry_at, refused / wanted if wanted else 0.0, charged / 60)


def settled(
    kind: Machine, hourly: Sequence[float], mode: CreditMode, days: int = 30, boot_cpu_s: float = 0.0
) -> tuple[Day, Day]:
    """The first day of a new instance, and the last of ``days`` equal ones.

    A start takes ``boot_cpu_s`` seconds of one vCPU before the day begins: borrowed in unlimited mode;
    in standard mode it only takes longer (:func:`boot_s`).
    """
    first = day = over_a_day(kind, hourly, mode, owed=boot_cpu_s / 60 if mode == "unlimited" else 0.0)
    before: float | None = None
    for _ in range(days - 1):
        left = day.balance[-1]
        if left == before:  # a day that ends as it began is every day from here on
            break
        before = left
        day = over_a_day(kind, hourly, mode, max(left, 0.0), max(-left, 0.0))
    return first, day
