"""Where a container's program listens, as the kernel tells it inside of a network namespace: ``/proc/net/tcp``.

Where no container engine makes namespaces, who listens where its container port is published listens on every address of its
container, and whoever listens anywhere else is heard in the container alone.  Format: proc(5).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

LISTEN = "0A"
_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def table(process: int, published: Mapping[tuple[str, int], int]) -> str:
    """The table of ``process``; ``published`` maps where a port is really listened on to the container's port."""
    inodes = _inodes(process)
    found = []
    for line in _lines():
        fields = line.split()
        if fields[3] != LISTEN or fields[9] not in inodes:
            continue
        address, _, port = fields[1].partition(":")
        where = socket.inet_ntoa(int(address, 16).to_bytes(4, "little")), int(port, 16)
        everywhere = where in published
        number = published[where] if everywhere else next(iter(published.values()), where[1])
        found.append(f"{'00000000' if everywhere else '0100007F'}:{number:04X}")
    rows = (
        f"{number:4d}: {local} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 0\n"
        for number, local in enumerate(found)
    )
    return _HEAD + "".join(rows)


def others(table: str, listened: Iterable[tuple[str, int]]) -> str:
    """``table`` without those that listen on the addresses and ports of ``listened``."""
    ours = {f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}" for host, port in listened}
    return "".join(line for line in table.splitlines(keepends=True) if line.split()[1] not in ours)


def _inodes(process: int) -> set[str]:
    found = set()
    try:
        for handle in Path(f"/proc/{process}/fd").iterdir():
            target = handle.readlink().name
            if target.startswith("socket:["):
                found.add(target.removeprefix("socket:[").removesuffix("]"))
    except OSError:
        pass
    return found


def _lines() -> list[str]:
    try:
        return Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return []
