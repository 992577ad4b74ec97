"""The machine image: what is recorded, what runs, what is newest, and moving from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hermes_cfn.deployment import FromLookup
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.flows import deploy
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet.observer import group
from hermes_cfn.flows.stacks.plan_inputs import PlanRequest

LOOKUP = "machine-image"


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image and how old it is in days, where AWS says when it was made."""

    id: str
    days: int | None


@dataclass(frozen=True, slots=True)
class Images:
    """``recorded`` is what the stack launches, ``running`` what each instance runs, ``newest`` what AWS offers."""

    recorded: Image | None
    newest: Image
    running: dict[str, Image]

    @property
    def stale(self) -> bool:
        """Whether anything is not the newest."""
        held = [*self.running.values(), *([self.recorded] if self.recorded else [])]
        return any(image.id != self.newest.id for image in held)


def observe(context: DeployContext) -> Images:
    """Looks.  Raises HermesError ``lookup-failed`` when AWS's public parameter is not there."""
    spec = context.deployment.stack("service")
    parameter, argument = _parameter(context)
    newest = context.clients.ssm.parameter(argument)
    if newest is None:
        raise HermesError(
            Finding("lookup-failed", argument, "AWS's public parameter is not there", next=hermes("doctor"))
        )
    deployed = context.clients.cloudformation(spec.region).observe(spec.name).parameters.get(parameter, "")
    machines = context.clients.ec2
    seen = group(context)
    running = machines.describe([member.id for member in seen.members]) if seen and seen.members else {}
    known: dict[str, Image] = {}

    def aged(image: str) -> Image:
        if image not in known:
            known[image] = Image(image, _days(machines.image_created(image), context.now))
        return known[image]

    return Images(
        aged(deployed) if deployed else None,
        aged(newest.value),
        {instance: aged(machine.image) for instance, machine in sorted(running.items())},
    )


def update(context: DeployContext, image: str) -> Story[None]:
    """Records ``image`` in the service stack and rolls every instance onto it, release unchanged."""
    _, argument = _parameter(context)
    yield from deploy.run(context, deploy.DeployOptions(PlanRequest(lookups={argument: image})))


def _parameter(context: DeployContext) -> tuple[str, str]:
    """The service stack's parameter of the machine image, and AWS's public parameter that it comes from."""
    return next(
        (name, source.argument)
        for name, source in context.deployment.stack("service").parameters.items()
        if isinstance(source, FromLookup) and source.lookup == LOOKUP
    )


def _days(created: str, now: datetime) -> int | None:
    try:
        made = datetime.fromisoformat(created)
    except ValueError:
        return None
    return max(0, (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).days)
