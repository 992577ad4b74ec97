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
from collections.abc import Callable, Generator, Iterable
from heapq import heappop, heappush, heapreplace
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


def pages(processors: Station, pool: Station, trips: float, mounts: int, count: int = 12_000, seed: int = 7) -> Floats:
    """Times of whole pages: ``mounts`` visits to the processors, then ``trips`` to the pool, one after the other; ms.

    The visits of one page are not independent: a pool that is busy for one query still is for the next.
    The pool has its own load whatever ``trips`` is: what takes fewer is timed on its way through pages that
    take as many as the pool's arrivals say, and what takes more comes less often.
    """
    draw = np.random.default_rng(seed)
    number = count + count // 10
    full = max(trips, pool.arrivals / processors.arrivals)
    rate = pool.arrivals / full if full else processors.arrivals
    came = np.cumsum(draw.exponential(1000 / rate, number)).tolist()
    part = draw.random(number)
    timed, ends = (
        (mounts + int(visits) + (part < visits - int(visits))).tolist() for visits in (float(trips), float(full))
    )
    spent = [
        iter(_services(station, number * most, draw).tolist())
        for station, most in ((processors, mounts), (pool, int(full) + 1))
    ]
    free = [[0.0] * station.servers for station in (processors, pool)]
    took = np.empty(number)
    events = [(at, page, 0) for page, at in enumerate(came)]
    while events:
        now, page, done = heappop(events)
        if done == timed[page]:
            took[page] = now - came[page]
        if done < ends[page]:
            which = 0 if done < mounts else 1
            left = max(now, free[which][0]) + next(spent[which])
            heapreplace(free[which], left)
            heappush(events, (left, page, done + 1))
    return took[count // 10 :]


def compare(
    servers: int,
    utilisation: float,
    scv: float,
    customers: int = 400_000,
    seed: int = 7,
    shape: ServiceShape = "gamma",
) -> Compared:
    """One cell: service of mean 10 ms, Poisson arrivals."""
    station = Station(servers, utilisation * servers * 100, 10.0, scv, shape=shape)
    approximation = analytic_quantile(station)
    simulation = simulated_quantile(station, customers=customers, seed=seed)
    return Compared(shape, servers, utilisation, scv, approximation, simulation, approximation / simulation - 1)


def compare_grid(
    customers: int = 200_000,
    servers: Iterable[int] = GRID_SERVERS,
    utilisations: Iterable[float] = GRID_UTILISATION,
    variations: Iterable[float] = GRID_SCV,
    shapes: Iterable[ServiceShape] = ("gamma", "lognormal"),
    told: Callable[[Compared], None] = lambda cell: None,
) -> tuple[Compared, ...]:
    """Every cell; the busier and the more varied, the longer the run, as its queue forgets more slowly."""
    cells = []
    for shape, count, utilisation, scv in itertools.product(shapes, servers, utilisations, variations):
        enough = int(customers * max(1.0, 0.2 / (1 - utilisation)) ** 2 * max(1.0, (1 + scv) / 2))
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
