"""The counter that every claim of zero failed requests rests on: it must be able to fail."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hermes_cfn.rehearse.tally import LoadProcess, Tally, percentile


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
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
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


def measure(address: str, seconds: float = 0.6) -> Tally:
    load = LoadProcess(address, server_name="localhost", tls=False, rate=100, at_most_s=10)
    time.sleep(seconds + 0.4)
    return load.stop()


def test_answers_are_counted_with_the_release_that_gave_them() -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Release: v1\r\n\r\nhi") as address:
        tally = measure(address)
    assert tally.sent > 20
    assert tally.failed == 0
    assert tally.releases == {"v1": tally.sent}


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
