"""Documents that change nothing of the fleet: an operator's command, and the diagnosis."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from hermes_cfn.clock import patience
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.fleet import diagnosis
from hermes_cfn.instance import documents

RUN_AT_MOST_S = 660.0
"""Seconds: the command's own limit of 600 on the instance, and a minute for the way."""


class Beside(LeaseHolder):
    """Acts beside whoever holds the lock, with the token that is current; takes and renews nothing."""

    def __enter__(self) -> Beside:
        seen = self.door.look()
        self._token = seen.token if seen else 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def token(self) -> int:
        return self._token

    def guard(self) -> None:
        return None


def run(context: DeployContext, instance: str, command: str) -> tuple[bool, str, str]:
    """Runs a shell command through our document: whether it ended well, its output, and what went wrong."""
    with Beside(context, "run") as held:
        ssm = context.clients.ssm
        name = f"run-{int(context.now.timestamp()):010d}-{os.urandom(4).hex()}"
        parameters = documents.call("run", name, held.token, 0, command)
        sent = ssm.send(context.names.document("run"), [instance], parameters, name)[0]
        begun, waited = context.now, 0.0
        while True:
            pause = patience(waited)
            context.clock.sleep(pause)
            waited += pause
            progress, out, err = ssm.output(sent, instance)
            if progress is not Progress.RUNNING:
                break
            if (context.now - begun).total_seconds() > RUN_AT_MOST_S and waited > 10:
                return False, out, f"no end after {RUN_AT_MOST_S:.0f} s"
    said = diagnosis.last_line(out)
    lines = out.splitlines()
    text = "\n".join(lines[:-1] if said and lines else lines)
    return progress is Progress.OK, text, str(said.get("outcome", err)) if progress is not Progress.OK else ""


def diagnose(context: DeployContext, instance: str) -> dict[str, Any]:
    """What an instance says of itself; empty when it does not answer.

    By the name of the run it knows that there is time: it watches how long the application keeps an idle connection.
    """
    name = f"doctor-{int(context.now.timestamp()):010d}-{os.urandom(4).hex()}"
    with Beside(context, "diagnose") as held:
        _, out, _ = diagnosis.run(context, held, "diagnose", instance, diagnosis.AT_MOST_S, operation=name)
    return diagnosis.last_line(out)
