"""The cloud's side of the proxy process: started when the first listener needs it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.shims import interpreter, sources

log = logging.getLogger("hermes.local")


class Balancers:
    """Passes orders to the proxy and its events to ``on_event``; remembers where listeners are."""

    def __init__(self, directory: Path, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._directory = directory
        self._on_event = on_event
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._arrived = threading.Condition()
        self.addresses: dict[str, str] = {}

    def order(self, do: str, **values: Any) -> None:
        """Tells the proxy to do something."""
        with self._lock:
            process = self._process or self._start()
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
                process.stdin.flush()

    def wait_for(self, listener: str, timeout_s: float = 10.0) -> str:
        """Where ``listener`` listens, once it does; empty when it could not."""
        with self._arrived:
            self._arrived.wait_for(lambda: listener in self.addresses, timeout_s)
            return self.addresses.get(listener, "")

    def stop(self) -> None:
        """Ends the proxy."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._directory / "balancer.log").open("wb") as output:
            process = subprocess.Popen(
                [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.proxy"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={"PYTHONPATH": str(sources()), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=self._directory,
                start_new_session=True,
            )
        self._process = process
        threading.Thread(target=self._listen, args=(process,), daemon=True, name="balancers").start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message["event"] in ("listening", "failed") and "listener" in message:
                with self._arrived:
                    self.addresses[message["listener"]] = message.get("address", "")
                    self._arrived.notify_all()
            if message["event"] == "failed":
                log.warning("load balancer: %s", message)
            try:
                self._on_event(message)
            except Exception:
                log.exception("event of the load balancer")
