"""Keeps the proxy in step with the model, and the model with what the proxy reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet import certificates
from hermes_cfn.local.fleet.balancers import Balancers
from hermes_cfn.local.fleet.fleet import Fleet
from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.services.elbv2.access_logs import AccessLogs
from hermes_cfn.local.services.elbv2.model import Listener, LoadBalancer, Rule, Target, TargetGroup, groups_of

HEALTH_PATIENCE_S = 2.0
Counted = Callable[[dict[str, Any], LoadBalancer | None, TargetGroup | None], None]


class Traffic:
    """Target states, draining and listeners; where instances have no processes, by timers alone."""

    def __init__(self, directory: Path, fleet: Fleet, scheduler: Scheduler) -> None:
        self.fleet = fleet
        self.scheduler = scheduler
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.listeners: dict[str, Listener] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.on_health: Callable[[TargetGroup, Target], None] = lambda _group, _target: None
        self.on_drained: Callable[[TargetGroup, Target], None] = lambda _group, _target: None
        self.on_counted: Counted = lambda _message, _balancer, _group: None
        self._directory = directory
        self._balancers = Balancers(directory, self._event)
        self.access_logs = AccessLogs(fleet.clients, scheduler)

    def stop(self) -> None:
        self._balancers.stop()

    def used(self, group: TargetGroup) -> bool:
        """A target group is used when a rule of a listener forwards to it."""
        return any(group.arn in groups_of(rule.actions) for one in self.listeners.values() for rule in one.rules)

    def load_balancers_of(self, group: TargetGroup) -> list[str]:
        """ARNs of the load balancers that route to a group."""
        found = (
            one.load_balancer
            for one in self.listeners.values()
            if any(group.arn in groups_of(rule.actions) for rule in one.rules)
        )
        return list(dict.fromkeys(found))

    def listen(self, listener: Listener) -> None:
        """Opens a listener, or tells an open one its new rules."""
        balancer = self.load_balancers[listener.load_balancer]
        clock = self.scheduler.clock
        described = listener.described
        for rule in listener.rules:
            for arn in groups_of(rule.actions):
                if arn in self.groups:
                    self.group_changed(self.groups[arn])
        self._balancers.order(
            "listen",
            listener=listener.arn,
            load_balancer=balancer.arn,
            protocol=described["Protocol"],
            port=described["Port"],
            idle_s=clock.deadline(float(balancer.attributes["idle_timeout.timeout_seconds"]), 3.0),
            keep_alive_s=clock.deadline(float(balancer.attributes["client_keep_alive.seconds"]), 3.0),
            attributes={key: value for key, value in balancer.attributes.items() if key.startswith("routing.http.")},
            response_headers=response_headers(listener.attributes),
            logs=balancer.attributes["access_logs.s3.enabled"] == "true",
            certificate=str(self._certificate(balancer)) if described["Protocol"] == "HTTPS" else "",
            rules=[_routing(rule) for rule in listener.ordered()],
        )
        self._balancers.wait_for(listener.arn)
        for group in self.groups.values():
            self._begin_unused(group)

    def close(self, listener: Listener) -> None:
        self._balancers.order("close", listener=listener.arn)
        self._balancers.addresses.pop(listener.arn, None)

    def address(self, listener: Listener) -> str:
        return self._balancers.addresses.get(listener.arn, "")

    def group_changed(self, group: TargetGroup) -> None:
        """Tells the proxy how to check and choose the targets of a group."""
        described, clock = group.described, self.scheduler.clock
        attributes = group.attributes
        routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
        sticky = attributes["stickiness.enabled"] == "true"
        share = attributes[routing + "percentage"]
        settings = {
            "protocol": described["Protocol"],
            "health_protocol": described["HealthCheckProtocol"],
            "healthy_count": float(attributes[routing + "count"]),
            "healthy_percentage": 0.0 if share == "off" else float(share),
            "path": described.get("HealthCheckPath", "/"),
            "matcher": described.get("Matcher", {}).get("HttpCode", "200"),
            "interval_s": clock.real(described["HealthCheckIntervalSeconds"]),
            "timeout_s": clock.deadline(described["HealthCheckTimeoutSeconds"], HEALTH_PATIENCE_S),
            "healthy_threshold": described["HealthyThresholdCount"],
            "unhealthy_threshold": described["UnhealthyThresholdCount"],
            "sticky_s": clock.real(float(attributes["stickiness.lb_cookie.duration_seconds"])) if sticky else 0,
            "algorithm": attributes["load_balancing.algorithm.type"],
            "slow_start_s": clock.real(float(attributes["slow_start.duration_seconds"])),
        }
        self._balancers.order("group", group=group.arn, settings=settings)

    def forget(self, group: TargetGroup) -> None:
        self._balancers.order("forget-group", group=group.arn)

    def register(self, group: TargetGroup, target: Target) -> None:
        """A target joins; its health is checked when a listener forwards to the group."""
        known = group.targets.get(target.key)
        if known is not None and known.state != "draining":
            return
        group.targets[target.key] = target
        self._begin_unused(group)

    def deregister(self, group: TargetGroup, key: str) -> None:
        """A target drains for the whole delay, idle or not, and is gone then."""
        target = group.targets.get(key)
        if target is None or target.state == "draining":
            return
        delay = float(group.attributes["deregistration_delay.timeout_seconds"])
        if target.state == "unused":
            delay = 0.0
        elif self._has_process(target):
            self._balancers.order("deregister", group=group.arn, target=key, delay_s=self.scheduler.clock.real(delay))
        self._set(group, target, "draining", "Target.DeregistrationInProgress")
        self.scheduler.after(delay, lambda: self._gone(group, target))

    def _gone(self, group: TargetGroup, target: Target) -> None:
        if group.targets.get(target.key) is target:
            del group.targets[target.key]
        self.on_drained(group, target)

    def _begin_unused(self, group: TargetGroup) -> None:
        if not self.used(group):
            return
        for target in group.targets.values():
            if target.state == "unused":
                self._begin(group, target)

    def _begin(self, group: TargetGroup, target: Target) -> None:
        self._set(group, target, "initial", "Elb.RegistrationInProgress")
        if not self._has_process(target):
            interval = float(group.described["HealthCheckIntervalSeconds"])
            self.scheduler.after(interval, lambda: self._pretend(group, target))
            return
        instance = target.id.startswith("i-")
        address, port = self.fleet.endpoint(target.id, target.port) if instance else (target.id, target.port)
        asked = str(group.described.get("HealthCheckPort", "traffic-port"))
        health_port = port
        if asked != "traffic-port":
            health_port = self.fleet.endpoint(target.id, int(asked))[1] if instance else int(asked)
        self.group_changed(group)
        self._balancers.order(
            "register", group=group.arn, target=target.key, address=address, port=port, health_port=health_port
        )

    def _pretend(self, group: TargetGroup, target: Target) -> None:
        if target.state != "initial" or group.targets.get(target.key) is not target:
            return
        instance = self.fleet.instances.get(target.id)
        alive = instance is not None and not instance.dead
        self._set(group, target, "healthy" if alive else "unhealthy", "" if alive else "Target.Timeout")

    def _has_process(self, target: Target) -> bool:
        if not target.id.startswith("i-"):
            return True
        return target.id in self.fleet.instances and self.fleet.instances[target.id].host is not None

    def _set(self, group: TargetGroup, target: Target, state: str, reason: str) -> None:
        target.state, target.reason = state, reason
        group.ever_healthy = group.ever_healthy or state == "healthy"
        self.on_health(group, target)

    def _event(self, message: dict[str, Any]) -> None:
        self.scheduler.after_real(0, lambda: self._reported(message))

    def _reported(self, message: dict[str, Any]) -> None:
        if message["event"] == "health":
            group = self.groups.get(message["group"])
            target = group.targets.get(message["target"]) if group else None
            if group and target and target.state != "draining" and message["state"] not in ("draining", "gone"):
                self._set(group, target, message["state"], message["reason"])
        elif message["event"] == "counted":
            balancer = self.load_balancers.get(message["load_balancer"])
            self.on_counted(message, balancer, self.groups.get(message["group"]))
        elif message["event"] == "logged" and message["load_balancer"] in self.load_balancers:
            self.access_logs.add(self.load_balancers[message["load_balancer"]], message["rows"])

    def _certificate(self, balancer: LoadBalancer) -> Path:
        path = self._directory / "certificates" / f"{balancer.described['LoadBalancerName']}.pem"
        return path if path.exists() else certificates.make(path, [balancer.dns_name, "localhost"])


def response_headers(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers that a listener sets (ELB API reference, ListenerAttribute, ``routing.http.response.*.header_value``)."""
    head, tail = "routing.http.response.", ".header_value"
    return [
        ("-".join(word.capitalize() for word in key.removeprefix(head).removesuffix(tail).split("_")), value)
        for key, value in attributes.items()
        if key.startswith(head) and key.endswith(tail) and value
    ]


def _routing(rule: Rule) -> dict[str, Any]:
    priority = "0" if rule.priority == "default" else rule.priority
    actions = [{**_action(action), "priority": priority} for action in rule.actions]
    return {"conditions": [_condition(c) for c in rule.conditions], "actions": actions}


def _condition(condition: dict[str, Any]) -> dict[str, Any]:
    field = condition["Field"]
    key = "".join(part.capitalize() for part in field.split("-")) + "Config"
    details = condition.get(key, {})
    values = condition.get("Values") or details.get("Values", [])
    return {"field": field, "values": values, "name": details.get("HttpHeaderName", "")}


def _action(action: dict[str, Any]) -> dict[str, Any]:
    match action["Type"]:
        case "redirect":
            given = action["RedirectConfig"]
            return {
                "type": "redirect", "status": given["StatusCode"].removeprefix("HTTP_"), "protocol": given.get("Protocol"),
                "host": given.get("Host"), "port": given.get("Port"), "path": given.get("Path"), "query": given.get("Query", "#{query}"),
            }  # fmt: skip
        case "fixed-response":
            given = action["FixedResponseConfig"]
            return {
                "type": "fixed-response", "status": given["StatusCode"], "body": given.get("MessageBody"),
                "content_type": given.get("ContentType"),
            }  # fmt: skip
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": action["TargetGroupArn"]}]
    return {
        "type": "forward",
        "groups": [{"arn": group["TargetGroupArn"], "weight": group.get("Weight", 1)} for group in groups],
    }
