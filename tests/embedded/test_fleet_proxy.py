"""The load balancer's process without a cloud around it: each side of every connection is the test's own.

Pages are of the Application Load Balancer user guide.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hermes_cfn.local.fleet import certificates
from hermes_cfn.local.fleet.proxy.balancer import Balancer
from hermes_cfn.local.services.elbv2.access_logs import line

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SETTINGS = {
    "path": "/", "matcher": "200", "interval_s": 30, "timeout_s": 5, "healthy_threshold": 2, "unhealthy_threshold": 2,
    "algorithm": "round_robin", "slow_start_s": 0,
}  # fmt: skip


class Target:
    """A server that answers by ``answer`` and counts its connections; ``heads`` are the requests it saw."""

    def __init__(self, answer: Callable[[str, asyncio.StreamWriter], Awaitable[None]] | None = None) -> None:
        self.answer = answer
        self.connections, self.lost, self.heads = 0, 0, []
        self.checks, self.check = 0, OK

    async def open(self, tls: ssl.SSLContext | None = None) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if "ELB-HealthChecker" in head:
                    self.connections -= 1
                    self.checks += 1
                    if self.check is None:
                        await asyncio.sleep(60)
                    writer.write(self.check or b"")
                    break
                self.heads.append(head)
                if self.answer is not None:
                    await self.answer(head, writer)
                else:
                    writer.write(OK)
        self.lost += 1
        writer.close()


class Proxy:
    """A balancer with one listener that forwards everything to one group."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        self.balancer = Balancer(lambda event, **values: self.events.append({"event": event, **values}))

    async def open(self, *ports: int, idle_s=60.0, keep_alive_s=3600.0, logs=False, **settings) -> None:
        await self.balancer.do({"do": "group", "group": "g", "settings": {**SETTINGS, **settings}})
        for port in ports:
            await self.balancer.do(
                {
                    "do": "register",
                    "group": "g",
                    "target": str(port),
                    "address": "127.0.0.1",
                    "port": port,
                    "health_port": port,
                }
            )
        action = {"type": "forward", "groups": [{"arn": "g", "weight": 1}], "priority": "0"}
        await self.balancer.do(
            {
                "do": "listen", "listener": "l", "load_balancer": "b", "protocol": "HTTP", "port": 80, "idle_s": idle_s,
                "keep_alive_s": keep_alive_s, "logs": logs, "rules": [{"conditions": [], "actions": [action]}],
            }
        )  # fmt: skip
        self.port = int(self.told("listening")[0]["address"].rpartition(":")[2])
        await until(lambda: sum(one["state"] == "healthy" for one in self.told("health")) >= len(ports))

    def told(self, event: str) -> list[dict]:
        return [one for one in self.events if one["event"] == event]

    async def rows(self, count: int) -> list[dict]:
        await until(lambda: sum(len(one["rows"]) for one in self.told("logged")) >= count)
        return [row for one in self.told("logged") for row in one["rows"]]

    async def ask(self, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return await Answer(reader, writer).again(request)


class Answer:
    """An answer, and the connection on which the next request can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.status, self.head = reader, writer, 0, ""

    async def again(self, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> Answer:
        self.writer.write(request)
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        self.status = int(self.head.split(" ")[1])
        length = next(
            (int(x.split(":")[1]) for x in self.head.split("\r\n") if x.lower().startswith("content-length")), 0
        )
        await self.reader.readexactly(length)
        return self

    async def closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(1), 10) == b""


async def until(done: Callable[[], object]) -> None:
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 10 s")


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


def test_connections_to_both_sides_are_kept_and_idle_ones_closed_after_the_idle_timeout():
    async def story():
        target, proxy = Target(), Proxy()
        await proxy.open(await target.open(), idle_s=1.5)
        answer = await proxy.ask()
        for _ in range(5):
            assert (await answer.again()).status == 200
        assert target.connections == 1
        assert await answer.closed()
        await until(lambda: target.lost >= 2)
        assert (await proxy.ask()).status == 200

    run(story)


def test_a_client_s_connection_ends_gracefully_after_the_keep_alive_duration():
    """ "HTTP client keepalive duration": one more request is answered, and closes it."""

    async def story():
        target, proxy = Target(), Proxy()
        await proxy.open(await target.open(), keep_alive_s=1.5)
        answer = await proxy.ask()
        assert "keep-alive" in answer.head
        await asyncio.sleep(1.6)
        assert "Connection: close" in (await answer.again()).head
        assert await answer.closed()

    run(story)


def test_idle_connections_to_a_draining_target_are_closed_and_the_target_gets_nothing_new():
    async def story():
        one, two, proxy = Target(), Target(), Proxy()
        ports = [await one.open(), await two.open()]
        await proxy.open(*ports)
        answer = await proxy.ask()
        for _ in range(3):
            await answer.again()
        seen, lost = len(one.heads), one.lost
        await proxy.balancer.do({"do": "deregister", "group": "g", "target": str(ports[0]), "delay_s": 60})
        await until(lambda: one.lost > lost)
        for _ in range(4):
            assert (await answer.again()).status == 200
        assert len(one.heads) == seen > 0

    run(story)


def test_least_outstanding_requests_goes_past_a_target_that_is_busy():
    async def story():
        release = asyncio.Event()

        async def slowly(_head, writer):
            await release.wait()
            writer.write(OK)

        busy, free, proxy = Target(slowly), Target(), Proxy()
        await proxy.open(await busy.open(), await free.open(), algorithm="least_outstanding_requests")
        held = asyncio.create_task(proxy.ask())
        await until(lambda: busy.heads)
        for _ in range(5):
            assert (await proxy.ask()).status == 200
        assert (len(busy.heads), len(free.heads)) == (1, 5)
        release.set()
        assert (await held).status == 200

    run(story)


def test_targets_that_speak_tls_are_reached_and_not_validated(tmp_path):
    """Target groups, "Target security"."""

    async def story():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.make(tmp_path / "target.pem", ["elsewhere.example"]))
        target, proxy = Target(), Proxy()
        await proxy.open(await target.open(context), protocol="HTTPS", health_protocol="HTTPS")
        assert (await proxy.ask()).status == 200

    run(story)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + b", ".join([b"192.0.2.1"] * 31) + b"\r\n\r\n", 463),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\n", 501),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ],
)
def test_requests_that_the_load_balancer_refuses_itself(request_, status):
    """ "Troubleshoot", the load balancer generates an HTTP error."""

    async def story():
        target, proxy = Target(), Proxy()
        await proxy.open(await target.open())
        assert (await proxy.ask(request_)).status == status
        assert target.heads == []

    run(story)


def test_what_a_client_sends_slowly_is_a_408_and_what_a_target_answers_slowly_a_504():
    async def story():
        async def never(_head, _writer):
            await asyncio.sleep(60)

        target, proxy = Target(never), Proxy()
        await proxy.open(await target.open(), idle_s=0.3, logs=True)
        assert (await proxy.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")).status == 408
        assert (await proxy.ask()).status == 504
        slow, late = await proxy.rows(2)
        assert (slow["status"], late["status"], late["times"][1:]) == (408, 504, [-1, -1])

    run(story)


def test_every_request_leaves_a_row_also_those_that_clients_gave_up():
    """ "Access log entries"; 460 is a client that closed before the load balancer could answer."""

    async def story():
        async def answer(head, writer):
            if head.startswith("GET /never"):
                await asyncio.sleep(60)
            elif head.startswith("GET /broken"):
                writer.close()
            else:
                writer.write(OK)

        target, proxy = Target(answer), Proxy()
        await proxy.open(await target.open(), logs=True)
        request = b"GET /fine HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n"
        kept = await proxy.ask(request)
        assert (await kept.again(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")).status == 502
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(target.heads) == 3)
        writer.close()
        fine, broken, gone = await proxy.rows(3)
        assert [(row["status"], row["target_status"]) for row in (fine, broken, gone)] == [
            (200, 200),
            (502, 0),
            (460, 0),
        ]
        assert (gone["times"][1:], gone["sent"], fine["received"]) == ([-1, -1], 0, len(request))
        assert "X-Amzn-Trace-Id: Root=1-" in target.heads[0] and fine["trace"] in target.heads[0]
        balancer = SimpleNamespace(dns_name="b.example", dimension="app/b/1")
        fields = line(balancer, gone, datetime(2026, 1, 1, tzinfo=UTC)).split(" ")
        assert fields[:3] == ["http", fields[1], "app/b/1"] and fields[1].startswith("2026-01-01T00:00:0")
        assert fields[6:10] == ["-1", "-1", "460", "-"]
        assert fields[12:15] == ['"GET', "http://b.example:80/never", 'HTTP/1.1"']

    run(story)


def test_a_cookie_binds_a_client_to_a_target_as_long_as_that_is_healthy():
    """ "Sticky sessions", duration-based."""

    async def story():
        one, two, proxy = Target(), Target(), Proxy()
        ports = [await one.open(), await two.open()]
        await proxy.open(*ports, sticky_s=60)
        answer = await proxy.ask()
        cookie = next(text for text in answer.head.split("\r\n") if "AWSALB=" in text).split(" ")[1].rstrip(";")
        first, other = (one, two) if one.heads else (two, one)
        bound = f"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b; {cookie}\r\n\r\n".encode()
        for _ in range(5):
            await answer.again(bound)
        assert (len(first.heads), len(other.heads)) == (6, 0)
        key = str(ports[0] if first is one else ports[1])
        await proxy.balancer.do({"do": "deregister", "group": "g", "target": key, "delay_s": 60})
        assert (await answer.again(bound)).status == 200
        assert len(other.heads) == 1

    run(story)


def test_health_checks_count_to_their_thresholds_and_one_passes_a_new_target():
    """ "Health checks": the thresholds, the reason codes, and that a new target needs one success only."""

    async def story():
        target, proxy = Target(), Proxy()
        checks, tell = [], proxy.balancer.tell
        proxy.balancer.tell = lambda event, **told: (
            checks.append((told.get("state"), target.checks)),
            tell(event, **told),
        )
        await proxy.open(
            await target.open(), interval_s=0.05, timeout_s=0.3, healthy_threshold=3, unhealthy_threshold=2
        )
        assert ("healthy", 1) in checks
        states = lambda: [(one["state"], one["reason"]) for one in proxy.told("health")]  # noqa: E731
        before = target.checks
        target.check = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
        await until(lambda: states()[-1] == ("unhealthy", "Target.ResponseCodeMismatch 503"))
        assert target.checks - before >= 2
        target.check, before = OK, target.checks
        await until(lambda: states()[-1] == ("healthy", ""))
        assert target.checks - before >= 3
        target.check = None
        await until(lambda: states()[-1] == ("unhealthy", "Target.Timeout"))
        target.server.close()
        await until(lambda: states()[-1] == ("unhealthy", "Target.FailedHealthChecks"))

    run(story)


def test_a_web_socket_lives_through_draining_until_the_delay_ends():
    """ "Deregistration delay"."""

    async def story():
        async def upgrade(_head, writer):
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")

        target, proxy = Target(upgrade), Proxy()
        port = await target.open()
        await proxy.open(port, logs=True)
        request = b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        answer = await proxy.ask(request)
        assert answer.status == 101
        loop = asyncio.get_running_loop()
        began = loop.time()
        await proxy.balancer.do({"do": "deregister", "group": "g", "target": str(port), "delay_s": 0.4})
        assert (await proxy.ask()).status == 503
        assert await answer.closed()
        assert loop.time() - began >= 0.4
        rows = await proxy.rows(2)
        assert [row["status"] for row in rows] == [503, 101]

    run(story)


def test_changed_health_check_settings_hold_from_the_next_check():
    """API reference, ModifyTargetGroup."""

    async def story():
        target, proxy = Target(), Proxy()
        await proxy.open(await target.open(), interval_s=0.05, unhealthy_threshold=10_000)
        target.check, before = b"HTTP/1.1 500 Internal Server Error\r\n\r\n", target.checks
        await until(lambda: target.checks > before + 2)
        assert proxy.told("health")[-1]["state"] == "healthy"
        changed = {**SETTINGS, "interval_s": 0.05, "unhealthy_threshold": 2}
        await proxy.balancer.do({"do": "group", "group": "g", "settings": changed})
        await until(lambda: proxy.told("health")[-1]["state"] == "unhealthy")

    run(story)
