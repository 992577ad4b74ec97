"""Addresses that a destroyed environment left come back into its new stack, so that the database still knows them.

``ImportExistingResources`` takes up what has a name of its own; an Elastic IP address has none, so a stack that
is about to be created begins with an import by identifier, and the ordinary update makes the rest of it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-new-stack.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hermes_cfn.aws.ec2 import FreeAddress
from hermes_cfn.deciders.stack import GONE, REVIEW
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import Finding, Severity
from hermes_cfn.events import Noted, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.stacks.deployer import StackDeployer

ADDRESS = "AWS::EC2::EIP"


def adopt(context: DeployContext, held: LeaseHolder, role: str) -> Story[None]:
    """For every stack that is not there and has addresses of ours lying free: imports them first."""
    for spec in context.deployment:
        wanted = dict(_addresses(spec))
        if not wanted:
            continue
        seen = context.clients.cloudformation(spec.region).observe(spec.name)
        if seen.status is not None and seen.status not in GONE | REVIEW:
            continue
        free = context.clients.ec2.free_addresses(wanted.values())
        imports = {title: free[name][0] for title, name in wanted.items() if free.get(name)}
        if not imports:
            continue
        yield StageStarted(context.now, "adopt", ", ".join(address.ip for address in imports.values()))
        yield from _told(context, wanted, free)
        deployer = StackDeployer(context, [_beginning(spec, imports)], role=role, imports={spec.key: _request(imports)})
        yield from deployer.run(held.guard)


def _addresses(spec: StackSpec) -> Iterator[tuple[str, str]]:
    """Logical ID and ``Name`` tag of every address that outlives the stack."""
    for title, resource in spec.template["Resources"].items():
        if resource["Type"] == ADDRESS and resource.get("DeletionPolicy") == "Retain":
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"].get("Tags", ())}
            if "Name" in tags:
                yield title, tags["Name"]


def _beginning(spec: StackSpec, imports: Mapping[str, FreeAddress]) -> StackSpec:
    """As much of the stack as is imported: an import may hold nothing else, nor outputs."""
    kept = {
        title: {key: value for key, value in resource.items() if key != "DependsOn"}
        for title, resource in spec.template["Resources"].items()
        if title in imports
    }
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": kept}
    return replace(spec, template=template, parameters={}, follows=(), gates=())


def _request(imports: Mapping[str, FreeAddress]) -> list[dict[str, Any]]:
    """``ResourcesToImport`` of CreateChangeSet."""
    return [
        {
            "ResourceType": ADDRESS,
            "LogicalResourceId": title,
            "ResourceIdentifier": {"PublicIp": address.ip, "AllocationId": address.allocation},
        }
        for title, address in sorted(imports.items())
    ]


def _told(context: DeployContext, wanted: Mapping[str, str], free: Mapping[str, list[FreeAddress]]) -> Iterator[Noted]:
    for name in wanted.values():
        others = free.get(name, [])[1:]
        if others:
            finding = Finding(
                "addresses-left-over",
                name,
                f"{len(others)} more of this name lie free, and each costs by the hour",
                evidence="\n".join(f"{one.ip}  {one.allocation}" for one in others),
                next="aws ec2 release-address --allocation-id ID, for those that nobody's allow-list holds",
                severity=Severity.WARNING,
            )
            yield Noted(context.now, finding)
