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
        self._session = os.getsid(0)
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
        self.signal(process.pid)
        self._groups.discard(process.pid)
        self._write()

    def left(self, process: asyncio.subprocess.Process) -> None:
        """``process`` has ended; what it left in its group goes on, and is forgotten when that ends too."""
        self._write()

    def signal(self, group: int, number: int = signal.SIGKILL) -> None:
        """Sends a signal to one of its groups, which may be gone."""
        signal_group(group, self._session, number)

    def kill_all(self) -> None:
        """Kills every group, as a power cut does."""
        for group in self._groups:
            self.signal(group)
        self._groups.clear()
        self._write()

    def _write(self) -> None:
        self._groups = {group for group in self._groups if _lives(group, self._session)}
        with contextlib.suppress(OSError):
            self._record.write_text("\n".join(str(group) for group in sorted(self._groups)))


def signal_group(group: int, session: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to a process group of ``session``, unless it is gone.

    Numbers are used again: a group of another session that has got this one is left alone.
    """
    if _lives(group, session):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _lives(group: int, session: int) -> bool:
    try:
        return os.getsid(group) == session
    except ProcessLookupError:  # its first process has ended; others may go on, and keep the number
        pass
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def resident_bytes(process: int) -> int:
    """What a process and its descendants hold in memory; 0 where the machine does not say (no ``/proc``)."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident_bytes(int(child)) for child in children)
