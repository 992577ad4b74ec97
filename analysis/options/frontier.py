"""Cost x p99 x availability over a million configurations of the lattice.

Cost comes from :mod:`analysis.options.compiled`; p99 and availability from the same models as
everywhere, once for each region, type and count.  A configuration that the configuration's
rules refuse, that saturates, or whose region lacks prices, is not feasible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.data import rows
from analysis.latency.times import Home, Interaction, Probed, users_see
from analysis.options.availability import of_fleet, way_out
from analysis.options.compiled import Compiled, compile_variant
from analysis.options.variants import Change, changed
from analysis.sizing.credits import machine
from analysis.sizing.fleet import inside
from hermes_cfn import bill, stacks
from hermes_cfn.bill import State
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.prices import PriceBook

Floats = NDArray[np.float64]

REGIONS = ("eu-south-2", "eu-west-1", "eu-west-3", "eu-central-1")
EGRESS = ("nat-gateway", "nat-gateway-per-zone", "nat-gateway-regional", "nat-instance", "public-subnets")
TYPES = ("t4g.nano", "t4g.micro", "t4g.small", "t4g.medium", "t4g.large", "t4g.xlarge")
COUNTS = tuple(range(1, 11))
DISKS = (8, 10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)
LOGS_GB = tuple(float(gb) for gb in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50, 100))


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point; USD a month, ms, fraction of a month."""

    change: Change
    commitment: str
    logs_gb: float
    monthly: float
    p99_ms: float
    availability: float

    @property
    def name(self) -> str:
        known = dict(self.change)
        region = known.get("account.region", "")
        return f"{known['compute.count']} x {known['compute.instance_type']}, {known['network.egress']}, {self.commitment}, {region}"


@dataclass(frozen=True, slots=True)
class Block:
    """All configurations of one variant and type: ``monthly`` by commitment, count, disk and logs."""

    compiled: Compiled
    change: Change
    region: str
    kind: str
    egress: str
    zones: int
    monthly: Floats
    p99_ms: Floats
    availability: Floats


def commitments() -> Mapping[str, float]:
    """The factor on the instances' hours by way of buying; the middle of its range."""
    return {row["key"]: (float(row["factor_low"]) + float(row["factor_high"])) / 2 for row in rows("commitments.csv")}


def structural(settings: Settings) -> tuple[Change, ...]:
    """The variants to render: region, zones, egress and flow logs."""
    found: list[Change] = []
    for region in dict.fromkeys((settings.account.region, *REGIONS)):
        for zones in (2, 3):
            for egress in EGRESS:
                for logged in (True, False):
                    if region != settings.account.region and (
                        not logged or egress not in ("nat-gateway", "nat-instance")
                    ):
                        continue
                    found.append(
                        (
                            ("account.region", region),
                            ("network.zones", tuple(f"{region}{letter}" for letter in "abc"[:zones])),
                            ("network.egress", egress),
                            ("network.flow_logs", logged),
                        )
                    )
    return tuple(found)


class Lattice:
    """Every configuration of ``settings`` and its alternatives.

    ``types`` and ``counts`` may be fewer than all.  Compiling renders; evaluating only multiplies.
    """

    def __init__(
        self,
        settings: Settings,
        book: PriceBook,
        probed: Probed = None,
        types: Sequence[str] = TYPES,
        counts: Sequence[int] = COUNTS,
        samples: int = 8_000,
    ) -> None:
        self.settings, self.book, self.probed = settings, book, probed
        self.types, self.counts, self.samples = tuple(types), tuple(counts), samples
        self._refused: dict[Change, str] = {}
        self._seen: dict[tuple[str, str, int], float] = {}

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        """One for each variant and type that the configuration and the price book allow."""
        found: list[Compiled] = []
        for change in structural(self.settings):
            lacking = self._lacking(change)
            if lacking:
                self._refused[change] = lacking
                continue
            for kind in self.types:
                found.append(compile_variant(self.settings, (*change, ("compute.instance_type", kind)), self.book))
        return tuple(found)

    @property
    def refused(self) -> Mapping[Change, str]:
        """Variants that are left out, and why: a rule of the configuration, or prices that the book lacks."""
        return self._refused if self.compiled else {}

    def compiled_from(self, other: Lattice) -> None:
        """Take the variants that ``other`` has compiled, under this one's planning: bills do not depend on it."""
        self.__dict__["compiled"] = other.compiled
        self._refused = dict(other.refused)

    def with_inferred(self, factor: float) -> Lattice:
        """The same with every inferred price ``factor`` times as high."""
        other = Lattice(self.settings, self.book, self.probed, self.types, self.counts, self.samples)
        other.__dict__["compiled"] = tuple(one.with_inferred(factor) for one in self.compiled)
        other._seen = self._seen
        return other

    def _lacking(self, change: Change) -> str:
        try:
            made = bill.compute(stacks.build(changed(self.settings, change)), self.book)
        except HermesError as error:
            return error.findings[0].what
        lines = made.of(State.NOT_PRICED)
        home = bill.compute(stacks.build(self.settings), self.book).of(State.NOT_PRICED)
        if len(lines) > len(home):
            return f"the book {self.book.name} has no price for {len(lines)} of its lines, as {lines[0].what}"
        return ""

    def p99(self, planning: Planning, region: str, kind: str, count: int) -> float:
        """A cold page's p99 as the users see it, ms."""
        key = (region, kind, count)
        if key not in self._seen:
            sampler, method = inside(planning, machine(kind), count, region, Interaction.COLD, self.probed)
            self._seen[key] = (
                float("inf")
                if method == "saturated"
                else users_see(
                    planning, Home(region), Interaction.COLD, sampler, samples=self.samples, probed=self.probed
                ).p99
            )
        return self._seen[key]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every configuration evaluated."""
        return tuple(self._block(one) for one in self.compiled)

    def _block(self, one: Compiled) -> Block:
        made, planning = one.settings, self.settings.planning
        region, kind, egress = made.account.region, made.compute.instance_type, made.network.egress
        zones = len(made.network.zones)
        count, disk, logs = (
            axis.ravel()
            for axis in np.meshgrid(np.array(self.counts, float), np.array(DISKS, float), LOGS_GB, indexing="ij")
        )
        monthly = np.stack(
            [one.totals(count, disk, {"logs_gb": logs}, factor) for factor in commitments().values()]
        ).reshape(len(commitments()), len(self.counts), len(DISKS), len(LOGS_GB))
        memory = machine(kind).memory_mib * 0.9
        needs = planning.system_mib + planning.application_mib
        p99 = [
            self.p99(planning, region, kind, n)
            if needs + planning.sockets / n * planning.socket_kib / 1024 <= memory
            else float("inf")
            for n in self.counts
        ]
        there = [
            [
                of_fleet(
                    planning, machine(kind), n, region, "alb", instance=f"{'spot-' if buying == 'spot' else ''}instance"
                )
                * way_out(egress, zones)
                for n in self.counts
            ]
            for buying in commitments()
        ]
        return Block(one, one.change, region, kind, egress, zones, monthly, np.array(p99), np.array(there))

    @property
    def evaluated(self) -> int:
        return sum(block.monthly.size for block in self.blocks)

    @property
    def feasible(self) -> int:
        """Distinct configurations that carry the load."""
        return sum(int(np.isfinite(block.p99_ms).sum()) * block.monthly[:, 0].size for block in self.blocks)

    def configuration(self, block: Block, place: Sequence[int]) -> Configuration:
        """The configuration at an index of ``block.monthly``."""
        buying, n, disk, logs = place
        return Configuration(
            (*block.change, ("compute.count", self.counts[n]), ("compute.volume_gib", DISKS[disk])),
            tuple(commitments())[buying],
            LOGS_GB[logs],
            float(block.monthly[buying, n, disk, logs]),
            float(block.p99_ms[n]),
            float(block.availability[buying, n]),
        )

    def cheapest(self, disk_gib: int = 20, logs_gb: float = 7.0, commitment: str = "") -> tuple[Configuration, ...]:
        """Each block, count and way of buying (or a named one) at that disk and log volume."""
        disk, logs = DISKS.index(disk_gib), min(range(len(LOGS_GB)), key=lambda n: abs(LOGS_GB[n] - logs_gb))
        found = []
        for block in self.blocks:
            for n in np.flatnonzero(np.isfinite(block.p99_ms)):
                found += [
                    self.configuration(block, (buying, int(n), disk, logs))
                    for buying, name in enumerate(commitments())
                    if commitment in ("", name)
                ]
        return tuple(found)

    def frontier(self, **fixed: Any) -> tuple[Configuration, ...]:
        """Those of :meth:`cheapest` that no other beats in cost, p99 (to 1 ms) and availability (to 0.001 %);
        cheapest first."""
        ordered = sorted(self.cheapest(**fixed), key=lambda one: (one.monthly, one.p99_ms, -one.availability))
        best: list[Configuration] = []
        for one in ordered:
            if not any(
                round(other.p99_ms) <= round(one.p99_ms) and round(other.availability, 5) >= round(one.availability, 5)
                for other in best
            ):
                best.append(one)
        return tuple(best)

    def answer(
        self, budget: float | None = None, p99_ms: float | None = None, availability: float = 0.0, **fixed: Any
    ) -> Configuration:
        """The cheapest that meets the targets; with a budget alone, the fastest within it.

        Raises :class:`HermesError` code ``target-unreachable`` with the closest and what blocks it.
        """
        known = self.cheapest(**fixed)
        meeting = [
            one
            for one in known
            if (budget is None or one.monthly <= budget)
            and (p99_ms is None or one.p99_ms <= p99_ms)
            and one.availability >= availability
        ]
        if meeting:
            if p99_ms is None and budget is not None:
                return min(meeting, key=lambda one: (round(one.p99_ms), one.monthly))
            return min(meeting, key=lambda one: one.monthly)
        raise HermesError(_unreachable(known, budget, p99_ms, availability))


def _unreachable(
    known: Sequence[Configuration], budget: float | None, p99_ms: float | None, availability: float
) -> Finding:
    if not known:
        return Finding("target-unreachable", "frontier", "no configuration carries the load", next="lower the load")
    lacks: list[str] = []
    if budget is not None and min(one.monthly for one in known) > budget:
        lacks.append(f"the cheapest costs {min(one.monthly for one in known):.2f} a month")
    if p99_ms is not None and min(one.p99_ms for one in known) > p99_ms:
        lacks.append(f"the fastest has a p99 of {min(one.p99_ms for one in known):.0f} ms")
    if max(one.availability for one in known) < availability:
        lacks.append(f"the surest is there {max(one.availability for one in known):.4%}")

    def misses(one: Configuration) -> float:
        return (
            max(0.0, one.monthly / budget - 1 if budget else 0.0)
            + max(0.0, one.p99_ms / p99_ms - 1 if p99_ms else 0.0)
            + max(0.0, (availability - one.availability) * 1000)
        )

    closest = min(known, key=misses)
    return Finding(
        "target-unreachable",
        "frontier",
        "no configuration meets every target",
        why="; ".join(lacks) or "each is met by some, no one meets all",
        evidence=f"closest: {closest.name}: {closest.monthly:.2f} a month, p99 {closest.p99_ms:.0f} ms, "
        f"{closest.availability:.3%}",
        next="loosen the target that blocks, or move the database nearer",
    )


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What the answer becomes when one assumption is another; ``changes`` tells whether the winner does."""

    assumption: str
    value: str
    winner: str
    monthly: float | None
    changes: bool


def sensitivity(
    lattice: Lattice, budget: float | None = None, p99_ms: float | None = None, availability: float = 0.0
) -> tuple[Sensitivity, ...]:
    """The answer under one changed assumption at a time, on the same types and counts.

    Raises :class:`HermesError` when the targets cannot be met to begin with.
    """
    targets: dict[str, Any] = {"budget": budget, "p99_ms": p99_ms, "availability": availability}
    base = lattice.answer(**targets)
    plan = lattice.settings.planning
    cases: list[tuple[str, str, dict[str, Any]]] = [
        *(("peak load", f"x {by:g}", {"peak_requests_per_s": plan.peak_requests_per_s * by}) for by in (0.5, 2, 5, 10)),
        *(("service time", f"x {by:g}", {"service_ms": plan.service_ms * by}) for by in (2, 4)),
        *(("queries a page", f"{n}", {"queries_per_page": n}) for n in (2, 20)),
        *(("place of the database", city, {"database": city}) for city in ("zaragoza", "paris", "frankfurt", "dublin")),
        *(("memory of the application", f"x {by:g}", {"application_mib": plan.application_mib * by}) for by in (2, 4)),
    ]
    found = []
    for assumption, value, update in cases:
        changed_plan = lattice.settings.model_copy(update={"planning": plan.model_copy(update=update)})
        other = Lattice(changed_plan, lattice.book, lattice.probed, lattice.types, lattice.counts, lattice.samples)
        other.compiled_from(lattice)
        found.append(_under(other, assumption, value, base, targets))
    for by in (0.9, 1.1):
        dearer = lattice.with_inferred(by)
        found.append(_under(dearer, "inferred prices", f"x {by:g}", base, targets))
    return tuple(found)


def _under(other: Lattice, assumption: str, value: str, base: Configuration, targets: Mapping[str, Any]) -> Sensitivity:
    try:
        one = other.answer(**targets)
    except HermesError as error:
        return Sensitivity(assumption, value, f"none: {error.findings[0].why}", None, True)
    return Sensitivity(assumption, value, one.name, one.monthly, one.name != base.name)
