"""The group beside what its deployed stack says: for a plan, for doctor, and before a rollout touches anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_cfn.aws.autoscaling import GroupSeen
from hermes_cfn.checks import group as checks
from hermes_cfn.checks.observed import DesiredGroup, GroupLine, InstanceLine
from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet.observer import group
from hermes_cfn.names import output_id

AS_DEPLOYED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
"""Statuses in which a stack's outputs tell the launch template version that it gave the group: after a rollback the
version that is launched is a new one again."""


def as_deployed(context: DeployContext) -> DesiredGroup | None:
    """What the service stack, as it is deployed, says of the group."""
    spec = context.deployment.stack("service")
    door = context.clients.cloudformation(spec.region)
    seen = door.observe(spec.name)
    template = door.template(spec.name) if (seen.status or "").endswith("_COMPLETE") else None
    return said(context, seen.status, template if isinstance(template, Mapping) else None, seen.outputs)


def said(
    context: DeployContext, status: str | None, template: Mapping[str, Any] | None, outputs: Mapping[str, Any]
) -> DesiredGroup | None:
    """The same of a service stack that was looked at already; None while it changes."""
    version = outputs.get(output_id("launch_template_version"), "")
    launches = f"{context.names.launch_template}:{version}" if str(version).isdigit() else ""
    known = launches if status in AS_DEPLOYED else ""
    return checks.wanted(template, known) if (status or "").endswith("_COMPLETE") else None


def settled(context: DeployContext, want: DesiredGroup | None) -> GroupSeen | None:
    """The group; where its stack says that it is another, or that there is one, it is looked at again first.

    Auto Scaling shows a moment later what CloudFormation has done to it, and our own resuming: a difference is not yet
    somebody else's deed.
    """
    return context.clients.until(
        lambda: group(context),
        lambda seen: want is None or (seen is not None and not list(checks.hindrances(line(seen), want))),
    )


def line(seen: GroupSeen) -> GroupLine:
    group, members = seen.group, sum(member.lifecycle is not Lifecycle.GONE for member in seen.members)
    return GroupLine(
        group.name, group.minimum, group.desired, group.maximum, seen.launches, members, group.suspended, group.marked
    )


def forecast(seen: GroupSeen, want: DesiredGroup | None) -> list[Finding]:
    """What a plan says of the group: errors stop it, the rest is what its rollout mends.

    A group that is marked is being worked on, and what it looks like is no news.
    """
    found = list(checks.hindrances(line(seen), want))
    if not seen.group.marked:
        members = [
            InstanceLine(member.id, member.zone, str(member.lifecycle), "", "", "", 0.0, member.template)
            for member in seen.members
        ]
        found += [_mended(finding) for finding in checks.fleet(members, line(seen), want)]
    return found


def _mended(finding: Finding) -> Finding:
    return Finding(
        finding.code,
        finding.where,
        finding.what,
        why="the rollout mends it",
        next=hermes("deploy") + ", or release --resume",
        severity=Severity.WARNING,
    )


def stop(seen: GroupSeen, want: DesiredGroup | None) -> None:
    """Raises HermesError where a rollout would go wrong by what somebody changed; nothing was touched yet."""
    errors = [one for one in checks.hindrances(line(seen), want) if one.severity is Severity.ERROR]
    if errors:
        raise HermesError(*errors, exit_code=ExitCode.REFUSED)
