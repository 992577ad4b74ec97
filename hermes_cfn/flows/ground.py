"""What every flow stands on: the doors, the names, what is wanted, and a clock."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hermes_cfn.aws.session import Doors
from hermes_cfn.clock import Clock, SystemClock
from hermes_cfn.config import Settings
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.names import Names

Addresses = Mapping[str, Mapping[str, str]]
"""Load balancer DNS name -> scheme -> ``address:port``, as curl's ``--connect-to``."""


@dataclass(frozen=True)
class Ground:
    """``connect_to``, asked when it is needed, and ``verify_certificate`` say how the load balancer is reached."""

    doors: Doors
    names: Names
    settings: Settings
    deployment: Deployment
    clock: Clock = field(default_factory=SystemClock)
    connect_to: Callable[[], Addresses] = dict
    verify_certificate: bool = True
    commit: str = ""

    @property
    def now(self) -> datetime:
        return self.doors.now()

    @property
    def region(self) -> str:
        return self.settings.account.region


def owner() -> str:
    """Who holds a lease: a person, a machine and a process, never twice the same."""
    return f"{_user()}@{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def stand(
    doors: Doors,
    settings: Settings,
    deployment: Deployment,
    clock: Clock | None = None,
    connect_to: Callable[[], Addresses] = dict,
    verify_certificate: bool = True,
    commit: str = "",
) -> Ground:
    """The ground, after asking whose account this is.

    Raises HermesError ``account-wrong`` when ``[account] id`` names another one.
    """
    identity = doors.account.identity()
    wanted = settings.account.id
    if wanted and wanted != identity.account:
        raise HermesError(
            Finding(
                "account-wrong",
                "hermes.toml [account] id",
                f"the credentials belong to account {identity.account}, the file names {wanted}",
                why=f"nothing was done as {identity.arn}",
                next="use the other profile: hermes-cfn --profile NAME …",
            ),
            exit_code=ExitCode.REFUSED,
        )
    return Ground(
        doors,
        Names.of(settings, identity.account),
        settings,
        deployment,
        clock or SystemClock(),
        connect_to,
        verify_certificate,
        commit,
    )
