"""The load balancer's side: target health, and the security groups between it and the instances.

The guide's "Health Checks Failing", seen from outside the instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hermes_cfn.checks.observed import InstanceLine, SecurityGroup
from hermes_cfn.errors import Finding, hermes


def targets(lines: Sequence[InstanceLine], locally_well: frozenset[str]) -> Iterator[Finding]:
    """Targets that the load balancer calls unhealthy; ``locally_well`` answer on the instance itself."""
    for line in lines:
        if line.lifecycle == "in service" and line.health == "unhealthy":
            why = (
                "it answers on the instance itself, so look between: security groups, port, health path"
                if line.id in locally_well
                else "it does not answer on the instance itself either"
            )
            yield Finding(
                "target-unhealthy",
                line.id,
                "the load balancer calls it unhealthy",
                why=why,
                evidence=line.reason,
                next=hermes("logs", "--instance", line.id),
            )
        elif line.lifecycle == "in service" and line.health == "absent":
            yield Finding(
                "target-absent",
                line.id,
                "is in service and not registered with the target group",
                next="aws elbv2 register-targets --target-group-arn $("
                + hermes("outputs", "alb_target_group_arn")
                + f") --targets Id={line.id}",
            )


def paths(
    application: Mapping[str, SecurityGroup], balancer: Mapping[str, SecurityGroup], port: int, mended_by: str
) -> Iterator[Finding]:
    """Whether the groups let the load balancer reach the application's port; ``mended_by`` undoes what was changed."""
    if not application or not balancer:
        return
    admitted = any(
        opening.admits(port, peer) for group in application.values() for opening in group.ingress for peer in balancer
    )
    if not admitted:
        names = ", ".join(sorted(group.name for group in application.values()))
        yield Finding(
            "port-closed",
            names,
            f"does not admit the load balancer to port {port}",
            evidence=f"load balancer's groups: {', '.join(sorted(balancer))}",
            next=mended_by,
        )
    if not any(opening.admits(port) for group in balancer.values() for opening in group.egress):
        yield Finding(
            "balancer-closed",
            ", ".join(sorted(group.name for group in balancer.values())),
            f"the load balancer may not send to port {port}",
            next=mended_by,
        )
    for group in application.values():
        for opening in group.ingress:
            if opening.peer in {"0.0.0.0/0", "::/0"}:
                yield Finding(
                    "port-open-to-all",
                    group.name,
                    f"admits everybody to ports {opening.first_port}–{opening.last_port}",
                    why="instances are reached through the load balancer only",
                    next=mended_by,
                )
