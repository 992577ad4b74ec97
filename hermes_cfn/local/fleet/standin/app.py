# mypy: ignore-errors
# ruff: noqa: T201
"""A small web application of the standard library, in place of a real one.

Copied into an image and run there as ``python3 -S app.py serve``; any other command whose words
contain ``migrate`` runs the migration.  Environment: ``RELEASE`` is what ``/`` and the header
``X-Release`` answer, ``SERVES_PORT`` or else ``PORT`` (4000) the
container port, ``HEALTH_PATH`` (``/health``) the path below that is asked whether it is well, ``DATABASE_URL`` and ``POOL_SIZE`` (5)
the database, ``HEALTH_NEEDS_DATABASE=yes`` makes ``/health`` depend on it, ``BOOT_S`` delays the
start, ``NEVER_BOOTS=yes`` never listens, ``HEALTH_STATUS`` answers that on ``/health``, ``ERROR_SHARE=0.2``
answers 500 to a fifth of the requests, ``CRASHES=yes`` ends with an exception at start, ``NEEDS=NAME``
ends where that variable is missing, ``LISTENS_ON=127.0.0.1`` is heard in its container alone, ``IGNORES_STOP=yes`` goes
on after SIGTERM, ``FORCES_SSL=yes`` redirects to https whatever ``X-Forwarded-Proto`` says, ``REDIRECTS_TO=URL`` sends
``/`` there, ``IDLE_S=2`` closes a connection on which nobody has asked for so long, ``ENDS_AFTER_S=3`` ends with 0 by itself,
``NEEDS_HOST=NAME`` answers 400 to any other ``Host``, ``EATS_MIB=400`` takes that much memory, ``REQUEST_LOG=yes`` writes a line a request as Phoenix does.

Paths: ``/`` ``/health`` ``/slow?s=SECONDS`` ``/upload`` ``/socket`` (WebSocket echo)
``/page?n=QUERIES`` ``/env?name=NAME``.  SIGTERM stops listening, finishes what runs, and ends.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    404: "Not Found",
    413: "Payload Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
HEALTH_PATH = os.environ.get("HEALTH_PATH", "/health")
RELEASE = os.environ.get("RELEASE", "unnamed")
ERROR_SHARE = float(os.environ.get("ERROR_SHARE", "0"))
REQUEST_LOG = os.environ.get("REQUEST_LOG") == "yes"
GRACE_S = float(os.environ.get("GRACE_S", "60"))
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Application:
    """State shared by all connections."""

    def __init__(self):
        self.connections = set()
        self.stopping = False
        self.started = time.monotonic()
        self.pool = None
        self.faults_path = os.environ.get("CONTAINER_FAULTS", os.devnull)
        self.faults_seen = (0, {})
        self.unhealthy_after = os.environ.get("UNHEALTHY_AFTER_S") or self.fault("unhealthy_after_s")

    def fault(self, name):
        """A fault that was asked for while the application runs, from a file beside the container."""
        try:
            changed = Path(self.faults_path).stat().st_mtime_ns
        except OSError:
            return None
        if changed != self.faults_seen[0]:
            self.faults_seen = (changed, json.loads(Path(self.faults_path).read_text() or "{}"))
        given = self.faults_seen[1]
        return given.get(name) if given.get("only") in (None, RELEASE) else None

    def asked(self, name):
        """A way to misbehave, by a variable or while it runs."""
        return self.fault(name) or os.environ.get(name.upper())

    async def answer(self, method, path, query):
        """Status and body of a request."""
        delay = self.fault("answer_s")
        if delay:
            await asyncio.sleep(float(delay))
        if path == HEALTH_PATH:
            return await self.health()
        if path == "/" and self.asked("redirects_to"):
            return 301, self.asked("redirects_to")
        if path == "/":
            return 200, f"{RELEASE}\n"
        if path == "/slow":
            await asyncio.sleep(min(float(query.get("s", ["1"])[0]), 600))
            return 200, "slow\n"
        if path == "/page":
            return await self.page(int(query.get("n", ["1"])[0]))
        if path == "/upload":
            return 200, "received\n"
        if path == "/env":
            name = query.get("name", ["RELEASE"])[0]
            return 200, hashlib.sha256(os.environ.get(name, "").encode()).hexdigest() + "\n"
        return 404, "not found\n"

    async def health(self):
        status = self.fault("health") or os.environ.get("HEALTH_STATUS")
        after = self.unhealthy_after
        if after and time.monotonic() - self.started > float(after):
            status = 503
        if status == "hang":
            await asyncio.sleep(3600)
        if status and int(status) != 200:
            return int(status), "/" if int(status) == 301 else "unhealthy\n"
        if os.environ.get("HEALTH_NEEDS_DATABASE") == "yes" or self.fault("health_needs_database"):
            try:
                await asyncio.wait_for(self.query("select 1"), 2)
            except Exception as problem:
                return 503, f"database: {type(problem).__name__}\n"
        return 200, "ok\n"

    async def page(self, queries):
        began = time.perf_counter()
        try:
            connection = await self.database().take()
            try:
                for number in range(queries):
                    await connection.query(f"select {number}, version() as page")
            except BaseException:
                connection.close()
                raise
            finally:
                self.database().give_back(connection)
        except Exception as problem:
            return 500, f"database: {type(problem).__name__}: {problem}\n"
        return 200, f"{queries} queries in {time.perf_counter() - began:.4f} s\n"

    async def query(self, text):
        connection = await self.database().take()
        try:
            return await connection.query(text)
        except BaseException:
            connection.close()
            raise
        finally:
            self.database().give_back(connection)

    def database(self):
        if self.pool is None:
            import postgres

            self.pool = postgres.Pool(os.environ.get("DATABASE_URL", ""), int(os.environ.get("POOL_SIZE", "5")))
        return self.pool


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, with keep-alive; a WebSocket once it was upgraded."""

    def __init__(self, application):
        self.application = application
        self.buffer = b""
        self.head = None
        self.left = 0
        self.chunked = False
        self.busy = False
        self.socket = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.application.connections.add(self)
        self.rest()

    def rest(self):
        """Nobody asks from now on; it is closed after the idle timeout, if there is one."""
        self.asked = time.monotonic()
        idle = self.application.asked("idle_s")
        if idle:
            asyncio.get_running_loop().call_later(float(idle), self.expire, self.asked)

    def expire(self, asked):
        if asked == self.asked and not self.busy and self.head is None and not self.socket:
            self.transport.close()

    def connection_lost(self, _problem):
        self.application.connections.discard(self)

    def data_received(self, data):
        self.buffer += data
        self.go_on()

    def go_on(self):
        while not self.busy:
            if self.socket:
                self.frames()
                return
            if self.head is None and not self.read_head():
                return
            if not self.skip_body():
                return
            self.busy = True
            asyncio.get_running_loop().create_task(self.respond(self.head))
            self.head = None

    def read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        self.buffer = self.buffer[end + 4 :]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self.chunked = "chunked" in headers.get("transfer-encoding", "")
        self.left = int(headers.get("content-length", 0))
        if headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.head = (*lines[0].split(" ")[:2], headers)
        return True

    def skip_body(self):
        if not self.chunked:
            taken = min(self.left, len(self.buffer))
            self.buffer, self.left = self.buffer[taken:], self.left - taken
            return self.left == 0
        while True:
            line, found, rest = self.buffer.partition(b"\r\n")
            if not found:
                return False
            size = int(line.split(b";")[0] or b"0", 16)
            if len(rest) < size + 2:
                return False
            self.buffer = rest[size + 2 :]
            if size == 0:
                return True

    async def respond(self, head):
        method, target, headers = head
        path, _, query = target.partition("?")
        if path == "/socket" and headers.get("upgrade", "").lower() == "websocket":
            self.upgrade(headers)
        else:
            try:
                needed = self.application.asked("needs_host")
                if needed and headers.get("host", "").partition(":")[0] != needed:
                    status, text = 400, f"Invalid HTTP_HOST header: {headers.get('host', '')}\n"
                elif self.application.asked("forces_ssl"):
                    status, text = 301, f"https://{headers.get('host', '')}{target}"
                else:
                    status, text = await self.application.answer(method, path, parse_qs(query) if query else {})
            except (ValueError, IndexError) as problem:
                status, text = 500, f"{problem}\n"
            if path != HEALTH_PATH and random.random() < ERROR_SHARE:  # noqa: S311 - chance, not a secret
                status, text = 500, "failed\n"
            if REQUEST_LOG:
                print(f"{method} {path} Sent {status} in 1ms", flush=True)
            last = self.application.stopping or headers.get("connection", "").lower() == "close"
            body = text.encode()
            lines = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\nContent-Type: text/plain\r\nX-Release: {RELEASE}\r\n"
            if status == 301:
                lines += f"Location: {text.strip()}\r\n"
            end = f"Content-Length: {len(body)}\r\n{'Connection: close' + chr(13) + chr(10) if last else ''}\r\n"
            self.transport.write((lines + end).encode() + (b"" if method == "HEAD" else body))
            if last:
                self.transport.close()
        self.busy = False
        self.rest()
        self.go_on()

    def upgrade(self, headers):
        accept = base64.b64encode(
            hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET_KEY, usedforsecurity=False).digest()
        ).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(f"{head}Sec-WebSocket-Accept: {accept}\r\nX-Release: {RELEASE}\r\n\r\n".encode())
        self.socket = True

    def frames(self):
        """Echoes text and binary frames, answers pings, closes when asked (RFC 6455)."""
        while len(self.buffer) >= 6:
            first, second = self.buffer[0], self.buffer[1]
            size, at = second & 127, 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(self.buffer) < 2 + width:
                    return
                size, at = int.from_bytes(self.buffer[2 : 2 + width], "big"), 2 + width
            if len(self.buffer) < at + 4 + size:
                return
            mask, raw = self.buffer[at : at + 4], self.buffer[at + 4 : at + 4 + size]
            self.buffer = self.buffer[at + 4 + size :]
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(raw))
            self.send(10 if first & 15 == 9 else first & 15, payload)
            if first & 15 == 8:
                self.transport.close()
                return

    def send(self, opcode, payload):
        size = len(payload)
        extended = b"" if size < 126 else size.to_bytes(2 if size < 65536 else 8, "big")
        code = size if size < 126 else (126 if size < 65536 else 127)
        self.transport.write(bytes([128 | opcode, code]) + extended + payload)


async def serve():
    """Listens until SIGTERM, then finishes what runs."""
    application = Application()
    if os.environ.get("CRASHES") == "yes":
        raise RuntimeError("the application crashes at start")
    needed = os.environ.get("NEEDS", "")
    if needed and needed not in os.environ:
        sys.exit(f"environment variable {needed} is missing")
    eaten = [bytearray(os.urandom(1024) * 1024) for _ in range(int(os.environ.get("EATS_MIB", "0")))]
    await asyncio.sleep(float(application.fault("boot_s") or os.environ.get("BOOT_S", "0")))
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, lambda: application.asked("ignores_stop") or stopped.set())
    if os.environ.get("NEVER_BOOTS") == "yes" or application.fault("never_boots"):
        print("waiting for something that never comes", flush=True)
        await stopped.wait()
        return
    port = os.environ.get("SERVES_PORT") or os.environ.get("PORT", "4000")
    address, _, real = os.environ.get(f"LISTEN_{port}", f"127.0.0.1:{port}").rpartition(":")
    if application.asked("listens_on"):
        address, real = application.asked("listens_on"), 0
    server = await loop.create_server(lambda: Connection(application), address, int(real), backlog=1024)
    print(f"release {RELEASE} listens on port {port}", flush=True)
    if application.asked("ends_after_s"):
        loop.call_later(float(application.asked("ends_after_s")), stopped.set)
    await stopped.wait()
    eaten.clear()
    application.stopping = True
    server.close()
    for connection in list(application.connections):
        if not connection.busy and connection.head is None and not connection.socket:
            connection.transport.close()
        elif connection.socket:
            connection.send(8, (1001).to_bytes(2, "big"))
            connection.transport.close()
    until = time.monotonic() + GRACE_S
    while application.connections and time.monotonic() < until:
        await asyncio.sleep(0.02)
    print("stopped", flush=True)


async def migrate():
    """Adds a column once and counts versions; prints the schema version before and after."""
    import postgres

    wanted = int(os.environ.get("SCHEMA_VERSION", "1"))
    connection = await postgres.connect(os.environ.get("DATABASE_URL", ""))
    await connection.query("create table if not exists schema_migrations (version bigint primary key)")
    await connection.query("create table if not exists pages (id bigserial primary key, title text)")
    rows = await connection.query("select coalesce(max(version), 0) from schema_migrations")
    before = int(rows[0][0])
    print(f"schema_version={before}", flush=True)
    if os.environ.get("MIGRATION_FAILS") == "yes" or Application().fault("migration_fails"):
        print("the migration failed: division by zero", file=sys.stderr, flush=True)
        return 1
    for version in range(before + 1, wanted + 1):
        await connection.query("begin")
        await connection.query(f"alter table pages add column if not exists added_in_{version} text")
        await connection.query(f"insert into schema_migrations values ({version})")  # noqa: S608 - a number
        await connection.query("commit")
    print(f"schema_version={max(before, wanted)}", flush=True)
    connection.close()
    return 0


if __name__ == "__main__":
    if any("migrate" in word for word in sys.argv[1:]):
        sys.exit(asyncio.run(migrate()))
    asyncio.run(serve())
