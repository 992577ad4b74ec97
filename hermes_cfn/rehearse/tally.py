"""What the load saw: sent, failed and why, latency by window, and the interruption."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from hermes_cfn.rehearse.load import SLOW_S

Span = tuple[float, float]
Row = tuple[float, float, str, str, str]
"""Appointed epoch second, latency in seconds, kind, outcome, release."""

ASKED_S = {"slow": SLOW_S}
"""Kind of request -> seconds that it asks the application to take."""


@dataclass(frozen=True, slots=True)
class Window:
    """Latencies of one window of time, in seconds."""

    sent: int
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Second:
    """What became of the requests appointed within the second that begins at ``at``; latencies in seconds."""

    at: float
    sent: int
    failed: int
    p50_s: float
    p99_s: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values; 0 when there are none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Tally:
    """A whole load: rows of (appointed epoch second, latency s, kind, outcome, release)."""

    seed: int
    reconnected: int
    samples: tuple[Row, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Tally:
        """From what ``hermes_cfn.rehearse.load`` prints."""
        rows = tuple((row[0], row[1], row[2], row[3], row[4]) for row in sorted(document["samples"]))
        return cls(document["seed"], document["reconnected"], rows)

    @property
    def sent(self) -> int:
        return len(self.samples)

    @property
    def failed(self) -> int:
        return sum(1 for sample in self.samples if sample[3] != "ok")

    @property
    def failed_by_reason(self) -> dict[str, int]:
        return dict(Counter(sample[3] for sample in self.samples if sample[3] != "ok").most_common())

    def failed_outside(
        self, windows: Sequence[Span], of_kind: Mapping[str, Sequence[Span]] = MappingProxyType({})
    ) -> tuple[Row, ...]:
        """The failures of requests that were not under way within any of these spans of epoch seconds.

        ``of_kind``: further spans for the requests of a kind.
        """
        return tuple(
            (at, latency, kind, outcome, release)
            for at, latency, kind, outcome, release in self.samples
            if outcome != "ok"
            and not any(at <= end and at + latency >= begin for begin, end in (*windows, *of_kind.get(kind, ())))
        )

    def first_good(self) -> float:
        """Epoch second at which the first good answer was there; infinite without one."""
        return min(
            (at + latency for at, latency, _, outcome, _ in self.samples if outcome == "ok"), default=float("inf")
        )

    def answered_after(self, moment: float, kind: str) -> float | None:
        """Seconds from an epoch second to the first good answer to a request of ``kind`` that arrived since; None without one."""
        good = (at + latency for at, latency, what, outcome, _ in self.samples if what == kind and outcome == "ok")
        return min((ended - moment for ended in good if ended >= moment), default=None)

    @property
    def releases(self) -> dict[str, int]:
        """How many answers each release gave."""
        return dict(Counter(sample[4] for sample in self.samples if sample[4]))

    @property
    def interruption_s(self) -> float:
        """Seconds from the first to the last failure of the longest run of seconds in which nothing was answered well.

        Pages that need the database say nothing about the service that it takes with it, and are left out.
        """
        longest = 0.0
        begun: float | None = None
        for at, latency, kind, outcome, _ in self.samples:
            if kind == "page":
                continue
            if outcome == "ok":
                begun = None
            else:
                begun = at if begun is None else begun
                longest = max(longest, at + latency - begun)
        return longest

    def seconds(self, origin: float) -> tuple[Second, ...]:
        """Second by second from an epoch second on; ``at`` counts from there."""
        last = max((int(row[0] - origin) for row in self.samples), default=-1)
        found = []
        for at in range(last + 1):
            rows = [row for row in self.samples if origin + at <= row[0] < origin + at + 1]
            good = sorted(max(0.0, row[1] - ASKED_S.get(row[2], 0.0)) for row in rows if row[3] == "ok")
            failed = len(rows) - len(good)
            found.append(Second(float(at), len(rows), failed, percentile(good, 0.5), percentile(good, 0.99)))
        return tuple(found)

    def window(self, begin: float, end: float) -> Window:
        """Latency of the requests appointed within [begin, end), epoch seconds.

        Those that ask the application to take its time are counted without the time they ask for.
        """
        latencies = sorted(
            max(0.0, row[1] - ASKED_S.get(row[2], 0.0))
            for row in self.samples
            if begin <= row[0] < end and row[3] == "ok"
        )
        return Window(
            sum(1 for row in self.samples if begin <= row[0] < end),
            percentile(latencies, 0.5),
            percentile(latencies, 0.99),
            latencies[-1] if latencies else 0.0,
        )


class LoadProcess:
    """The load as a process of its own; it ends when its standard input does, also if we die."""

    def __init__(
        self,
        address: str,
        *,
        server_name: str,
        tls: bool,
        rate: float,
        sockets: int = 0,
        pages: float = 0.0,
        seed: int = 1,
        at_most_s: float = 600.0,
        idle: Sequence[float] = (),
        profile: str = "",
    ) -> None:
        """``profile``: JSON ``[[method, path, weight], …]`` instead of the stand-in's mix."""
        command = [
            *(sys.executable, "-m", "hermes_cfn.rehearse.load", "--address", address, "--server-name", server_name),
            *("--rate", str(rate), "--sockets", str(sockets), "--seed", str(seed), "--at-most", str(at_most_s)),
            *("--pages", str(pages)),
            *(word for timeout_s in idle for word in ("--idle", str(timeout_s))),
            *(["--tls"] if tls else []),
            *(["--profile"] if profile else []),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if profile and self._process.stdin is not None:
            self._process.stdin.write(f"{profile}\n")
            self._process.stdin.flush()

    def stop(self) -> Tally:
        """End the load, wait for requests under way, and read what it saw."""
        written, _ = self._process.communicate()
        return Tally.of(json.loads(written))

    def kill(self) -> None:
        """End it at once and forget what it saw."""
        self._process.kill()
        self._process.communicate()
