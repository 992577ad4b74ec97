"""The agent's process: reads what to do from standard input, one JSON object a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.docker import Docker
from hermes_cfn.local.fleet.agent.door import Door
from hermes_cfn.local.fleet.agent.engine import Engine
from hermes_cfn.local.fleet.agent.logs import Collector
from hermes_cfn.local.fleet.agent.machine import Machine, Refused, unknown
from hermes_cfn.local.fleet.agent.metadata import Metadata
from hermes_cfn.local.fleet.agent.processes import Processes
from hermes_cfn.local.fleet.agent.scripts import Scripts
from hermes_cfn.local.fleet.agent.systemd import Systemd

BOOT_LOG = "/var/log/cloud-init-output.log"


class Agent:
    """One instance: its engine, its units, its scripts, and the cloud's orders."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        root = Path(configuration["root"])
        for directory in ("/etc", "/opt", "/root", "/run", "/tmp", "/usr/bin", "/var/log", "/var/lib/amazon/ssm"):  # noqa: S108 - below the instance's own root
            (root / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.machine = Machine(
            instance_id=configuration["instance_id"],
            root=root,
            address=configuration["address"],
            own_ports=configuration["own_ports"],
            shims=Path(configuration["shims"]),
            architecture=configuration["architecture"],
            speed=configuration["speed"],
            patience=configuration["patience"],
            metadata=configuration["metadata"],
            processes=Processes(root.parent / "processes"),
            engine=Engine(**configuration["engine"]) if configuration.get("engine") else None,
            hops=configuration.get("hops", 1),
        )
        (root / "run" / "ports").touch()
        if not (root / "proc").exists():
            (root / "proc").symlink_to("/proc")
        self.metadata = Metadata(configuration["metadata"], configuration["user_data"])
        self.collector = Collector(self.machine)
        self.docker = Docker(self.machine, self.collector)
        self.systemd = Systemd(self.machine, self.docker.follow, self.collector.line)
        self.scripts = Scripts(self.machine)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Opens the door and follows orders until they end."""
        self.machine.agent_port = await Door(self.machine, self.metadata, self.shim).open()
        self.machine.tell("ready", port=self.machine.agent_port)
        while line := await orders.readline():
            self._do(json.loads(line))
        self.collector.flush()
        self.machine.processes.kill_all()

    def _do(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "answer":
                self.machine.answered(order)
            case "user-data":
                self._task(self._user_data(order["text"]))
            case "run":
                self._task(self._run(order))
            case "cancel":
                self.scripts.cancel(order["name"])
            case "metadata":
                self.metadata.values.update(order["values"])
                self.machine.metadata.update(order["values"])
            case "reboot":
                self._task(self._reboot())
            case "disk-full":
                self.machine.disk_full = bool(order["on"])
                marker = self.machine.root / "run" / "disk-full"
                marker.touch() if order["on"] else marker.unlink(missing_ok=True)
            case "flush":
                self.collector.flush()

    def _task(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _user_data(self, text: str) -> None:
        log = self.machine.path(BOOT_LOG)

        def line(written: str) -> None:
            with log.open("a") as file:
                file.write(written + "\n")
            self.collector.line(BOOT_LOG, written)

        ended = await self.scripts.run("user-data", text, self.machine.path("/var/lib/cloud/instance"), None, line)
        self.machine.tell("booted", status=ended.status, output=(ended.output + ended.errors)[-2000:])

    async def _run(self, order: dict[str, Any]) -> None:
        name = order["name"]
        directory = self.machine.path(f"/var/lib/amazon/ssm/{name}")
        ended = await self.scripts.run(
            name,
            order["text"],
            directory,
            order["timeout_s"],
            None,
            order.get("environment"),
            order.get("directory", ""),
        )
        self.collector.flush()
        self.machine.tell(
            "ended",
            name=name,
            status=ended.status,
            output=ended.output,
            errors=ended.errors,
            timed_out=ended.timed_out,
            cancelled=ended.cancelled,
        )

    async def _reboot(self) -> None:
        self.systemd.shut_down()
        by_hand = {c: c.stopped_by_hand for c in self.docker.containers.values()}
        for container in by_hand:
            container.stopped_by_hand = True
        self.machine.processes.kill_all()
        await asyncio.gather(*(c.ended.wait() for c in by_hand if c.running))
        for container, value in by_hand.items():
            container.stopped_by_hand = value
        self.machine.tell("rebooted")
        await self.docker.boot()
        await self.systemd.boot()

    async def shim(self, command: str, arguments: list[str], given: str, directory: Path) -> tuple[str, str, int]:
        """Answers one command of a script: output, errors, exit status."""
        try:
            match command:
                case "docker":
                    return await self.docker.run_command(arguments, given, directory)
                case "nsenter":
                    return self.docker.in_network(arguments), "", 0
                case "systemctl":
                    return await self.systemd.systemctl(arguments), "", 0
                case "systemd-run":
                    return await self.systemd.run(arguments), "", 0
                case "amazon-cloudwatch-agent-ctl":
                    return self.collector.control(arguments), "", 0
                case "aws":
                    answer = await self.machine.ask("aws", arguments=arguments, given=given, directory=str(directory))
                    return answer["output"], answer["errors"], answer["status"]
            raise unknown(command, "this command")
        except Refused as refusal:
            return refusal.output, f"{refusal}\n" if str(refusal) else "", refusal.status
        except (OSError, ValueError, IndexError, AttributeError) as problem:
            return "", f"{command}: {problem}\n", 1


async def main() -> None:
    """One reader for everything that comes in: another would keep the orders that it read ahead."""
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    agent = Agent(json.loads(await reader.readline()))
    loop.add_signal_handler(signal.SIGTERM, lambda: os.close(0))
    try:
        await agent.serve(reader)
    finally:
        agent.machine.processes.kill_all()


if __name__ == "__main__":
    os.umask(0o077)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
