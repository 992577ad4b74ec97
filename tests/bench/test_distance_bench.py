"""The database's distance is true: a page of n queries takes n round trips longer, as the planning half reckons."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hermes_cfn.local.fleet.addresses import AddressBook, free_port
from hermes_cfn.local.fleet.external import Database
from hermes_cfn.local.fleet.shims import interpreter
from hermes_cfn.local.options import Addresses

APPLICATION = Path(__file__).parents[2] / "hermes_cfn/local/fleet/standin/app.py"
RTT_S = 0.029
TRIES = 7


@contextmanager
def application(url: str) -> Iterator[http.client.HTTPConnection]:
    port = free_port()
    environment = {"PATH": os.defpath, "LISTEN_4000": f"127.0.0.1:{port}", "DATABASE_URL": url}
    process = subprocess.Popen(
        [str(interpreter()), "-S", str(APPLICATION), "serve"], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    finally:
        process.kill()
        process.communicate()


def page_s(connection: http.client.HTTPConnection, queries: int) -> float:
    """The quickest of several pages, as the application times it: what disturbs a run only ever adds."""
    times = []
    for _ in range(TRIES):
        connection.request("GET", f"/page?n={queries}")
        answer = connection.getresponse()
        words = answer.read().decode().split()
        assert answer.status == 200, words
        times.append(float(words[3]))
    return min(times)


@pytest.mark.bench
def test_a_page_of_n_queries_takes_n_round_trips_longer(tmp_path):
    addresses = AddressBook(Addresses.AUTO)
    database = Database(tmp_path, addresses, set)
    try:
        with application(database.url) as connection:
            near = {n: page_s(connection, n) for n in (1, 5, 20)}
            database.behave(rtt_ms=RTT_S * 1000)
            page_s(connection, 1)
            far = {n: page_s(connection, n) for n in near}
    finally:
        database.stop()
        addresses.close()
    ratios = {n: (far[n] - near[n]) / (n * RTT_S) for n in near}
    print(", ".join(f"{n} queries {far[n] * 1000:.1f} ms ({ratio:.3f} of {n} x 29 ms)" for n, ratio in ratios.items()))
    assert all(0.97 <= ratio <= 1.06 for ratio in ratios.values()), ratios
