"""An open-loop load: requests leave at their appointed time, whatever became of those before.

Run as ``python -m hermes_cfn.rehearse.load``; it stops at the end of its standard input or
after ``--at-most`` seconds and prints one JSON document, see :class:`hermes_cfn.rehearse.tally.Tally`.
A closed loop would slow down together with what it measures and hide every stall
(coordinated omission); here latency counts from the appointed time.

Only loopback is ever addressed: any other address is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import ipaddress
import itertools
import json
import os
import random
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

TIMEOUT_S = 15.0
SLOW_S = 0.4
UPLOAD_BYTES = 65536
AT_ONCE = 4
RETRY_S = 0.2
KEPT_S = 1.0
"""How long a connection of the mix is kept idle: below any idle timeout of the load balancer, so that it never
closes one that is about to be used again (RFC 9112, 9.3.1)."""

IDLERS = 4
"""Connections that rest around each idle timeout."""

AROUND = (0.8, 1.5)
"""Shares of an idle timeout for which a connection of kind ``idle`` rests before it is asked on again."""


@dataclass(slots=True)
class Sample:
    """One request: appointed time (epoch seconds), latency (s), kind, outcome and the release that answered."""

    at: float
    latency_s: float
    kind: str
    outcome: str
    release: str

    def as_row(self) -> list[float | str]:
        return [round(self.at, 4), round(self.latency_s, 5), self.kind, self.outcome, self.release]


class Failed(Exception):
    """A request that did not get its answer; the message is the reason."""


@dataclass(slots=True)
class Connection:
    """One HTTP/1.1 connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0

    @property
    def usable(self) -> bool:
        """Idle for a moment only, and the other side has not closed it."""
        return time.monotonic() - self.idle_since < KEPT_S and not self.reader.at_eof()

    async def request(self, method: str, path: str, host: str, body: bytes = b"") -> tuple[int, str, bool]:
        """Status, release header, and whether the connection may be used again."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        await self.writer.drain()
        status_line = await self.reader.readline()
        if not status_line:
            raise Failed("connection closed before the answer")
        status = int(status_line.split()[1])
        length, release, keep = 0, "", True
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            match name.lower():
                case "content-length":
                    length = int(value)
                case "x-release":
                    release = value.strip()
                case "connection":
                    keep = value.strip().lower() != "close"
                case "transfer-encoding":
                    length = -1
        if method == "HEAD" or status in (204, 304):
            return status, release, keep
        if length < 0:
            while size := int((await self.reader.readline()).strip() or b"0", 16):
                await self.reader.readexactly(size + 2)
            await self.reader.readline()
        elif length:
            await self.reader.readexactly(length)
        return status, release, keep

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class Load:
    """The load's state: where to, the mix, and what came back."""

    host: str
    port: int
    server_name: str
    tls: bool
    seed: int
    mix: dict[str, float]
    asks: dict[str, tuple[str, str]] = field(default_factory=dict)
    idle: list[Connection] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    reconnected: int = 0
    messages: int = 0

    def _ssl(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    async def connect(self, context: ssl.SSLContext | None) -> Connection:
        reader, writer = await asyncio.open_connection(
            self.host, self.port, ssl=context, server_hostname=self.server_name if context else None
        )
        return Connection(reader, writer)

    def _kept(self) -> Connection | None:
        """The connection that was used last, if it can be used again; those that cannot are closed."""
        for connection in [connection for connection in self.idle if not connection.usable]:
            self.idle.remove(connection)
            connection.close()
        return self.idle.pop() if self.idle else None

    async def one(self, kind: str, at: float, context: ssl.SSLContext | None) -> None:
        """Send one request of ``kind`` and note what became of it."""
        outcome, release = "ok", ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                kept = None if kind == "new" else self._kept()
                connection = kept or await self.connect(context)
                try:
                    match kind:
                        case _ if kind in self.asks:
                            answer = await connection.request(*self.asks[kind], self.server_name)
                        case "slow":
                            answer = await connection.request("GET", f"/slow?s={SLOW_S}", self.server_name)
                        case "page":
                            answer = await connection.request("GET", "/page?n=1", self.server_name)
                        case "upload":
                            answer = await connection.request("POST", "/upload", self.server_name, bytes(UPLOAD_BYTES))
                        case _:
                            answer = await connection.request("GET", "/", self.server_name)
                except BaseException:
                    connection.close()
                    raise
                status, release, keep = answer
                if kind == "new" or not keep:
                    connection.close()
                else:
                    connection.idle_since = time.monotonic()
                    self.idle.append(connection)
                if status >= 400:
                    outcome = f"status {status}"
        except Failed as failure:
            outcome = str(failure)
        except TimeoutError:
            outcome = f"no answer within {TIMEOUT_S:g} s"
        except asyncio.IncompleteReadError:
            outcome = "connection closed within the answer"
        except OSError as error:
            outcome = f"connection: {error.strerror or type(error).__name__}"
        self.samples.append(Sample(at, time.time() - at, kind, outcome, release))

    async def websocket(self, context: ssl.SSLContext | None, stopping: asyncio.Event) -> None:
        """Hold one WebSocket open, say something twice a second, and come back when it closes.

        That it closes is no failure, every release does that; that it cannot be opened is one.
        """
        first = True
        while not stopping.is_set():
            connection = await self._opened(context, time.time())
            if connection is None:
                await asyncio.sleep(RETRY_S)
                continue
            self.reconnected += not first
            first = False
            try:
                await self._talk(connection, stopping)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
            finally:
                connection.close()

    async def rested(self, context: ssl.SSLContext | None, timeout_s: float, stopping: asyncio.Event) -> None:
        """Ask on a connection that was idle for just under, and for just over, a timeout; each answer is a request of kind ``idle``.

        One that the other side has closed meanwhile is opened anew, as every client does.
        """
        connection: Connection | None = None
        for share in itertools.cycle(AROUND):
            if stopping.is_set():
                break
            at, outcome, release = time.time(), "ok", ""
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    if connection is None or connection.reader.at_eof():
                        connection = await self.connect(context)
                    status, release, keep = await connection.request("GET", "/", self.server_name)
                    outcome = f"status {status}" if status >= 400 else "ok"
                    connection = connection if keep else None
            except (Failed, OSError, asyncio.IncompleteReadError) as error:
                outcome, connection = str(error) or type(error).__name__, None
            self.samples.append(Sample(at, time.time() - at, "idle", outcome, release))
            await asyncio.sleep(share * timeout_s)
        if connection is not None:
            connection.close()

    async def _opened(self, context: ssl.SSLContext | None, at: float) -> Connection | None:
        """A WebSocket, noted as a request of kind ``socket``; None when it could not be opened."""
        outcome, release, connection = "ok", "", None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = await self.connect(context)
                release = await self._upgraded(connection)
        except Failed as failure:
            outcome = str(failure)
        except TimeoutError:
            outcome = f"no answer within {TIMEOUT_S:g} s"
        except asyncio.IncompleteReadError:
            outcome = "connection closed before the answer"
        except OSError as error:
            outcome = f"connection: {error.strerror or type(error).__name__}"
        self.samples.append(Sample(at, time.time() - at, "socket", outcome, release))
        if outcome != "ok" and connection is not None:
            connection.close()
        return connection if outcome == "ok" else None

    async def _upgraded(self, connection: Connection) -> str:
        """Asks for a WebSocket; the release that answers.  Raises Failed for any status but 101."""
        key = base64.b64encode(os.urandom(16)).decode()
        connection.writer.write(
            f"GET /socket HTTP/1.1\r\nHost: {self.server_name}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await connection.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise Failed(f"status {status}")
        lines = head.decode("latin-1").split("\r\n")
        return next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("x-release:")), "")

    async def _talk(self, connection: Connection, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            text = b"hello"
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
            connection.writer.write(bytes([0x81, 0x80 | len(text)]) + mask + masked)
            opcode, length = await connection.reader.readexactly(2)
            if opcode & 0x0F == 8:
                return
            await connection.reader.readexactly(length & 0x7F)
            self.messages += 1
            await asyncio.sleep(0.5)

    async def run(
        self,
        rate: float,
        sockets: int,
        at_most_s: float,
        stopping: asyncio.Event,
        idle: Sequence[float] = (),
    ) -> None:
        """Send ``rate`` requests a second at exponentially distributed distances until told to stop.

        ``idle``: timeouts in seconds around which :data:`IDLERS` connections each rest.
        """
        dice = random.Random(self.seed)  # noqa: S311 - chance, not a secret
        context = self._ssl()
        kinds, weights = list(self.mix), list(self.mix.values())
        talkers = [asyncio.create_task(self.websocket(context, stopping)) for _ in range(sockets)]
        talkers += [
            asyncio.create_task(self.rested(context, timeout_s, stopping)) for timeout_s in idle for _ in range(IDLERS)
        ]
        begun = appointed = time.time()
        while not stopping.is_set() and appointed - begun < at_most_s:
            appointed += dice.expovariate(rate)
            ahead = appointed - time.time()
            if ahead > 0:
                try:
                    await asyncio.wait_for(stopping.wait(), ahead)
                    break
                except TimeoutError:
                    pass
            task = asyncio.create_task(self.one(dice.choices(kinds, weights)[0], appointed, context))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        stopping.set()
        await asyncio.gather(*self.running, return_exceptions=True)
        for talker in talkers:
            talker.cancel()
        await asyncio.gather(*talkers, return_exceptions=True)
        for connection in self.idle:
            connection.close()


def ask(
    host: str, port: int, server_name: str, requests: Sequence[tuple[str, str]], limit_s: float
) -> dict[tuple[str, str], str]:
    """One request of each kind over TLS, at most :data:`AT_ONCE` side by side: ``ok``, or what became of it."""

    async def all_of_them() -> dict[tuple[str, str], str]:
        asks = {f"{method} {path}": (method, path) for method, path in requests}
        load = Load(host, port, server_name, True, 0, {}, asks)
        context, lanes = load._ssl(), asyncio.Semaphore(AT_ONCE)

        async def one(kind: str) -> None:
            async with lanes:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(load.one(kind, time.time(), context), limit_s)

        await asyncio.gather(*map(one, asks))
        for connection in load.idle:
            connection.close()
        told = {sample.kind: sample.outcome for sample in load.samples}
        return {pair: told.get(kind, f"no answer within {limit_s:g} s") for kind, pair in asks.items()}

    return asyncio.run(all_of_them())


MIX = {"kept": 0.7, "new": 0.2, "slow": 0.05, "upload": 0.05}
"""Shares by kind; ``page``, which needs the database, only where asked for."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--address", required=True, help="loopback address and port, 127.0.0.1:8443")
    parser.add_argument("--server-name", default="localhost")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--sockets", type=int, default=0, help="WebSockets held open")
    parser.add_argument(
        "--pages", type=float, default=0.0, help="requests that need the database, for each of the others"
    )
    parser.add_argument(
        "--idle", type=float, action="append", default=[], help="an idle timeout in seconds to rest around"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="the first line of standard input is [[method, path, weight], …], instead of the stand-in's mix",
    )
    parser.add_argument("--at-most", type=float, default=600.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _line() -> bytes:
    """The first line of standard input, and not a byte more."""
    found = bytearray()
    while (one := os.read(0, 1)) not in (b"", b"\n"):
        found += one
    return bytes(found)


async def _main() -> None:
    given = _arguments()
    host, _, port = given.address.rpartition(":")
    if not ipaddress.ip_address(host).is_loopback:
        raise SystemExit(f"{host} is not a loopback address; the load goes nowhere else")
    profile = json.loads(_line()) if given.profile else []
    mix = {f"{method} {path}": weight for method, path, weight in profile} or MIX
    load = Load(
        host,
        int(port),
        given.server_name,
        given.tls,
        given.seed,
        mix | ({"page": given.pages} if given.pages and not profile else {}),
        {f"{method} {path}": (method, path) for method, path, _ in profile},
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def at_end_of_input() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stopping.set()

    loop.add_reader(0, at_end_of_input)
    await load.run(given.rate, given.sockets, given.at_most, stopping, given.idle)
    json.dump(
        {
            "seed": given.seed,
            "rate": given.rate,
            "reconnected": load.reconnected,
            "messages": load.messages,
            "samples": [sample.as_row() for sample in load.samples],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    asyncio.run(_main())
