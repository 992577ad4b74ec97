import http.server
import json
import threading

import pytest

from analysis.latency import probe
from analysis.latency.places import rtt
from hermes_cfn.errors import HermesError


@pytest.fixture
def here():
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/health"
    server.shutdown()
    server.server_close()
    thread.join()


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
    probe.save(file, {("madrid", "eu-south-2"): found})
    loaded = probe.load(file)
    trip = rtt("madrid", "eu-south-2", loaded)
    assert trip.basis == "probed"
    assert trip.ms == pytest.approx(found.tcp.low)
    assert json.loads(file.read_text())[0]["at"] == found.at


@pytest.mark.parametrize("content", [None, "not json", "[{}]", '[{"from": "nowhere-land", "to": "madrid", "tcp": {}}]'])
def test_a_missing_or_strange_file_is_a_clear_error(tmp_path, content):
    file = tmp_path / "probe.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(HermesError):
        probe.load(file)


@pytest.mark.parametrize(
    ("url", "runs"), [("ftp://127.0.0.1/", 1), ("nonsense", 1), ("http://127.0.0.1/", 0), ("http://127.0.0.1/", 51)]
)
def test_what_is_no_url_or_not_polite_is_refused(url, runs):
    with pytest.raises(HermesError):
        probe.probe(url, runs=runs)


def test_nobody_there_is_an_error_and_no_trace():
    with pytest.raises(HermesError, match="never answered"):
        probe.probe("http://127.0.0.1:9/", runs=2, pause_s=0, timeout_s=0.5)
