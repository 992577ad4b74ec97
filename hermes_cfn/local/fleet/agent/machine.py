"""The instance as its programs see it: directories, environment, and the way to the cloud."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.engine import Engine
from hermes_cfn.local.fleet.agent.processes import Processes


class Refused(Exception):
    """A command that ends with an exit status other than 0: what it says on stderr and stdout."""

    def __init__(self, message: str, status: int = 1, output: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.output = output


def unknown(command: str, what: str) -> Refused:
    """The refusal of a shim that does not know something: exit status 64 (EX_USAGE)."""
    return Refused(f"{command}: the embedded cloud does not know {what}", 64)


@dataclass
class Machine:
    """``root`` is what ``/`` is on AWS; ``address`` is where it listens; ``ports`` maps a
    published port to the one that is really listened on, where the address is shared; ``hops``
    is how far an answer of the metadata service gets; ``key`` opens the agent's door.
    """

    instance_id: str
    root: Path
    address: str
    own_ports: bool
    shims: Path
    architecture: str
    speed: float
    patience: float
    metadata: dict[str, Any]
    processes: Processes
    engine: Engine | None = None
    hops: int = 1
    agent_port: int = 0
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    ports: dict[int, int] = field(default_factory=dict)
    disk_full: bool = False
    _questions: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def path(self, absolute: str) -> Path:
        """Where ``absolute`` is for programs that put the root before it, as ``DESTDIR`` does."""
        return self.root / absolute.lstrip("/")

    def environment(self) -> dict[str, str]:
        """What every program on the instance finds in its environment."""
        values = {
            "PATH": f"{self.shims}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.path("/root")),
            "LANG": "C.UTF-8",
            "HERMES_ROOT": str(self.root),
            "HERMES_BIND": self.address,
            "HERMES_AGENT": f"{self.address}:{self.agent_port}",
            "HERMES_AGENT_KEY": self.key,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{self.address}:{self.agent_port}/{self.key}",
        }
        if self.own_ports:
            values["http_proxy"] = f"http://instance:{self.key}@{self.address}:{self.agent_port}"
            values["HERMES_PORTS"] = str(self.root / "run" / "ports")
        return values

    def published(self, port: int) -> tuple[str, int]:
        """The address and port where programs find the published ``port`` of this instance."""
        return self.address, self.ports.get(port, port)

    async def publish(self, port: int) -> None:
        """Learns which port of a shared address stands for ``port``."""
        if self.own_ports and port not in self.ports:
            self.ports[port] = int((await self.ask("port", port=port))["real"])
            lines = "".join(f"{known} {real}\n" for known, real in self.ports.items())
            (self.root / "run" / "ports").write_text(lines)

    def delay(self, seconds: float) -> float:
        """Real seconds for a delay that guards real programs, as ServiceClock.deadline has it."""
        return min(seconds, max(seconds / self.speed, self.patience))

    def tell(self, event: str, **values: Any) -> None:
        """Tells the cloud that something happened."""
        sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
        sys.stdout.flush()

    async def ask(self, event: str, **values: Any) -> dict[str, Any]:
        """Asks the cloud and waits for its answer; Refused when it says no."""
        number = next(self._numbers)
        self._questions[number] = asyncio.get_running_loop().create_future()
        self.tell(event, question=number, **values)
        answer = await self._questions[number]
        if "refused" in answer:
            raise Refused(str(answer["refused"]), int(answer.get("status", 1)))
        return answer

    def answered(self, message: Mapping[str, Any]) -> None:
        """Hands an answer of the cloud to whoever asked."""
        future = self._questions.pop(int(message["question"]), None)
        if future is not None and not future.done():
            future.set_result(dict(message))
