"""The one port of an instance's agent: instance metadata, the shims, and a way to shared ports.

A shim sends ``SHIM <command> <bytes of arguments> <bytes of input>``, the first argument being the
working directory, and is answered with
``<status> <bytes of output> <bytes of errors>``.  Everything else is HTTP: instance metadata,
and, where instances share an address, requests for a port that is published under another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from hermes_cfn.local.fleet.agent.machine import Machine
from hermes_cfn.local.fleet.agent.metadata import Metadata

Shim = Callable[[str, list[str], str, Path], Awaitable[tuple[str, str, int]]]
LIMIT = 4 * 1024 * 1024


class Door:
    """Listens on the instance's address, on a port of its own choice."""

    def __init__(self, machine: Machine, metadata: Metadata, shim: Shim) -> None:
        self._machine = machine
        self._metadata = metadata
        self._shim = shim

    async def open(self) -> int:
        """Starts to listen; the port."""
        server = await asyncio.start_server(self._serve, self._machine.address, 0, limit=LIMIT)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = (await reader.readline()).decode("latin-1").strip()
            if first.startswith("SHIM "):
                await self._serve_shim(first, reader, writer)
            elif first:
                await self._serve_http(first, reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _serve_shim(self, first: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, command, argument_bytes, input_bytes = first.split(" ")
        raw = await reader.readexactly(int(argument_bytes))
        given = await reader.readexactly(int(input_bytes))
        directory, *arguments = raw.decode("utf-8", "replace").split("\0")[:-1]
        out, err, status = await self._shim(command, arguments, given.decode("utf-8", "replace"), Path(directory))
        parts = [out.encode(), err.encode()]
        writer.write(f"{status} {len(parts[0])} {len(parts[1])}\n".encode() + parts[0] + parts[1])

    async def _serve_http(self, first: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = first.split(" ", 2)
        lines = []
        while (line := await reader.readline()) not in (b"\r\n", b"\n", b""):
            lines.append(line)
        headers = dict(_header(line) for line in lines)
        authority, path = "", target
        if target.startswith("http://"):
            authority, slash, rest = target.removeprefix("http://").partition("/")
            path = slash + rest
        if authority and authority != f"{self._machine.address}:{self._machine.agent_port}":
            await self._forward(method, authority, path or "/", lines, headers, reader, writer)
            return
        status, text = self._metadata.answer(method, path.partition("?")[0], headers)
        body = text.encode()
        head = f"HTTP/1.1 {status} {'OK' if status == 200 else text}\r\nContent-Type: text/plain\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    async def _forward(
        self,
        method: str,
        authority: str,
        path: str,
        lines: list[bytes],
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        host, _, port = authority.partition(":")
        target = self._machine.published(int(port or 80)) if host == self._machine.address else (host, int(port or 80))
        try:
            far_reader, far_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        kept = [line for line in lines if not line.lower().startswith((b"connection:", b"proxy-connection:"))]
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        far_writer.write(
            f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(kept) + b"Connection: close\r\n\r\n" + body
        )
        await far_writer.drain()
        while chunk := await far_reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        far_writer.close()


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip()
