import http.server
import json
import ssl
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from analysis import cli
from analysis.assumptions import planning
from analysis.latency import probe, times
from analysis.latency.places import access, floor_ms, place, rtt
from analysis.sizing import fleet
from hermes_cfn.errors import HermesError


def certificate(directory):
    """A key and a certificate for localhost, and the context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file, ssl.create_default_context(cadata=made.public_bytes(Encoding.PEM).decode())


def served(wrap=lambda wire: wire):
    """A server on loopback that answers ``ok``, and its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def here():
    with contextmanager(served)() as port:
        yield f"http://127.0.0.1:{port}/health"


def test_tls_is_timed_apart_and_its_version_is_what_the_model_counts(tmp_path):
    file, trusting = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with contextmanager(served)(lambda wire: context.wrap_socket(wire, server_side=True)) as port:
        found = probe.probe(f"https://localhost:{port}/", runs=3, pause_s=0, context=trusting)
        assert found.failed == 0 and found.tls is not None
        assert 0 < found.tls.low <= found.tls.p99
        with pytest.raises(HermesError, match="certificate"):
            probe.probe(f"https://localhost:{port}/", runs=1)


def test_from_the_command_line_to_the_answer(here, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["analysis", *words])
        cli.main()
        return capsys.readouterr().out

    probing = (
        "probe",
        here,
        "--runs",
        "2",
        "--pause",
        "0.2",
        "--from",
        "madrid",
        "--to",
        "eu-south-2",
        "--access",
        "office",
    )
    shown = run(*probing, "--save", "p.json")
    assert here in shown
    told = run("--probe", "p.json", "latency")
    line = next(line for line in told.splitlines() if line.startswith("madrid – eu-south-2"))
    assert "probed" in line and here in line and "office" in line
    assert "extrapolated" in next(
        line for line in run("latency").splitlines() if line.startswith("madrid – eu-south-2")
    )


def test_a_probe_times_each_part_and_pauses_between_runs(here):
    pauses = []
    found = probe.probe(here, runs=4, pause_s=2.5, sleep=pauses.append)
    assert pauses == [2.5] * 3
    assert found.failed == 0
    assert found.tls is None
    assert 0 <= found.tcp.low <= found.tcp.p50 <= found.tcp.p90 <= found.tcp.p99 < 1000
    assert found.at.endswith("+00:00")


def test_what_was_saved_replaces_the_table(here, tmp_path):
    found = probe.probe(here, runs=1)
    file = tmp_path / "probe.json"
    probe.save(file, {("Madrid", "eu-south-2"): found})
    loaded = probe.load(file)
    trip = rtt("madrid", "eu-south-2", loaded)
    assert trip.basis == "probed"
    assert found.at in trip.source
    assert json.loads(file.read_text())[0]["at"] == found.at
    assert trip.ms == floor_ms(place("madrid"), place("eu-south-2")), "loopback is nearer than light allows"


def stored(tmp_path, last_mile, low=31.0):
    file = tmp_path / f"{last_mile or 'none'}.json"
    file.write_text(
        json.dumps([{"from": "eu-south-2", "to": "frankfurt", "access": last_mile, "url": "https://a.example", "at": "2026-11-01",
                     "runs": 20, "tcp": {"p50": low + 2, "p90": low + 5, "p99": low + 9, "low": low}}])
    )  # fmt: skip
    return probe.load(file)


def test_the_last_mile_that_it_went_through_is_taken_off(tmp_path):
    assert rtt("frankfurt", "eu-south-2", stored(tmp_path, "")).ms == 31.0
    assert rtt("frankfurt", "eu-south-2", stored(tmp_path, "fibre")).ms == 31.0 - access("fibre").rtt_ms
    with pytest.raises(HermesError, match="fibre"):
        stored(tmp_path, "pigeon")


def test_every_answer_uses_it(tmp_path):
    far = planning({"database": "frankfurt"})
    near = stored(tmp_path, "", low=20.0)
    for probed, capacity in ((None, 10 * 1000 / (rtt("eu-south-2", "frankfurt").ms + 1)), (near, 10 * 1000 / 21)):
        assert fleet.size(far, "t4g.small", 2, probed=probed).pool.capacity == pytest.approx(capacity)
        parts = times.compose(far, times.Home("eu-south-2"), times.Interaction.COLD, 15, probed=probed)
        assert parts.database == pytest.approx(10 * 10_000 / capacity)


@pytest.mark.parametrize("content", [None, "not json", "[{}]", '[{"from": "nowhere-land", "to": "madrid", "tcp": {}}]'])
def test_a_missing_or_strange_file_is_a_clear_error(tmp_path, content):
    file = tmp_path / "probe.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(HermesError):
        probe.load(file)


@pytest.mark.parametrize(
    ("url", "runs"),
    [
        ("ftp://127.0.0.1/", 1),
        ("nonsense", 1),
        ("http://[::1", 1),
        ("http://127.0.0.1:x/", 1),
        ("http://127.0.0.1/", 0),
        ("http://127.0.0.1/", 51),
    ],
)
def test_what_is_no_url_or_not_polite_is_refused(url, runs):
    with pytest.raises(HermesError):
        probe.probe(url, runs=runs)


def test_nobody_there_is_an_error_and_no_trace():
    with pytest.raises(HermesError, match="never answered"):
        probe.probe("http://127.0.0.1:9/", runs=2, pause_s=0, timeout_s=0.5)
