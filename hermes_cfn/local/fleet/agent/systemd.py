"""systemd as far as scripts of an instance need it: units from files, timers, transient units.

Unit file keys as in systemd.service(5) and systemd.timer(5).  An unknown key of those two
sections is refused, everything in ``[Unit]`` and ``[Install]`` is read as written.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.machine import Machine, Refused, unknown

BUILT_IN = (
    "docker", "amazon-ssm-agent", "amazon-cloudwatch-agent", "containerd", "chronyd", "network-online", "nftables",
    "systemd-sysctl",
)  # fmt: skip
_SERVICE_KEYS = {
    "Type", "ExecStart", "ExecStartPre", "ExecStop", "Restart", "RestartSec", "RemainAfterExit", "Environment",
    "EnvironmentFile", "User", "WorkingDirectory", "TimeoutStartSec", "TimeoutStopSec", "StandardOutput", "StandardError",
}  # fmt: skip
_TIMER_KEYS = {"OnActiveSec", "OnBootSec", "OnUnitActiveSec", "Unit", "AccuracySec"}
_FACTORS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}


def seconds(text: str) -> float:
    """A time span as in systemd.time(7): ``90``, ``5s``, ``2min 30s``."""
    total = 0.0
    for number, unit in re.findall(r"([\d.]+)\s*([a-z]*)", text):
        if unit not in _FACTORS:
            raise unknown("systemd", f"the time span {text!r}")
        total += float(number) * _FACTORS[unit]
    return total


@dataclass
class Unit:
    """A unit, read from a file or made by systemd-run, and what became of it."""

    name: str
    sections: dict[str, dict[str, list[str]]]
    state: str = "inactive"
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def one(self, section: str, key: str, default: str = "") -> str:
        return (self.sections.get(section, {}).get(key) or [default])[-1]


class Systemd:
    """The units of one instance."""

    def __init__(self, machine: Machine, docker: Callable[[bool], Awaitable[None]]) -> None:
        """``docker`` is told when its daemon is started (true) or stopped."""
        self._machine = machine
        self._docker = docker
        self._stopped: set[str] = set()
        self._directory = machine.path("/etc/systemd/system")
        self._units: dict[str, Unit] = {}
        self._enabled = machine.path("/etc/systemd/enabled")

    async def systemctl(self, arguments: list[str]) -> str:
        """Runs ``systemctl``; its output.  Refused with the exit status that systemctl has."""
        words = [word for word in arguments if not word.startswith("-")]
        flags = [word for word in arguments if word.startswith("-")]
        if not words:
            raise unknown("systemctl", " ".join(arguments))
        verb, names = words[0], words[1:]
        for flag in flags:
            if flag not in ("--now", "--quiet", "-q", "--no-block", "--no-pager", "--force"):
                raise unknown("systemctl", flag)
        if verb in ("daemon-reload", "reset-failed"):
            return ""
        if verb in ("reboot", "poweroff"):
            self._machine.tell(verb)
            return ""
        actions = {
            "start": self.start, "stop": self.stop, "restart": self._restart, "enable": self._enable,
            "disable": self._disable, "is-active": self._is_active, "is-enabled": self._is_enabled, "status": self._is_active,
        }  # fmt: skip
        if verb not in actions or not names:
            raise unknown("systemctl", " ".join(arguments))
        output = [await actions[verb](name) for name in names]
        if verb == "enable" and "--now" in flags:
            output += [await self.start(name) for name in names]
        return "".join(output)

    async def run(self, arguments: list[str]) -> str:
        """Runs ``systemd-run``: a transient service, now or by ``--on-active``."""
        name, delay, rest = "", "", list(arguments)
        while rest and rest[0].startswith("-"):
            flag, _, value = rest.pop(0).partition("=")
            if flag in ("--quiet", "--no-block", "--collect", "-q"):
                continue
            value = value or (rest.pop(0) if rest else "")
            if flag == "--unit":
                name = value.removesuffix(".service").removesuffix(".timer")
            elif flag == "--on-active":
                delay = value
            elif flag not in ("--description", "--timer-property", "--property"):
                raise unknown("systemd-run", flag)
        if not rest:
            raise unknown("systemd-run", "no command")
        name = name or f"run-{len(self._units)}"
        for suffix in (".service", ".timer"):
            known = self._units.get(name + suffix)
            if known is not None and known.state in ("active", "activating"):
                raise Refused(f"Failed to start transient timer unit: Unit {name}{suffix} was already loaded.")
        command = shlex.join(rest)
        self._units[f"{name}.service"] = Unit(
            f"{name}.service", {"Service": {"ExecStart": [command], "Type": ["simple"]}}
        )
        if not delay:
            return await self.start(f"{name}.service")
        timer = Unit(f"{name}.timer", {"Timer": {"OnActiveSec": [delay]}})
        self._units[timer.name] = timer
        return await self.start(timer.name)

    async def boot(self) -> None:
        """Starts the enabled units, as after a reboot."""
        if self._enabled.exists():
            for name in self._enabled.read_text().split():
                try:
                    await self.start(name)
                except Refused:
                    continue

    def shut_down(self) -> None:
        """Forgets every process; transient units are gone with it."""
        for unit in self._units.values():
            if unit.task is not None:
                unit.task.cancel()
        self._units.clear()
        self._stopped.clear()

    async def start(self, name: str) -> str:
        """Starts a unit; waits for a oneshot to end."""
        unit = self._find(name)
        if unit is None:
            await self._built_in(name, runs=True)
            return ""
        if unit.state in ("active", "activating"):
            return ""
        if unit.name.endswith(".timer"):
            unit.state = "active"
            unit.task = asyncio.create_task(self._time(unit))
            return ""
        unit.state = "activating"
        if unit.one("Service", "Type", "simple") == "oneshot":
            await self._oneshot(unit)
            return ""
        unit.state = "active"
        unit.task = asyncio.create_task(self._keep(unit))
        return ""

    async def stop(self, name: str) -> str:
        """Stops a unit and what it runs."""
        unit = self._find(name, stopping=True)
        if unit is None:
            await self._built_in(name, runs=False)
            return ""
        if unit.task is not None:
            unit.task.cancel()
        for command in unit.sections.get("Service", {}).get("ExecStop", []):
            await self._execute(unit, command)
        if unit.process is not None and unit.process.returncode is None:
            self._machine.processes.ended(unit.process)
        unit.state = "inactive"
        return ""

    async def _built_in(self, name: str, runs: bool) -> None:
        """Starts or stops what the machine brings along."""
        bare = name.removesuffix(".service")
        (self._stopped.discard if runs else self._stopped.add)(bare)
        if bare == "docker":
            await self._docker(runs)

    async def _restart(self, name: str) -> str:
        await self.stop(name)
        return await self.start(name)

    async def _oneshot(self, unit: Unit) -> None:
        for command in [
            *unit.sections["Service"].get("ExecStartPre", []),
            *unit.sections["Service"].get("ExecStart", []),
        ]:
            if await self._execute(unit, command) != 0:
                unit.state = "failed"
                raise Refused(f"Job for {unit.name} failed because the control process exited with error code.")
        unit.state = "active" if unit.one("Service", "RemainAfterExit") in ("yes", "true", "1") else "inactive"

    async def _keep(self, unit: Unit) -> None:
        restart = unit.one("Service", "Restart", "no")
        while True:
            status = await self._execute(unit, unit.one("Service", "ExecStart"))
            if restart == "no" or (restart == "on-failure" and status == 0):
                unit.state = "inactive" if status == 0 else "failed"
                return
            await asyncio.sleep(max(0.1, seconds(unit.one("Service", "RestartSec", "0.1"))))

    async def _time(self, unit: Unit) -> None:
        service = unit.one("Timer", "Unit", unit.name.removesuffix(".timer") + ".service")
        first = unit.one("Timer", "OnActiveSec") or unit.one("Timer", "OnBootSec") or "0"
        await asyncio.sleep(self._machine.delay(seconds(first)))
        repeat = unit.one("Timer", "OnUnitActiveSec")
        while True:
            try:
                await self.start(service)
            except Refused as problem:
                self._machine.tell("note", text=str(problem))
            if not repeat:
                unit.state = "inactive"
                return
            await asyncio.sleep(self._machine.delay(seconds(repeat)))

    async def _execute(self, unit: Unit, command: str) -> int:
        words = shlex.split(command.lstrip("-@+!"))
        log = self._machine.path("/var/log/journal")
        log.mkdir(parents=True, exist_ok=True)
        with (log / f"{unit.name}.log").open("ab") as output:
            try:
                unit.process = await self._machine.processes.start(
                    words, self._environment(unit), self._machine.root, output, output
                )
            except OSError as problem:
                output.write(f"{problem}\n".encode())
                return 203
            status = await unit.process.wait()
        self._machine.processes.ended(unit.process)
        return 0 if command.startswith("-") else status

    def _environment(self, unit: Unit) -> dict[str, str]:
        values = self._machine.environment()
        service = unit.sections.get("Service", {})
        lines = [word for line in service.get("Environment", []) for word in shlex.split(line)]
        for file in service.get("EnvironmentFile", []):
            path = Path(file.lstrip("-"))
            if path.exists():
                lines += [line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
        values.update(dict(line.split("=", 1) for line in lines))
        return values

    async def _enable(self, name: str) -> str:
        self._find(name)
        known = self._enabled.read_text().split() if self._enabled.exists() else []
        self._enabled.parent.mkdir(parents=True, exist_ok=True)
        self._enabled.write_text("\n".join(dict.fromkeys([*known, self._full(name)])))
        return ""

    async def _disable(self, name: str) -> str:
        known = self._enabled.read_text().split() if self._enabled.exists() else []
        if known:
            self._enabled.write_text("\n".join(unit for unit in known if unit != self._full(name)))
        return ""

    async def _is_enabled(self, name: str) -> str:
        if self._enabled.exists() and self._full(name) in self._enabled.read_text().split():
            return "enabled\n"
        raise Refused("", 1, "disabled\n")

    async def _is_active(self, name: str) -> str:
        unit = self._find(name, stopping=True)
        if unit is None and name.removesuffix(".service") not in BUILT_IN:
            raise Refused("", 3, "inactive\n")
        if unit is None and name.removesuffix(".service") in self._stopped:
            raise Refused("", 3, "inactive\n")
        if unit is None or unit.state == "active":
            return "active\n"
        raise Refused("", 3, f"{unit.state}\n")

    def _full(self, name: str) -> str:
        return name if "." in name else f"{name}.service"

    def _find(self, name: str, stopping: bool = False) -> Unit | None:
        """The unit; None for what the machine brings along.  Refused (5) if there is none."""
        full = self._full(name)
        path = self._directory / full
        if path.exists():
            sections = _read(full, path.read_text())
            known = self._units.setdefault(full, Unit(full, sections))
            known.sections = sections
            return known
        if full in self._units:
            return self._units[full]
        if full.removesuffix(".service").removesuffix(".target") in BUILT_IN:
            return None
        if stopping:
            raise Refused(f"Failed to stop {full}: Unit {full} not loaded.", 5)
        raise Refused(f"Failed to start {full}: Unit {full} not found.", 5)


def _read(name: str, text: str) -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            current = sections.setdefault(stripped[1:-1], {})
        elif "=" in stripped and stripped[0] not in "#;":
            key, _, value = stripped.partition("=")
            current.setdefault(key.strip(), []).append(value.strip())
    known: dict[str, set[str]] = {"Service": _SERVICE_KEYS, "Timer": _TIMER_KEYS}
    for section, keys in known.items():
        strange: Any = set(sections.get(section, {})) - keys
        if strange:
            raise unknown("systemd", f"{', '.join(sorted(strange))} in {name}")
    return sections
