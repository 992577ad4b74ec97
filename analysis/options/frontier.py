"""Cost x p99 x availability over a million configurations of the lattice.

Cost comes from :mod:`analysis.options.compiled`; p99 and availability from the same models as
everywhere, once for each region, type and count.  A configuration that the configuration's
rules refuse, that saturates, or whose region lacks prices, is not feasible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hermes_cfn import bill, stacks
from hermes_cfn.bill import State, sampled
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.pricing.prices import PriceBook

from ..latency.places import Probed, neighbours, place
from ..latency.times import Home, Interaction, databases, users_see
from ..sizing.credits import candidates, machine, surplus_day
from ..sizing.fleet import Limit, broken, hourly_utilisation, inside, surplus_month
from ..text import figure
from .availability import Part, needed, there, way_out
from .buying import WAYS, WORDS, ways
from .compiled import Compiled, compile_variant
from .surplus import is_credits
from .variants import Change, changed, toml

Floats = NDArray[np.float64]

EGRESS = ("nat-gateway", "nat-gateway-per-zone", "nat-gateway-regional", "nat-instance", "public-subnets", "ipv6")
COUNTS = tuple(range(1, 11))
DISKS = (8, 10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)
LOGS_GB = tuple(float(gb) for gb in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50, 100))


UNDEPLOYABLE = ("spot",)
"""Ways of buying that the stacks cannot make: evaluated, on the frontier, never the answer."""


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
        zones = len(known["network.zones"])
        return (
            f"{known['compute.count']} x {known['compute.instance_type']}, {known['network.egress']}, "
            f"{zones} zones, {WORDS[self.commitment]}, {known['account.region']}"
        )

    @property
    def deployable(self) -> bool:
        """Whether this project can deploy it."""
        return self.commitment not in UNDEPLOYABLE

    @property
    def toml(self) -> str:
        """The lines of ``hermes.toml`` that select it."""
        return toml(self.change)


@dataclass(frozen=True, slots=True)
class Block:
    """All configurations of one variant and type: ``monthly`` by commitment, count, disk and logs, at the mean of every
    usage figure; ``range_adds`` by count what the mean over their ranges is above that, at the disks of the settings."""

    compiled: Compiled
    change: Change
    region: str
    kind: str
    egress: str
    zones: int
    monthly: Floats
    range_adds: Floats


def structural(settings: Settings) -> tuple[Change, ...]:
    """The variants to render: region, zones, egress and flow logs."""
    found: list[Change] = []
    for region in dict.fromkeys((settings.account.region, *neighbours(settings.account.region))):
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


def _logs(settings: Settings) -> float:
    """GB of logs a month that the settings expect."""
    given = settings.usage.logs_gb
    return float(given.expected) if given is not None else 0.0


class Lattice:
    """Every configuration of ``settings`` and its alternatives.

    ``types`` and ``counts`` may be fewer than all.  Compiling renders; evaluating only multiplies.
    p99 and availability follow from region, type and count, and are computed when asked for.
    """

    def __init__(
        self,
        settings: Settings,
        book: PriceBook,
        probed: Probed = None,
        types: Sequence[str] | None = None,
        counts: Sequence[int] = COUNTS,
    ) -> None:
        self.settings, self.book, self.probed = settings, book, probed
        own, image = settings.compute.instance_type, settings.application.architecture
        self.types, self.counts = tuple(candidates(image, own) if types is None else types), tuple(counts)
        self.disks = tuple(sorted({*DISKS, settings.compute.volume_gib}))
        self.logs = tuple(sorted({*LOGS_GB, _logs(settings)}))
        self._refused: dict[Change, str] = {}
        self._seen: dict[tuple[str, str, int], float] = {}
        self._stopped: dict[tuple[str, str, int], Limit | None] = {}

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        """One for each variant and type that the configuration and the price book allow."""
        found: list[Compiled] = []
        for change in structural(self.settings):
            lacking = self._lacking(change)
            if lacking:
                self._refused[change] = lacking
                continue
            model: Compiled | None = None
            for kind in self.types:
                whole = (*change, ("compute.instance_type", kind))
                try:
                    one = compile_variant(self.settings, whole, self.book, model)
                    self.factors(one)
                except HermesError as error:
                    if error.findings[0].code == "not-linear":
                        raise
                    self._refused[whole] = f"{error.findings[0].where}: {error.findings[0].what}"
                    continue
                model = model or one
                found.append(one)
        return tuple(found)

    @property
    def refused(self) -> Mapping[Change, str]:
        """Variants that are left out, and why: a rule of the configuration, or prices that the book lacks."""
        return self._refused if self.compiled else {}

    def under(self, planning: Planning) -> Lattice:
        """The same bills under another planning section: they do not depend on it."""
        settings = self.settings.model_copy(update={"planning": planning})
        other = Lattice(settings, self.book, self.probed, self.types, self.counts)
        other.__dict__.update(compiled=self.compiled, blocks=self.blocks)
        other._refused = dict(self.refused)
        return other

    def with_inferred(self, factor: float) -> Lattice:
        """The same with every inferred price ``factor`` times as high, at the disks and logs of the settings alone."""
        other = Lattice(self.settings, self.book, self.probed, self.types, self.counts)
        other.__dict__["compiled"] = tuple(one.with_inferred(factor) for one in self.compiled)
        other.disks, other.logs = (self.settings.compute.volume_gib,), (_logs(self.settings),)
        other._refused, other._seen = dict(self.refused), self._seen
        return other

    def _lacking(self, change: Change) -> str:
        try:
            made = bill.compute(stacks.build(changed(self.settings, change)), self.book)
        except HermesError as error:
            return error.findings[0].what
        lines = made.of(State.NOT_PRICED)
        if len(lines) > self._unpriced_at_home:
            region = dict(change)["account.region"]
            return f"{region}: the price book {self.book.name} lacks prices, as of {lines[0].what}"
        return ""

    @cached_property
    def _unpriced_at_home(self) -> int:
        """Charges without a price of the settings as they are."""
        return len(bill.compute(stacks.build(self.settings), self.book).of(State.NOT_PRICED))

    def broken(self, region: str, kind: str, count: int) -> Limit | None:
        """The limit that keeps ``count`` of ``kind`` from carrying the planned load, as ``sizing`` says; or None."""
        key = (region, kind, count)
        if key not in self._stopped:
            plan, surge = self.settings.planning, self.settings.release.surge
            self._stopped[key] = broken(plan, machine(kind), count, region, surge, self.probed)
        return self._stopped[key]

    def p99(self, region: str, kind: str, count: int) -> float:
        """A cold page's p99 as the users see it, ms; infinite where a limit of ``sizing`` does not hold."""
        return math.inf if self.broken(region, kind, count) else self._unlimited(region, kind, count)

    def _unlimited(self, region: str, kind: str, count: int) -> float:
        """The same where nothing but the stations' queues counts: more instances are never slower."""
        key = (region, kind, count)
        if key not in self._seen:
            plan = self.settings.planning
            sampler, method = inside(plan, machine(kind), count, region, Interaction.COLD, self.probed)
            self._seen[key] = (
                math.inf
                if method == "saturated"
                else users_see(plan, Home(region), Interaction.COLD, sampler, probed=self.probed).p99
            )
        return self._seen[key]

    @cached_property
    def _drawn(self) -> dict[str, Any]:
        return sampled.draws(self.settings.usage)

    def surplus(self, block: Block, count: int) -> float:
        """USD a month of CPU credits that the planned load is charged for and the bill of ``[usage]`` has not."""
        kind, plan = machine(block.kind), self.settings.planning
        credits = tuple(one for one in block.compiled.known if is_credits(one[0]))
        if not credits or not surplus_day(kind, hourly_utilisation(plan, kind, count), plan.credits):
            return 0.0
        billed = replace(block.compiled, known=credits, fleet=())
        size = np.array([float(count)]), np.array([float(self.settings.compute.volume_gib)])
        planned = surplus_month(plan, kind, count, credits[0][1].first)
        return max(0.0, float(planned) - float(billed.totals(*size)[0]))

    def availability(self, block: Block, count: int, commitment: str) -> float:
        """Fraction of a month in which enough instances, the load balancer and a way out are there."""
        least = needed(self.settings.planning, machine(block.kind), block.region, self.probed)
        instance = "spot-instance" if commitment == "spot" else "instance"
        return there((Part(instance, least, count), Part("alb"), way_out(block.egress, block.zones)))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The cost of every configuration."""
        return tuple(self._block(one) for one in self.compiled)

    def factors(self, one: Compiled) -> tuple[float, ...]:
        """The factor on the instances' hours by way of buying, in the order of ``WAYS``."""
        known = ways(one.settings.compute.instance_type, one.settings.account.region, self.book)
        return tuple(float(known[key].factor) for key in WAYS)

    def _block(self, one: Compiled) -> Block:
        made = one.settings
        count, disk, logs = (
            axis.ravel()
            for axis in np.meshgrid(np.array(self.counts, float), np.array(self.disks, float), self.logs, indexing="ij")
        )
        monthly = np.stack(
            [one.totals(count, disk, {"logs_gb": logs}, factor) for factor in self.factors(one)]
        ).reshape(len(WAYS), len(self.counts), len(self.disks), len(self.logs))
        return Block(
            one, one.change, made.account.region, made.compute.instance_type, made.network.egress,
            len(made.network.zones), monthly,
            np.array([one.range_adds(n, self.settings.compute.volume_gib, self._drawn) for n in self.counts]),
        )  # fmt: skip

    @property
    def evaluated(self) -> int:
        return sum(block.monthly.size for block in self.blocks)

    @property
    def feasible(self) -> int:
        """Distinct configurations for which every limit of ``sizing`` holds."""
        return sum(
            block.monthly[:, n].size
            for block in self.blocks
            for n, count in enumerate(self.counts)
            if np.isfinite(self.p99(block.region, block.kind, count))
        )

    def configuration(self, block: Block, place: Sequence[int]) -> Configuration:
        """The configuration at an index of ``block.monthly``."""
        buying, n, disk, logs = place
        count, commitment = self.counts[n], WAYS[buying]
        return Configuration(
            (*block.change, ("compute.count", count), ("compute.volume_gib", self.disks[disk])),
            commitment,
            self.logs[logs],
            float(block.monthly[buying, n, disk, logs] + block.range_adds[n]) + self.surplus(block, count),
            self.p99(block.region, block.kind, count),
            self.availability(block, count, commitment),
        )

    def _by_cost(self) -> list[tuple[float, Block, tuple[int, int, int, int]]]:
        """Every block, count and way of buying at the disks and logs of the settings, cheapest first."""
        disk, logs = self.disks.index(self.settings.compute.volume_gib), self.logs.index(_logs(self.settings))
        found = [
            (float(block.monthly[buying, n, disk, logs]) + more, block, (buying, n, disk, logs))
            for block in self.blocks
            for n, more in enumerate([self.surplus(block, count) for count in self.counts] + block.range_adds)
            for buying in range(len(WAYS))
        ]
        return sorted(found, key=lambda one: one[0])

    def cheapest(self) -> tuple[Configuration, ...]:
        """Each block, count and way of buying that carries the load, with the disks and logs of the settings,
        cheapest first."""
        return tuple(
            self.configuration(block, place)
            for _, block, place in self._by_cost()
            if np.isfinite(self.p99(block.region, block.kind, self.counts[place[1]]))
        )

    def frontier(self) -> tuple[Configuration, ...]:
        """Those of :meth:`cheapest` that no other beats in cost, p99 (to 1 %) and availability (to 0.001 %);
        cheapest first."""
        ordered = sorted(self.cheapest(), key=lambda one: (one.monthly, one.p99_ms, -one.availability))
        best: list[Configuration] = []
        for one in ordered:
            if not any(
                other.p99_ms <= one.p99_ms * 1.01 and round(other.availability, 5) >= round(one.availability, 5)
                for other in best
            ):
                best.append(one)
        return tuple(best)

    def answer(
        self, budget: float | None = None, p99_ms: float | None = None, availability: float = 0.0
    ) -> Configuration:
        """The cheapest deployable one that meets the targets; with a budget alone, the fastest within it.

        Raises :class:`HermesError` code ``target-unreachable`` with the closest and what blocks it.
        """
        found = self.find(budget, p99_ms, availability)
        if found is None:
            known = [one for one in self.cheapest() if one.deployable]
            raise HermesError(_unreachable(known, budget, p99_ms, availability))
        return found

    def find(
        self, budget: float | None = None, p99_ms: float | None = None, availability: float = 0.0
    ) -> Configuration | None:
        """The same, or None.

        Looks in order of cost, and at no count of a type whose most instances are too slow: more are never slower.
        """
        most = max(self.counts)
        limit = float(np.finfo(float).max) if p99_ms is None else p99_ms
        meeting: list[Configuration] = []
        for monthly, block, where in self._by_cost():
            count = self.counts[where[1]]
            if WAYS[where[0]] in UNDEPLOYABLE or (budget is not None and monthly > budget):
                continue
            if self.availability(block, count, WAYS[where[0]]) < availability:
                continue
            if self.broken(block.region, block.kind, count):
                continue
            if any(self._unlimited(block.region, block.kind, n) > limit for n in (most, count)):
                continue
            meeting.append(self.configuration(block, where))
            if p99_ms is not None or budget is None:
                return meeting[0]
        return min(meeting, key=lambda one: (round(one.p99_ms, -1), one.monthly), default=None)


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


MOST = 8.0
"""How far an assumption is moved, as a factor and its inverse, when what changes the winner is looked for."""
CLOSE = 1.05
"""The factor within which the place of a change is found."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The answer as one assumption moves away from ``now``.

    ``at`` is where the winner changes, to 5 %, and ``factor`` how many times ``now`` that is; ``at`` is
    None where it does not change within ``tried``.  ``winner`` is the one that then wins; USD a month.
    """

    assumption: str
    now: str
    tried: str
    at: str | None
    factor: float | None
    winner: str
    monthly: float | None


KNOBS = {
    "peak_requests_per_s": "peak load",
    "service_ms": "service time",
    "queries_per_page": "queries a page",
    "query_ms": "time of a query",
    "application_mib": "memory of the application",
    "sockets": "open sockets",
}


def sensitivity(
    lattice: Lattice,
    budget: float | None = None,
    p99_ms: float | None = None,
    availability: float = 0.0,
    told: Callable[[str], None] = lambda what: None,
) -> tuple[Sensitivity, ...]:
    """Which assumption would change the winner, and by how much, one at a time.

    Raises :class:`HermesError` when the targets cannot be met to begin with.
    """
    targets: dict[str, Any] = {"budget": budget, "p99_ms": p99_ms, "availability": availability}
    base, plan = lattice.answer(**targets), lattice.settings.planning
    found: list[Sensitivity] = []
    for key, name in KNOBS.items():
        now = float(getattr(plan, key))
        if now:
            told(name)
            found += _moved(name, now, _with(lattice, key), (1 / MOST, MOST), base, targets)
    told("inferred prices")
    found += _moved("inferred prices, times", 1.0, lattice.with_inferred, (0.5, 2.0), base, targets)
    told("the database's place")
    cities = [city for city, _ in databases(plan, lattice.settings.account.region)]
    for city in dict.fromkeys((place(lattice.settings.account.region).key, *cities)):
        if city != plan.database:
            other = lattice.under(plan.model_copy(update={"database": city})).find(**targets)
            at = None if _same(other, base) else city
            found.append(Sensitivity("place of the database", plan.database, city, at, None, *_told(other)))
    return tuple(found)


def _with(lattice: Lattice, key: str) -> Callable[[float], Lattice]:
    """The lattice with one figure of the section times a factor."""
    plan = lattice.settings.planning

    def at(factor: float) -> Lattice:
        return lattice.under(plan.model_copy(update={key: getattr(plan, key) * factor}))

    return at


def _moved(
    name: str,
    now: float,
    at: Callable[[float], Lattice],
    limits: tuple[float, float],
    base: Configuration,
    targets: Mapping[str, Any],
) -> Iterator[Sensitivity]:
    """Where on the way to each limit the winner changes, by halving on a logarithmic scale; one row if nowhere."""
    tried, changes = f"{figure(now * limits[0])} to {figure(now * limits[1])}", 0
    for limit in limits:
        same, changed, other = 1.0, limit, at(limit).find(**targets)
        if _same(other, base):
            continue
        while max(changed / same, same / changed) > CLOSE:
            middle = math.sqrt(same * changed)
            there = at(middle).find(**targets)
            same, changed, other = (middle, changed, other) if _same(there, base) else (same, middle, there)
        changes += 1
        yield Sensitivity(name, figure(now), tried, figure(now * changed), changed, *_told(other))
    if not changes:
        yield Sensitivity(name, figure(now), tried, None, None, base.name, base.monthly)


def _same(one: Configuration | None, base: Configuration) -> bool:
    return one is not None and one.name == base.name


def _told(one: Configuration | None) -> tuple[str, float | None]:
    return ("none reaches it", None) if one is None else (one.name, one.monthly)
