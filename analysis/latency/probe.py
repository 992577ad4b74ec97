"""Measures from where one sits: the one door of ``analysis`` to the network.

Plain sockets of the standard library.  Polite: one connection at a time, a pause between
runs, at most 50 runs, one small GET each, a name that says what it is.  Name lookup, TCP,
TLS and first byte are timed apart.  The result is stored with its date, and the latency
model takes it before its table.
"""

from __future__ import annotations

import json
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hermes_cfn.errors import ExitCode, Finding, HermesError

from .. import CALLED
from .places import RoundTrip, access, floor_ms, place

MOST_RUNS = 50
AGENT = "hermes-cfn-probe"


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds over the runs."""

    p50: float
    p90: float
    p99: float
    low: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What one URL took, ``runs`` times.  ``tls`` is None for plain HTTP."""

    url: str
    at: str
    runs: int
    failed: int
    lookup: Spread
    tcp: Spread
    tls: Spread | None
    first_byte: Spread


def _refused(url: str, what: str, following: str) -> HermesError:
    return HermesError(Finding("probe-failed", url, what, next=following), exit_code=ExitCode.USAGE)


def quantile(values: Iterable[float], q: float) -> float:
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def _spread(values: list[float]) -> Spread:
    return Spread(quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99), min(values))


def _once(url: str, timeout_s: float, context: ssl.SSLContext | None) -> tuple[float, float, float | None, float]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    begun = time.perf_counter()
    address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    looked_up = time.perf_counter()
    with socket.socket(address[0], address[1]) as plain:
        plain.settimeout(timeout_s)
        plain.connect(address[4])
        connected = time.perf_counter()
        wire: socket.socket = plain
        secured: float | None = None
        if parts.scheme == "https":
            wire = (context or ssl.create_default_context()).wrap_socket(plain, server_hostname=host)
            secured = time.perf_counter()
        with wire:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            asked = time.perf_counter()
            wire.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n".encode()
            )
            if not wire.recv(1):
                raise OSError("the connection was closed without an answer")
            answered = time.perf_counter()
            _drain(wire)
    return (
        (looked_up - begun) * 1000,
        (connected - looked_up) * 1000,
        (secured - connected) * 1000 if secured is not None else None,
        (answered - asked) * 1000,
    )


def _drain(wire: socket.socket) -> None:
    """Read on, so that the other side is not cut off; no more than 64 KiB."""
    left = 65_536
    while left > 0 and (part := wire.recv(min(left, 8192))):
        left -= len(part)


def probe(
    url: str,
    runs: int = 10,
    pause_s: float = 1.0,
    timeout_s: float = 5.0,
    context: ssl.SSLContext | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Probe:
    """Time ``url``.  Raises :class:`HermesError` code ``probe-failed`` for what is no URL or never answers."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise _refused(url, "is not an http or https URL", "give one like https://hermes.example.com/health")
    if not 1 <= runs <= MOST_RUNS:
        raise _refused(url, f"{runs} runs", f"ask for 1 to {MOST_RUNS}")
    took: list[tuple[float, float, float | None, float]] = []
    last = ""
    for run in range(runs):
        if run:
            sleep(pause_s)
        try:
            took.append(_once(url, timeout_s, context))
        except OSError as error:
            last = str(error)
    if not took:
        raise _refused(url, f"never answered in {runs} runs: {last}", "check the address and that it can be reached")
    tls = [part[2] for part in took if part[2] is not None]
    return Probe(
        url,
        datetime.now(UTC).isoformat(timespec="seconds"),
        runs,
        runs - len(took),
        _spread([part[0] for part in took]),
        _spread([part[1] for part in took]),
        _spread(tls) if tls else None,
        _spread([part[3] for part in took]),
    )


def save(path: Path, probes: Mapping[tuple[str, str], Probe], last_mile: str = "") -> None:
    """Write results as JSON, each with the pair of places it stands for.

    ``last_mile`` is the kind of access network it was measured through; empty for none.  Raises
    :class:`HermesError` for an unknown place or network.
    """
    if last_mile:
        access(last_mile)
    content = [
        {"from": place(a).key, "to": place(b).key, "access": last_mile, **asdict(result)}
        for (a, b), result in probes.items()
    ]
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> dict[tuple[str, str], RoundTrip]:
    """Round trips by pair of places, for :func:`analysis.latency.places.rtt`.

    The least TCP set-up of the runs, less the median of the last mile that it went through (the model
    adds the users' own), and never less than light in fibre needs.

    Raises :class:`HermesError` code ``probe-file`` when the file is missing or not one of ours.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {(place(str(entry["from"])).key, place(str(entry["to"])).key): _trip(entry) for entry in content}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HermesError(
            Finding(
                "probe-file",
                str(path),
                f"cannot be used as probe results: {error}",
                next=f"make one: {CALLED} probe URL --from CITY --to PLACE --save FILE",
            ),
            exit_code=ExitCode.USAGE,
        ) from error


def _trip(entry: Mapping[str, Any]) -> RoundTrip:
    kind = str(entry.get("access", ""))
    less = access(kind).rtt_ms if kind else 0.0
    floor = floor_ms(place(str(entry["from"])), place(str(entry["to"])))
    low, high = (max(floor, float(entry["tcp"][key]) - less) for key in ("low", "p90"))
    through = f", less {less:g} ms of {access(kind).name}" if kind else ""
    source = f"probe of {entry['url']} at {entry['at']}, least of {entry['runs']} runs{through}"
    return RoundTrip(low, low, max(low, high), "probed", source)
