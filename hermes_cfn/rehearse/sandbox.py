"""An embedded cloud, and verbs run against it as processes of their own, as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.rehearse.tally import LoadProcess


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A configuration and the directory in which its embedded cloud lives.

    As a context manager it starts the cloud and removes every trace of it afterwards.
    """

    config: Path
    state: Path
    options: Options = field(default_factory=lambda: Options(follow_parent=True))
    environment: str | None = None

    def __enter__(self) -> Sandbox:
        control.reset(self.state)
        control.start(self.state, self.options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        control.reset(self.state)

    def command(self, *words: str) -> list[str]:
        """The command line of a verb against this cloud."""
        chosen = ["--env", self.environment] if self.environment else []
        return [sys.executable, "-m", "hermes_cfn", "--config", str(self.config), "--local", *chosen, *words]

    def begin(self, *words: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a verb whose output is read line by line."""
        return subprocess.Popen(
            self.command(*words),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HERMES_STATE": str(self.state), "PYTHONUNBUFFERED": "1"},
        )

    def run(self, *words: str, given: str | None = None) -> str:
        """Run a verb to its end and return what it printed.

        Raises :class:`HermesError` with the last lines when it ends with anything but 0.
        """
        process = self.begin(*words, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE)
        written, _ = process.communicate(given)
        if process.returncode:
            tail = "\n".join(written.splitlines()[-25:])
            raise HermesError(
                Finding("rehearsal-verb", " ".join(words), f"ended with exit code {process.returncode}", evidence=tail)
            )
        return written

    def prepare(self, secrets: Sequence[str], tags: Sequence[str]) -> None:
        """Push the stand-in application under each tag, and give each secret a value of no worth."""
        for tag in tags:
            self.run("local", "image", tag)
        for name in secrets:
            self.run("secrets", "set", name, given=f"rehearsal-{name.lower()}-{'x' * 64}\n")

    def address(self, scheme: str = "https") -> str:
        """``address:port`` of the load balancer.  Raises HermesError when there is none."""
        for addresses in control.status(self.state).load_balancers.values():
            if scheme in addresses:
                return addresses[scheme]
        raise HermesError(Finding("rehearsal-no-balancer", str(self.state), f"no load balancer listens for {scheme}"))

    def load(self, server_name: str, rate: float, sockets: int = 0, seed: int = 1) -> LoadProcess:
        """Start the load through the load balancer."""
        return LoadProcess(
            self.address(), server_name=server_name, tls=True, rate=rate, sockets=sockets, seed=seed, at_most_s=900
        )
