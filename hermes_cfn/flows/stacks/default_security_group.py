"""The VPC's default security group, closed: nothing uses it, and CloudFormation has no means to take its rules away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_cfn.errors import Finding, Severity
from hermes_cfn.events import Event, Noted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.names import output_id


def close(context: DeployContext, outputs: Mapping[str, Mapping[str, str]]) -> Iterator[Event]:
    """Takes every rule of it away; tells when there was one."""
    vpc = outputs.get("network", {}).get(output_id("vpc_id"), "")
    if vpc and context.clients.ec2.close_default_group(vpc):
        what = "had rules, which are gone: nothing comes in or out by it"
        yield Noted(context.now, Finding("default-group-closed", f"{vpc} default", what, severity=Severity.INFO))
