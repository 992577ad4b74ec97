"""User data and SSM documents, run exactly as they are.

aws:runShellScript writes the commands to a file and runs that with the shell ("Systems Manager
Command document plugin reference"); a first line ``#!`` chooses the interpreter.  Output is cut
after 24,000 characters (API reference, GetCommandInvocation).  As with the SSM agent (its
``agent/executers/executers.go``: the command is waited for with the copies of its output) a
script has ended when nobody holds its output open; user data have with their first process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hermes_cfn.local.fleet.agent.machine import Machine

OUTPUT_LIMIT = 24000
HELD_S = 0.5
"""How long, in real seconds, outputs are read on that something outside the killed or ended script still holds open."""


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
        working: str = "",
    ) -> Ended:
        """Runs ``text`` in the directory ``working``; ``line`` is told every line of both outputs as it is written."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{name}.sh"
        path.write_text(text)
        path.chmod(0o700)
        command = [str(path)] if text.startswith("#!") else ["/bin/sh", str(path)]
        work = self._machine.path(working or "/usr/bin")
        values = {**self._machine.environment(), **(environment or {})}
        pipes = [await _Pipe.open(line), await _Pipe.open(line)]
        try:
            process = await self._machine.processes.start(command, values, work, pipes[0].theirs, pipes[1].theirs)
        except OSError as problem:
            return Ended(127, "", f"{problem}\n")
        finally:
            for pipe in pipes:
                os.close(pipe.theirs)
        self._running[name] = process
        if name in self._cancelled:
            self._machine.processes.signal(process.pid)
        read = asyncio.gather(*(pipe.read for pipe in pipes))
        timed_out = False
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
                if line is None and name not in self._cancelled:
                    await asyncio.shield(read)
        except TimeoutError:
            timed_out = True
            self._machine.processes.signal(process.pid)
            await process.wait()
        await asyncio.wait([read], timeout=HELD_S)
        if line is None:
            read.cancel()
        self._running.pop(name, None)
        self._machine.processes.left(process)
        out, err = (pipe.text() for pipe in pipes)
        cancelled = name in self._cancelled
        self._cancelled.discard(name)
        return Ended(process.returncode or 0, out, err, timed_out, cancelled)

    def cancel(self, name: str) -> None:
        """Kills a script that runs, or that is about to."""
        self._cancelled.add(name)
        process = self._running.get(name)
        if process is not None:
            self._machine.processes.signal(process.pid)


class _Pipe:
    """One output of a script, read until nobody holds it open: the end of a process says nothing about that."""

    def __init__(self, reader: asyncio.StreamReader, theirs: int, line: Callable[[str], None] | None) -> None:
        self.theirs = theirs
        self.read = asyncio.create_task(self._read(reader, line))
        self._bytes = bytearray()

    @classmethod
    async def open(cls, line: Callable[[str], None] | None) -> _Pipe:
        ours, theirs = os.pipe()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb")
        )
        return cls(reader, theirs, line)

    async def _read(self, reader: asyncio.StreamReader, line: Callable[[str], None] | None) -> None:
        rest = b""
        while read := await reader.read(65536):
            self._bytes += read[: max(0, 4 * OUTPUT_LIMIT - len(self._bytes))]
            if line is not None:
                *ended, rest = (rest + read).split(b"\n")
                for one in ended:
                    line(one.decode("utf-8", "replace"))
        if rest and line is not None:
            line(rest.decode("utf-8", "replace"))

    def text(self) -> str:
        return self._bytes.decode("utf-8", "replace")[:OUTPUT_LIMIT]
