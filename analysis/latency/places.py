"""Places and the round-trip times between them.

A pair's time is measured (with its source) or, where nothing was measured, light in fibre
over the great circle times a stretch factor that is fitted to the measured pairs.  Every
answer says which.  Times in milliseconds, distances in kilometres.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from analysis.data import rows
from hermes_cfn.errors import ExitCode, Finding, HermesError

FIBRE_KM_PER_MS = 204.2
"""Light in fibre, one way: c over a group index of 1.468 (ITU-T G.652 fibre at 1550 nm)."""
EARTH_RADIUS_KM = 6371.0088
LOCAL_RTT_MS = 1.0
"""Between two machines of one metropolitan area (blog.gonzaleztroyano.es on RIPE Atlas: about 1 ms in Madrid)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A city where users or a database are, or a region where machines are."""

    key: str
    name: str
    country: str
    latitude: float
    longitude: float
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """``ms`` there and back; ``low``/``high`` what the fit allows; ``basis``: measured, fitted, local or probed."""

    ms: float
    low: float
    high: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured pair of cities."""

    a: str
    b: str
    ms: float
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Stretch of real round trips over the fibre floor: least squares through the origin, and its observed range."""

    stretch: float
    low: float
    high: float
    shortest_km: float
    longest_km: float
    pairs: int


@cache
def places() -> Mapping[str, Place]:
    """All known places by key."""
    return {
        row["key"]: Place(
            row["key"],
            row["name"],
            row["country"],
            float(row["latitude"]),
            float(row["longitude"]),
            row["kind"],
            row["source"],
        )
        for row in rows("places.csv")
    }


@cache
def measured() -> tuple[Measured, ...]:
    """All measured pairs."""
    return tuple(
        Measured(row["a"], row["b"], float(row["rtt_ms"]), row["as_of"], f"{row['source']} ({row['note']})")
        for row in rows("rtt.csv")
    )


def place(name: str) -> Place:
    """The place with that key or name, in any case.

    Raises :class:`HermesError` code ``place-unknown`` that offers the nearest known ones.
    """
    wanted = name.strip().casefold()
    for known in places().values():
        if wanted in (known.key, known.name.casefold()):
            return known
    names = {known.key: known for known in places().values()} | {
        known.name.casefold(): known for known in places().values()
    }
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.4)
    offered = list(dict.fromkeys(names[key].key for key in near)) or [
        key for key, known in places().items() if known.kind == "city"
    ]
    raise HermesError(
        Finding(
            "place-unknown",
            name,
            "is not a place whose distance is known",
            why="a round-trip time would be a guess",
            next=f"use one of {', '.join(offered)}",
        ),
        exit_code=ExitCode.USAGE,
    )


def distance_km(a: Place, b: Place) -> float:
    """Great circle (haversine)."""
    phi_a, phi_b = math.radians(a.latitude), math.radians(b.latitude)
    half = (
        math.sin((phi_b - phi_a) / 2) ** 2
        + math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(b.longitude - a.longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def floor_ms(a: Place, b: Place) -> float:
    """The least that fibre allows, there and back."""
    return 2 * distance_km(a, b) / FIBRE_KM_PER_MS


@cache
def fit() -> Fit:
    """The stretch factor over all measured pairs."""
    floors = [floor_ms(place(pair.a), place(pair.b)) for pair in measured()]
    times = [pair.ms for pair in measured()]
    stretches = [time / floor for time, floor in zip(times, floors, strict=True)]
    distances = [floor * FIBRE_KM_PER_MS / 2 for floor in floors]
    return Fit(
        stretch=sum(t * f for t, f in zip(times, floors, strict=True)) / sum(f * f for f in floors),
        low=min(stretches),
        high=max(stretches),
        shortest_km=min(distances),
        longest_km=max(distances),
        pairs=len(times),
    )


def _site(known: Place) -> tuple[float, float]:
    return round(known.latitude, 2), round(known.longitude, 2)


def rtt(a: str, b: str, probed: Mapping[tuple[str, str], float] | None = None) -> RoundTrip:
    """The round trip between two places, milliseconds.

    ``probed`` (from :mod:`analysis.latency.probe`, keyed by the pair in either order) goes before the
    table, the table before the fit.  Raises :class:`HermesError` for an unknown place.
    """
    one, other = place(a), place(b)
    for pair in ((one.key, other.key), (other.key, one.key)):
        if probed and pair in probed:
            return RoundTrip(probed[pair], probed[pair], probed[pair], "probed", "analysis probe")
    if _site(one) == _site(other):
        return RoundTrip(LOCAL_RTT_MS, 0.5, 2.0, "local", "assumption: one metropolitan area, about 1 ms")
    sites = {_site(one), _site(other)}
    for known in measured():
        if {_site(place(known.a)), _site(place(known.b))} == sites:
            return RoundTrip(known.ms, known.ms * 0.95, known.ms * 1.05, "measured", f"{known.source}, {known.as_of}")
    floor, stretch = floor_ms(one, other), fit()
    kilometres = distance_km(one, other)
    beyond = not stretch.shortest_km <= kilometres <= stretch.longest_km
    source = (
        f"fibre floor {floor:.1f} ms over {kilometres:.0f} km x {stretch.stretch:.2f} "
        f"(fitted to {stretch.pairs} measured pairs, {stretch.low:.2f} to {stretch.high:.2f}"
    )
    source += (
        f"; outside the fitted {stretch.shortest_km:.0f} to {stretch.longest_km:.0f} km, so less sure)"
        if beyond
        else ")"
    )
    least = floor if beyond else floor * stretch.low
    return RoundTrip(
        floor * stretch.stretch,
        least,
        floor * stretch.high,
        "extrapolated" if beyond else "fitted",
        source,
    )


@dataclass(frozen=True, slots=True)
class Access:
    """A kind of last mile: median round trip in ms, and the sigma of its logarithm."""

    key: str
    name: str
    rtt_ms: float
    spread: float
    basis: str
    source: str


@cache
def access_networks() -> Mapping[str, Access]:
    """Last miles by key; all are assumptions, labelled so."""
    return {
        row["key"]: Access(
            row["key"], row["name"], float(row["rtt_ms"]), float(row["spread"]), row["basis"], row["source"]
        )
        for row in rows("access.csv")
    }


def access(key: str) -> Access:
    """One kind of last mile.  Raises :class:`HermesError` code ``access-unknown``."""
    found = access_networks().get(key)
    if found is None:
        raise HermesError(
            Finding(
                "access-unknown", key, "is not a known access network", next=f"one of {', '.join(access_networks())}"
            ),
            exit_code=ExitCode.USAGE,
        )
    return found


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights made to sum to one."""
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()}
