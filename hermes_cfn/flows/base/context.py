"""What every flow stands on: the AWS clients, the names, the settings with the Deployment, and a clock."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hermes_cfn import tool
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.aws.ec2 import Ec2
from hermes_cfn.checks import deployed
from hermes_cfn.clock import Clock, SystemClock
from hermes_cfn.config import Settings
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.names import Names

ELSEWHERE = "us-east-1"
"""A region that is on in every account."""

Addresses = Mapping[str, Mapping[str, str]]
"""Load balancer DNS name -> scheme -> ``address:port``, as curl's ``--connect-to``."""


@dataclass(frozen=True)
class DeployContext:
    """``connect_to``, asked when it is needed, and ``verify_certificate`` say how the load balancer is reached.

    ``undone(commit)`` is None when the checkout contains ``commit`` or nobody can tell, else the
    commits that a deployment from here would undo, one a line; empty when the clone does not know them.

    ``lock_wait_s``: seconds for which a lock that somebody else holds is waited for; ``waits_for_lock`` is told once who that is.
    """

    clients: AwsClients
    names: Names
    settings: Settings
    deployment: Deployment
    clock: Clock = field(default_factory=SystemClock)
    connect_to: Callable[[], Addresses] = dict
    verify_certificate: bool = True
    commit: str = ""
    undone: Callable[[str], str | None] = lambda _commit: None
    lock_wait_s: float = 0.0
    waits_for_lock: Callable[[str], None] = lambda _holder: None
    version: str = field(default_factory=tool.version)

    @property
    def now(self) -> datetime:
        return self.clients.now()

    @property
    def region(self) -> str:
        return self.settings.account.region


def owner() -> str:
    """Who holds a lease: a person, a machine, a process and where it runs, never twice the same."""
    return f"{_user()}@{socket.gethostname()}:{os.getpid()}:{_here()}-{os.urandom(3).hex()}"


def dead(holder: str) -> bool:
    """Whether the holder was a process of this machine, since its start, that is gone.

    False whenever that is not certain: another machine, another boot, another namespace of
    processes, or a number that runs again.
    """
    who, _, rest = holder.rpartition("@")
    host, process, place = (*rest.split(":"), "", "")[:3]
    if not who or host != socket.gethostname() or not process.isdigit() or not _here():
        return False
    return place.partition("-")[0] == _here() and not Path("/proc", process).exists()


def _here() -> str:
    """This boot of this machine and this namespace of processes, in eight characters; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{space}".encode()).hexdigest()[:8]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def unreached(clients: AwsClients, error: HermesError) -> list[Finding]:
    """Why the region refuses: it is off in the account, or what the error says.

    A region that is off refuses every call as if the credentials were wrong; us-east-1 knows better.
    """
    try:
        clients.calls("sts", ELSEWHERE).get_caller_identity()
        enabled = Ec2(clients.calls("ec2", ELSEWHERE)).region_enabled(clients.region)
    except HermesError:
        return list(error.findings)
    return list(deployed.region(clients.region, enabled)) or list(error.findings)


def stand(
    clients: AwsClients,
    settings: Settings,
    deployment: Deployment,
    clock: Clock | None = None,
    connect_to: Callable[[], Addresses] = dict,
    verify_certificate: bool = True,
    commit: str = "",
    undone: Callable[[str], str | None] = lambda _commit: None,
) -> DeployContext:
    """The ground, after asking whose account this is.

    Raises HermesError ``account-wrong`` when ``[account] id`` names another one, ``region-off`` when
    the account has not switched the region on, and what is wrong with the credentials.
    """
    try:
        identity = clients.account.identity()
    except AwsError as error:
        raise HermesError(*unreached(clients, error)) from error
    wanted = settings.account.id
    if wanted and wanted != identity.account:
        raise HermesError(
            Finding(
                "account-wrong",
                "hermes.toml [account] id",
                f"the credentials belong to account {identity.account}, the file names {wanted}",
                why=f"nothing was done as {identity.arn}",
                next="use the other profile: " + hermes("--profile", "NAME", "…"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    return DeployContext(
        clients,
        Names.of(settings, identity.account),
        settings,
        deployment.in_account(identity.account),
        clock or SystemClock(),
        connect_to,
        verify_certificate,
        commit,
        undone,
    )
