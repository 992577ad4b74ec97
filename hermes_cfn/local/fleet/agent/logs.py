"""Files that the CloudWatch agent collects: followed while they are written, sent in batches.

Configuration as in "Manually create or edit the CloudWatch agent configuration file"
(Amazon CloudWatch user guide): ``logs.logs_collected.files.collect_list``.
"""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import json
import time
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.machine import Machine, unknown

FLUSH_S = 0.5


class Collector:
    """Sends lines to log groups: of files by the agent's configuration, and of log drivers."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._rules: list[tuple[str, str, str]] = []
        self._waiting: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._earlier: dict[str, list[tuple[int, str]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def control(self, arguments: list[str]) -> str:
        """``amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:PATH``."""
        given = dict(itertools.pairwise(arguments))
        action = given.get("-a")
        if action in ("start", "stop", "status"):
            return json.dumps({"status": "running" if self._rules else "stopped"}) + "\n"
        source = given.get("-c", "")
        if action not in ("fetch-config", "append-config") or not source.startswith("file:"):
            raise unknown("amazon-cloudwatch-agent-ctl", " ".join(arguments))
        self.configure(json.loads(Path(source.removeprefix("file:")).read_text()))
        return "Configuration validation succeeded\n"

    def configure(self, configuration: dict[str, Any]) -> None:
        """Reads the ``logs`` section and sends what was written before it was known."""
        files = configuration.get("logs", {}).get("logs_collected", {}).get("files", {})
        self._rules = [
            (rule["file_path"], rule["log_group_name"], self._stream(rule.get("log_stream_name", "{instance_id}")))
            for rule in files.get("collect_list", [])
        ]
        for path, lines in self._earlier.items():
            for at, line in lines:
                self._collect(path, line, at)
        self._earlier.clear()

    def _stream(self, name: str) -> str:
        values = {"instance_id": self._machine.instance_id, "ip_address": self._machine.metadata.get("local-ipv4", "")}
        for key, value in values.items():
            name = name.replace("{" + key + "}", str(value))
        return name

    def line(self, path: str, text: str) -> None:
        """A line was written to the file that is ``path`` on AWS."""
        at = int(time.time() * 1000)
        if self._rules:
            self._collect(path, text, at)
        else:
            earlier = self._earlier.setdefault(path, [])
            earlier.append((at, text))
            del earlier[:-1000]

    def _collect(self, path: str, text: str, at: int) -> None:
        for pattern, group, stream in self._rules:
            if fnmatch.fnmatch(path, pattern):
                self.send(group, stream, text, at)

    def send(self, group: str, stream: str, text: str, at: int | None = None) -> None:
        """Sends a line to a log stream, soon."""
        batch = self._waiting.setdefault((group, stream), [])
        batch.append((at or int(time.time() * 1000), text))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Sends what waits, now."""
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for (group, stream), lines in waiting.items():
            self._machine.tell("log", group=group, stream=stream, lines=lines)
