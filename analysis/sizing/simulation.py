"""The same station by simulation, where the approximation is not claimed.

simpy's discrete events are the reference; the recursion that the long runs use gives the
same time for every customer (``tests/analysis/test_queueing.py``).  Seeded, so an answer is
the same every time.  Times in milliseconds.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapreplace
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from hermes_cfn.config.planning import ServiceShape

from .queueing import Compared, Station, analytic_quantile, service_quantiles

Floats = NDArray[np.float64]

GRID_SERVERS = (1, 2, 4, 10, 32)
GRID_UTILISATION = (0.1, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95)
GRID_SCV = (0.0, 0.5, 1.0, 2.0, 4.0)


def draws(station: Station, customers: int, seed: int) -> tuple[Floats, Floats]:
    """Times between arrivals and service times of ``customers``, milliseconds."""
    draw = np.random.default_rng(seed)
    gaps = draw.gamma(1 / station.arrivals_scv, station.arrivals_scv * 1000 / station.arrivals, customers)
    return gaps, _services(station, customers, draw)


def _services(station: Station, count: int, draw: np.random.Generator) -> Floats:
    if station.scv == 0 or station.service_ms == 0:
        return np.full(count, station.service_ms)
    if station.shape == "lognormal":
        sigma2 = math.log(1 + station.scv)
        return draw.lognormal(math.log(station.service_ms) - sigma2 / 2, math.sqrt(sigma2), count)
    return draw.gamma(1 / station.scv, station.scv * station.service_ms, count)


def by_events(servers: int, gaps: Floats, services: Floats) -> Floats:
    """Response times by simpy's events, in order of arrival."""
    took = np.empty(len(gaps))
    world = simpy.Environment()
    desks = simpy.Resource(world, capacity=servers)

    def customer(number: int) -> Generator[Any, Any, None]:
        came = world.now
        with desks.request() as turn:
            yield turn
            yield world.timeout(services[number])
        took[number] = world.now - came

    def door() -> Generator[Any, Any, None]:
        for number, gap in enumerate(gaps):
            yield world.timeout(gap)
            world.process(customer(number))

    world.process(door())
    world.run()
    return took


def by_recursion(servers: int, gaps: Floats, services: Floats) -> Floats:
    """The same times, a hundred times faster: the next free desk takes the next customer (Kiefer–Wolfowitz)."""
    free = [0.0] * servers
    took = np.empty(len(gaps))
    for number, (came, service) in enumerate(zip(np.cumsum(gaps).tolist(), services.tolist(), strict=True)):
        left = max(came, free[0]) + service
        heapreplace(free, left)
        took[number] = left - came
    return took


def responses(station: Station, customers: int = 400_000, seed: int = 7) -> Floats:
    """Waiting plus service of ``customers`` after a warm-up of a tenth, in order of arrival."""
    gaps, services = draws(station, customers + customers // 10, seed)
    return by_recursion(station.servers, gaps, services)[customers // 10 :]


def simulated_quantile(station: Station, q: float = 0.99, customers: int = 400_000, seed: int = 7) -> float:
    """The ``q`` quantile of waiting plus service, ms; infinite when saturated."""
    if station.utilisation >= 1:
        return math.inf
    if station.arrivals == 0:
        return float(np.quantile(service_quantiles(station.service_ms, station.scv, station.shape), q))
    return float(np.quantile(responses(station, customers, seed), q))


@dataclass(frozen=True, slots=True)
class Simulated:
    """Times in ms, not in order, and half the width of the 95 % confidence interval of their p99 over that p99."""

    times: Floats
    error: float


WITHIN = 0.05
"""The error of a p99, at 95 % confidence, at which a simulation ends."""
GROUPS = 16
"""Groups of runs that are independent of each other: the spread of their p99s is what the error is made of."""
STUDENT = 2.131
"""The 97.5 % quantile of Student's t with 15 degrees of freedom."""


def _runs(utilisation: float, scv: float, most: int) -> tuple[int, int]:
    """How many runs stand side by side, and the customers of each that warm it up: several times the ones in which a
    queue forgets that it was empty (about 4 u / (1 - u)^2 arrivals, more where service varies)."""
    warm = int(100 + 12 * utilisation / (1 - utilisation) ** 2 * max(1.0, (1 + scv) / 2))
    runs = GROUPS * 32
    while runs > GROUPS and runs * warm > most:
        runs //= 2
    return runs, warm


def _until_sure(
    chunks: Iterator[tuple[Floats, NDArray[np.int64]]], runs: int, most: int, within: float = WITHIN
) -> Simulated:
    """Chunks of times and the runs that they are of, until the error is small enough or there are ``most`` of them."""
    groups: list[list[Floats]] = [[] for _ in range(GROUPS)]
    known = 0
    for times, run in chunks:
        of = run * GROUPS // runs
        for n in range(GROUPS):
            groups[n].append(times[of == n])
        known += len(times)
        each = np.array([np.quantile(np.concatenate(parts), 0.99) for parts in groups])
        whole = np.concatenate([part for parts in groups for part in parts])
        quantile = float(np.quantile(whole, 0.99))
        error = STUDENT * float(each.std(ddof=1)) / math.sqrt(GROUPS) / quantile if quantile else 0.0
        if error <= within or known >= most:
            return Simulated(whole, error)
    raise AssertionError("chunks do not end")


def simulated(station: Station, most: int = 1_000_000, seed: int = 7, within: float = WITHIN) -> Simulated:
    """Waiting plus service of one station, until its p99 is known to ``within`` or ``most`` customers have been served."""
    runs, warm = _runs(station.utilisation, station.scv, most)
    draw = np.random.default_rng(seed)
    rows = np.arange(runs)

    def chunks() -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        free, now = np.zeros((runs, station.servers)), np.zeros(runs)
        steps, skipped = max(100, most // 8 // runs), warm
        while True:
            gaps = draw.gamma(
                1 / station.arrivals_scv, station.arrivals_scv * 1000 / station.arrivals, (steps + skipped, runs)
            )
            services = _services(station, (steps + skipped) * runs, draw).reshape(steps + skipped, runs)
            took = np.empty((steps, runs))
            for n in range(steps + skipped):
                now = now + gaps[n]
                desk = free.argmin(axis=1)
                left = np.maximum(now, free[rows, desk]) + services[n]
                free[rows, desk] = left
                if n >= skipped:
                    took[n - skipped] = left - now
            skipped = 0
            yield took.ravel(), np.tile(rows, steps)

    return _until_sure(chunks(), runs, most, within)


def simulated_pages(
    processors: Station, pool: Station, trips: float, mounts: int, most: int = 120_000, seed: int = 7
) -> Simulated:
    """Whole pages: ``mounts`` visits to the processors, then ``trips`` to the pool, one after the other; ms.

    The visits of one page are not independent: a pool that is busy for one query still is for the next.
    The pool has its own load whatever ``trips`` is: what takes fewer is timed on its way through pages that
    take as many as the pool's arrivals say, and what takes more comes less often.  Ends when the p99 is known to
    5 %, or with ``most`` pages.
    """
    full = max(trips, pool.arrivals / processors.arrivals)
    rate = pool.arrivals / full if full else processors.arrivals
    busiest = max((processors, pool), key=lambda station: station.utilisation)
    runs, warm = _runs(busiest.utilisation, busiest.scv, most)
    draw = np.random.default_rng(seed)
    rows = np.arange(runs)
    visits = mounts + int(full) + (1 if full % 1 else 0)

    def chunks() -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        at = np.full((runs, 8), math.inf)
        """When each page that is there has its next visit, a run a row."""
        came, done, timed, ends = (np.zeros((runs, 8)) for _ in range(4))
        free = [np.zeros((runs, station.servers)) for station in (processors, pool)]
        arrival = draw.exponential(1000 / rate, runs)
        warming = warm * visits
        steps = max(200, most * visits // 6 // runs)
        while True:
            found: list[Floats] = []
            found_in: list[NDArray[np.int64]] = []
            for step in range(warming + steps):
                slot = at.argmin(axis=1)
                now = at[rows, slot]
                new = arrival <= now
                if new.any():
                    room = at.argmax(axis=1)
                    if not np.isinf(at[rows, room][new]).all():
                        at = np.concatenate([at, np.full(at.shape, math.inf)], axis=1)
                        came, done, timed, ends = (
                            np.concatenate([one, np.zeros(one.shape)], axis=1) for one in (came, done, timed, ends)
                        )
                        room = at.argmax(axis=1)
                    slot, now = np.where(new, room, slot), np.where(new, arrival, now)
                    of, where = rows[new], slot[new]
                    part = draw.random(len(of))
                    came[of, where], done[of, where] = now[new], 0
                    timed[of, where] = mounts + int(trips) + (part < trips - int(trips))
                    ends[of, where] = mounts + int(full) + (part < full - int(full))
                    arrival[new] += draw.exponential(1000 / rate, len(of))
                visited = done[rows, slot]
                if step >= warming:
                    over = visited == timed[rows, slot]
                    found.append((now - came[rows, slot])[over])
                    found_in.append(rows[over])
                going = visited < ends[rows, slot]
                at[rows[~going], slot[~going]] = math.inf
                for which, station in enumerate((processors, pool)):
                    asks = going & ((visited < mounts) == (which == 0))
                    of = rows[asks]
                    if not len(of):
                        continue
                    mine = free[which][of]
                    desk = mine.argmin(axis=1)
                    left = np.maximum(now[asks], mine[np.arange(len(of)), desk]) + _services(station, len(of), draw)
                    free[which][of, desk] = left
                    at[of, slot[asks]] = left
                    done[of, slot[asks]] += 1
            warming = 0
            yield np.concatenate(found), np.concatenate(found_in)

    return _until_sure(chunks(), runs, most)


def pages(processors: Station, pool: Station, trips: float, mounts: int, count: int = 12_000, seed: int = 7) -> Floats:
    """The times of :func:`simulated_pages`, of at most about ``count`` pages."""
    return simulated_pages(processors, pool, trips, mounts, count, seed).times


def compare(
    servers: int,
    utilisation: float,
    scv: float,
    customers: int = 2_000_000,
    seed: int = 7,
    shape: ServiceShape = "gamma",
) -> Compared:
    """One cell: service of mean 10 ms, Poisson arrivals, until the p99 is known to 2 % or ``customers`` were served."""
    station = Station(servers, utilisation * servers * 100, 10.0, scv, shape=shape)
    approximation = analytic_quantile(station)
    found = float(np.quantile(simulated(station, customers, seed, within=GRID_WITHIN).times, 0.99))
    return Compared(shape, servers, utilisation, scv, approximation, found, approximation / found - 1)


GRID_WITHIN = 0.02
"""The error at 95 % confidence of a cell of the grid: its standard deviation is about 1 %."""


def compare_grid(
    customers: int = 2_000_000,
    servers: Iterable[int] = GRID_SERVERS,
    utilisations: Iterable[float] = GRID_UTILISATION,
    variations: Iterable[float] = GRID_SCV,
    shapes: Iterable[ServiceShape] = ("gamma", "lognormal"),
    told: Callable[[Compared], None] = lambda cell: None,
) -> tuple[Compared, ...]:
    """Every cell, up to four times ``customers`` where a busy queue forgets slowly."""
    cells = []
    for shape, count, utilisation, scv in itertools.product(shapes, servers, utilisations, variations):
        enough = int(customers * (4 if utilisation > 0.8 else 1))
        cells.append(compare(count, utilisation, scv, enough, shape=shape))
        told(cells[-1])
    return tuple(cells)


def as_csv(cells: Iterable[Compared]) -> str:
    """The grid as ``data/validity.csv`` carries it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["shape", "servers", "utilisation", "scv", "approximation_ms", "simulation_ms", "error"])
    for cell in cells:
        writer.writerow(
            [
                cell.shape,
                cell.servers,
                cell.utilisation,
                cell.scv,
                f"{cell.approximation_ms:.3f}",
                f"{cell.simulation_ms:.3f}",
                f"{cell.error:.4f}",
            ]
        )
    return out.getvalue()
