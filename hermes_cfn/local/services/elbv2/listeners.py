"""The actions on listeners and their rules."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from hermes_cfn.local.services.actions import Params, page
from hermes_cfn.local.services.elbv2.model import Listener, Rule, groups_of
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ServiceError, unsupported

_ACTION_TYPES = ("forward", "redirect", "fixed-response")
_FIELDS = ("path-pattern", "host-header", "http-request-method", "http-header", "query-string", "source-ip")
DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"


class ListenerActions:
    """Part of service ``elbv2``."""

    service: str
    traffic: Traffic

    def create_listener(self: Any, params: Params) -> Params:
        balancer = self._balancer(params["LoadBalancerArn"])
        for other in self._listeners(balancer.arn):
            if other.described["Port"] == params["Port"]:
                raise ServiceError("DuplicateListener", "A listener already exists on this port for this load balancer")
        arn = balancer.arn.replace(":loadbalancer/", ":listener/") + "/" + _mark()
        described = {
            "ListenerArn": arn,
            "LoadBalancerArn": balancer.arn,
            "Port": params["Port"],
            "Protocol": params.get("Protocol", "HTTP"),
        }
        listener = Listener(arn, balancer.arn, described, [Rule(_rule_arn(arn), "default", [], [])])
        listener.tags.update({tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])})
        self._apply(listener, params)
        self.traffic.listeners[arn] = listener
        self.traffic.listen(listener)
        return {"Listeners": [self._shown(listener)]}

    def modify_listener(self: Any, params: Params) -> Params:
        listener = self._listener(params["ListenerArn"])
        before = (listener.described["Port"], listener.described["Protocol"])
        listener.described.update({key: params[key] for key in ("Port", "Protocol") if key in params})
        self._apply(listener, params)
        if before != (listener.described["Port"], listener.described["Protocol"]):
            self.traffic.close(listener)
        self.traffic.listen(listener)
        return {"Listeners": [self._shown(listener)]}

    def delete_listener(self: Any, params: Params) -> Params:
        self._remove_listener(self._listener(params["ListenerArn"]))
        return {}

    def describe_listeners(self: Any, params: Params) -> Params:
        if params.get("ListenerArns"):
            found = [self._listener(arn) for arn in params["ListenerArns"]]
        else:
            found = self._listeners(self._balancer(params["LoadBalancerArn"]).arn)
        shown, marker = page([self._shown(one) for one in found], params, "PageSize", "Marker", 400)
        return {"Listeners": shown, **({"NextMarker": marker} if marker else {})}

    def describe_listener_attributes(self: Any, params: Params) -> Params:
        attributes = self._listener(params["ListenerArn"]).attributes
        return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]}

    def modify_listener_attributes(self: Any, params: Params) -> Params:
        listener = self._listener(params["ListenerArn"])
        listener.attributes.update({item["Key"]: item.get("Value", "") for item in params["Attributes"]})
        self.traffic.listen(listener)
        result: Params = self.describe_listener_attributes(params)
        return result

    def describe_listener_certificates(self: Any, params: Params) -> Params:
        arns = self._listener(params["ListenerArn"]).certificates
        return {"Certificates": [{"CertificateArn": arn, "IsDefault": not index} for index, arn in enumerate(arns)]}

    def add_listener_certificates(self: Any, params: Params) -> Params:
        listener = self._listener(params["ListenerArn"])
        wanted = [item["CertificateArn"] for item in params["Certificates"]]
        listener.certificates += [arn for arn in wanted if arn not in listener.certificates]
        return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in wanted]}

    def remove_listener_certificates(self: Any, params: Params) -> Params:
        listener = self._listener(params["ListenerArn"])
        gone = {item["CertificateArn"] for item in params["Certificates"]}
        if listener.certificates and listener.certificates[0] in gone:
            raise ServiceError("OperationNotPermitted", "Default certificate cannot be removed from a listener")
        listener.certificates = [arn for arn in listener.certificates if arn not in gone]
        return {}

    def create_rule(self: Any, params: Params) -> Params:
        listener = self._listener(params["ListenerArn"])
        priority = str(params["Priority"])
        if any(rule.priority == priority for rule in listener.rules):
            raise ServiceError("PriorityInUse", f"Priority '{priority}' is currently in use")
        rule = Rule(_rule_arn(listener.arn), priority, [], [])
        rule.tags.update({tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])})
        self._apply_rule(rule, params)
        listener.rules.append(rule)
        self.traffic.listen(listener)
        return {"Rules": [rule.described()]}

    def modify_rule(self: Any, params: Params) -> Params:
        listener, rule = self._rule(params["RuleArn"])
        self._apply_rule(rule, params)
        self.traffic.listen(listener)
        return {"Rules": [rule.described()]}

    def delete_rule(self: Any, params: Params) -> Params:
        listener, rule = self._rule(params["RuleArn"])
        if rule.priority == "default":
            raise ServiceError("OperationNotPermitted", "Default rule '" + rule.arn + "' cannot be deleted")
        listener.rules.remove(rule)
        self.traffic.listen(listener)
        return {}

    def set_rule_priorities(self: Any, params: Params) -> Params:
        changed = []
        for item in params["RulePriorities"]:
            listener, rule = self._rule(item["RuleArn"])
            rule.priority = str(item["Priority"])
            changed.append(rule.described())
            self.traffic.listen(listener)
        return {"Rules": changed}

    def describe_rules(self: Any, params: Params) -> Params:
        if params.get("RuleArns"):
            found = [self._rule(arn)[1] for arn in params["RuleArns"]]
        else:
            found = self._listener(params["ListenerArn"]).ordered()
        shown, marker = page([rule.described() for rule in found], params, "PageSize", "Marker", 400)
        return {"Rules": shown, **({"NextMarker": marker} if marker else {})}

    def _apply(self: Any, listener: Listener, params: Params) -> None:
        if params.get("Certificates"):
            listener.certificates[:1] = [item["CertificateArn"] for item in params["Certificates"]]
        protocol = listener.described["Protocol"]
        if protocol not in ("HTTP", "HTTPS"):
            raise unsupported(self.service, f"listeners with protocol {protocol}")
        if params.get("MutualAuthentication", {}).get("Mode", "off") != "off":
            raise unsupported(self.service, "mutual TLS")
        if protocol == "HTTPS":
            if not listener.certificates:
                raise ServiceError("CertificateNotFound", "A certificate must be specified for HTTPS listeners")
            listener.described["SslPolicy"] = params.get(
                "SslPolicy", listener.described.get("SslPolicy", DEFAULT_POLICY)
            )
        if "DefaultActions" in params:
            self._apply_rule(listener.default, {"Actions": params["DefaultActions"]})

    def _apply_rule(self: Any, rule: Rule, params: Params) -> None:
        for action in params.get("Actions", []):
            if action["Type"] not in _ACTION_TYPES:
                raise unsupported(self.service, f"actions of type {action['Type']}")
            if action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {}).get("Enabled"):
                raise unsupported(self.service, "stickiness of target groups")
        for arn in groups_of(params.get("Actions", [])):
            if arn not in self.traffic.groups:
                raise ServiceError("TargetGroupNotFound", f"Target groups '{arn}' not found")
            balancers = self.traffic.load_balancers_of(self.traffic.groups[arn])
            mine = rule.arn.replace(":listener-rule/", ":loadbalancer/").rsplit("/", 2)[0]
            if balancers and balancers != [mine]:
                raise ServiceError(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load balancer: {arn}",
                )
        for condition in params.get("Conditions", []):
            if condition["Field"] not in _FIELDS:
                raise unsupported(self.service, f"rule conditions on {condition['Field']}")
        rule.actions = params.get("Actions", rule.actions)
        rule.conditions = params.get("Conditions", rule.conditions)

    def _remove_listener(self: Any, listener: Listener) -> None:
        self.traffic.close(listener)
        del self.traffic.listeners[listener.arn]

    def _listeners(self: Any, balancer: str) -> list[Listener]:
        return [one for one in self.traffic.listeners.values() if one.load_balancer == balancer]

    def _listener(self: Any, arn: str) -> Listener:
        if arn not in self.traffic.listeners:
            raise ServiceError("ListenerNotFound", "One or more listeners not found")
        listener: Listener = self.traffic.listeners[arn]
        return listener

    def _rule(self: Any, arn: str) -> tuple[Listener, Rule]:
        for listener in self.traffic.listeners.values():
            for rule in listener.rules:
                if rule.arn == arn:
                    return listener, rule
        raise ServiceError("RuleNotFound", "One or more rules not found")

    def _shown(self: Any, listener: Listener) -> Params:
        shown = {**listener.described, "DefaultActions": listener.default.actions}
        if listener.certificates:
            shown["Certificates"] = [{"CertificateArn": listener.certificates[0]}]
        return shown


def _mark() -> str:
    return hashlib.sha256(uuid.uuid4().bytes).hexdigest()[:16]


def _rule_arn(listener_arn: str) -> str:
    return listener_arn.replace(":listener/", ":listener-rule/") + "/" + _mark()
