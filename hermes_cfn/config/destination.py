"""Where instances may open connections to: ``6379``, ``8000-8100``, ``8125/udp``, ``10.9.0.0/16:5432``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

_WORDS = re.compile(
    r"(?:(?P<range>[0-9a-fA-F:.]+(?:/\d+)?):)?(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?(?:/(?P<protocol>tcp|udp))?"
)
FORM = '6379, 587, "8000-8100", "8125/udp" or "10.9.0.0/16:5432"'


@dataclass(frozen=True, slots=True)
class Destination:
    """Ports ``first`` to ``last`` of ``protocol``, in ``network`` or, where that is None, anywhere."""

    first: int
    last: int
    protocol: str = "tcp"
    network: IPv4Network | IPv6Network | None = None

    def admits(self, port: int, host: str = "", protocol: str = "tcp") -> bool:
        """Whether a connection to ``port`` of ``host`` goes out by this; what a name resolves to nobody knows here."""
        if protocol != self.protocol or not self.first <= port <= self.last:
            return False
        try:
            address = ip_address(host)
        except ValueError:
            return True
        return self.network is None or address in self.network


def read(text: str) -> Destination:
    """A destination as ``hermes.toml`` writes it.  Raises ValueError with what is wrong and how it is written."""
    words = _WORDS.fullmatch(text)
    if words is None:
        raise ValueError(f"{text!r} is not a destination; write {FORM}")
    first = int(words["first"])
    last = int(words["last"] or first)
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"{text!r} has no such ports: they go from 1 to 65535, the smaller one first")
    network = None
    if words["range"]:
        try:
            network = ip_network(words["range"])
        except ValueError as error:
            raise ValueError(f"{error}; write {FORM}") from error
    return Destination(first, last, words["protocol"] or "tcp", network)


def spelled(values: Any) -> Any:
    """The same list with whole numbers as texts; anything else as it is, for the type to refuse."""
    if not isinstance(values, list | tuple):
        return values
    return tuple(str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in values)
