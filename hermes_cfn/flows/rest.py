"""``sleep`` and ``wake``: an environment's instances to zero, and back to what its stack says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hermes_cfn import bill
from hermes_cfn.aws.sizes import Sizes
from hermes_cfn.clock import patience
from hermes_cfn.deciders.observed import Fleet
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.events import InstanceEvent, StageEnded, StageStarted, Waiting
from hermes_cfn.flows.drive import Story
from hermes_cfn.flows.fleet import Observer
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.lock import Held
from hermes_cfn.pricing import books

GROUP = "AWS::AutoScaling::AutoScalingGroup"
WAKE_AT_MOST_S = 1800.0
"""Seconds of service time: boot, packages, image, application and health checks of every instance."""


def sizes(deployment: Deployment) -> tuple[int, int, int]:
    """Minimum, desired and maximum of the group, as its stack says."""
    properties = _group(deployment)["Properties"]
    return tuple(int(properties[key]) for key in ("MinSize", "DesiredCapacity", "MaxSize"))  # type: ignore[return-value]


def sleep(ground: Ground) -> Story[None]:
    """Takes every instance away; load balancer, addresses and everything else stay."""
    yield from _to(ground, "sleep", 0, 0, sizes(ground.deployment)[2])


def wake(ground: Ground) -> Story[None]:
    """Brings the instances back on the stable release, and waits until they are healthy."""
    yield from _to(ground, "wake", *sizes(ground.deployment))


def hourly_saving(deployment: Deployment, source: books.Source = "auto") -> Decimal:
    """USD that an hour asleep saves: the bill with the instances less the bill without, by the hour."""
    book = books.load(deployment.region, source)
    awake, asleep = (bill.compute(each, book).total for each in (deployment, _emptied(deployment)))
    return (awake - asleep) / 730


def _to(ground: Ground, what: str, minimum: int, desired: int, maximum: int) -> Story[None]:
    name = ground.names.auto_scaling_group
    with Held(ground, what) as held:
        observer = Observer(ground)
        observer.look()
        yield StageStarted(ground.now, what, f"{name}: {desired} instances")
        Sizes(ground.doors.calls("autoscaling")).put(name, minimum, desired, maximum)
        observer.acted()
        begun, waited = ground.now, 0.0
        while True:
            held.guard()
            fleet, news = observer.look()
            yield from (event for event in news if isinstance(event, InstanceEvent))
            if _at_rest(fleet, desired):
                break
            if (ground.now - begun).total_seconds() > WAKE_AT_MOST_S and waited > 60:
                raise HermesError(
                    Finding(
                        f"{what}-late",
                        name,
                        f"{sum(i.up for i in fleet.instances)} of {desired} instances are healthy",
                        next="hermes-cfn doctor",
                    )
                )
            if waited == 0:
                yield Waiting(ground.now, f"{desired} instances", WAKE_AT_MOST_S)
            pause = patience(waited)
            ground.clock.sleep(pause)
            waited += pause
        yield StageEnded(ground.now, what, f"{desired} instances")


def _at_rest(fleet: Fleet, desired: int) -> bool:
    members = [instance for instance in fleet.instances if instance.member]
    return len(members) == desired and all(instance.up for instance in members)


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
