"""What Fly.io charges, by its published rates and markups of 2026.

The bill engine bills CloudFormation; Fly.io is another house with another price list.  USD for a month of 730 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.pricing.fly import DEAR_EGRESS, REGIONS, rates, shared_machine
from hermes_cfn.units import SECONDS_PER_MONTH

SIZES_GB = tuple(Decimal(size) for size in ("0.25", "0.5", "1", "2", "4"))
"""Memory of the machines on the price page."""

BASELINE = 1 / 16
"""What a shared vCPU gets at all times, a fraction of it (superfly/docs machines/cpu-performance.mdx); more from a
balance that is not modelled."""


@dataclass(frozen=True, slots=True)
class FlyMachine:
    """A shared-CPU machine; memory in GB."""

    vcpu: int
    memory_gb: Decimal

    @property
    def name(self) -> str:
        return f"shared-cpu-{self.vcpu}x, {self.memory_gb} GB"


def machine_month(kind: FlyMachine, region: str, seconds: Decimal = SECONDS_PER_MONTH) -> Decimal:
    """One machine always on.  Raises :class:`HermesError` for a region that has no published price."""
    month_of = shared_machine(kind.vcpu, kind.memory_gb, region, seconds)
    if month_of is None:
        raise HermesError(
            Finding(
                "place-unknown",
                region,
                "is not a region of Fly.io with a published price",
                next=f"one of {', '.join(REGIONS)}",
            ),
            exit_code=ExitCode.USAGE,
        )
    return month_of


def most_memory_for(budget: Decimal, machines: int, vcpu: int, region: str) -> Decimal:
    """GB of the largest machine with ``vcpu`` of which ``budget`` a month buys ``machines``; 0 if it buys none."""
    affordable = [size for size in SIZES_GB if machines * machine_month(FlyMachine(vcpu, size), region) <= budget]
    return max(affordable, default=Decimal(0))


@dataclass(frozen=True, slots=True)
class FlyLine:
    """A line of the month; USD."""

    what: str
    monthly: Decimal


def month(
    kind: FlyMachine, count: int, region: str, egress_gb: Decimal, volume_gb: Decimal = Decimal(0)
) -> tuple[FlyLine, ...]:
    """Machines, egress, a dedicated IPv4, a stable egress address a machine, volumes; the first ten certificates are free."""
    known = rates()
    return (
        FlyLine(f"{count} x {kind.name} in {region}", count * machine_month(kind, region)),
        FlyLine("egress", egress_gb * known["egress_far" if region in DEAR_EGRESS else "egress_europe"]),
        FlyLine("dedicated IPv4", known["dedicated_ipv4"]),
        FlyLine("static egress addresses", count * known["static_egress_ip"] * 730),
        FlyLine("volumes", volume_gb * known["volume"]),
    )
