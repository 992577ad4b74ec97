"""One instance from the cloud's side: its agent's process and the lines they exchange."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.processes import signal_group
from hermes_cfn.local.fleet.shims import interpreter, sources

log = logging.getLogger("hermes.local")
Event = Callable[[str, dict[str, Any]], None]


class Host:
    """Starts an agent, passes orders to it, and hands its events to ``on_event``."""

    def __init__(self, instance_id: str, directory: Path, configuration: Mapping[str, Any], on_event: Event) -> None:
        self.instance_id = instance_id
        self.directory = directory
        self._on_event = on_event
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._log = (directory / "agent.log").open("wb")
        self.process = subprocess.Popen(
            [str(interpreter()), "-S", "-m", "hermes_cfn.local.fleet.agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"PYTHONPATH": str(sources()), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=directory,
            start_new_session=True,
        )
        self._send({"root": str(directory / "root"), **configuration})
        threading.Thread(target=self._listen, daemon=True, name=f"agent-{instance_id}").start()

    def order(self, do: str, **values: Any) -> None:
        """Tells the agent to do something; nothing happens when it is gone."""
        self._send({"do": do, **values})

    def answer(self, question: int, **values: Any) -> None:
        """Answers a question of the agent."""
        self._send({"do": "answer", "question": question, **values})

    def kill(self) -> None:
        """Ends the instance at once, as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._kill_groups()

    def remove(self) -> None:
        """Kills it and removes its directory."""
        self.kill()
        self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def _kill_groups(self) -> None:
        record = self.directory / "processes"
        groups = record.read_text().split() if record.exists() else []
        for group in groups:
            signal_group(int(group), self.process.pid)

    def _send(self, message: Mapping[str, Any]) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            try:
                self._on_event(self.instance_id, message)
            except Exception:
                log.exception("event %s of %s", message.get("event"), self.instance_id)
        self.process.wait()
        self._on_event(self.instance_id, {"event": "gone"})
