"""From the options before the verb to the ground that flows stand on."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_cfn.cli import terminal
from hermes_cfn.cli.console import Context
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.aws.clients import AwsClients
    from hermes_cfn.config import Settings
    from hermes_cfn.flows.base.context import DeployContext
    from hermes_cfn.local.control import Status


def deploy_context(context: Context, start: bool = False) -> DeployContext:
    """The clients made, the deployment built.  ``start`` starts an embedded cloud that does not run."""
    return replace(_stood(context, start), lock_wait_s=context.lock_wait_s, waits_for_lock=_waits)


def _waits(holder: str) -> None:
    terminal.echo(f"    … waits for the lock: {holder}", err=True)


def _stood(context: Context, start: bool) -> DeployContext:
    from hermes_cfn import stacks
    from hermes_cfn.flows.base.context import stand

    settings = context.settings()
    _start_afresh(context)
    deployment = stacks.build(settings)
    commit = head(context.config)
    undo = partial(undone, context.config)
    if not context.local:
        return stand(clients(context, settings), settings, deployment, commit=commit, undone=undo)
    status = embedded(start)
    return stand(
        clients(context, settings, status),
        settings,
        deployment,
        connect_to=lambda: embedded(start=False).load_balancers,
        verify_certificate=False,
        commit=commit,
        undone=undo,
    )


def _start_afresh(context: Context) -> None:
    """Clear the embedded cloud's directory, whatever state it is in, when ``--reset`` says so."""
    if not context.reset:
        return
    if not context.local:
        raise HermesError(
            Finding("reset-without-local", "--reset", "it clears an embedded cloud, never AWS", next="add --local"),
            exit_code=ExitCode.USAGE,
        )
    from hermes_cfn.local import control

    control.reset(control.default_state())


def clients(context: Context, settings: Settings, status: Status | None = None) -> AwsClients:
    """Clients for AWS, or with ``--local`` to the embedded cloud that runs.

    There one is its administrator, unless the environment's ``AWS_ENDPOINT_URL`` names that cloud: then
    whoever the environment's credentials say, as on a runner.
    """
    from hermes_cfn.aws.clients import connect

    region = settings.account.region
    if not context.local:
        return connect(context.profile, region)
    from hermes_cfn.local import control

    found = status or embedded(start=False)
    own = os.environ.get("AWS_ENDPOINT_URL") == found.endpoint
    return connect(None, region, found.endpoint, None if own else control.administrator(control.default_state()))


def hurried_clients(context: Context, settings: Settings) -> AwsClients | None:
    """Clients for what is only nice to know, or None where this machine has no credentials.  Nothing is called."""
    from hermes_cfn.aws.clients import connect, signed_in

    if context.local:
        return clients(context, settings)
    if not signed_in(context.profile):
        return None
    return connect(context.profile, settings.account.region, hurried=True)


def embedded(start: bool) -> Status:
    """The embedded cloud's status.  Raises HermesError ``local-not-running`` and ``local-not-installed``."""
    from hermes_cfn.local import control
    from hermes_cfn.local.options import Options

    state = control.default_state()
    status = control.start(state, Options(database=True)) if start else control.status(state)
    if not status.running:
        control.server()
        raise HermesError(
            Finding("local-not-running", str(state), "no embedded cloud runs here", next=hermes("local", "start")),
            exit_code=ExitCode.REFUSED,
        )
    return status


def head(config: Path) -> str:
    """The commit of the checkout that holds the configuration, or nothing outside of one."""
    return _git(config, "rev-parse", "HEAD")


def repository(config: Path) -> str | None:
    """OWNER/NAME of the checkout's ``origin`` where that is on GitHub; nothing is asked over the network."""
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\Z", _git(config, "remote", "get-url", "origin"))
    return found[1] if found else None


def undone(config: Path, commit: str) -> str | None:
    """The subjects that ``commit`` has and the checkout has not, newest first; empty when it is not in the clone.

    None when the checkout contains ``commit``, and outside of one.
    """
    if not head(config) or _git(config, "merge-base", commit, "HEAD") == commit:
        return None
    return _git(config, "log", "--oneline", "-10", f"HEAD..{commit}")


def _git(config: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(config.resolve().parent), *words], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
