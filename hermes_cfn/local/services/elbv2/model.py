"""What Elastic Load Balancing keeps, with its defaults (API reference, version 2015-12-01)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LOAD_BALANCER_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
TARGET_GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
REFUSED_ATTRIBUTES = {
    "stickiness.type": "app_cookie",
    "load_balancing.algorithm.anomaly_mitigation": "on",
    "connection_logs.s3.enabled": "true",
}

_RANGES = {
    "idle_timeout.timeout_seconds": (1, 4000),
    "client_keep_alive.seconds": (60, 604800),
    "deregistration_delay.timeout_seconds": (0, 3600),
    "slow_start.duration_seconds": (0, 900),
}
ALGORITHMS = ("round_robin", "least_outstanding_requests", "weighted_random")


def attribute_problem(attributes: dict[str, str]) -> str:
    """What is wrong with the values of attributes (API reference, LoadBalancerAttribute and TargetGroupAttribute)."""
    for key, (least, most) in _RANGES.items():
        value = attributes.get(key)
        if value is not None and not (value.isdigit() and least <= int(value) <= most):
            return f"'{key}' value '{value}' must be between '{least}' and '{most}' inclusive"
    slow, algorithm = (
        attributes.get("slow_start.duration_seconds", "0"),
        attributes.get("load_balancing.algorithm.type"),
    )
    if 0 < int(slow) < 30:
        return f"'slow_start.duration_seconds' value '{slow}' must be 0, or between '30' and '900' inclusive"
    if algorithm is not None and algorithm not in ALGORITHMS:
        return f"'load_balancing.algorithm.type' value '{algorithm}' must be one of {', '.join(ALGORITHMS)}"
    if int(slow) and algorithm not in (None, "round_robin"):
        return f"Slow start mode cannot be used with the routing algorithm '{algorithm}'"
    return ""


DESCRIPTIONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.ResponseCodeMismatch": "Health checks failed with these codes: [{codes}]",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.InvalidState": "Target is in the stopped state",
    "Target.NotRegistered": "Target is not registered to the target group",
}


@dataclass
class Target:
    """A registered target and its health."""

    id: str
    port: int
    zone: str = ""
    state: str = "unused"
    reason: str = "Target.NotInUse"

    @property
    def key(self) -> str:
        return f"{self.id}:{self.port}"

    def health(self) -> dict[str, str]:
        """``TargetHealth`` as DescribeTargetHealth shows it."""
        if self.state == "healthy":
            return {"State": "healthy"}
        code, _, status = self.reason.partition(" ")
        text = DESCRIPTIONS.get(code, "").format(codes=status)
        return {"State": self.state, "Reason": code, "Description": text}


@dataclass
class TargetGroup:
    arn: str
    region: str
    described: dict[str, Any]
    attributes: dict[str, str] = field(default_factory=lambda: dict(TARGET_GROUP_ATTRIBUTES))
    tags: dict[str, str] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    ever_healthy: bool = False

    @property
    def name(self) -> str:
        return str(self.described["TargetGroupName"])

    @property
    def port(self) -> int:
        return int(self.described.get("Port", 0))


@dataclass
class Rule:
    arn: str
    priority: str
    conditions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return {
            "RuleArn": self.arn,
            "Priority": self.priority,
            "Conditions": self.conditions,
            "Actions": self.actions,
            "IsDefault": self.priority == "default",
        }


@dataclass
class Listener:
    arn: str
    load_balancer: str
    described: dict[str, Any]
    rules: list[Rule]
    certificates: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> Rule:
        return next(rule for rule in self.rules if rule.priority == "default")

    def ordered(self) -> list[Rule]:
        """Rules in order of priority, the default one last."""
        numbered = [rule for rule in self.rules if rule.priority != "default"]
        return [*sorted(numbered, key=lambda rule: int(rule.priority)), self.default]


@dataclass
class LoadBalancer:
    arn: str
    region: str
    described: dict[str, Any]
    attributes: dict[str, str] = field(default_factory=lambda: dict(LOAD_BALANCER_ATTRIBUTES))
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def dns_name(self) -> str:
        return str(self.described["DNSName"])

    @property
    def dimension(self) -> str:
        """The value of the CloudWatch dimension LoadBalancer."""
        return self.arn.partition(":loadbalancer/")[2]


def groups_of(actions: list[dict[str, Any]]) -> list[str]:
    """The ARNs of the target groups that actions forward to."""
    found: list[str] = []
    for action in actions:
        if action.get("TargetGroupArn"):
            found.append(action["TargetGroupArn"])
        found += [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]
    return list(dict.fromkeys(found))
