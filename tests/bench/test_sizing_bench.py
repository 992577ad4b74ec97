"""The sizing model against load on the embedded cloud: pages of eight queries, the database at four distances.

The stand-in application keeps a connection for as long as a request takes, and the model's page gives it
back after every query; so a page here is eight requests of one query, one after the other.  What such a
request takes without a database, and what a query takes beside it, are measured before and after; the rest is the
model's: round trips, waiting for a connection of the pool, and where the pool saturates.  What else runs
on the machine makes the slowest pages slower, so p99 is held the most loosely.
"""

import asyncio
import random
import ssl
import time

import pytest

from analysis.assumptions import planning
from analysis.latency.places import RoundTrip
from analysis.sizing import fleet
from hermes_cfn.local import control
from hermes_cfn.rehearse.load import Connection
from hermes_cfn.rehearse.sandbox import Sandbox
from hermes_cfn.rehearse.tally import percentile

pytestmark = pytest.mark.bench

QUERIES, POOL, DISTANCES_MS = 8, 4, (0.0, 5.0, 15.0, 29.0)
ONE = "/page?n=1"
BUSY = 0.75
"""Utilisation of the pool at the farthest distance."""
CONFIGURATION = f"""
[compute]
count = 1
[env]
PHX_HOST = "hermes.yourdomain.com"
PHX_SERVER = "true"
PORT = "4000"
POOL_SIZE = "{POOL}"
"""


class Client:
    """Pages through the load balancer, over connections that are kept."""

    def __init__(self, address):
        self.host, _, port = address.rpartition(":")
        self.port, self.idle = int(port), []
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def kept(self):
        """One that was used before, or None."""
        return self.idle.pop() if self.idle else None

    async def ask(self, path):
        connection = next((kept for kept in iter(self.kept, None) if kept.usable), None)
        if connection is None:
            connection = Connection(*await asyncio.open_connection(self.host, self.port, ssl=self.context))
        status, _, keep = await connection.request("GET", path, "hermes.yourdomain.com")
        assert status == 200
        if keep:
            connection.idle_since = time.monotonic()
            self.idle.append(connection)

    async def page(self, path, appointed):
        """Milliseconds since the appointed time."""
        for _ in range(QUERIES):
            await self.ask(path)
        return 1000 * (time.monotonic() - appointed)

    async def open_loop(self, path, rate, seconds, seed):
        """Times of pages that begin at their appointed time, sorted; ms."""
        dice, tasks, appointed = random.Random(seed), [], time.monotonic()
        until = appointed + seconds
        while (appointed := appointed + dice.expovariate(rate)) < until:
            await asyncio.sleep(max(0.0, appointed - time.monotonic()))
            tasks.append(asyncio.create_task(self.page(path, appointed)))
        return sorted(await asyncio.gather(*tasks))

    async def closed_loop(self, path, clients, seconds):
        """Requests a second that ``clients`` get done, each asking again at once, without the first second."""
        until, done = time.monotonic() + 1 + seconds, []

        async def again():
            while time.monotonic() < until:
                await self.ask(path)
                done.append(time.monotonic())

        await asyncio.gather(*(again() for _ in range(clients)))
        return sum(until - seconds <= at < until for at in done) / seconds

    def close(self):
        for connection in self.idle:
            connection.close()
        self.idle.clear()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sizing")
    (directory / "hermes.toml").write_text(CONFIGURATION)
    with Sandbox(directory / "hermes.toml", directory / "state") as sandbox:
        sandbox.run("bootstrap")
        sandbox.first_deployment(("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL"))
        yield sandbox


def measured(cloud, rtt_ms, what):
    """``what`` of a client, with the database at that distance and the pool's connections open."""
    control.database(cloud.state, rtt_ms=rtt_ms)

    async def run():
        client = Client(cloud.address())
        try:
            await client.closed_loop(ONE, 2 * POOL, 1)
            return await what(client)
        finally:
            client.close()

    return asyncio.run(run())


def middle(cloud, path):
    return percentile(measured(cloud, 0.0, lambda client: client.open_loop(path, 10, 4, seed=1)), 0.5)


def beside(cloud):
    """(ms of a request without a database, ms of a query beside it), as they are just now."""
    alone = middle(cloud, "/")
    return alone, max(0.05, (middle(cloud, ONE) - alone) / QUERIES)


def planned(rate, *bases):
    """The model's load from what was measured before and after, so that a machine that gets busier counts on both sides."""
    alone, query = (sum(column) / len(column) for column in zip(*bases, strict=True))
    return planning(
        {
            "pool_size": POOL, "queries_per_page": QUERIES, "transactions_per_page": 0, "query_ms": query,
            "service_ms": alone, "service_scv": 0.1, "service_shape": "gamma", "idle_cpu": 0.0, "peak_requests_per_s": rate,
        }
    )  # fmt: skip


def test_the_model_says_what_load_shows(cloud, record_property):
    before = beside(cloud)
    rate = BUSY * POOL * 1000 / (QUERIES * (DISTANCES_MS[-1] + before[1]))
    told = []
    for rtt_ms in DISTANCES_MS:
        probed = {("eu-south-2", "madrid"): RoundTrip(rtt_ms, rtt_ms, rtt_ms, "probed", "the embedded cloud")}
        seen = measured(cloud, rtt_ms, lambda client: client.open_loop(ONE, rate, 20, seed=2))
        most = measured(cloud, rtt_ms, lambda client: client.closed_loop(ONE, 3 * POOL, 4))
        after = beside(cloud)
        said = fleet.size(planned(rate, before, after), "t4g.small", 1, probed=probed)
        before = after
        row = {
            "rtt_ms": rtt_ms,
            "p50": percentile(seen, 0.5) / said.page_p50_ms,
            "p99": percentile(seen, 0.99) / said.page_p99_ms,
            "capacity": most / said.pool.capacity,
        }
        told.append(row)
        print(
            f"database {rtt_ms:4.0f} ms away, pool {said.pool.utilisation:.0%} busy: measured over said: p50 {row['p50']:.2f}, "
            f"p99 {row['p99']:.2f}, capacity {row['capacity']:.2f} (said {said.page_p50_ms:.0f} ms, {said.page_p99_ms:.0f} ms, "
            f"{said.pool.capacity:.0f} queries/s)"
        )
    record_property("measured over said", told)
    for row in told[1:]:
        assert 0.8 <= row["p50"] <= 1.3, row
        assert 0.75 <= row["capacity"] <= 1.1, row
        assert 0.5 <= row["p99"] <= 2, row
