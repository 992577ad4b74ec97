"""What an instance may do: its own release, secrets, report, logs, and coming back by itself."""

from __future__ import annotations

from troposphere import Template, iam

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.permissions import INSTANCE
from hermes_cfn.stacks.roles import service_role
from hermes_cfn.stacks.statements import statements


def instance_role(stack: Template, settings: Settings, names: Names) -> iam.Role:
    """The role behind the instance profile."""
    return service_role(
        stack, "InstanceRole", names, "instance", "ec2.amazonaws.com", {"hermes": statements(INSTANCE, settings)}
    )
