"""systemd as far as scripts of an instance need it: units from files, timers, transient units.

Unit file keys as in systemd.service(5) and systemd.timer(5).  An unknown key of those two
sections is refused, everything in ``[Unit]`` and ``[Install]`` is read as written.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
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
_UNIT_LIMITS = {"StartLimitIntervalSec": 10.0, "StartLimitBurst": 5.0}
"""How often a unit may start before systemd gives it up (systemd.unit(5); defaults of systemd-system.conf(5))."""

ACCURACY = "1min"
"""How late a timer may be, unless ``AccuracySec`` says otherwise (systemd.timer(5)); here it is as late as it may be."""

_RESTARTS: Mapping[str, Callable[[int], bool]] = {
    "no": lambda status: False,
    "always": lambda status: True,
    "on-success": lambda status: status == 0,
    "on-failure": lambda status: status != 0,
    "on-abnormal": lambda status: status > 128,
    "on-abort": lambda status: status > 128,
    "on-watchdog": lambda status: False,
}
"""Whether a service starts again, by its exit status (systemd.service(5), table of ``Restart=``)."""

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
    transient: bool = False
    collected: bool = False
    starts: list[float] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def one(self, section: str, key: str, default: str = "") -> str:
        return (self.sections.get(section, {}).get(key) or [default])[-1]


class Systemd:
    """The units of one instance."""

    def __init__(
        self,
        machine: Machine,
        docker: Callable[[bool], Awaitable[None]],
        written: Callable[[str, str], None] = lambda _path, _line: None,
    ) -> None:
        """``docker`` is told when its daemon is started (true) or stopped, ``written`` each line that a unit has appended."""
        self._written = written
        self._machine = machine
        self._docker = docker
        self._stopped: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
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
        if verb == "daemon-reload":
            return ""
        if verb == "reset-failed":
            for unit in [one for one in self._units.values() if one.state == "failed" and self._meant(one, names)]:
                unit.starts.clear()
                self._ended(unit, "inactive")
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
        collected = False
        timer_properties: dict[str, list[str]] = {}
        properties: dict[str, list[str]] = {}
        while rest and rest[0].startswith("-"):
            flag, _, value = rest.pop(0).partition("=")
            if flag in ("--quiet", "--no-block", "-q"):
                continue
            if flag in ("--collect", "-G"):
                collected = True
                continue
            value = value or (rest.pop(0) if rest else "")
            if flag == "--unit":
                name = value.removesuffix(".service").removesuffix(".timer")
            elif flag == "--on-active":
                delay = value
            elif flag in ("--timer-property", "--property", "-p"):
                key, _, given = value.partition("=")
                (timer_properties if flag == "--timer-property" else properties)[key] = [given]
            elif flag != "--description":
                raise unknown("systemd-run", flag)
        if not rest:
            raise unknown("systemd-run", "no command")
        name = name or f"run-{len(self._units)}"
        for suffix in (".service", ".timer"):
            known = self._units.get(name + suffix)
            if known is not None or (self._directory / f"{name}{suffix}").exists():
                kind = "timer" if delay else "service"
                raise Refused(
                    f"Failed to start transient {kind} unit: Unit {name}{suffix} was already loaded or has a fragment file."
                )
        command = shlex.join(rest)
        service = _known(f"{name}.service", {"Service": {"Type": ["simple"], **properties, "ExecStart": [command]}})
        self._units[f"{name}.service"] = Unit(f"{name}.service", service, transient=True, collected=collected)
        if not delay:
            return await self.start(f"{name}.service")
        timed = _known(f"{name}.timer", {"Timer": {**timer_properties, "OnActiveSec": [delay]}})
        timer = Unit(f"{name}.timer", timed, transient=True, collected=collected)
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
        self._count(unit)
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
        running = unit.state in ("active", "activating")
        for command in unit.sections.get("Service", {}).get("ExecStop", []) if running else ():
            await self._execute(unit, command)
        if unit.process is not None and unit.process.returncode is None:
            self._machine.processes.ended(unit.process)
        self._ended(unit, "inactive")
        if unit.name.endswith(".timer"):
            self._swept(unit.one("Timer", "Unit", unit.name.removesuffix(".timer") + ".service"))
        return ""

    def _count(self, unit: Unit) -> None:
        """One start more.  Refused when there were too many within the interval: the unit has failed then."""
        within, most = (seconds(unit.one("Unit", key, str(default))) for key, default in _UNIT_LIMITS.items())
        now = asyncio.get_running_loop().time()
        unit.starts = [at for at in unit.starts if now - at < within]
        if within and len(unit.starts) >= most:
            self._ended(unit, "failed")
            raise Refused(f"Job for {unit.name} failed: start of the service was attempted too often.")
        unit.starts.append(now)

    def _ended(self, unit: Unit, state: str) -> None:
        """A unit is inactive or failed: one that systemd-run made is unloaded then, if it failed only with ``--collect``.

        systemd.unit(5), "Unit Garbage Collection"; a timer without anything to run goes with its service.
        """
        if state == "failed" and unit.state != "failed":
            for name in " ".join(unit.sections.get("Unit", {}).get("OnFailure", [])).split():
                self._hold(asyncio.create_task(self._begin(name)))
        unit.state = state
        if unit.transient and (state == "inactive" or unit.collected):
            waiting = (
                self._units.get(unit.name.removesuffix(".service") + ".timer")
                if unit.name.endswith(".service")
                else None
            )
            if waiting is None or waiting.state != "active":
                self._units.pop(unit.name, None)

    async def _begin(self, name: str) -> None:
        try:
            await self.start(name)
        except Refused as problem:
            self._machine.tell("note", text=str(problem))

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _meant(unit: Unit, names: list[str]) -> bool:
        return not names or any(name in (unit.name, unit.name.removesuffix(".service")) for name in names)

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
                self._ended(unit, "failed")
                raise Refused(f"Job for {unit.name} failed because the control process exited with error code.")
        if unit.one("Service", "RemainAfterExit") in ("yes", "true", "1"):
            unit.state = "active"
        else:
            self._ended(unit, "inactive")

    async def _keep(self, unit: Unit) -> None:
        again = _RESTARTS[unit.one("Service", "Restart", "no")]
        while True:
            status = await self._execute(unit, unit.one("Service", "ExecStart"))
            if not again(status):
                self._ended(unit, "inactive" if status == 0 else "failed")
                return
            unit.state = "activating"
            await asyncio.sleep(max(0.1, seconds(unit.one("Service", "RestartSec", "0.1"))))
            try:
                self._count(unit)
            except Refused:
                return
            unit.state = "active"

    async def _time(self, unit: Unit) -> None:
        service = unit.one("Timer", "Unit", unit.name.removesuffix(".timer") + ".service")
        first = unit.one("Timer", "OnActiveSec") or unit.one("Timer", "OnBootSec") or "0"
        late = seconds(unit.one("Timer", "AccuracySec", ACCURACY))
        await asyncio.sleep(self._machine.delay(seconds(first) + late))
        repeat = unit.one("Timer", "OnUnitActiveSec")
        while True:
            try:
                await self.start(service)
            except Refused as problem:
                self._machine.tell("note", text=str(problem))
            if not repeat:
                self._ended(unit, "inactive")
                self._swept(service)
                return
            await asyncio.sleep(self._machine.delay(seconds(repeat) + late))

    def _swept(self, name: str) -> None:
        """The timer is gone: a service of its that has ended meanwhile goes too."""
        unit = self._units.get(name)
        if unit is not None and unit.state in ("inactive", "failed"):
            self._ended(unit, unit.state)

    async def _execute(self, unit: Unit, command: str) -> int:
        words = shlex.split(command.lstrip("-@+!"))
        file = self._output(unit)
        begun = file.stat().st_size if file.exists() else 0
        with file.open("ab") as output:
            try:
                unit.process = await self._machine.processes.start(
                    words, self._environment(unit), self._machine.root, output, output
                )
            except OSError as problem:
                output.write(f"{problem}\n".encode())
                return 203
            status = await unit.process.wait()
        self._machine.processes.ended(unit.process)
        if file.is_relative_to(self._machine.root):
            told = file.read_bytes()[begun:].decode("utf-8", "replace")
            for line in told.splitlines():
                self._written(f"/{file.relative_to(self._machine.root)}", line)
        return 0 if command.startswith("-") else status

    def _output(self, unit: Unit) -> Path:
        """Where the unit's output goes: the journal, or the file of ``append:`` (systemd.exec(5), ``StandardOutput=``)."""
        place, _, path = unit.one("Service", "StandardOutput", "journal").partition(":")
        file = Path(path) if path else self._machine.path(f"/var/log/journal/{unit.name}.log")
        if place not in ("journal", "append") or unit.one("Service", "StandardError", "inherit") not in (
            "inherit",
            "journal",
        ):
            raise unknown("systemd", f"where {unit.name} writes")
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

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
        try:
            unit = self._find(name)
        except Refused:
            raise Refused("", 3, "inactive\n") from None
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
    return _known(name, sections)


def _known(name: str, sections: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """The sections, if nothing in them is strange."""
    known: dict[str, set[str]] = {"Service": _SERVICE_KEYS, "Timer": _TIMER_KEYS}
    for section, keys in known.items():
        strange: Any = set(sections.get(section, {})) - keys
        if strange:
            raise unknown("systemd", f"{', '.join(sorted(strange))} in {name}")
    if sections.get("Service", {}).get("Restart", ["no"])[-1] not in _RESTARTS:
        raise unknown("systemd", f"Restart={sections['Service']['Restart'][-1]} in {name}")
    return sections
