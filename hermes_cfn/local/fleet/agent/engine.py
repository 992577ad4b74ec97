"""A real container engine of this machine, for images that name one of its own (``Image`` in ``image.json``).

Asked by its command line, which Docker and Podman share (docs.docker.com/reference/cli/docker/container/run,
docs.podman.io, podman-run).  The client stays in the foreground, so that signals, output and exit status pass
through it; a line held by the agent removes the container when the agent lets go of it, or is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_WATCH = 'read -r _; "$@" kill "$NAME"; "$@" rm --force "$NAME"'


@dataclass(frozen=True)
class Engine:
    """``words`` begin its command line; ``environment`` is what its client needs of the machine's."""

    words: Sequence[str]
    environment: Mapping[str, str]

    def run(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        ports: Mapping[int, str],
        variables: Path,
        memory: int = 0,
        stop_signal: str = "",
        entrypoint: str = "",
        more: Sequence[str] = (),
    ) -> list[str]:
        """The command line of a container; ``ports`` has ``address:port`` for each container port, ``more`` options as they are.

        ``variables`` is a file of ``NAME=value`` lines, so that no value shows among the processes.
        """
        found = [*self.words, "run", "--name", name, "--env-file", str(variables)]
        found += [word for port, where in ports.items() for word in ("--publish", f"{where}:{port}")]
        found += ["--memory", str(memory)] if memory else []
        found += ["--stop-signal", stop_signal] if stop_signal else []
        found += ["--entrypoint", entrypoint] if entrypoint else []
        return [*found, *more, image, *command]

    async def hold(self, name: str) -> asyncio.subprocess.Process:
        """Holds a container: it goes when :meth:`release` is called or the agent ends, however it ends."""
        nowhere = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _WATCH, "sh", *self.words, stdin=asyncio.subprocess.PIPE, stdout=nowhere, stderr=nowhere,
            env={**self.environment, "NAME": name}, start_new_session=True,
        )  # fmt: skip

    @staticmethod
    async def release(line: asyncio.subprocess.Process) -> None:
        """Lets go: whatever is left of the container is killed and removed."""
        if line.stdin is not None:
            line.stdin.close()
        await line.wait()

    async def process(self, name: str) -> int:
        """The first process of a container; 0 while it does not run."""
        status, said, _ = await self.ask("inspect", "--format", "{{.State.Pid}}", name)
        return int(said) if status == 0 and said.strip().isdigit() else 0

    async def ask(self, *words: str) -> tuple[int, str, str]:
        """Exit status, output and errors of one of its commands."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self.words, *words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=dict(self.environment)
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
