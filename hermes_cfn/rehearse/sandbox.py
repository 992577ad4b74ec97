"""An embedded cloud, and verbs run against it as processes of their own, as a person would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from hermes_cfn.aws.clients import AwsClients, connect
from hermes_cfn.config import Settings, load
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.local import control
from hermes_cfn.local.options import INTERNAL, Options
from hermes_cfn.names import Names
from hermes_cfn.rehearse.tally import LoadProcess


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A configuration and the directory in which its embedded cloud lives.

    As a context manager it starts the cloud and removes every trace of it afterwards.
    """

    config: Path
    state: Path
    options: Options = field(default_factory=lambda: Options(follow_parent=True, database=True))
    environment: str | None = None
    images: Mapping[str, Path] = field(default_factory=dict)
    """Tag -> directory with an ``image.json`` that names an engine's image, instead of the stand-in."""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tag -> variables ``NAME=value`` of the stand-in that is pushed under it."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Values that somebody gave; any other secret gets one of no worth."""

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

    def run(self, *words: str, given: str | None = None, code: ExitCode = ExitCode.OK) -> str:
        """Run a verb to its end and return what it printed.

        Raises :class:`HermesError` with the last lines when it ends with anything but ``code``.
        """
        process = self.begin(*words, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE)
        written, _ = process.communicate(given)
        if process.returncode != code:
            raise _failed(words, process.returncode, written)
        return written

    def push(self, tag: str, *variables: str) -> None:
        """Push what stands for a tag: the stand-in application, with variables ``NAME=VALUE`` of its image, or the engine's."""
        if tag in self.images:
            self.run("local", "image", tag, "--directory", str(self.images[tag]))
            return
        variables = (*variables, *self.variables.get(tag, ()))
        self.run("local", "image", tag, *(word for variable in variables for word in ("--variable", variable)))

    def set_secrets(self, names: Sequence[str]) -> None:
        """Give each secret a value of no worth; ``DATABASE_URL`` the embedded cloud's own database."""
        database = control.database(self.state)
        for name in names:
            value = database if name == "DATABASE_URL" else f"rehearsal-{name.lower()}-{'x' * 64}"
            value = self.secrets.get(name, value)
            self.run("secrets", "set", name, given=f"{value}\n")

    def first_deployment(self, secrets: Sequence[str], tag: str = "v1", bad: bool = False) -> None:
        """Foundation, image, secrets, and then the service with its first release, which crashes at start if ``bad``.

        Raises HermesError when that ends otherwise than it must.
        """
        context = self.begin("deploy", "--yes")
        written, _ = context.communicate()
        if context.returncode not in (ExitCode.OK, ExitCode.REFUSED):
            raise _failed(("deploy", "--yes"), context.returncode, written)
        self.push(tag, *(("CRASHES=yes",) if bad else ()))
        self.set_secrets(secrets)
        self.run("deploy", "--image", tag, "--yes", code=ExitCode.FAILED if bad else ExitCode.OK)

    def address(self, scheme: str = "https") -> str:
        """``address:port`` of the load balancer.  Raises HermesError when there is none."""
        for addresses in control.status(self.state).load_balancers.values():
            if scheme in addresses:
                return addresses[scheme]
        raise HermesError(Finding("rehearsal-no-balancer", str(self.state), f"no load balancer listens for {scheme}"))

    def clients(self, region: str) -> AwsClients:
        """Clients of this cloud, which see it as it is, however late it is for the deployer."""
        endpoint, owner = control.status(self.state).endpoint, control.administrator(self.state)
        return connect(None, region, endpoint, owner, agent=INTERNAL)

    def fault(self, kind: str, instance: str = "", release: str = "", lasts_s: float | None = None) -> None:
        """Make a fault happen in this cloud, for so many seconds of service time where it passes by itself; what
        concerns the application strikes ``release`` only."""
        control.fault(self.state, kind, instance, release, lasts_s)

    def delete_image(self, tag: str) -> None:
        """Delete what is pushed under a tag, whatever other tags it has."""
        settings = self.settings()
        ecr, repository = self.clients(settings.account.region).calls("ecr"), Names.of(settings).repository
        (found,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
        ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": found["imageDigest"]}])

    def delete_secret(self) -> None:
        """Delete the first secret that is not the database's."""
        settings = self.settings()
        name = next(name for name in settings.application.secrets if name != "DATABASE_URL")
        self.clients(settings.account.region).calls("ssm").delete_parameter(Name=Names.of(settings).secret(name))

    def settings(self) -> Settings:
        """What is rehearsed."""
        return load(self.config, self.environment)

    def database_answers(self) -> bool:
        """Whether the external database accepts connections."""
        place = urlsplit(control.database(self.state))
        try:
            socket.create_connection((place.hostname, place.port or 5432), timeout=1).close()
        except OSError:
            return False
        return True

    def load(
        self,
        server_name: str,
        rate: float,
        sockets: int = 0,
        seed: int = 1,
        pages: float = 0.0,
        idle: Sequence[float] = (),
        profile: str = "",
    ) -> LoadProcess:
        """Start the load through the load balancer; ``idle``: timeouts, in real seconds, around which connections rest;
        ``profile``: what is asked for, as JSON, instead of the stand-in's mix."""
        return LoadProcess(
            self.address(),
            server_name=server_name,
            tls=True,
            rate=rate,
            sockets=sockets,
            pages=pages,
            idle=idle,
            seed=seed,
            at_most_s=900,
            profile=profile,
        )


def _failed(words: Sequence[str], exit_code: int, written: str) -> HermesError:
    tail = "\n".join(written.splitlines()[-25:])
    return HermesError(Finding("rehearsal-verb", " ".join(words), f"ended with exit code {exit_code}", evidence=tail))
