"""The outputs of the stacks, under the guide's names, and the instances of the group."""

from __future__ import annotations

from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.names import extra_name, is_extra, output_name

INSTANCES = ("instance_ids", "ec2_instance_ids")
"""Resolved from the Auto Scaling group: a template cannot know them."""


def collect(context: DeployContext) -> dict[str, str | list[str]]:
    """Name -> value; those of an extra with its name before.  Raises HermesError ``stack-missing`` when nothing is deployed."""
    found: dict[str, str | list[str]] = {}
    for spec in context.deployment:
        seen = context.clients.cloudformation(spec.region).observe(spec.name)
        before = f"{extra_name(spec.key).replace('-', '_')}_" if is_extra(spec.key) else ""
        found |= {before + output_name(key): value for key, value in seen.outputs.items()}
    if not found:
        raise HermesError(
            Finding("stack-missing", context.names.stack("*"), "no stack is deployed", next=hermes("deploy")),
            exit_code=ExitCode.FAILED,
        )
    group = context.clients.auto_scaling.observe(context.names.auto_scaling_group)
    for name in INSTANCES:
        found[name] = [member.id for member in group.members] if group else []
    return dict(sorted(found.items()))
