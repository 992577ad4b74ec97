"""One station: several servers, one queue, first come first served.

Erlang C (Erlang 1917) for Poisson arrivals and exponential service; Allen–Cunneen (Allen,
*Probability, Statistics and Queueing Theory*, 1990) scales its waiting for general times;
the tail of the waiting is taken as exponential.  Service times have the mean and squared
variation given, and are lognormal (the heavier tail) or gamma distributed (exponential at 1);
constant at 0.

The approximation is claimed only where the measured grid ``data/validity.csv``
(``python -m analysis sizing --compare``) has its p99 within 8 % of simulation, itself known to 2 %; elsewhere
simulation answers, and the answer says so.  Times in milliseconds, rates a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hermes_cfn.config.planning import ServiceShape
from hermes_cfn.errors import ExitCode, Finding, HermesError

from ..data import rows

Floats = NDArray[np.float64]
WITHIN = 0.10
"""What is claimed of the approximation's p99."""
MEASURED_WITHIN = 0.08
"""The error of a measured cell up to which that is claimed: a cell is itself known to 2 %."""
_POINTS = 4000


@dataclass(frozen=True, slots=True)
class Station:
    """``servers`` of mean ``service_ms`` and squared variation ``scv``, fed ``arrivals`` a second."""

    servers: int
    arrivals: float
    service_ms: float
    scv: float
    arrivals_scv: float = 1.0
    shape: ServiceShape = "gamma"

    def __post_init__(self) -> None:
        wrong = [
            f"{name} is {value:g}"
            for name, value, least in (
                ("servers", self.servers, 1),
                ("arrivals a second", self.arrivals, 0),
                ("service time in ms", self.service_ms, 0),
                ("squared variation", self.scv, 0),
            )
            if not (math.isfinite(value) and value >= least)
        ]
        if wrong:
            raise HermesError(
                Finding(
                    "load-impossible",
                    "sizing",
                    ", ".join(wrong),
                    why="no station has such a load",
                    next="give figures that are finite and not negative, and at least one server",
                ),
                exit_code=ExitCode.USAGE,
            )

    @property
    def offered(self) -> float:
        """Erlangs."""
        return self.arrivals * self.service_ms / 1000

    @property
    def utilisation(self) -> float:
        """0 idle, 1 saturated; more cannot be served."""
        return self.offered / self.servers

    @property
    def capacity(self) -> float:
        """Arrivals a second at which it saturates."""
        return math.inf if self.service_ms == 0 else self.servers * 1000 / self.service_ms


def erlang_c(servers: int, offered: float) -> float:
    """The share of arrivals that wait; 1 when saturated (recursion of Erlang B, numerically stable)."""
    if offered >= servers:
        return 1.0
    if offered <= 0:
        return 0.0
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def waits(station: Station) -> tuple[float, float]:
    """The share of arrivals that wait, and the mean wait in ms of those (infinite when saturated)."""
    share = erlang_c(station.servers, station.offered)
    if station.utilisation >= 1:
        return 1.0, math.inf
    if station.arrivals == 0 or station.service_ms == 0:
        return 0.0, 0.0
    spread = (station.arrivals_scv + station.scv) / 2
    return share, spread * station.service_ms / (station.servers * (1 - station.utilisation))


@cache
def _unit_service(scv: float, kind: ServiceShape) -> Floats:
    """Quantiles of service of mean one, at midpoints of equal shares; gamma's are integrated on a logarithmic grid."""
    if scv == 0:
        return np.ones(_POINTS)
    if kind == "lognormal":
        sigma2 = math.log(1 + scv)
        normal = NormalDist(-sigma2 / 2, math.sqrt(sigma2))
        return np.exp([normal.inv_cdf((n + 0.5) / _POINTS) for n in range(_POINTS)])
    shape = 1 / scv
    x = np.logspace(-9 * max(1.0, scv), math.log10(60 * max(1.0, scv)), 60_001)
    log_density = (shape - 1) * np.log(x) - x / scv - shape * math.log(scv) - math.lgamma(shape)
    mass = np.exp(log_density) * x
    steps = np.diff(np.log(x)) * (mass[1:] + mass[:-1]) / 2
    share = np.concatenate([[0.0], np.cumsum(steps)])
    share /= share[-1]
    return np.interp((np.arange(_POINTS) + 0.5) / _POINTS, share, x)


def service_quantiles(mean_ms: float, scv: float, shape: ServiceShape = "gamma") -> Floats:
    """4,000 equally likely service times, milliseconds."""
    return mean_ms * _unit_service(round(scv, 6), shape)


def analytic_quantile(station: Station, q: float = 0.99) -> float:
    """The ``q`` quantile of waiting plus service by the approximation, ms; infinite when saturated."""
    share, mean_wait = waits(station)
    if math.isinf(mean_wait):
        return math.inf
    service = service_quantiles(station.service_ms, station.scv, station.shape)
    if mean_wait == 0:
        return float(np.quantile(service, q))
    low, high = 0.0, float(service[-1] + mean_wait * 50)
    for _ in range(60):
        middle = (low + high) / 2
        left = middle - service
        above = np.where(left <= 0, 1.0, share * np.exp(-np.maximum(left, 0) / mean_wait))
        low, high = (middle, high) if above.mean() > 1 - q else (low, middle)
    return (low + high) / 2


def draws(station: Station, draw: np.random.Generator, count: int) -> Floats:
    """``count`` response times by the approximation, ms."""
    share, mean_wait = waits(station)
    service = service_quantiles(station.service_ms, station.scv, station.shape)
    times = service[draw.integers(0, len(service), count)]
    if mean_wait == 0 or math.isinf(mean_wait):
        return times if mean_wait == 0 else np.full(count, math.inf)
    return times + np.where(draw.random(count) < share, draw.exponential(mean_wait, count), 0.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell of the measured grid; ``error`` is (approximation - simulation) / simulation at p99."""

    shape: ServiceShape
    servers: int
    utilisation: float
    scv: float
    approximation_ms: float
    simulation_ms: float
    error: float


@cache
def grid() -> tuple[Compared, ...]:
    """The measured grid as carried with the project."""
    return tuple(
        Compared(
            "lognormal" if row["shape"] == "lognormal" else "gamma",
            int(row["servers"]),
            float(row["utilisation"]),
            float(row["scv"]),
            float(row["approximation_ms"]),
            float(row["simulation_ms"]),
            float(row["error"]),
        )
        for row in rows("validity.csv")
    )


def claimed(station: Station) -> bool:
    """Whether the approximation is claimed: every grid cell around the station is within 8 %.

    The corners are the nearest measured values on either side of servers, utilisation and
    variation; a station outside the grid is not claimed, except at less than its least utilisation.
    """
    cells = {(cell.servers, cell.utilisation, cell.scv): cell.error for cell in grid() if cell.shape == station.shape}
    axes = [sorted({key[n] for key in cells}) for n in range(3)]
    wanted = (station.servers, max(station.utilisation, axes[1][0]), station.scv)
    corners: list[list[float]] = []
    for value, axis in zip(wanted, axes, strict=True):
        if not axis[0] <= value <= axis[-1]:
            return False
        corners.append([max(a for a in axis if a <= value), min(a for a in axis if a >= value)])
    return all(
        abs(cells[int(servers), utilisation, scv]) <= MEASURED_WITHIN
        for servers in corners[0]
        for utilisation in corners[1]
        for scv in corners[2]
    )
