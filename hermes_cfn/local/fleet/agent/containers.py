"""Containers as processes: environment, restart policy, stop signal, logs, memory limit.

There are no namespaces here, unless a container engine has the image (:mod:`.engine`).  A program learns where its container port is published from
``LISTEN_<port>=address:port`` in its environment, and finds itself in its image's directory.
States and exit codes as in Docker's reference of ``docker run`` and ``docker inspect``: 125 for
an error of docker itself, 126/127 for a program that cannot run, 137 for SIGKILL.
"""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from hermes_cfn.local.fleet.agent.engine import Engine
from hermes_cfn.local.fleet.agent.images import Image
from hermes_cfn.local.fleet.agent.logs import Collector
from hermes_cfn.local.fleet.agent.machine import Machine, Refused
from hermes_cfn.local.fleet.agent.processes import resident_bytes
from hermes_cfn.local.fleet.agent.sockets import others, table
from hermes_cfn.local.fleet.agent.ways import Ways, named

FIRST_RESTART_S = 0.1
LAST_RESTART_S = 60.0
LOOK_S = 0.05
PIECE = 16 * 1024
"""Characters of a line that Docker writes at once (moby, daemon/logger/copier.go, ``defaultBufSize``)."""

METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
MEMORY_LOOK_S = 0.2
"""How often the memory of a container with a limit is looked at, in real seconds."""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Wanted:
    """What ``docker run`` was asked for; ``memory`` in bytes, ``stop_timeout`` in seconds; ``engine_words`` are the
    options that only a container engine can heed.
    """

    name: str
    image: Image
    reference: str
    command: list[str]
    environment: dict[str, str]
    publish: list[tuple[int, int]] = field(default_factory=list)
    restart: str = "no"
    stop_signal: str = "SIGTERM"
    stop_timeout: int = 10
    memory: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    remove: bool = False
    log_options: dict[str, str] = field(default_factory=dict)
    log_driver: str = "json-file"
    entrypoint: str = ""
    engine_words: Sequence[str] = ()


class Container:
    """One container: starts its process, follows it, restarts it as its policy says."""

    def __init__(self, wanted: Wanted, machine: Machine, collector: Collector) -> None:
        self.wanted = wanted
        self.id = uuid.uuid4().hex + uuid.uuid4().hex
        self.status = "created"
        self.exit_code = 0
        self.killed_for_memory = False
        self.restarts = 0
        self.started_at = self.finished_at = "0001-01-01T00:00:00Z"
        self.stopped_by_hand = False
        self.ended = asyncio.Event()
        self._machine = machine
        self._collector = collector
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._line_held: asyncio.subprocess.Process | None = None
        self._inside = 0
        self.log_path = machine.path(f"/var/lib/docker/containers/{self.id}/{self.id}-json.log")

    @property
    def running(self) -> bool:
        return self.status in ("running", "restarting")

    @property
    def pid(self) -> int:
        """Its first process; of a container of the engine 0 until the engine has told."""
        if self.engine is not None:
            return self._inside
        return self._process.pid if self._process is not None and self.status == "running" else 0

    async def start(self) -> None:
        """Starts the process; Refused (125) when a port is taken."""
        self.stopped_by_hand = False
        self.ended.clear()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.status = "running"
        self._task = asyncio.create_task(self._keep())
        await asyncio.sleep(0)

    async def stop(self, seconds: float | None = None) -> None:
        """The stop signal, and SIGKILL ``seconds`` later."""
        self.stopped_by_hand = True
        if not self.running:
            return
        self.signal(self.wanted.stop_signal)
        try:
            await asyncio.wait_for(self.ended.wait(), self.wanted.stop_timeout if seconds is None else seconds)
        except TimeoutError:
            self.signal("SIGKILL")
            await self.ended.wait()

    def signal(self, name: str) -> None:
        """Sends a signal to the container's processes."""
        number = int(name) if name.isdigit() else int(getattr(signal, f"SIG{name.removeprefix('SIG')}"))
        if number == signal.SIGKILL and self._line_held is not None and self._line_held.stdin is not None:
            self._line_held.stdin.close()  # the engine's client cannot pass this one on
        elif self._process is not None and self.status == "running":
            self._machine.processes.signal(self._process.pid, number)
        elif self.status == "restarting" and self._task is not None:
            self._task.cancel()
            self._finished(self.exit_code)

    def logs(self, tail: int | None, within_s: float | None = None) -> tuple[str, str]:
        """What the container wrote to stdout and stderr, the last ``tail`` lines of both together.

        ``within_s``: only those of the last so many real seconds.
        """
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines()] if self.log_path.exists() else []
        if within_s is not None:
            since = datetime.now(UTC).timestamp() - within_s
            lines = [line for line in lines if datetime.fromisoformat(line["time"]).timestamp() >= since]
        chosen = lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]
        return (
            "".join(line["log"] for line in chosen if line["stream"] == "stdout"),
            "".join(line["log"] for line in chosen if line["stream"] == "stderr"),
        )

    async def _keep(self) -> None:
        delay = FIRST_RESTART_S
        while True:
            began = asyncio.get_running_loop().time()
            status = await self._run()
            policy, _, limit = self.wanted.restart.partition(":")
            again = policy in ("always", "unless-stopped") or (policy == "on-failure" and status != 0)
            if self.stopped_by_hand or not again or (limit and self.restarts >= int(limit)):
                self._finished(status)
                return
            self.status, self.exit_code, self.finished_at = "restarting", status, _now()
            delay = (
                FIRST_RESTART_S if asyncio.get_running_loop().time() - began > 10 else min(delay * 2, LAST_RESTART_S)
            )
            await asyncio.sleep(delay)
            self.restarts += 1
            self.status = "running"

    def _finished(self, status: int) -> None:
        self.status, self.exit_code, self.finished_at = "exited", status, _now()
        self.ended.set()

    async def _run(self) -> int:
        with self.log_path.open("a", buffering=1) as log:
            architecture = self.wanted.image.configuration.get("Architecture", self._machine.architecture)
            if architecture != self._machine.architecture:
                self._line(log, "stderr", f"exec {self.wanted.command[0]}: exec format error\n")
                return 1
            try:
                self._process = await self._machine.processes.start(
                    await self._command(),
                    self._environment() if self.engine is None else self.engine.environment,
                    self.wanted.image.directory if self.engine is None else self.log_path.parent,
                    asyncio.subprocess.PIPE,
                    asyncio.subprocess.PIPE,
                )
            except OSError as problem:
                self._line(log, "stderr", f"exec {self.wanted.command[0]}: {str(problem.strerror).lower()}\n")
                return {errno.ENOENT: 127, errno.ENOEXEC: 1}.get(problem.errno or 0, 126)
            self.started_at, self.killed_for_memory = _now(), False
            guard = asyncio.create_task(self._guard(self._process.pid))
            ways = asyncio.create_task(self._lead(log))
            await asyncio.gather(
                self._follow(log, "stdout", self._process.stdout), self._follow(log, "stderr", self._process.stderr)
            )
            status = await self._process.wait()
            guard.cancel()
            ways.cancel()
            await asyncio.wait([ways])
            await self._let_go()
        self._machine.processes.ended(self._process)
        return 128 - status if status < 0 else status

    @property
    def engine(self) -> Engine | None:
        """The container engine that runs it; None for a directory with a program."""
        return self._machine.engine if self.wanted.image.real else None

    @property
    def real_name(self) -> str:
        """Its name in the container engine, which all instances share."""
        return f"hermes-{self._machine.instance_id}-{self.id[:12]}"

    async def _command(self) -> list[str]:
        """The program, or the engine's client that runs the image."""
        wanted, engine = self.wanted, self.engine
        if engine is None:
            return wanted.command
        variables = self.log_path.parent / "variables"
        variables.touch(mode=0o600)
        variables.write_text("".join(f"{item}\n" for item in self._given()))
        ports = {port: "{}:{}".format(*self._machine.published(host)) for host, port in wanted.publish}
        self._line_held = await engine.hold(self.real_name)
        return engine.run(
            self.real_name, wanted.image.real, wanted.command, ports, variables, wanted.memory, wanted.stop_signal,
            wanted.entrypoint, wanted.engine_words,
        )  # fmt: skip

    def _given(self) -> list[str]:
        """What it is told beside what an engine tells it: the variables of its image and of ``docker run``, and where
        instance metadata are, if their answer gets as far as a container (EC2 user guide, "Use the Instance Metadata
        Service": a hop limit of 1 ends at the instance).
        """
        metadata = [f"{METADATA}={self._machine.environment()[METADATA]}"] if self._machine.hops > 1 else []
        own = map("=".join, self.wanted.environment.items())
        return [*metadata, *(self.wanted.image.configuration.get("Env") or []), *own]

    async def _lead(self, log: IO[str]) -> None:
        """Lets a container of the engine reach what it was told of this machine, as long as it runs."""
        engine, ways = self.engine, Ways()
        if engine is None:
            return
        try:
            while not (process := await engine.process(self.real_name)):
                await asyncio.sleep(LOOK_S)
            self._inside = process
            await ways.open(process, named(self._given()))
            await asyncio.Event().wait()
        except FileNotFoundError:
            pass  # it has ended meanwhile
        except OSError as problem:
            self._line(log, "stderr", f"docker: nothing of this machine's loopback is reached from here: {problem}\n")
        finally:
            self._inside = 0
            ways.close()

    async def _let_go(self) -> None:
        """Removes what the engine still has of a container that ended, and asks it why first."""
        engine, line = self.engine, self._line_held
        if engine is None or line is None:
            return
        _, said, _ = await engine.ask("inspect", "--format", "{{.State.OOMKilled}}", self.real_name)
        self.killed_for_memory = said.strip() == "true"
        self._line_held = None
        await engine.release(line)

    async def _guard(self, process: int) -> None:
        """Kills what holds more memory than it may, as the kernel does with a control group."""
        while self.wanted.memory and self.engine is None:
            if resident_bytes(process) > self.wanted.memory:
                self.killed_for_memory = True
                self._machine.processes.signal(process)
                return
            await asyncio.sleep(MEMORY_LOOK_S)

    async def _follow(self, log: IO[str], stream: str, source: asyncio.StreamReader | None) -> None:
        while source is not None:
            try:
                line = await source.readline()
            except ValueError:
                continue
            if not line:
                return
            self._line(log, stream, line.decode("utf-8", "replace"))

    def _line(self, log: IO[str], stream: str, text: str) -> None:
        """A line of the container, as the driver json-file writes it: in pieces of 16 KiB, each an object of its own."""
        for at in range(0, max(1, len(text)), PIECE):
            piece = text[at : at + PIECE]
            told = {"log": piece, "stream": stream, **self._attributes(), "time": _now()}
            written = json.dumps(told, ensure_ascii=False)
            log.write(written + "\n")
            if self.wanted.log_driver == "awslogs":
                group = self.wanted.log_options.get("awslogs-group", "")
                self._collector.send(group, self.wanted.log_options.get("awslogs-stream", self.id), piece.rstrip("\n"))
            else:
                self._collector.line(f"/var/lib/docker/containers/{self.id}/{self.id}-json.log", written)

    def _attributes(self) -> dict[str, dict[str, str]]:
        """The labels that ``--log-opt labels=A,B`` names (docs.docker.com/engine/logging/drivers/json-file)."""
        named = self.wanted.log_options.get("labels", "").split(",")
        found = {name: self.wanted.labels[name] for name in named if name in self.wanted.labels}
        return {"attrs": found} if found else {}

    def _environment(self) -> dict[str, str]:
        inherited = self._machine.environment()
        values = {"PATH": inherited["PATH"], "LANG": "C.UTF-8", "HOSTNAME": self.id[:12], "HOME": "/root"}
        values["CONTAINER_FAULTS"] = str(self._machine.root / "run" / "faults.json")

        for host_port, port in self.wanted.publish:
            address, real = self._machine.published(host_port)
            values[f"LISTEN_{port}"] = f"{address}:{real}"
        return {**values, **dict(item.partition("=")[::2] for item in self._given())}

    def sockets(self, file: str) -> str:
        """Where the program listens, in the form of ``file`` (``/proc/net/tcp``, or ``tcp6``) of its network."""
        if self.engine is not None:
            return others(Path(file.replace("net", f"{self.pid}/net")).read_text(), named(self._given()))
        if file.endswith("6"):
            return ""
        return table(self.pid, {self._machine.published(host_port): port for host_port, port in self.wanted.publish})

    def inspected(self) -> dict[str, Any]:
        """As ``docker inspect`` shows it."""
        wanted = self.wanted
        return {
            "Id": self.id,
            "Name": f"/{wanted.name}",
            "Image": wanted.image.digest,
            "RestartCount": self.restarts,
            "LogPath": str(self.log_path),
            "State": {
                "Status": self.status,
                "Running": self.running,
                "Restarting": self.status == "restarting",
                "OOMKilled": self.killed_for_memory,
                "Pid": self.pid,
                "ExitCode": self.exit_code,
                "StartedAt": self.started_at,
                "FinishedAt": self.finished_at,
            },
            "Config": {
                "Image": wanted.reference,
                "Labels": dict(wanted.labels),
                "Env": [f"{name}={value}" for name, value in wanted.environment.items()],
                "StopSignal": wanted.stop_signal,
                "StopTimeout": wanted.stop_timeout,
                "Cmd": wanted.command,
            },
            "HostConfig": {
                "Memory": wanted.memory,
                "RestartPolicy": {"Name": wanted.restart.partition(":")[0]},
                "LogConfig": {"Type": wanted.log_driver, "Config": wanted.log_options},
            },
        }


def memory_bytes(text: str) -> int:
    """Docker's memory notation: ``512m``, ``1g``, bytes without a letter."""
    factors = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
    unit = text[-1:].lower()
    try:
        return int(text[:-1]) * factors[unit] if unit in factors else int(text)
    except ValueError:
        raise Refused(f'invalid argument "{text}" for "-m, --memory" flag: invalid size: {text!r}', 125) from None


def read_env_file(path: Path) -> dict[str, str]:
    """Docker's env-file: ``NAME=value`` a line, ``#`` comments, no quoting."""
    values = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#") and "=" in line:
            name, _, value = line.partition("=")
            values[name.strip()] = value
    return values
