"""Starting programs so that none is left: each in a process group of its own, all of them known."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _prepare() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Processes:
    """Every process group that this instance started, also written to ``record`` for whoever
    has to clean up after the agent itself was killed.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._groups: set[int] = set()

    async def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        output: int | IO[Any],
        errors: int | IO[Any],
    ) -> asyncio.subprocess.Process:
        """Starts ``command``.  Raises OSError when the program cannot be executed."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=dict(environment),
            cwd=directory,
            process_group=0,
            preexec_fn=_prepare,
        )
        self._groups.add(process.pid)
        self._write()
        return process

    def ended(self, process: asyncio.subprocess.Process) -> None:
        """Kills what ``process`` may have left in its group, and forgets it."""
        kill_group(process.pid)
        self._groups.discard(process.pid)
        self._write()

    def kill_all(self) -> None:
        """Kills every group, as a power cut does."""
        for group in list(self._groups):
            kill_group(group)
        self._groups.clear()
        self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            self._record.write_text("\n".join(str(group) for group in sorted(self._groups)))


def kill_group(group: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def resident_bytes(process: int) -> int:
    """What a process and its descendants hold in memory; 0 where the machine does not say (no ``/proc``)."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident_bytes(int(child)) for child in children)
