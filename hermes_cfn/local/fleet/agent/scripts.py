"""User data and SSM documents, run exactly as they are.

aws:runShellScript writes the commands to a file and runs that with the shell ("Systems Manager
Command document plugin reference"); a first line ``#!`` chooses the interpreter.  Output is cut
after 24,000 characters (API reference, GetCommandInvocation).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hermes_cfn.local.fleet.agent.machine import Machine
from hermes_cfn.local.fleet.agent.processes import kill_group

OUTPUT_LIMIT = 24000


@dataclass(frozen=True)
class Ended:
    """How a script ended: exit status, output, and whether its time ran out (real seconds)."""

    status: int
    output: str
    errors: str
    timed_out: bool = False
    cancelled: bool = False


class Scripts:
    """Runs scripts; each in a process group of its own that can be killed whole."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._cancelled: set[str] = set()

    async def run(
        self,
        name: str,
        text: str,
        directory: Path,
        timeout_s: float | None,
        line: Callable[[str], None] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Ended:
        """Runs ``text``; ``line`` is told every line of both outputs as it is written."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{name}.sh"
        path.write_text(text)
        path.chmod(0o700)
        command = [str(path)] if text.startswith("#!") else ["/bin/sh", str(path)]
        work = self._machine.path("/usr/bin")
        work.mkdir(parents=True, exist_ok=True)
        values = {**self._machine.environment(), **(environment or {})}
        try:
            process = await self._machine.processes.start(
                command, values, work, asyncio.subprocess.PIPE, asyncio.subprocess.PIPE
            )
        except OSError as problem:
            return Ended(127, "", f"{problem}\n")
        self._running[name] = process
        if name in self._cancelled:
            kill_group(process.pid)
        texts: list[list[str]] = [[], []]
        followers = [
            asyncio.create_task(_follow(process.stdout, texts[0], line)),
            asyncio.create_task(_follow(process.stderr, texts[1], line)),
        ]
        timed_out = False
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            timed_out = True
            kill_group(process.pid)
            await process.wait()
        await asyncio.wait(followers, timeout=0.5)
        for follower in followers:
            follower.cancel()
        self._running.pop(name, None)
        out, err = ("".join(parts)[:OUTPUT_LIMIT] for parts in texts)
        cancelled = name in self._cancelled
        self._cancelled.discard(name)
        return Ended(process.returncode or 0, out, err, timed_out, cancelled)

    def cancel(self, name: str) -> None:
        """Kills a script that runs, or that is about to."""
        self._cancelled.add(name)
        process = self._running.get(name)
        if process is not None:
            kill_group(process.pid)


async def _follow(source: asyncio.StreamReader | None, into: list[str], line: Callable[[str], None] | None) -> None:
    size = 0
    while source is not None:
        try:
            raw = await source.readline()
        except ValueError:
            continue
        if not raw:
            return
        text = raw.decode("utf-8", "replace")
        if size <= OUTPUT_LIMIT:
            into.append(text)
            size += len(text)
        if line is not None:
            line(text.rstrip("\n"))
