"""Ways from the network of a container that an engine runs to what listens on this machine's loopback.

Such a container has a loopback of its own.  Every ``127.x.y.z:port`` that its environment names (the external
database, instance metadata) is listened on there, and passed on: a socket stays in the network in which it was
opened, so the agent goes over for that moment (setns(2), which needs root and Linux).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterable

_NAMED = re.compile(r"(?<![\d.])(127(?:\.\d{1,3}){3}):(\d{1,5})\b")
_CLONE_NEWNET = 0x40000000


def named(values: Iterable[str]) -> list[tuple[str, int]]:
    """The addresses and ports of this machine's loopback that ``values`` name, each once."""
    found = (match for value in values for match in _NAMED.finditer(value))
    return list(dict.fromkeys((match[1], int(match[2])) for match in found))


class Ways:
    """Those of one container; :meth:`close` them when it ends."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def open(self, process: int, targets: Iterable[tuple[str, int]]) -> None:
        """Listens on ``targets`` in the network of ``process``.  Raises OSError where this may not be done."""
        for sock, target in _listening(process, targets):
            self._servers.append(await asyncio.start_server(_passing(*target), sock=sock))

    def close(self) -> None:
        """Listens no more; connections end with the container."""
        for server in self._servers:
            server.close()
        self._servers.clear()


def _listening(process: int, targets: Iterable[tuple[str, int]]) -> list[tuple[socket.socket, tuple[str, int]]]:
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
    try:
        _enter(there)
        try:
            return [(socket.create_server(target), target) for target in targets]
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)


def _enter(network: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(network, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _passing(host: str, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(host, port)
            await asyncio.gather(_one_way(reader, far_writer), _one_way(far_reader, writer), return_exceptions=True)
            far_writer.close()
        writer.close()

    return serve


async def _one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
