"""How big it must be: from load to instance type and count, with the margin and what breaks first.

Two stations on every instance: the processors (service of the application) and the database
pool (each query holds a connection for one round trip and its execution, so ten connections
29 ms away saturate at about 345 queries a second).  A load balancer splits Poisson arrivals
evenly.  Memory, network, the database's connection limit with a surge instance, and CPU
credits over the day are checked beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import ExitCode, Finding, HermesError

from ..latency.places import Probed, rtt
from ..latency.times import BACKBONE_SPREAD, SHAPES, Interaction, Sampler, database_trips
from ..text import figure
from .credits import Day, Machine, boot_s, machine, machines, settled, surplus_day
from .queueing import Station, analytic_quantile, claimed, draws, erlang_c
from .simulation import simulated, simulated_pages

Floats = NDArray[np.float64]
Method = Literal["approximation", "simulation", "saturated"]
SAMPLES = 40_000


@dataclass(frozen=True, slots=True)
class Limit:
    """A thing that can break: ``used`` of ``available`` in ``unit``; margin below zero is broken.

    CPU credits are one in standard mode; in unlimited mode they cost money instead.
    """

    what: str
    used: float
    available: float
    unit: str
    note: str = ""
    slow: bool = False
    """Whether what breaks is a target of time, and the machines do their work."""

    def __str__(self) -> str:
        return f"{self.what}, {figure(self.used)} of {figure(self.available)} {self.unit} ({self.note})"

    @property
    def margin(self) -> float:
        """What is left, as a fraction; -inf when nothing is there."""
        return 1 - self.used / self.available if self.available > 0 else -math.inf

    @property
    def holds(self) -> bool:
        return self.margin >= 0


@dataclass(frozen=True, slots=True)
class Sized:
    """An answer for ``count`` instances of ``kind`` in ``region``.

    Percentiles in ms: queueing, service and database of a page, without the way to the user.
    ``one_out`` is with one instance fewer; ``error`` that of the p99 where it was simulated, a fraction of it at 95 %
    confidence.  ``boot_s`` is what a new instance's start takes of its
    processors.
    """

    kind: Machine
    count: int
    region: str
    processors: Station
    pool: Station
    page_p50_ms: float
    page_p99_ms: float
    one_out_p99_ms: float
    method: Method
    error: float
    limits: tuple[Limit, ...]
    new_day: Day
    usual_day: Day
    boot_s: float

    @property
    def holds(self) -> bool:
        return all(limit.holds for limit in self.limits)

    @property
    def first_to_break(self) -> Limit:
        """The limit with the least margin: of a saturated fleet the station, and not the endless wait that follows."""
        return min((one for one in self.limits if math.isfinite(one.used)), key=lambda limit: limit.margin)


def hourly_utilisation(planning: Planning, kind: Machine, count: int) -> tuple[float, ...]:
    """Fractions of one instance's processors in each hour, no more than 1."""
    peak = max(planning.day)
    per_instance = planning.peak_requests_per_s / count
    return tuple(
        min(1.0, planning.idle_cpu + per_instance * weight / peak * planning.service_ms / 1000 / kind.vcpu)
        for weight in planning.day
    )


def stations(
    planning: Planning, kind: Machine, count: int, region: str, probed: Probed = None
) -> tuple[Station, Station]:
    """Processors and database pool of one of ``count`` instances at the peak.

    A query takes a round trip, which hardly varies, and its execution, taken as exponential: far from the
    database its time is nearly constant.
    """
    arrivals = planning.peak_requests_per_s / count if count else math.inf
    trips = page_trips(planning)
    way = rtt(region, planning.database, probed).ms
    trip = way + planning.query_ms
    varies = (planning.query_ms**2 + (BACKBONE_SPREAD * way) ** 2) / trip**2
    busy = 1 - planning.idle_cpu
    return (
        Station(kind.vcpu, arrivals, planning.service_ms / busy, planning.service_scv, shape=planning.service_shape),
        Station(planning.pool_size, arrivals * trips, trip, varies),
    )


@dataclass(frozen=True, slots=True)
class Times:
    """Times in ms of what was asked for, how they were found, and the error of their p99 at 95 % confidence, as a
    fraction of it (0 where nothing was simulated)."""

    ms: Floats
    method: Method
    error: float = 0.0

    def quantile(self, q: float) -> float:
        """Of times in order."""
        return float(self.ms[min(len(self.ms) - 1, int(q * len(self.ms)))])


def station_draws(station: Station, count: int, seed: int) -> Times:
    """``count`` response times in ms, by the approximation where it is claimed, else by simulation."""
    if station.utilisation >= 1:
        return Times(np.full(count, math.inf), "saturated")
    if station.arrivals == 0 or claimed(station):
        return Times(draws(station, np.random.default_rng(seed), count), "approximation")
    found = simulated(station, seed=seed)
    return Times(np.random.default_rng(seed).choice(found.times, count), "simulation", found.error)


INDEPENDENT = 0.015
"""The share of visits that wait up to which a page's visits are taken as independent: its p99 is then within 10 % of
whole pages simulated (``tests/analysis/test_queueing.py``); beyond, they are simulated."""


@lru_cache(maxsize=1024)
def page_times(processors: Station, pool: Station, trips: float, mounts: int = 1, seed: int = 11) -> Times:
    """``mounts`` visits to the processors and ``trips`` to the database, one after the other; in order.

    The array is shared by all who ask for the same: it cannot be written to.
    """
    found = _page_times(processors, pool, trips, mounts, seed)
    found.ms.setflags(write=False)
    return found


def _page_times(processors: Station, pool: Station, trips: float, mounts: int, seed: int) -> Times:
    again = [station for station, visits in ((processors, mounts), (pool, trips)) if visits > 1]
    if max(station.utilisation for station in (processors, pool)) < 1 and any(
        station.arrivals and erlang_c(station.servers, station.offered) > INDEPENDENT for station in again
    ):
        whole_pages = simulated_pages(processors, pool, trips, mounts, seed=seed)
        return Times(np.sort(whole_pages.times), "simulation", whole_pages.error)
    cpu, query = station_draws(processors, SAMPLES, seed), station_draws(pool, SAMPLES, seed + 1)
    draw = np.random.default_rng(seed + 2)
    whole, part = int(trips), trips - int(trips)
    total = np.sum([draw.permutation(cpu.ms) for _ in range(mounts)], axis=0)
    for _ in range(whole):
        total = total + draw.permutation(query.ms)
    if part:
        total = total + np.where(draw.random(SAMPLES) < part, draw.permutation(query.ms), 0.0)
    ranks: tuple[Method, ...] = ("approximation", "simulation", "saturated")
    return Times(np.sort(total), max(cpu.method, query.method, key=ranks.index), max(cpu.error, query.error))


def inside(
    planning: Planning, kind: Machine, count: int, region: str, interaction: Interaction, probed: Probed = None
) -> tuple[Sampler, Method]:
    """What one interaction takes behind the load balancer, as draws for :func:`analysis.latency.times.users_see`."""
    processors, pool = stations(planning, kind, count, region, probed)
    found = page_times(processors, pool, database_trips(planning, interaction), SHAPES[interaction].mounts)
    return (lambda draw, number: found.ms[draw.integers(0, len(found.ms), number)]), found.method


def p99(station: Station) -> tuple[float, Method]:
    """The p99 of one station in ms, and how it was found."""
    if station.utilisation >= 1:
        return math.inf, "saturated"
    if claimed(station):
        return analytic_quantile(station), "approximation"
    return float(np.quantile(simulated(station).times, 0.99)), "simulation"


def size(
    planning: Planning,
    type_name: str,
    count: int,
    region: str = "eu-south-2",
    surge: int = 1,
    probed: Probed = None,
) -> Sized:
    """Whether ``count`` instances of a type carry the planned load.

    Raises :class:`HermesError` for an unknown type, place or a count below one.
    """
    if count < 1:
        raise HermesError(
            Finding("load-impossible", "sizing", f"{count} instances carry no load", next="give at least one"),
            exit_code=ExitCode.USAGE,
        )
    kind = machine(type_name)
    trips = page_trips(planning)
    processors, pool = stations(planning, kind, count, region, probed)
    found = page_times(processors, pool, trips)
    one_out = math.inf
    if count > 1:
        one_out = page_times(*stations(planning, kind, count - 1, region, probed), trips).quantile(0.99)
    hourly = hourly_utilisation(planning, kind, count)
    new_day, usual_day = settled(kind, hourly, planning.credits, boot_cpu_s=planning.boot_cpu_s)
    return Sized(
        kind,
        count,
        region,
        processors,
        pool,
        found.quantile(0.5),
        found.quantile(0.99),
        one_out,
        found.method,
        found.error,
        limits_of(planning, kind, count, region, surge, probed),
        new_day,
        usual_day,
        boot_s(kind, planning.boot_cpu_s, planning.credits),
    )


def page_trips(planning: Planning) -> float:
    """Database round trips of a page: its queries, and two of each transaction."""
    return planning.queries_per_page + 2 * planning.transactions_per_page


def _limits(planning: Planning, kind: Machine, count: int, region: str, surge: int, probed: Probed) -> Iterator[Limit]:
    """Everything that must hold, what is quick to compute first."""
    remaining = max(count - 1, 1)
    processors, pool = stations(planning, kind, remaining, region, probed)
    memory = planning.system_mib + planning.application_mib + planning.sockets / remaining * planning.socket_kib / 1024
    megabits = planning.peak_requests_per_s / remaining * planning.response_kib * 1024 * 8 / 1e6
    connections = (count + surge) * planning.pool_size
    out = "with one instance out" if count > 1 else "the only instance"
    yield Limit("processors", processors.utilisation, 1.0, "utilisation", out)
    yield Limit(
        "database pool",
        pool.utilisation,
        1.0,
        "utilisation",
        f"{out}; {pool.capacity:.0f} queries a second saturate it",
    )
    yield Limit("memory", memory, kind.memory_mib * 0.9, "MiB", f"{out}; a tenth is kept free")
    if math.isfinite(kind.network_gbps):
        yield Limit("network baseline", megabits, kind.network_gbps * 1000, "Mbit/s", out)
    yield Limit(
        "database connections",
        connections,
        planning.database_connections - planning.database_reserved,
        "connections",
        f"{count} and {surge} surge instance(s) of {planning.pool_size}",
    )
    if kind.bursts and (planning.credits == "standard" or not kind.borrows):
        mean = sum(hourly_utilisation(planning, kind, count)) / 24
        note = "the day's mean against the baseline" + ("" if kind.borrows else ", above which it is throttled")
        yield Limit("CPU credits", mean, kind.baseline, "of each vCPU", note)
    found = page_times(processors, pool, page_trips(planning))
    sure = f", known to {found.error:.0%}" if found.error else ""
    yield Limit(
        "p99 of a page", found.quantile(0.99), planning.target_p99_ms, "ms", f"{out}; the target{sure}", slow=True
    )


def limits_of(
    planning: Planning, kind: Machine, count: int, region: str, surge: int = 1, probed: Probed = None
) -> tuple[Limit, ...]:
    """Everything that must hold for ``count`` instances of ``kind`` to carry the planned load, one instance out."""
    return tuple(_limits(planning, kind, count, region, surge, probed))


def broken(
    planning: Planning, kind: Machine, count: int, region: str, surge: int = 1, probed: Probed = None
) -> Limit | None:
    """The first limit that does not hold, or None: the one notion of feasible, of sizing, options, frontier and report."""
    return next((one for one in _limits(planning, kind, count, region, surge, probed) if not one.holds), None)


def surplus_month(planning: Planning, kind: Machine, count: int, price: Decimal) -> Decimal:
    """USD a month of CPU credits that the planned day charges ``count`` instances, at ``price`` a vCPU-hour."""
    day = surplus_day(kind, hourly_utilisation(planning, kind, count), planning.credits)
    return Decimal(repr(day)) * price * count * Decimal(730) / 24


def dry_from(planning: Planning, kind: Machine, count: int) -> float | None:
    """Requests a second at the peak from which a usual day (the thirtieth of equal ones) uses up its CPU credits.

    To 2 %, by halving; None where nothing bursts or the processors saturate first.
    """
    if not kind.bursts:
        return None

    def dry(rate: float) -> bool:
        at = planning.model_copy(update={"peak_requests_per_s": rate})
        return settled(kind, hourly_utilisation(at, kind, count), planning.credits)[1].dry_at is not None

    enough, most = 0.0, count * kind.vcpu * 1000 / planning.service_ms * (1 - planning.idle_cpu)
    if dry(0.0) or not dry(most):
        return 0.0 if dry(0.0) else None
    while most - enough > 0.02 * most:
        middle = (enough + most) / 2
        enough, most = (enough, middle) if dry(middle) else (middle, most)
    return most


def smallest(
    planning: Planning,
    region: str = "eu-south-2",
    families: Sequence[str] = ("t4g",),
    most: int = 20,
    least: int = 2,
    surge: int = 1,
    probed: Probed = None,
) -> Sized:
    """The smallest type of ``families``, then the fewest instances, for which every limit holds.

    Raises :class:`HermesError` code ``target-unreachable`` that names the closest and what blocks it.
    """
    tried: list[Limit] = []
    names: list[str] = []
    for family in families:
        for kind in machines().values():
            if not kind.type.startswith(family + "."):
                continue
            count = max(least, _enough(planning, kind, region, probed))
            for n in range(count, min(count + 3, most + 1)):
                stopped = broken(planning, kind, n, region, surge, probed)
                if stopped is None:
                    return size(planning, kind.type, n, region, surge, probed)
                tried.append(stopped)
                names.append(f"{n} x {kind.type}")
                if stopped.what in ("database connections", "memory"):
                    break
    if not tried:
        raise HermesError(
            Finding(
                "target-unreachable",
                "sizing",
                f"no {' or '.join(families)} type carries {planning.peak_requests_per_s:g} requests a second with {most} instances",
                why="the processors or the database pool saturate",
                next="lower the load, raise pool_size, or move the database nearer",
            )
        )
    closest = max(range(len(tried)), key=lambda n: (tried[n].slow, tried[n].margin))
    blocks = tried[closest]
    raise HermesError(
        Finding(
            "target-unreachable",
            "sizing",
            f"nothing up to {most} instances holds; closest {names[closest]}",
            why=str(blocks),
            next="change that figure in [planning], or the target",
        )
    )


def _enough(planning: Planning, kind: Machine, region: str, probed: Probed) -> int:
    """The count at which neither station saturates with one instance out."""
    processors, pool = stations(planning, kind, 1, region, probed)
    return math.ceil(max(processors.utilisation, pool.utilisation) + 1e-9) + 1


def requests_month(planning: Planning) -> float:
    """Requests in a month of 730 hours, from the peak and the day's profile."""
    mean = planning.peak_requests_per_s * sum(planning.day) / 24 / max(planning.day)
    return mean * 730 * 3600


def transfer_gb_month(planning: Planning) -> float:
    """GB (10**9 bytes) a month to users that the load implies."""
    return requests_month(planning) * planning.response_kib * 1024 / 1e9
