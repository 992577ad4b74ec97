"""What the answers assume, and who said so.

The figures are the ``[planning]`` section of ``hermes.toml``
(:class:`hermes_cfn.config.planning.Planning`); this module checks what only a reader of
places can check, and lists every assumption with its source for the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hermes_cfn import config
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import ConfigurationError, Finding

from .current import plan_of
from .latency.places import LOCAL_RTT_MS, access, access_networks, fit, long_haul, measured, place
from .latency.times import BACKBONE_SPREAD, EDGES, INITIAL_WINDOW_BYTES


@dataclass(frozen=True, slots=True)
class Assumption:
    """One figure, where it comes from (stated, default, assumption, measured, fitted, published) and how old it is."""

    name: str
    value: str
    basis: str
    source: str
    as_of: str = ""


def planning(given: Mapping[str, Any]) -> Planning:
    """The section from a mapping.

    Raises :class:`ConfigurationError` with one finding for each wrong key.
    """
    try:
        return checked(Planning.model_validate(given))
    except ValidationError as error:
        raise ConfigurationError.of(
            Finding(
                "planning-invalid",
                "[planning] " + ".".join(str(part) for part in detail["loc"]),
                str(detail["msg"]).removeprefix("Value error, "),
                evidence=repr(detail.get("input")),
                next="mend the key, or leave it out for its default",
            )
            for detail in error.errors()
        ) from error


def checked(section: Planning) -> Planning:
    """``section`` with its places and last miles known.  Raises :class:`HermesError` otherwise."""
    for city in (*section.users, section.database, *filter(None, [section.current_place])):
        place(city)
    for kind in section.access:
        access(kind)
    plan_of(section)
    return section


def read(path: Path | None, environment: str | None = None) -> Settings:
    """The settings of a ``hermes.toml``, or the defaults where there is no file.

    Raises :class:`HermesError` when it cannot be read, is wrong, or names an unknown place.
    """
    settings = config.load(path, environment) if path is not None else Settings()
    checked(settings.planning)
    return settings


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {share:g}" for key, share in value.items())
    return ", ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def ledger(section: Planning) -> tuple[Assumption, ...]:
    """Every assumption behind an answer: the section, the last miles, the measured pairs and their fit."""
    defaults = Planning()
    found = [
        Assumption(
            name,
            _shown(value),
            "default" if value == getattr(defaults, name) else "stated",
            "assumption of this project: replace it in [planning]"
            if value == getattr(defaults, name)
            else "[planning]",
        )
        for name, value in ((name, getattr(section, name)) for name in Planning.model_fields)
    ]
    found += [
        Assumption(f"last mile: {known.name}", f"{known.rtt_ms:g} ms", known.basis, known.source)
        for known in access_networks().values()
        if known.key in section.access
    ]
    found += [
        Assumption(f"round trip {pair.a}–{pair.b}", f"{pair.ms:g} ms", "measured", pair.source, pair.as_of)
        for pair in measured()
    ]
    found += [
        Assumption(
            "round trip within a city",
            f"{LOCAL_RTT_MS:g} ms",
            "assumption",
            "one metropolitan area, about 1 ms (blog.gonzaleztroyano.es, RIPE Atlas)",
        ),
        Assumption(
            "spread of round trips",
            f"{BACKBONE_SPREAD:g}",
            "assumption",
            "sigma of the logarithm; only means and medians are published",
        ),
        Assumption(
            "edge of CloudFront",
            ", ".join(EDGES["cloudfront"]),
            "assumption",
            "cities of its points of presence among the known ones",
        ),
        Assumption(
            "edge of Fly.io",
            ", ".join(EDGES["fly"]),
            "published",
            "superfly/docs reference/regions.mdx: all are gateways; that a connection ends at the nearest is its Anycast, an assumption",
        ),
    ]
    known_fit = fit()
    found.append(
        Assumption(
            "stretch over the fibre floor",
            f"{known_fit.stretch:.2f}, and {known_fit.fixed_ms:.1f} ms; a pair is {known_fit.low:.2f} to {known_fit.high:.2f} of that",
            "fitted",
            f"least squares over {known_fit.pairs} measured pairs of {known_fit.shortest_km:.0f} to "
            f"{known_fit.longest_km:.0f} km",
        )
    )
    far = long_haul()
    found.append(
        Assumption(
            "stretch over the fibre floor, far away",
            f"{far.stretch:.2f}, and {far.fixed_ms:.1f} ms; a pair is {far.low:.2f} to {far.high:.2f} of that",
            "fitted",
            f"least squares over {far.pairs} measured pairs of {far.shortest_km:.0f} to {far.longest_km:.0f} km",
        )
    )
    found.append(
        Assumption(
            "first window of a connection",
            f"{INITIAL_WINDOW_BYTES:,} bytes, doubled each round",
            "published",
            "RFC 6928 and RFC 5681; nothing gets lost, and TLS's own handshake is not counted",
        )
    )
    plan = plan_of(section)
    if plan is not None:
        found.append(
            Assumption(
                f"price of {plan.name}", f"{plan.monthly} {plan.currency} a month", "published", plan.source, plan.as_of
            )
        )
    return tuple(found)
