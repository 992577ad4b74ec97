"""Where approvals are kept: a file each, which only its owner reads, and which is gone once it is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_cfn.deciders import approval
from hermes_cfn.deciders.approval import Approval
from hermes_cfn.errors import ExitCode, HermesError

if TYPE_CHECKING:
    from hermes_cfn.flows.base.context import DeployContext


def path(hashed: str) -> Path:
    """``$XDG_STATE_HOME/hermes-cfn/approvals`` (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "hermes-cfn" / "approvals" / f"{hashed}.json"


def keep(given: Approval) -> Path:
    """Writes it for its owner alone."""
    target = path(given.plan)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(given.text())
    return target


def find(hashed: str) -> Approval:
    """Raises HermesError ``approval-missing``."""
    try:
        text = path(hashed).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise approval.missing(hashed) from None
    return approval.read(text, hashed)


def demand(context: DeployContext, given: Approval) -> None:
    """Raises HermesError ``approval-elsewhere`` or ``approval-expired``."""
    environment = context.settings.environment.name
    finding = approval.refused(given, context.names.account, context.region, environment, context.now)
    if finding is not None:
        raise HermesError(finding, exit_code=ExitCode.REFUSED)


def use(given: Approval) -> None:
    """It was for once."""
    path(given.plan).unlink(missing_ok=True)
