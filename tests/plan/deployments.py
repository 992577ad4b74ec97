"""Deployments as plans see them: the default stacks, deployed and changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.deployment import Deployment, FromOutput, FromSetting
from hermes_cfn.plan import Deployed, Plan, PlanInputs, make

ACCOUNT = "123456789012"


def built(text: str = "") -> Deployment:
    return stacks.build(parse(text))


def as_there(deployment: Deployment) -> dict[str, Deployed]:
    """As if it were deployed, each output named by its place."""
    found = {}
    for spec in deployment:
        outputs = {name: f"{spec.key}-{name}" for name in spec.template.get("Outputs", {})}
        parameters = {}
        for name, source in spec.parameters.items():
            match source:
                case FromSetting(value):
                    parameters[name] = value.replace("${AWS::AccountId}", ACCOUNT)
                case FromOutput(stack, output):
                    parameters[name] = f"{stack}-{output}"
                case _:
                    parameters[name] = "ami-0123456789abcdef0"
        found[spec.key] = Deployed("CREATE_COMPLETE", spec.template, parameters, outputs, dict(spec.tags))
    return found


def changed(deployment: Deployment, key: str, change: Callable[[dict[str, Any]], None]) -> Deployment:
    """With one stack's template changed in place."""
    template = copy.deepcopy(dict(deployment.stack(key).template))
    change(template)
    specs = tuple(replace(spec, template=template) if spec.key == key else spec for spec in deployment)
    return replace(deployment, stacks=specs)


def planned(wanted: Deployment, there: dict[str, Deployed], **around: Any) -> Plan:
    return make(wanted, there, PlanInputs(account=ACCOUNT, **around))


def change_of(plan: Plan, logical_id: str):
    return next(change for change in plan.changes if change.logical_id == logical_id)
