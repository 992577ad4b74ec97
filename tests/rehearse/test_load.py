"""The counter that every claim of zero failed requests rests on: it must be able to fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hermes_cfn.rehearse.tally import LoadProcess, Tally, percentile
from hermes_cfn.rehearse.watcher import Glimpse, time_line


@contextmanager
def server(answer: bytes, close: bool = False) -> Iterator[str]:
    """A loopback server that gives the same answer to every request, or hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) if b"Content-Length" in head else 0
                while len(body) < length:
                    body += connection.recv(65536)
                if close:
                    return
                connection.sendall(answer)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def measure(address: str, seconds: float = 0.6, sockets: int = 0, seed: int = 1) -> Tally:
    load = LoadProcess(
        address, server_name="localhost", tls=False, rate=100, sockets=sockets, at_most_s=seconds, seed=seed
    )
    load._process.wait(60)
    return load.stop()


def test_answers_are_counted_with_the_release_that_gave_them() -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Release: v1\r\n\r\nhi") as address:
        tally = measure(address)
    assert tally.sent > 20
    assert tally.failed == 0
    assert tally.releases == {"v1": tally.sent}


def test_the_same_seed_sends_the_same_load() -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as address:
        one, same, other = (measure(address, seed=seed).samples for seed in (7, 7, 8))
    assert [kind for _, _, kind, *_ in one] == [kind for _, _, kind, *_ in same] != [kind for _, _, kind, *_ in other]
    assert [at - one[0][0] for at, *_ in one] == pytest.approx([at - same[0][0] for at, *_ in same], abs=1e-3)


def test_a_status_of_the_server_is_a_failure() -> None:
    with server(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as address:
        tally = measure(address)
    assert tally.failed == tally.sent > 20
    assert set(tally.failed_by_reason) == {"status 502"}


def test_a_connection_that_closes_is_a_failure() -> None:
    with server(b"", close=True) as address:
        tally = measure(address)
    assert tally.failed == tally.sent > 20
    assert any("closed before the answer" in reason or "reset" in reason for reason in tally.failed_by_reason)


def test_nobody_listening_is_a_failure_and_an_interruption() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    tally = measure(f"127.0.0.1:{free}")
    assert tally.failed == tally.sent > 20
    assert tally.interruption_s > 0.3


def test_connections_rest_around_an_idle_timeout_and_are_asked_on_again() -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as address:
        load = LoadProcess(address, server_name="localhost", tls=False, rate=1, at_most_s=2, idle=[0.05], seed=1)
        load._process.wait(60)
        tally = load.stop()
    rested = [row for row in tally.samples if row[2] == "idle"]
    assert len(rested) > 8
    assert {row[3] for row in rested} == {"ok"}
    with server(b"", close=True) as address:
        load = LoadProcess(address, server_name="localhost", tls=False, rate=1, at_most_s=1, idle=[0.05], seed=1)
        load._process.wait(60)
        assert {row[3] for row in load.stop().samples if row[2] == "idle"} == {"connection closed before the answer"}


def test_a_web_socket_that_cannot_be_opened_is_a_failure() -> None:
    with server(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as address:
        tally = measure(address, sockets=1)
    sockets = [row for row in tally.samples if row[2] == "socket"]
    assert sockets and {row[3] for row in sockets} == {"status 502"}
    assert tally.reconnected == 0


def test_a_request_that_asks_for_time_is_counted_without_it() -> None:
    rows = [(1.0, 0.45, "slow", "ok", ""), (1.1, 0.02, "kept", "ok", "")]
    window = Tally(1, 0, tuple(rows)).window(0, 2)
    assert (window.p50_s, window.max_s) == (pytest.approx(0.02), pytest.approx(0.05))


def test_the_time_line_says_when_an_instance_is_gone() -> None:
    glimpses = [Glimpse(1.0, {"i-1": "in service, healthy"}, 1), Glimpse(2.0, {"i-2": "pending, absent"}, 0)]
    glimpses.append(Glimpse(3.0, {"i-2": "in service, healthy"}, 1))
    assert time_line(glimpses) == {
        "i-1": [(1.0, "in service, healthy"), (2.0, "gone")],
        "i-2": [(2.0, "pending, absent"), (3.0, "in service, healthy")],
    }


def test_the_load_goes_nowhere_but_to_loopback() -> None:
    load = LoadProcess("192.0.2.1:80", server_name="x", tls=False, rate=1)
    with pytest.raises(ValueError):
        load.stop()


def test_an_interruption_ends_with_the_first_good_answer() -> None:
    rows = [(10.0, 0.1, "kept", "ok", ""), (11.0, 0.5, "kept", "status 503", ""), (12.0, 0.5, "kept", "status 503", "")]
    rows += [(13.0, 0.1, "kept", "ok", ""), (14.0, 0.2, "kept", "status 503", "")]
    tally = Tally(1, 0, tuple(rows))
    assert tally.interruption_s == pytest.approx(1.5)
    assert tally.window(10.0, 11.0).sent == 1


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)) == (50.0, 99.0, 0.0)
