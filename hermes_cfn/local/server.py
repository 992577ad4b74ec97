"""The process of the embedded cloud: one HTTP endpoint on a loopback port.

Started by :mod:`hermes_cfn.local.control`.  Writes ``cloud.json`` (pid, endpoint, and what opens it) into its
directory when it is ready, and leaves nothing behind when it ends: on SIGTERM, on SIGINT, and,
if asked, when the process that started it is gone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from email.utils import format_datetime, formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hermes_cfn.local import cors, guard
from hermes_cfn.local.cloud import Cloud
from hermes_cfn.local.options import Options
from hermes_cfn.local.owner import OTHERS, Owner, write_private
from hermes_cfn.local.wire import HttpRequest, HttpResponse

log = logging.getLogger("hermes.local")


class Endpoint(ThreadingHTTPServer):
    """The listening socket; one thread a connection, none of which keeps the process alive."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256
    cloud: Cloud

    @property
    def authorities(self) -> frozenset[str]:
        """What ``Host`` may say: the address and port that are listened on, and their name; buckets before that name."""
        return frozenset(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost", ".localhost"))

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection from %s failed", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the cloud, writes its answer with the service's Date."""

    protocol_version = "HTTP/1.1"
    server: Endpoint
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        pairs = [(name.lower(), value) for name, value in self.headers.items()]
        refused = guard.refusal(self.path, pairs, self.server.authorities, self._cors_lets)
        if refused is not None:
            self.close_connection = True
            self._write(
                HttpResponse(
                    refused.status, {"Content-Type": "text/plain", "Connection": "close"}, refused.message.encode()
                )
            )
            return
        body = self._body()
        headers = {name: ", ".join(value for other, value in pairs if other == name) for name, _ in pairs}
        answer = self._answer(HttpRequest(self.command, self.path, headers, body))
        if answer.lost:
            self.close_connection = True
            self.connection.close()
            return
        self._write(answer)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        cloud = self.server.cloud
        allowed = self._cors_headers()
        if request.method == "OPTIONS":
            return HttpResponse(200 if allowed else 403, dict(allowed or {}), b"")
        try:
            answer = cloud.handle(request)
        except Exception as problem:
            log.exception("%s %s", self.command, self.path)
            text = f"the embedded cloud failed: {type(problem).__name__}: {problem}"
            answer = HttpResponse(500, {"Content-Type": "text/plain"}, text.encode())
        answer.headers.update(allowed or {})
        return answer

    def _cors_lets(self, _target: str, _origin: str) -> bool:
        return self._cors_headers() is not None

    def _cors_headers(self) -> Mapping[str, str] | None:
        """What the CORS rules of the bucket that is called add to the answer; None where none lets this page call it."""
        origin = self.headers.get("Origin")
        if origin is None:
            return None
        method = self.command
        if method == "OPTIONS":
            method = self.headers.get("Access-Control-Request-Method", "")
        asked = self.headers.get("Access-Control-Request-Headers", "").split(",")
        return cors.answer(self.server.cloud.moto.cors_rules(self._bucket()), origin, method, asked)

    def _bucket(self) -> str:
        """The bucket that a request names, by its host or its path; for other services than S3, none that there is."""
        host, _, _ = self.headers.get("Host", "").rpartition(".localhost")
        return host or unquote(self.path.partition("?")[0].lstrip("/").partition("/")[0])

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _write(self, answer: HttpResponse) -> None:
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('', ''))[0]}"]
        lines.append(f"Date: {format_datetime(self.server.cloud.clock.now(), usegmt=True)}")
        lines.append(f"X-Hermes-Signatures-Date: {formatdate(usegmt=True)}")
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "date"}
        if not any(name.lower() == "content-length" for name in headers):
            headers["Content-Length"] = str(len(answer.body))
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = b"" if self.command == "HEAD" else answer.body
        self.wfile.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


def _follow(parent_pipe: int, ended: threading.Event) -> None:
    """Ends the cloud when the other end of the pipe, which only the parent holds, is closed."""
    while os.read(parent_pipe, 1):
        pass
    ended.set()


def _forget_empty(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size == 0:
        log_file.unlink()


def run(directory: Path, options: Options, parent_pipe: int | None) -> None:
    """Serves until told to end; then removes ``directory``."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if parent_pipe is not None:
        threading.Thread(target=_follow, args=(parent_pipe, ended), daemon=True).start()
    owner = Owner.drawn()
    endpoint = Endpoint(("127.0.0.1", options.port), Handler)
    cloud = Cloud(directory, options, f"http://127.0.0.1:{endpoint.server_port}", ended.set, owner)
    endpoint.cloud = cloud
    threading.Thread(target=endpoint.serve_forever, args=(0.5,), daemon=True).start()
    try:
        cloud.start()
        known = {"pid": os.getpid(), "endpoint": cloud.endpoint, **owner.record()}
        write_private(directory / "cloud.json", json.dumps(known))
        ended.wait()
    finally:
        cloud.stop()
        endpoint.server_close()
        shutil.rmtree(directory, ignore_errors=True)
    _forget_empty(directory.parent / "cloud.log")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="hermes-cfn-local")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--options", required=True)
    parser.add_argument("--parent-pipe", type=int)
    given = parser.parse_args(arguments)
    os.umask(OTHERS)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    run(given.directory, Options.from_json(given.options), given.parent_pipe)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
