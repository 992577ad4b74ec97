"""How much the load balancer carries, and what it adds, with clients and applications on the same cores."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hermes_cfn.local.fleet import certificates
from hermes_cfn.local.fleet.addresses import free_port
from hermes_cfn.local.fleet.shims import interpreter

ROOT = Path(__file__).parents[2]
APPLICATION = ROOT / "hermes_cfn/local/fleet/standin/app.py"


@contextmanager
def balanced(certificate: Path | None = None) -> Iterator[tuple[int, int]]:
    """Two applications behind a load balancer (HTTPS with a certificate); its port, and that of one application."""
    ports = [free_port(), free_port()]
    environment = {"PATH": os.defpath, "RELEASE": "v1"}
    applications = [
        subprocess.Popen(
            [str(interpreter()), "-S", str(APPLICATION), "serve"],
            env={**environment, "LISTEN_4000": f"127.0.0.1:{port}"}, stdout=subprocess.PIPE,
        )
        for port in ports
    ]  # fmt: skip
    for application in applications:
        application.stdout.readline()
    proxy = subprocess.Popen(
        [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.proxy"],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    settings = {
        "path": "/health", "matcher": "200", "interval_s": 0.5, "timeout_s": 2, "healthy_threshold": 2, "unhealthy_threshold": 2,
        "algorithm": "round_robin", "slow_start_s": 0,
    }  # fmt: skip
    rules = [{"conditions": [], "actions": [{"type": "forward", "groups": [{"arn": "g", "weight": 1}]}]}]
    orders = [{"do": "group", "group": "g", "settings": settings}]
    orders += [
        {"do": "register", "group": "g", "target": str(p), "address": "127.0.0.1", "port": p, "health_port": p}
        for p in ports
    ]
    orders.append(
        {
            "do": "listen", "listener": "l", "load_balancer": "b", "protocol": "HTTPS" if certificate else "HTTP", "port": 80,
            "rules": rules, "idle_s": 60, "keep_alive_s": 3600, "logs": True, "certificate": str(certificate or ""),
        }
    )  # fmt: skip
    for order in orders:
        proxy.stdin.write(json.dumps(order) + "\n")
    proxy.stdin.flush()
    healthy, address = 0, ""
    while healthy < 2 or not address:
        event = json.loads(proxy.stdout.readline())
        healthy += event.get("state") == "healthy"
        address = event.get("address", address)
    threading.Thread(target=proxy.stdout.read, daemon=True).start()
    try:
        yield int(address.rpartition(":")[2]), ports[0]
    finally:
        for process in (proxy, *applications):
            process.kill()
            process.wait()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _client(
    port: int, until: float, every_s: float, first_s: float, times: list[float], tls: ssl.SSLContext | None = None
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    due = time.perf_counter() + first_s
    while time.perf_counter() < until:
        if every_s:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        await reader.readexactly(3)
        times.append(time.perf_counter() - began)
        due += every_s
    writer.close()


async def _strangers(port: int, until: float, times: list[float], tls: ssl.SSLContext) -> None:
    """A connection for each request."""
    while time.perf_counter() < until:
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 " in await reader.read()
        writer.close()
        times.append(time.perf_counter() - began)


def load(
    port: int, seconds: float, clients: int, rate: float = 0.0, tls: ssl.SSLContext | None = None, new: bool = False
) -> list[float]:
    """Latencies in seconds, sorted; ``rate`` 0 asks as fast as it goes, ``new`` by a TLS connection for each request."""
    times: list[float] = []

    async def run() -> None:
        until, every = time.perf_counter() + seconds, clients / rate if rate else 0.0
        if new:
            assert tls is not None
            await asyncio.gather(*(_strangers(port, until, times, tls) for _ in range(clients)))
            return
        await asyncio.gather(*(_client(port, until, every, n * every / clients, times, tls) for n in range(clients)))

    asyncio.run(run())
    return sorted(times)


def p99_ms(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


@pytest.mark.bench
def test_the_proxy_is_never_what_fails_a_test():
    """At least 500 requests a second, and its own share of the p99 at 200: with it and without it in turn, in one run."""
    behind: list[float] = []
    alone: list[float] = []
    with balanced() as (balancer, application):
        load(balancer, 0.5, 8)
        most = len(load(balancer, 4.0, 16)) / 4.0
        for _ in range(4):
            behind += load(balancer, 2.5, 20, rate=200)
            alone += load(application, 2.5, 20, rate=200)
    share = p99_ms(behind) - p99_ms(alone)
    print(f"{most:.0f} requests/s at most; p99 at 200/s {p99_ms(alone):.2f} ms alone, {p99_ms(behind):.2f} ms behind")
    assert most >= 500
    assert share < 10


@pytest.mark.bench
def test_https_is_not_what_fails_a_test_either(tmp_path):
    """At least 500 requests a second over kept connections; and what a handshake for each request leaves of them."""
    with balanced(certificates.make(tmp_path / "c.pem", ["localhost"])) as (balancer, _):
        load(balancer, 0.5, 8, tls=trusting())
        kept = len(load(balancer, 4.0, 16, tls=trusting())) / 4.0
        new = len(load(balancer, 4.0, 16, tls=trusting(), new=True)) / 4.0
    print(f"HTTPS: {kept:.0f} requests/s over kept connections, {new:.0f} with a handshake each")
    assert kept >= 500
    assert new >= kept / 20
