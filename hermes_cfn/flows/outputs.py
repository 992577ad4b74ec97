"""The outputs of the stacks, under the guide's names, and the instances of the group."""

from __future__ import annotations

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.flows.ground import Ground
from hermes_cfn.names import output_name

INSTANCES = ("instance_ids", "ec2_instance_ids")
"""Resolved from the Auto Scaling group: a template cannot know them."""


def collect(ground: Ground) -> dict[str, str | list[str]]:
    """Name -> value.  Raises HermesError ``stack-missing`` when nothing is deployed."""
    found: dict[str, str | list[str]] = {}
    for spec in ground.deployment:
        seen = ground.doors.cloudformation(spec.region).observe(spec.name)
        found |= {output_name(key): value for key, value in seen.outputs.items()}
    if not found:
        raise HermesError(
            Finding("stack-missing", ground.names.stack("*"), "no stack is deployed", next="hermes-cfn deploy"),
            exit_code=ExitCode.FAILED,
        )
    group = ground.doors.auto_scaling.observe(ground.names.auto_scaling_group)
    for name in INSTANCES:
        found[name] = [member.id for member in group.members] if group else []
    return dict(sorted(found.items()))
