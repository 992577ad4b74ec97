"""The one port of an instance's agent: instance metadata, the shims, and a way to shared ports.

A shim sends ``SHIM <key> <command> <bytes of arguments> <bytes of input>``, the first argument being the
working directory, and is answered with
``<status> <bytes of output> <bytes of errors>``.  Everything else is HTTP: instance metadata,
and, where instances share an address, requests for a port that is published under another one.

Any program of this machine can connect, so each of the three asks for the key of this instance, which its programs have in their
environment: a shim's first word, the first part of the path of instance metadata, the password of the proxy.  A web page is
refused as at the endpoint (``hermes_cfn.local.guard``).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path

from hermes_cfn.local import guard
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
        _, key, command, argument_bytes, input_bytes = first.split(" ")
        if not self._opens(key):
            return
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
        pairs = [_header(line) for line in lines]
        headers = dict(pairs)
        authority, path = "", target
        if target.startswith("http://"):
            authority, slash, rest = target.removeprefix("http://").partition("/")
            path = slash + rest
        own = f"{self._machine.address}:{self._machine.agent_port}"
        if authority and authority != own:
            if not self._opens(_password(headers.get("proxy-authorization", ""))):
                _answer(writer, 407, "Proxy Authentication Required")
                return
            await self._forward(method, authority, path or "/", lines, headers, reader, writer)
            return
        refused = guard.refusal(path, pairs, frozenset({own}))
        key, slash, rest = path.removeprefix("/").partition("/")
        if refused is not None or not self._opens(key):
            _answer(writer, refused.status if refused else 403, "Forbidden")
            return
        _answer(writer, *self._metadata.answer(method, (slash + rest).partition("?")[0], headers))

    def _opens(self, key: str) -> bool:
        return hmac.compare_digest(key.encode("utf-8", "replace"), self._machine.key.encode())

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
            return  # nothing answers: neither does this
        kept = [line for line in lines if not line.lower().startswith((b"connection:", b"proxy-"))]
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        far_writer.write(
            f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(kept) + b"Connection: close\r\n\r\n" + body
        )
        await far_writer.drain()
        while chunk := await far_reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        far_writer.close()


def _answer(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status} {'OK' if status == 200 else text}\r\nContent-Type: text/plain\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def _password(text: str) -> str:
    """Of ``Basic`` credentials (RFC 7617); empty for anything else."""
    try:
        return base64.b64decode(text.removeprefix("Basic "), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip()
