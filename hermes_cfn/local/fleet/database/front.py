"""The process of the external database: PostgreSQL on a Unix socket, and a front with TLS.

The front speaks the start of PostgreSQL's protocol ("SSL Session Encryption" and "Start-up",
PostgreSQL documentation, 54.2) and then passes bytes on, each way later by half the round-trip
time.  Everything, also the data, is gone when standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
TICK_S = 0.001
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(1, signal.SIGKILL)


def open_to_others(programs: Path) -> bool:
    """Whether a user who owns nothing can run what is in the directory ``programs``: each directory above lets it pass."""
    places = [programs, *programs.parents]
    return all(place.stat().st_mode & stat.S_IXOTH for place in places) and all(
        program.stat().st_mode & stat.S_IROTH for program in programs.iterdir()
    )


def opened_to_others(programs: Path, directory: Path) -> Path:
    """The same programs under ``directory``, where anybody can run them; returns where they are.

    They find their libraries beside themselves (``$ORIGIN``), so what lies beside them comes along: hard links
    where the file system and the modes allow it, else copies.
    """
    install, package = programs.parent, programs.parent.parent
    kept = directory / "programs"
    for source in (install, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(source, kept / source.relative_to(package.parent), copy_function=_linked, symlinks=True)
    for place in (kept, *kept.rglob("*")):
        if place.is_dir():
            place.chmod(0o755)
    return kept / programs.relative_to(package.parent)


def _linked(source: str, target: str) -> str:
    try:
        if Path(source).stat().st_mode & stat.S_IROTH:
            os.link(source, target)
            return target
    except OSError:
        pass  # another file system
    shutil.copy2(source, target)
    Path(target).chmod(Path(source).stat().st_mode | 0o055)
    return target


class Server:
    """PostgreSQL itself, run by an unprivileged user where we are root (it refuses root)."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.directory = Path(tempfile.mkdtemp(prefix="hermes-pg-", dir="/tmp"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "nobody"}
            shutil.chown(self.directory, user="nobody")
            if not open_to_others(binaries):
                self._binaries = opened_to_others(binaries, self.directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._password, self._rotated = "", False

    @property
    def socket(self) -> str:
        return str(self.directory / ".s.PGSQL.5432")

    def start(self, password: str) -> None:
        """Makes a cluster with a role and a database ``hermes``, and starts it."""
        data = self.directory / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "--auth-local=scram-sha-256", "--no-sync", "-E", "UTF8",
                  "--locale=C", "--no-instructions", f"--pwfile={self._secret(password)}")  # fmt: skip
        settings = "fsync=off synchronous_commit=off full_page_writes=off shared_buffers=16MB autovacuum=off max_wal_senders=0 wal_level=minimal"
        options = [word for setting in settings.split() for word in ("-c", setting)]
        self._process = subprocess.Popen(
            [str(self._binaries / "postgres"), "-D", str(data), "-k", str(self.directory), "-h", "", *options],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            preexec_fn=_die_with_parent,
            env={"LANG": "C"},
            start_new_session=True,
            **self._user,
        )
        self._run("pg_isready", "-h", str(self.directory), "-t", "30", wait=True)
        self._password = password
        self._say(f"create role hermes login password '{password}';\ncreate database hermes owner hermes;\n")

    def rotate(self, rotated: bool) -> None:
        """The role's password is another one from now on, or the one that it had first."""
        if rotated != self._rotated:
            self._say(f"alter role hermes password '{self._password}{'-rotated' if rotated else ''}';\n")
            self._rotated = rotated

    def _say(self, statements: str) -> None:
        environment = {"PGPASSWORD": self._password, "LANG": "C"}
        subprocess.run(
            [str(self._binaries / "psql"), "-q", "-h", str(self.directory), "-U", "postgres", "-d", "postgres"],
            input=statements.encode(), env=environment, check=True, stdout=sys.stderr, stderr=sys.stderr, **self._user,
        )  # fmt: skip

    def _secret(self, password: str) -> Path:
        path = self.directory / "password"
        path.touch(mode=0o600)
        path.write_text(password + "\n")
        if self._user:
            shutil.chown(path, user="nobody")
        return path

    def _run(self, program: str, *arguments: str, wait: bool = False) -> None:
        command = [str(self._binaries / program), *arguments]
        for _ in range(200 if wait else 1):
            done = subprocess.run(command, env={"LANG": "C"}, stdout=sys.stderr, stderr=sys.stderr, **self._user)
            if done.returncode == 0:
                return
            if wait:
                subprocess.run(["sleep", "0.05"], check=False)
        raise OSError(f"{program} ended with {done.returncode}")

    def stop(self) -> None:
        """Ends it at once (fast shutdown is not worth its time) and removes its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Front:
    """Listens where applications connect."""

    def __init__(self, configuration: dict[str, Any], target: str) -> None:
        self._address = configuration["address"]
        self._port = configuration["port"]
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(configuration["certificate"])
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._questions: dict[int, asyncio.Future[bool]] = {}
        self.rtt_s = 0.0
        self.extra_s = 0.0
        self.full = False
        self.guarded = False

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._address, self._port, backlog=512)

    async def behave(self, order: dict[str, Any]) -> None:
        """Carries out an order of the cloud."""
        if "question" in order:
            future = self._questions.pop(order["question"], None)
            if future is not None:
                future.set_result(bool(order["allowed"]))
            return
        self.rtt_s = float(order.get("rtt_ms", self.rtt_s * 1000)) / 1000
        self.extra_s = float(order.get("extra_ms", 0)) / 1000
        self.full, self.guarded = bool(order.get("full")), bool(order.get("guarded"))
        if order.get("gone") and self._server is not None:
            self._server.close()
            self._server = None
            for writer in list(self._writers):
                writer.close()
        elif not order.get("gone") and self._server is None:
            await self.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await asyncio.sleep(self.rtt_s)
            head = await self._start(reader, writer)
            if self.full:
                await _refuse(writer, "53300", "sorry, too many clients already")
            elif self.guarded and not await self._allowed():
                await _refuse(writer, "28000", "no pg_hba.conf entry for this host")
            else:
                await self._pass(reader, writer, head)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError, ValueError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """TLS if it is asked for; the start-up message."""
        while True:
            size, code = struct.unpack("!II", await reader.readexactly(8))
            if code not in (SSL_REQUEST, GSS_REQUEST):
                return struct.pack("!II", size, code) + await reader.readexactly(size - 8)
            await asyncio.sleep(self.rtt_s)
            writer.write(b"S" if code == SSL_REQUEST else b"N")
            await writer.drain()
            if code == SSL_REQUEST:
                await writer.start_tls(self._context)
                await asyncio.sleep(self.rtt_s)

    async def _allowed(self) -> bool:
        number = len(self._questions) + id(object())
        self._questions[number] = asyncio.get_running_loop().create_future()
        tell("asked", question=number)
        return await self._questions[number]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        far_writer.write(head)
        ways = [
            asyncio.create_task(self._one_way(reader, far_writer)),
            asyncio.create_task(self._one_way(far_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        far_writer.close()

    async def _one_way(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Passes bytes on, each later by half the distance, without losing their order."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    return
                sink.write(data)
                await sink.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while True:
                data = await source.read(65536)
                await waiting.put((loop.time() + (self.rtt_s + self.extra_s) / 2 - TICK_S, data))
                if not data:
                    await delivery
                    return
        finally:
            delivery.cancel()


async def _refuse(writer: asyncio.StreamWriter, code: str, text: str) -> None:
    fields = b"".join(
        kind + value.encode() + b"\0" for kind, value in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", text))
    )
    writer.write(b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0")
    await writer.drain()


def tell(event: str, **values: Any) -> None:
    """One event for the cloud."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    configuration = json.loads(sys.stdin.buffer.readline())
    server = Server(Path(configuration["binaries"]))
    try:
        try:
            server.start(configuration["password"])
            front = Front(configuration, server.socket)
            await front.listen()
        except (OSError, subprocess.SubprocessError, LookupError) as problem:
            tell("failed", why=f"{type(problem).__name__}: {problem}")
            return
        tell("ready")
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            if "order" in order:
                server.rotate(bool(order.get("rotated")))
            await front.behave(order)
            if "order" in order:
                tell("obeyed", order=order["order"])
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(main())
