"""What the stacks share: a fresh template, intrinsics, tags, outputs and waivers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import AWSObject, Join, Output, Parameter, Ref, Sub, Tags, Template, ec2

from hermes_cfn.names import Names, output_id

WAIVERS = "hermes:waivers"
"""Metadata key: rule -> reason, beside the resource; ``docs/security.md`` lists them."""


def fresh(description: str) -> Template:
    """An empty template of the 2010-09-09 format."""
    template = Template(Description=description)
    template.set_version()
    return template


def text(value: str) -> Any:
    """``value``, through Fn::Sub where it has ``${…}`` in it."""
    return Sub(value) if "${" in value else value


def named(name: str) -> Tags:
    """The Name tag; the other tags are the stack's, and CloudFormation passes them on."""
    return Tags(Name=name)


def own_tags(names: Names) -> list[ec2.TagSpecifications]:
    """Of a launch template, to which CloudFormation passes no tags of the stack."""
    return [ec2.TagSpecifications(ResourceType="launch-template", Tags=Tags(**names.tags))]


def parameter(template: Template, name: str, kind: str, description: str) -> Ref:
    """A parameter that the deployer fills, as a reference to it."""
    template.add_parameter(Parameter(name, Type=kind, Description=description))
    return Ref(name)


def put(template: Template, name: str, value: Any, description: str) -> None:
    """An output that people call ``name`` (``alb_dns_name``)."""
    template.add_output(Output(output_id(name), Value=value, Description=description))


def together(references: Iterable[Any]) -> Any:
    """One string with commas between, for an output that feeds a list parameter."""
    items = list(references)
    return items[0] if len(items) == 1 else Join(",", items)


def waive(resource: AWSObject, reasons: Mapping[str, str]) -> AWSObject:
    """Write down beside ``resource`` why it breaks rules, for people and for cfn-lint."""
    metadata: dict[str, Any] = dict(resource.resource.get("Metadata", {}))
    metadata[WAIVERS] = {**metadata.get(WAIVERS, {}), **reasons}
    ours = sorted(rule for rule in metadata[WAIVERS] if re.fullmatch(r"[EWI]\d{4}", rule))
    if ours:
        metadata["cfn-lint"] = {"config": {"ignore_checks": ours}}
    others = sorted(rule for rule in metadata[WAIVERS] if rule.startswith("CKV"))
    if others:
        metadata["checkov"] = {"skip": [{"id": rule, "comment": f"{WAIVERS} says why"} for rule in others]}
    resource.Metadata = metadata
    return resource
