"""Hands the application's role to the containers, as AWS's SDKs ask for it.

"Container credential provider" (AWS SDKs and Tools reference guide): GET with the token of
AWS_CONTAINER_AUTHORIZATION_TOKEN; the answer has AccessKeyId, SecretAccessKey, Token and Expiration.
Called with an env file: adds the variables to it and starts itself as a service.  Without: is that service.
Runs with the Python 3.9 of Amazon Linux 2023.
"""

from __future__ import annotations

import datetime
import hmac
import http.server
import json
import os
import pathlib
import secrets
import subprocess
import sys
import threading

ROLE = "@ROLE@"
SPARE_S = 1300
here = pathlib.Path(__file__).resolve().parent
bind = os.environ.get("HERMES_BIND")
HOST, PORT = (bind, 8169) if bind else ("169.254.170.2", 80)
lock = threading.Lock()
last: dict[str, str] = {}


def token() -> str:
    path = here / "access-token"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def failed(*words: str) -> bool:
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0


def begin(file: pathlib.Path) -> None:
    region, uri = os.environ["AWS_REGION"], f"http://{HOST}:{PORT}/"
    told = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": token()}
    said = file.read_text()
    told.update({name: region for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if f"{name}=" not in said})
    file.write_text(said + "".join(f"{name}={value}\n" for name, value in told.items()))
    text, running = pathlib.Path(__file__).read_text(), here / "access-running"
    if failed("systemctl", "is-active", "hermes-access") or not running.exists() or running.read_text() != text:
        failed("systemctl", "stop", "hermes-access")
        running.write_text(text)
        run = [
            "systemd-run",
            "--quiet",
            "--collect",
            "--unit=hermes-access",
            "--property=Restart=always",
            "/usr/bin/env",
        ]
        run += [f"AWS_REGION={region}", f"AWS_DEFAULT_REGION={region}", "python3", __file__]
        subprocess.run(run, check=True)


def left() -> float:
    until = last.get("Expiration", "2000-01-01T00:00:00Z").replace("Z", "+00:00")
    now = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017 - Python 3.9
    return (datetime.datetime.fromisoformat(until) - now).total_seconds()


def credentials() -> tuple[int, dict[str, str]]:
    with lock:
        if left() < SPARE_S:
            name = "app-" + (here / "instance-id").read_text().strip()
            ask = ["aws", "sts", "assume-role", "--role-arn", ROLE, "--role-session-name", name, "--output", "json"]
            done = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0:
                made = json.loads(done.stdout)["Credentials"]
                until = made["Expiration"].replace("+00:00", "Z")
                last.update(made, Token=made["SessionToken"], Expiration=until, RoleArn=ROLE)
            elif left() <= 0:
                return 500, {"code": "RoleNotAssumed", "message": done.stderr.strip()[-300:]}
        return 200, {name: value for name, value in last.items() if name != "SessionToken"}


class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = 403, {"code": "Unauthorized", "message": "the token is not right"}
        try:
            if hmac.compare_digest(self.headers.get("Authorization", "").encode(), token().encode()):
                status, body = credentials()
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            status, body = 500, {"code": type(error).__name__, "message": "no credentials now"}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


if len(sys.argv) > 1:
    begin(pathlib.Path(sys.argv[1]))
else:
    if not bind:
        failed("ip", "address", "add", f"{HOST}/32", "dev", "lo")
    http.server.ThreadingHTTPServer((HOST, PORT), Door).serve_forever()
