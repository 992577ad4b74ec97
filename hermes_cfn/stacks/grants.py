"""``[access]``: grants on extras become the application's role, whose credentials the containers are handed.

It is a role apart from the instance's: an instance may only assume it, and the metadata service stays out of a
container's reach (hop limit 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awacs.aws import Action, Allow, Principal, Statement
from troposphere import GetAtt, Parameter, Sub, Template, iam, ssm

from hermes_cfn.config import Settings
from hermes_cfn.errors import ConfigurationError, Finding, hermes
from hermes_cfn.instance.documents import python
from hermes_cfn.names import Names, output_id
from hermes_cfn.permissions import GRANTS
from hermes_cfn.stacks.common import text
from hermes_cfn.stacks.extras import Extra
from hermes_cfn.stacks.roles import allow, boundary, policy


@dataclass(frozen=True, slots=True)
class Granted:
    """One resource: ``arns`` are made of the parameter, which the extra's ``output`` feeds."""

    extra: str
    output: str
    actions: tuple[str, ...]
    arns: tuple[str, ...]

    @property
    def parameter(self) -> str:
        return f"Grant{output_id(self.extra.replace('-', '_'))}{self.output}"


def of(settings: Settings, extras: Sequence[Extra]) -> tuple[Granted, ...]:
    """Every grant.  Raises ConfigurationError ``grant-unknown`` for what is not there, or cannot be granted."""
    known = {extra.name: extra for extra in extras}
    found: list[Granted] = []
    wrong: list[Finding] = []
    for name, writes in settings.access.granted.items():
        if name not in known:
            there = ", ".join(f"extras.{one}" for one in known) or (
                hermes("extras", "add", "bucket", "--name", name) + ", say"
            )
            wrong.append(
                Finding("grant-unknown", f"hermes.toml access extras.{name}", "there is no such extra", next=there)
            )
            continue
        mine, findings = _resources(known[name], writes)
        found += mine
        wrong += findings
    if wrong:
        raise ConfigurationError.of(wrong)
    return tuple(found)


def _resources(extra: Extra, writes: bool) -> tuple[list[Granted], list[Finding]]:
    where = f"hermes.toml access extras.{extra.name}"
    kinds = {one: resource.type for one, resource in extra.template.resources.items() if resource.type in GRANTS}
    if not kinds:
        offered = ", ".join(sorted(GRANTS))
        return [], [Finding("grant-unknown", where, "has nothing that can be granted", next=f"one of {offered}")]
    found: list[Granted] = []
    wrong: list[Finding] = []
    for logical_id, kind in kinds.items():
        read, write, forms, by_ref = GRANTS[kind]
        actions = (*read, *write) if writes else read
        output, base = _output(extra.template.outputs, logical_id, by_ref)
        if not output:
            wrong.append(
                Finding(
                    "grant-unknown",
                    f"{extra.file.path} {logical_id}",
                    "no output says what it is",
                    why="the application's role is given its ARN by an output of the extra",
                    next=f"Outputs: {logical_id}Arn: {{Value: !GetAtt {logical_id}.Arn}}"
                    if not by_ref
                    else f"Outputs: {logical_id}Ref: {{Value: !Ref {logical_id}}}",
                )
            )
        elif actions:
            found.append(Granted(extra.name, output, actions, tuple(form.format(base) for form in forms)))
        else:
            wrong.append(Finding("grant-unknown", where, f"{kind} has nothing to read", next="read-write"))
    return found, wrong


def _output(outputs: Mapping[str, Mapping[str, Any]], logical_id: str, by_ref: str) -> tuple[str, str]:
    """The output that names a resource, and the ARN that is made of its value (``{}``)."""
    for name, output in outputs.items():
        value = output["Value"]
        attribute = value.get("Fn::GetAtt") if isinstance(value, Mapping) else None
        if attribute in ([logical_id, "Arn"], f"{logical_id}.Arn"):
            return name, "@"
        if by_ref and isinstance(value, Mapping) and value == {"Ref": logical_id}:
            return name, by_ref
    return "", ""


def build(stack: Template, settings: Settings, names: Names, granted: Sequence[Granted]) -> None:
    """The role, and the program that instances hand its credentials out with."""
    if not granted:
        return
    for name in dict.fromkeys(one.parameter for one in granted):
        stack.add_parameter(Parameter(name, Type="String", Description="What the application may use, from an extra"))
    stack.add_resource(
        iam.Role(
            "ApplicationRole",
            RoleName=names.role("application"),
            Path=names.made_path,
            PermissionsBoundary=boundary(names),
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("AWS", GetAtt("InstanceRole", "Arn")),
                    Action=[Action("sts", "AssumeRole")],
                )
            ),
            Policies=[iam.Policy(PolicyName="granted", PolicyDocument=policy(*_statements(granted)))],
        )
    )
    program = python("access").replace("@ROLE@", names.made_role_arn("application"))
    stack.add_resource(
        ssm.Parameter(
            "AccessProgram",
            Name=names.access_parameter,
            Type="String",
            Value=text(program),
            Description="Hands the application's credentials to the containers",
        )
    )


def _statements(granted: Sequence[Granted]) -> Iterator[Statement]:
    for number, one in enumerate(granted, start=1):
        arns = [arn.replace("@", f"${{{one.parameter}}}") for arn in one.arns]
        yield allow(f"Grant{number}", one.actions, [Sub(arn) for arn in arns])
