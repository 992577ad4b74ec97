"""``python docs/stack_speed.py``: how long all stacks take, against the critical path of the published durations.

The embedded CloudFormation gives each resource its published duration and hurries all of them by one
factor; the deployer's own waits are hurried by the same.  What its calls take is not hurried, so that the
overhead measured here is ``SPEED`` times what they would add in AWS's time, if AWS answered as fast.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hermes_cfn import stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.clock import SystemClock
from hermes_cfn.config import parse
from hermes_cfn.flows import deploy
from hermes_cfn.flows.base.context import DeployContext, stand
from hermes_cfn.flows.stacks.deployer import StackDeployer
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.plan import PlanInputs, make

PAGE = Path(__file__).resolve().parent / "stack-speed.md"
SPEED = 4.0
"""How much everything that waits is hurried."""


class Hurried(SystemClock):
    """A clock as fast as the cloud's."""

    def __init__(self) -> None:
        self._began = super().now()

    def now(self) -> datetime:
        return self._began + (super().now() - self._began) * SPEED

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)


@dataclass(frozen=True)
class Measured:
    """Seconds of service time; ``calls`` of the deployer to every service."""

    bound_s: float
    took_s: float
    calls: int

    @property
    def overhead(self) -> float:
        """The part of the bound that was spent beyond it."""
        return self.took_s / self.bound_s - 1


def measure() -> Measured:
    """The default stacks from nothing to all there, in an account whose foundation stands (real: under two minutes)."""
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        quick = control.start(state, Options(follow_parent=True, real_time=True, speed=SPEED, processes=False))
        try:
            settings = parse("")
            clients = connect(None, settings.account.region, quick.endpoint, control.administrator(state))
            context = stand(clients, settings, stacks.build(settings), clock=Hurried())
            for _ in deploy.foundation(context):
                pass
            return _measured(context, state)
        finally:
            control.reset(state)


def _measured(context: DeployContext, state: Path) -> Measured:
    common = [spec for spec in context.deployment if spec.account_wide]
    own = [spec for spec in context.deployment if not spec.account_wide]
    planned = make(context.deployment, {}, PlanInputs(account=context.names.account))
    foundation = sum(stack.seconds for stack in planned.stacks if stack.key == "foundation")
    outputs = {spec.key: context.clients.cloudformation(spec.region).observe(spec.name).outputs for spec in common}
    begun, before = _now(state), context.clients.time.calls.total()
    for _ in StackDeployer(context, own, outputs=outputs).run(lambda: None):
        pass
    took = (_now(state) - begun).total_seconds()
    return Measured(planned.stacks_s - foundation, took, context.clients.time.calls.total() - before)


def _now(state: Path) -> datetime:
    return datetime.fromisoformat(control.ask(state, "clock")["now"])


def page(found: Measured) -> str:
    """``docs/stack-speed.md``."""
    return f"""# How long stacks take

The network, certificate and service stacks of this repository's `hermes.toml`, from nothing, side by side where they are independent:
the critical path of the [published durations](reference.md) is {found.bound_s:.0f} s, the deployer took {found.took_s:.0f} s
of service time with {found.calls} calls: **{found.overhead:.1%} above the bound**. Durations and waits are hurried {SPEED:.0f} times in
the embedded cloud and the calls are not, so that most of this is their time, {SPEED:.0f} times too large; AWS's own variation is not in it.
`python docs/stack_speed.py` measures and writes this page, `make bench` fails above 10 %.
"""


if __name__ == "__main__":
    measured = measure()
    sys.stderr.write(f"{measured}, {measured.overhead:.1%}\n")
    PAGE.write_text(page(measured), encoding="utf-8")
