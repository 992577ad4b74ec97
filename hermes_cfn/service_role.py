"""What CloudFormation may do for one environment, from what AWS's own handlers call.

``service_role.csv`` has a row for each resource type that the stacks can hold and each action that
its handlers name (``handlers.*.permissions`` of the resource schemas), granted or with the reason
why not; a test compares it with the schemas.  Additions that the schemas do not name stand in
:data:`ADDITIONS`, each with its source.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ADDITIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AWS::EC2::LaunchTemplate": (
        ("ec2:DescribeLaunchTemplateVersions", "GetAtt LatestVersionNumber (Service Authorization Reference, EC2)"),
    ),
    "AWS::AutoScaling::AutoScalingGroup": (("ec2:CreateTags", "the group tags what it launches (same page)"),),
    "AWS::CloudFront::Distribution": (
        ("iam:CreateServiceLinkedRole", "the first distribution of an account (CloudFront developer guide)"),
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An action that the handlers of a type name."""

    type: str
    action: str
    granted: bool
    reason: str


@cache
def rows() -> tuple[Row, ...]:
    """The table, in the order of the file."""
    text = files("hermes_cfn").joinpath("service_role.csv").read_text(encoding="utf-8")
    return tuple(
        Row(row["type"], row["action"], row["granted"] == "yes", row["reason"])
        for row in csv.DictReader(text.splitlines())
    )


def actions(types: Iterable[str]) -> tuple[str, ...]:
    """Every action that is granted for stacks with resources of these types, sorted."""
    wanted = set(types)
    found = {row.action for row in rows() if row.granted and row.type in wanted}
    found |= {action for kind in wanted for action, _ in ADDITIONS.get(kind, ())}
    wild = {action[:-1] for action in found if action.endswith("*")}
    return tuple(
        sorted(action for action in found if action.endswith("*") or not action.startswith(tuple(wild or {" "})))
    )


CONTENT = frozenset({"ssm:GetParameters", "ssm:GetDocument"})
"""Reads of what somebody wrote there."""


def reads(action: str) -> bool:
    """Whether it only looks; most such actions have no resource that a policy could name.

    What a parameter or a document holds is no look: those are read by their names.
    """
    return action.split(":")[1].startswith(("Describe", "Get", "List", "View")) and action not in CONTENT


def known_types() -> frozenset[str]:
    """The resource types of the table."""
    return frozenset(row.type for row in rows())
