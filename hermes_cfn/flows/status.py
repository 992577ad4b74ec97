"""One look at an environment: everything that ``status`` shows, observed and not judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.checks.observed import InstanceLine, StackLine
from hermes_cfn.deciders.observed import Lifecycle, Target
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import releases
from hermes_cfn.instance.release import Release
from hermes_cfn.names import output_id

FREE = "free"
NO_TABLE = "no lock table"
CHANGED = "changed by hand"
"""Instead of the release of an instance whose container no deployment of ours started."""


@dataclass(frozen=True, slots=True)
class Status:
    """What was seen from ``began`` to ``at``, service time.  ``*_usd`` a month; None where it is not known.

    ``alarms`` are those that fire, None where none are set; ``rollouts`` what happened last, newest first.
    """

    began: datetime
    at: datetime
    environment: str
    account: str
    region: str
    stacks: tuple[StackLine, ...]
    goal: Release | None
    stable: Release | None
    instances: tuple[InstanceLine, ...]
    desired: int
    minimum: int
    maximum: int
    suspended: tuple[str, ...]
    load_balancer: str
    alarms: tuple[str, ...] | None
    certificate: str
    certificate_days: int | None
    lock: str
    rollouts: tuple[str, ...]
    month_usd: Decimal | None = None
    estimate_usd: Decimal | None = None

    @property
    def locked(self) -> bool:
        return self.lock not in {FREE, NO_TABLE}

    @property
    def wanted(self) -> int:
        """How many shall serve: whoever is in standby took its part of the desired capacity along."""
        away = {str(Lifecycle.ENTERING_STANDBY), str(Lifecycle.STANDBY)}
        return self.desired + sum(line.lifecycle in away for line in self.instances)

    @property
    def healthy(self) -> int:
        return sum(line.health == Target.HEALTHY for line in self.instances)

    @property
    def asleep(self) -> bool:
        """The service stands and wants no instance."""
        stands = any(line.key == "service" and line.status.endswith("_COMPLETE") for line in self.stacks)
        leaving = all(line.lifecycle == Lifecycle.GONE for line in self.instances)
        return stands and self.desired == 0 and leaving


def observe(context: DeployContext, history: int = 5) -> Status:
    """Looks once; reads only.  Raises HermesError ``release-unreadable``."""
    with context.clients.one_look():
        return _observed(context, history)


def _observed(context: DeployContext, history: int) -> Status:
    """What does not depend on each other is asked side by side."""
    clients, names, began = context.clients, context.names, context.now
    outputs: dict[str, str] = {}
    group, goal, stable, stacks, instances, alarms, lock, rollouts, seen = clients.together(
        [
            lambda: clients.auto_scaling.observe(names.auto_scaling_group),
            lambda: releases.goal(context),
            lambda: releases.stable(context),
            lambda: stack_lines(context),
            lambda: instance_lines(context),
            lambda: clients.cloudwatch.firing(names.alarm("")) if context.settings.watch.enabled else None,
            lambda: _lock(context),
            lambda: _rollouts(context, history),
            lambda: clients.together([partial(_outputs, context, spec) for spec in context.deployment]),
        ]
    )
    for found in seen:
        outputs |= found
    certificate, days = _certificate(
        context, outputs.get(output_id("certificate_arn")) or context.settings.certificate.arn
    )
    return Status(
        began=began,
        at=context.now,
        environment=names.environment,
        account=names.account,
        region=names.region,
        stacks=stacks,
        goal=goal[0] if goal else None,
        stable=stable,
        instances=instances,
        desired=group.group.desired if group else 0,
        minimum=group.group.minimum if group else 0,
        maximum=group.group.maximum if group else 0,
        suspended=tuple(sorted(group.group.suspended)) if group else (),
        load_balancer=outputs.get(output_id("alb_dns_name"), ""),
        alarms=alarms,
        certificate=certificate,
        certificate_days=days,
        lock=lock,
        rollouts=rollouts,
    )


def _outputs(context: DeployContext, spec: StackSpec) -> Mapping[str, str]:
    return context.clients.cloudformation(spec.region).observe(spec.name).outputs


def stack_lines(context: DeployContext) -> tuple[StackLine, ...]:
    """Every stack of the deployment, there or not."""

    def line(spec: StackSpec) -> StackLine:
        return _stack(spec.key, spec.name, context.clients.cloudformation(spec.region).describe(spec.name))

    return tuple(context.clients.together([partial(line, spec) for spec in context.deployment]))


def _stack(key: str, name: str, described: dict[str, object] | None) -> StackLine:
    if described is None or described["StackStatus"] == "DELETE_COMPLETE":
        return StackLine(key, name, "not there", "", "")
    drift = described.get("DriftInformation", {})
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}  # type: ignore[attr-defined]
    drifted = str(drift.get("StackDriftStatus", "NOT_CHECKED")) if isinstance(drift, dict) else "NOT_CHECKED"
    return StackLine(key, name, str(described["StackStatus"]), drifted, tags.get("hermes:commit", ""))


def instance_lines(context: DeployContext) -> tuple[InstanceLine, ...]:
    """The members of the group, by zone."""
    clients, names = context.clients, context.names
    seen = clients.auto_scaling.observe(names.auto_scaling_group)
    if seen is None or not seen.members:
        return ()
    reports, machines, health = clients.together(
        [
            lambda: clients.ssm.under(names.instance_reports_path),
            lambda: clients.ec2.describe([member.id for member in seen.members]),
            lambda: clients.elb.health(seen.target_groups[0]) if seen.target_groups else {},
        ]
    )
    lines: list[InstanceLine] = []
    for member in seen.members:
        machine, target = machines.get(member.id), health.get(member.id)
        report = reports.get(names.instance_report(member.id))
        said = json.loads(report.value) if report else {}
        age = (context.now - machine.launched).total_seconds() if machine else 0.0
        lines.append(
            InstanceLine(
                member.id,
                member.zone,
                str(member.lifecycle),
                str(target.health) if target else "absent",
                target.description if target else "",
                CHANGED if said.get("state") == "changed" else said.get("release") or "",
                max(age, 0.0),
                member.template,
                said.get("processes") or {},
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.zone, line.id)))


def _certificate(context: DeployContext, arn: str | None) -> tuple[str, int | None]:
    if not arn:
        return "none yet", None
    found = Certificates(context.clients.calls("acm")).describe(arn)
    if found is None:
        return f"{arn} is not of {context.names.region}", None
    days = (found.expires - context.now).days if found.expires else None
    return f"{found.status} for {', '.join(found.names)}", days


def _lock(context: DeployContext) -> str:
    try:
        seen = context.clients.lock(context.names.lock_table, context.names.lock_key).look()
    except HermesError:
        return NO_TABLE
    if seen is None or seen.expires <= context.now:
        return FREE
    return f"{seen.owner}: {seen.purpose}, until {seen.expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _rollouts(context: DeployContext, limit: int) -> tuple[str, ...]:
    """What became of the releases touched last, newest first: when, which, and how it ended."""
    lines: list[tuple[str, str]] = []
    names = releases.listed(context)[:limit] if limit else []
    found = context.clients.together([partial(releases.find, context, name) for name in names])
    for name, kept in zip(names, found, strict=True):
        for line in kept.history if kept else ():
            at = datetime.fromisoformat(line["at"]).astimezone(UTC)
            said = f"{at:%Y-%m-%d %H:%M:%S} UTC  {name}  {line['what']}"
            lines.append((line["at"], said + (f": {line['detail']}" if line["detail"] else "")))
    return tuple(said for _, said in sorted(lines, reverse=True)[:limit])
