"""``sleep`` and ``wake``: an environment's instances to zero, and back to what its stack says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hermes_cfn import bill
from hermes_cfn.clock import patience
from hermes_cfn.deciders.observed import Fleet
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.events import InstanceEvent, StageEnded, StageStarted, Waiting
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import preconditions, releases
from hermes_cfn.flows.fleet.observer import Observer
from hermes_cfn.flows.fleet.preconditions import Way
from hermes_cfn.pricing import books

GROUP = "AWS::AutoScaling::AutoScalingGroup"
WAKE_AT_MOST_S = 1800.0
"""Seconds of service time: boot, packages, image, application and health checks of every instance."""


def sizes(deployment: Deployment) -> tuple[int, int, int]:
    """Minimum, desired and maximum of the group, as its stack says."""
    properties = _group(deployment)["Properties"]
    least, most = int(properties["MinSize"]), int(properties["MaxSize"])
    return least, int(properties.get("DesiredCapacity", least)), most


def sleep(context: DeployContext) -> Story[None]:
    """Takes every instance away; load balancer, addresses and everything else stay.

    Raises HermesError ``rollout-left``: a rollout that is half way would be neither undone nor gone on with.
    """
    if (stable := releases.stable(context)) is not None:
        preconditions.demand_no_rollout(context, stable)
    yield from _to(context, "sleep", 0, 0, sizes(context.deployment)[2])


def wake(context: DeployContext) -> Story[None]:
    """Brings the instances back on the stable release, and waits until they are healthy.

    Raises HermesError for what that release lacks, for none of them could start, and for a rollout that is half way.
    """
    if (stable := releases.stable(context)) is not None:
        preconditions.demand(context, stable, None, Way(asleep=True, names_it=False))
    yield from _to(context, "wake", *sizes(context.deployment))


def hourly_saving(deployment: Deployment, source: books.Source = "auto") -> Decimal:
    """USD that an hour asleep saves: the bill with the instances less the bill without, by the hour."""
    book = books.load(deployment.region, source)
    awake, asleep = (bill.compute(each, book).total for each in (deployment, _emptied(deployment)))
    return (awake - asleep) / 730


def _to(context: DeployContext, what: str, minimum: int, desired: int, maximum: int) -> Story[None]:
    name = context.names.auto_scaling_group
    with LeaseHolder(context, what) as held:
        observer = Observer(context)
        observer.look()
        yield StageStarted(context.now, what, f"{name}: {desired} instances")
        if context.settings.scaling.on:
            _schedule(context, name, on=bool(desired))
        context.clients.auto_scaling.resize(name, minimum, desired, maximum)
        observer.acted()
        begun, waited = context.now, 0.0
        while True:
            held.guard()
            fleet, news = observer.look()
            yield from (event for event in news if isinstance(event, InstanceEvent))
            if _at_rest(fleet, desired):
                break
            if (context.now - begun).total_seconds() > WAKE_AT_MOST_S and waited > 60:
                raise HermesError(
                    Finding(
                        f"{what}-late",
                        name,
                        f"{sum(i.up for i in fleet.instances)} of {desired} instances are healthy",
                        next=hermes("doctor"),
                    )
                )
            if waited == 0:
                yield Waiting(context.now, f"{desired} instances", WAKE_AT_MOST_S)
            pause = patience(waited)
            context.clock.sleep(pause)
            waited += pause
        yield StageEnded(context.now, what, f"{desired} instances")


def _schedule(context: DeployContext, name: str, on: bool) -> None:
    """A schedule would wake who sleeps: it is suspended meanwhile, with the mark by which a rollout would find it too."""
    door = context.clients.auto_scaling
    if on:
        door.resume(name, ["ScheduledActions"])
    else:
        door.suspend(name, ["ScheduledActions"], ["ScheduledActions"])


def _at_rest(fleet: Fleet, desired: int) -> bool:
    members = [instance for instance in fleet.instances if instance.member]
    return len(members) >= desired and (not members or desired > 0) and all(instance.up for instance in members)


def _group(deployment: Deployment) -> Mapping[str, Any]:
    for resource in deployment.stack("service").template["Resources"].values():
        if resource["Type"] == GROUP:
            return dict(resource)
    raise KeyError(GROUP)


def _emptied(deployment: Deployment) -> Deployment:
    """The same stacks with no instance in the group."""
    service = deployment.stack("service")
    resources = {
        name: {**item, "Properties": {**item["Properties"], "MinSize": "0", "DesiredCapacity": "0"}}
        if item["Type"] == GROUP
        else item
        for name, item in service.template["Resources"].items()
    }
    emptied = replace(service, template={**service.template, "Resources": resources})
    return replace(deployment, stacks=tuple(emptied if spec.key == "service" else spec for spec in deployment.stacks))
