"""How long a request takes as its user sees it, part by part.

A *warm* message travels on an open WebSocket: one client round trip.  A *cold* page pays
TCP (RFC 9293), TLS 1.3 (RFC 8446: one round trip) and HTTP: three, and a name lookup.  The
first *live* load pays the cold page, then a new connection for the WebSocket and its join:
four more, and mounts twice (Phoenix.LiveView: "mount is invoked twice"), so its queries
double.  Behind an edge the set-up ends there and one round trip goes on to the region over
a connection that is already open.  A first page then waits for its static files: over the open
connection, from an edge's cache where it comes through one, or from an edge of their own, which
costs a name lookup and a connection first.

Each query is one database round trip and its execution; a transaction adds two (BEGIN,
COMMIT).  All times in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import ExitCode, Finding, HermesError

from .places import Probed, RoundTrip, access, distance_km, place, places, rtt, shares

Floats = NDArray[np.float64]
Sampler = Callable[[np.random.Generator, int], Floats]

BACKBONE_SPREAD = 0.08
"""Sigma of the logarithm of a round trip between data centres or along an operator's backbone: assumption."""

INITIAL_WINDOW_BYTES = 14_600
"""What a new connection sends before it waits for an answer: ten segments of 1,460 bytes (RFC 6928)."""

EDGES: Mapping[str, tuple[str, ...]] = {
    "": (),
    "cloudfront": (
        *("madrid", "barcelona", "lisbon", "paris", "frankfurt", "london", "milan", "dublin", "amsterdam"),
        *("new-york", "washington", "chicago", "san-francisco", "los-angeles", "toronto", "sao-paulo"),
        *("sydney", "singapore", "tokyo", "mumbai"),
    ),
    "fly": tuple(key for key in places() if key.startswith("fly-")),
}
"""Where set-up ends.  CloudFront: assumption, cities of its points of presence among the known ones.
Fly.io's proxy: its regions among the known places (superfly/docs reference/regions.mdx), all gateways."""


class Interaction(StrEnum):
    """What the user does."""

    WARM = "warm"
    COLD = "cold"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Shape:
    """Client round trips of an interaction: ``setup`` may end at an edge, ``exchange`` may not.

    A ``first`` one waits for static files as well; they are no part of :attr:`client`.
    """

    setup: int
    exchange: int
    lookup: bool
    mounts: int
    first: bool = True

    @property
    def client(self) -> int:
        return self.setup + self.exchange


SHAPES: Mapping[Interaction, Shape] = {
    Interaction.WARM: Shape(setup=0, exchange=1, lookup=False, mounts=1, first=False),
    Interaction.COLD: Shape(setup=2, exchange=1, lookup=True, mounts=1),
    Interaction.LIVE: Shape(setup=4, exchange=3, lookup=True, mounts=2),
}


@dataclass(frozen=True, slots=True)
class Home:
    """Where the machines are and where connections end.  ``edge`` and ``assets`` are keys of :data:`EDGES`;
    ``assets`` is an edge of their own for static files."""

    region: str
    edge: str = ""
    assets: str = ""

    @classmethod
    def of(cls, region: str) -> Home:
        """A region with its usual edge: Fly.io's proxy for its regions, none for AWS's."""
        return cls(region, "fly" if region.startswith("fly-") else "")


@dataclass(frozen=True, slots=True)
class Composition:
    """A request's parts in milliseconds, means; they add up to ``total``."""

    lookup: float
    setup: float
    exchange: float
    balancer: float
    service: float
    database: float
    assets: float = 0.0

    @property
    def total(self) -> float:
        return self.lookup + self.setup + self.exchange + self.balancer + self.service + self.database + self.assets

    def as_dict(self) -> dict[str, float]:
        parts = {name: getattr(self, name) for name in self.__slots__}
        return {**parts, "total": self.total}


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What users see, milliseconds, over cities and last miles."""

    p50: float
    p99: float
    mean: float


@dataclass(frozen=True, slots=True)
class BreakEven:
    """How ``near`` and ``far`` compare over the database round trips of one interaction, in means.

    ``gain_ms`` is how much faster ``near`` is without any, ``loss_ms_a_query`` how much slower by each; ``queries``
    is where both take equally long, None where that is at no number above 0.
    """

    queries: float | None
    near: str
    far: str
    database: str
    gain_ms: float
    loss_ms_a_query: float

    @property
    def near_wins_below(self) -> bool:
        """Whether ``near`` is the faster one without any round trip to the database."""
        return self.gain_ms > 0 or (self.gain_ms == 0 and self.loss_ms_a_query < 0)

    def wins(self, queries: float) -> bool:
        """Whether ``near`` is the faster one at a number of database round trips."""
        return self.gain_ms - self.loss_ms_a_query * queries > 0

    @property
    def cell(self) -> str:
        """For a table of the numbers at which ``near`` wins."""
        if self.queries is None:
            return "always" if self.near_wins_below else "never"
        return f"up to {self.queries:.1f}" if self.near_wins_below else f"from {self.queries:.1f}"

    def __str__(self) -> str:
        if self.queries is None:
            return f"{self.near} wins at {'any' if self.near_wins_below else 'no'} number of database round trips"
        return f"{self.near} wins {self.cell} database round trips"


def interactions(planning: Planning) -> tuple[Interaction, ...]:
    """What its users do: without open sockets nobody has a live page or sends a message over one."""
    return tuple(Interaction) if planning.sockets else (Interaction.COLD,)


def database_trips(planning: Planning, interaction: Interaction) -> float:
    """Sequential database round trips of one interaction."""
    mounts = SHAPES[interaction].mounts
    if interaction is Interaction.WARM:
        return planning.queries_per_message
    return mounts * planning.queries_per_page + 2 * planning.transactions_per_page


def slow_start_rounds(response_kib: float) -> int:
    """Round trips that a new connection needs for a response beyond the one that asks for it: its window doubles with
    each (RFC 5681), and nothing gets lost."""
    return max(0, math.ceil(math.log2(response_kib * 1024 / INITIAL_WINDOW_BYTES + 1)) - 1)


def more_rounds(planning: Planning, shape: Shape) -> int:
    """Rounds of slow start of one interaction: a page on each connection that it opens, and none for a message on an
    open one."""
    return slow_start_rounds(planning.response_kib) * shape.mounts if shape.first else 0


def nearest_edge(city: str, edge: str, probed: Probed = None) -> str:
    """The place of ``edge`` with the shortest round trip.  Raises :class:`HermesError` for an unknown kind of edge."""
    sites = EDGES.get(edge)
    if not sites:
        raise HermesError(
            Finding("edge-unknown", edge, "is not a known edge", next=f"one of {', '.join(k for k in EDGES if k)}"),
            exit_code=ExitCode.USAGE,
        )
    return min(sites, key=lambda site: rtt(city, site, probed).ms)


def paths(city: str, home: Home, probed: Probed = None) -> tuple[float, float]:
    """Backbone milliseconds of one set-up round trip and of one exchange, without the last mile."""
    if not home.edge:
        direct = rtt(city, home.region, probed).ms
        return direct, direct
    site = nearest_edge(city, home.edge, probed)
    to_edge = rtt(city, site, probed).ms
    return to_edge, to_edge + rtt(site, home.region, probed).ms


CACHES = ("cloudfront",)
"""Edges that keep static files; Fly.io's proxy passes them on."""


def asset_trips(planning: Planning, home: Home, shape: Shape) -> tuple[int, int, bool]:
    """Round trips that a first page's static files take: to an edge that has them, to the region, and whether a
    name is looked up for them."""
    if not shape.first or not planning.asset_rounds:
        return 0, 0, False
    if home.assets:
        return planning.asset_rounds + 2, 0, True
    return (planning.asset_rounds, 0, False) if home.edge in CACHES else (0, planning.asset_rounds, False)


def compose(
    planning: Planning,
    home: Home,
    interaction: Interaction,
    service_ms: float,
    queries: float | None = None,
    probed: Probed = None,
) -> Composition:
    """Mean parts over the mix of users.

    ``service_ms`` is queueing and service on the instances; ``queries`` replaces the
    section's database round trips.
    """
    shape = SHAPES[interaction]
    at_edge, at_region, named = asset_trips(planning, home, shape)
    setup = exchange = near = 0.0
    for city, share in shares(planning.users).items():
        one_setup, one_exchange = paths(city, home, probed)
        setup += share * one_setup
        exchange += share * one_exchange
        near += share * _to_assets(city, home, probed) if at_edge else 0.0
    last_mile = sum(share * _mean_access(kind) for kind, share in shares(planning.access).items())
    trips = database_trips(planning, interaction) if queries is None else queries
    to_database = rtt(home.region, planning.database, probed).ms
    return Composition(
        lookup=(last_mile + planning.dns_ms) if shape.lookup else 0.0,
        setup=(shape.setup + more_rounds(planning, shape)) * (setup + last_mile),
        exchange=shape.exchange * (exchange + last_mile),
        balancer=planning.balancer_ms * shape.exchange,
        service=service_ms * shape.mounts,
        database=trips * (to_database + planning.query_ms),
        assets=at_edge * (near + last_mile)
        + at_region * (exchange + last_mile + planning.balancer_ms)
        + (last_mile + planning.dns_ms if named else 0.0),
    )


def _to_assets(city: str, home: Home, probed: Probed) -> float:
    """Backbone milliseconds to the edge that has the static files."""
    return rtt(city, nearest_edge(city, home.assets or home.edge, probed), probed).ms


def _mean_access(kind: str) -> float:
    known = access(kind)
    return known.rtt_ms * math.exp(known.spread**2 / 2)


def users_see(
    planning: Planning,
    home: Home,
    interaction: Interaction,
    inside: Sampler,
    *,
    samples: int = 20_000,
    seed: int = 1,
    probed: Probed = None,
) -> Percentiles:
    """p50 and p99 over users, last miles, jitter and the machines, by seeded sampling.

    A round trip's spread is in part the user's own line and route, the same for all round trips of a visit, and in part
    another for each (``planning.jitter_own``): the sum of several is neither the sum of their p99s nor as narrow as if
    nothing joined them.  ``inside`` draws what happens behind the load balancer, milliseconds: queueing, service and
    database (:func:`analysis.sizing.fleet.inside`).  The spread of round trips is an assumption:
    only means are known.
    """
    draw = np.random.default_rng(seed)
    shape = SHAPES[interaction]
    cities = shares(planning.users)
    chosen = draw.choice(len(cities), size=samples, p=list(cities.values()))
    by_city = np.array([paths(city, home, probed) for city in cities])
    kinds = shares(planning.access)
    which = draw.choice(len(kinds), size=samples, p=list(kinds.values()))
    medians = np.array([access(kind).rtt_ms for kind in kinds])[which]
    spreads = np.array([access(kind).spread for kind in kinds])[which]
    at_edge, at_region, named = asset_trips(planning, home, shape)
    near = np.array([_to_assets(city, home, probed) if at_edge else 0.0 for city in cities])[chosen]
    own = math.sqrt(planning.jitter_own)
    line, route = own * draw.standard_normal(samples), own * draw.standard_normal(samples)

    def trips(number: int, way: Floats | None) -> Floats:
        """``number`` round trips over ``way`` and the last mile, or over the last mile alone, one after the other."""
        total = np.zeros(samples)
        each = math.sqrt(1 - planning.jitter_own)
        for _ in range(number):
            total += medians * np.exp(spreads * (line + each * draw.standard_normal(samples)))
            if way is not None:
                total += way * np.exp(BACKBONE_SPREAD * (route + each * draw.standard_normal(samples)))
        return total

    to_setup, to_region = by_city[chosen, 0], by_city[chosen, 1]
    total = trips(shape.setup + more_rounds(planning, shape), to_setup) + trips(shape.exchange + at_region, to_region)
    total += trips(at_edge, near) + trips(int(shape.lookup) + int(named), None)
    total += planning.dns_ms * (int(shape.lookup) + int(named)) + planning.balancer_ms * (shape.exchange + at_region)
    total += inside(draw, samples)
    return Percentiles(float(np.quantile(total, 0.5)), float(np.quantile(total, 0.99)), float(total.mean()))


def mean_rtt(planning: Planning, region: str, probed: Probed = None) -> float:
    """Round trip from the users to a region, mean over the mix of cities, without the last mile."""
    return sum(share * rtt(city, region, probed).ms for city, share in shares(planning.users).items())


def break_even(
    planning: Planning, interaction: Interaction, near: str, far: str, database: str, probed: Probed = None
) -> BreakEven:
    """Database round trips at which ``near`` and ``far`` take equally long, by :func:`compose` of both.

    A round trip to the database costs either home the same whatever their number is, so the two totals are straight
    lines over it.  Raises :class:`HermesError` for an unknown place.
    """
    plan = planning.model_copy(update={"database": place(database).key})

    def total(region: str, queries: float) -> float:
        return compose(plan, Home.of(region), interaction, planning.service_ms, queries, probed).total

    gain = total(far, 0) - total(near, 0)
    loss = rtt(near, database, probed).ms - rtt(far, database, probed).ms
    queries = gain / loss if loss and gain / loss > 0 else None
    return BreakEven(queries, near, far, database, gain, loss)


DATABASES: tuple[tuple[str, str], ...] = (
    ("madrid", "fly-cdg"),
    ("paris", "fly-cdg"),
    ("frankfurt", "fly-fra"),
    ("dublin", "eu-west-1"),
)
"""Places of a database in Europe, with the far region that would stand beside it (Madrid has none: Paris)."""


def nearest_fly(city: str, probed: Probed = None) -> str:
    """The region of Fly.io with the shortest round trip to a city."""
    return min(EDGES["fly"], key=lambda key: rtt(city, key, probed).ms)


def fly_homes(planning: Planning, near: str, probed: Probed = None) -> tuple[str, ...]:
    """Regions of Fly.io to compare ``near`` with: at the database, nearest to the users, and the guide's two in Europe."""
    users = min(EDGES["fly"], key=lambda key: mean_rtt(planning, key, probed))
    guide = ("fly-cdg", "fly-fra") if near.startswith("eu-") else ()
    return tuple(dict.fromkeys((nearest_fly(planning.database, probed), users, *guide)))


def databases(planning: Planning, near: str, probed: Probed = None) -> tuple[tuple[str, str], ...]:
    """The section's database and others around ``near``, each with the far region that would stand beside it."""
    own = place(planning.database)
    around = DATABASES
    if not near.startswith("eu-"):
        sites = sorted(EDGES["fly"], key=lambda key: distance_km(place(near), place(key)))[:3]
        around = tuple((place(site).name.removeprefix("Fly.io "), site) for site in sites)
    others = tuple(row for row in around if place(row[0]).key != own.key)
    known = next((row for row in around if place(row[0]).key == own.key), (own.key, nearest_fly(own.key, probed)))
    return (known, *others)


def break_evens(planning: Planning, near: str = "eu-south-2", probed: Probed = None) -> tuple[BreakEven, ...]:
    """For each database of :func:`databases` and each interaction."""
    return tuple(
        break_even(planning, interaction, near, far, database, probed)
        for database, far in databases(planning, near, probed)
        for interaction in Interaction
    )


def sources(planning: Planning, home: Home, probed: Probed = None) -> dict[str, RoundTrip]:
    """Every pair that an answer for ``home`` rests on."""
    pairs = {f"{city} – {home.region}": rtt(city, home.region, probed) for city in planning.users}
    pairs[f"{home.region} – database in {planning.database}"] = rtt(home.region, planning.database, probed)
    return pairs
