"""The actions of Elastic Load Balancing v2, for application load balancers.

API reference: docs.aws.amazon.com/elasticloadbalancing/latest/APIReference.  Network and gateway
load balancers, stickiness by the application's cookie, authentication actions, mutual TLS and trust stores are refused.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from hermes_cfn.local import wire
from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.services.actions import Actions, Params, page
from hermes_cfn.local.services.elbv2.listeners import ListenerActions
from hermes_cfn.local.services.elbv2.model import (
    REFUSED_ATTRIBUTES,
    LoadBalancer,
    Target,
    TargetGroup,
    attribute_problem,
)
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ACCOUNT, ServiceError, unsupported

ZONE_ID = "Z35SXDOTRQ7X7K"
_HEALTH_KEYS = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath", "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
)  # fmt: skip


class LoadBalancing(ListenerActions, Actions):
    """Service ``elbv2``."""

    service = "elbv2"

    def __init__(self, clients: Clients, traffic: Traffic) -> None:
        self.clients = clients
        self.traffic = traffic

    def handle(self, action: str, params: Params) -> Params:
        with self.traffic.scheduler.lock:
            return super().handle(action, params)

    # Load balancers

    def create_load_balancer(self, params: Params) -> Params:
        name, region = params["Name"], wire.CALL.get().region
        if params.get("Type", "application") != "application":
            raise unsupported(self.service, f"load balancers of type {params['Type']}")
        for other in self._balancers():
            if other.described["LoadBalancerName"] == name:
                if [zone["SubnetId"] for zone in other.described["AvailabilityZones"]] == params.get("Subnets"):
                    return {"LoadBalancers": [other.described]}
                raise ServiceError(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{name}' exists, but with different settings",
                )
        zones, vpc = self._zones(params, region)
        if len({zone["ZoneName"] for zone in zones}) < 2:
            raise ServiceError(
                "ValidationError", "At least two subnets in two different Availability Zones must be specified"
            )
        mark = hashlib.sha256(uuid.uuid4().bytes).hexdigest()[:16]
        arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/app/{name}/{mark}"
        scheme = params.get("Scheme", "internet-facing")
        prefix = "internal-" if scheme == "internal" else ""
        described = {
            "LoadBalancerArn": arn,
            "DNSName": f"{prefix}{name}-{int(mark[:8], 16)}.{region}.elb.amazonaws.com".lower(),
            "CanonicalHostedZoneId": ZONE_ID,
            "CreatedTime": self._now(),
            "LoadBalancerName": name,
            "Scheme": scheme,
            "VpcId": vpc,
            "State": {"Code": "active"},
            "Type": "application",
            "AvailabilityZones": zones,
            "SecurityGroups": params.get("SecurityGroups", []),
            "IpAddressType": params.get("IpAddressType", "ipv4"),
        }
        self.traffic.load_balancers[arn] = LoadBalancer(arn, region, described, tags=_tags(params))
        return {"LoadBalancers": [described]}

    def describe_load_balancers(self, params: Params) -> Params:
        found = self._balancers()
        if params.get("LoadBalancerArns"):
            found = [self._balancer(arn) for arn in params["LoadBalancerArns"]]
        for name in params.get("Names", []):
            if name not in [one.described["LoadBalancerName"] for one in self._balancers()]:
                raise ServiceError("LoadBalancerNotFound", f"Load balancers '[{name}]' not found")
        if params.get("Names"):
            found = [one for one in found if one.described["LoadBalancerName"] in params["Names"]]
        shown, marker = page([one.described for one in found], params, "PageSize", "Marker", 400)
        return {"LoadBalancers": shown, **({"NextMarker": marker} if marker else {})}

    def delete_load_balancer(self, params: Params) -> Params:
        balancer = self.traffic.load_balancers.get(params["LoadBalancerArn"])
        if balancer is None:
            return {}
        if balancer.attributes["deletion_protection.enabled"] == "true":
            raise ServiceError(
                "OperationNotPermitted",
                f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled",
            )
        for listener in [one for one in self.traffic.listeners.values() if one.load_balancer == balancer.arn]:
            self._remove_listener(listener)
        del self.traffic.load_balancers[balancer.arn]
        return {}

    def describe_load_balancer_attributes(self, params: Params) -> Params:
        return {"Attributes": _pairs(self._balancer(params["LoadBalancerArn"]).attributes)}

    def modify_load_balancer_attributes(self, params: Params) -> Params:
        balancer = self._balancer(params["LoadBalancerArn"])
        before = dict(balancer.attributes)
        _merge(balancer.attributes, params["Attributes"], "Load balancer")
        if balancer.attributes["access_logs.s3.enabled"] == "true":
            try:
                self.traffic.access_logs.enable(balancer)
            except ServiceError:
                balancer.attributes = before
                raise
        for listener in [one for one in self.traffic.listeners.values() if one.load_balancer == balancer.arn]:
            self.traffic.listen(listener)
        return {"Attributes": _pairs(balancer.attributes)}

    def set_security_groups(self, params: Params) -> Params:
        balancer = self._balancer(params["LoadBalancerArn"])
        balancer.described["SecurityGroups"] = params["SecurityGroups"]
        return {"SecurityGroupIds": params["SecurityGroups"]}

    def set_subnets(self, params: Params) -> Params:
        balancer = self._balancer(params["LoadBalancerArn"])
        balancer.described["AvailabilityZones"], _ = self._zones(params, balancer.region)
        return {"AvailabilityZones": balancer.described["AvailabilityZones"]}

    def set_ip_address_type(self, params: Params) -> Params:
        self._balancer(params["LoadBalancerArn"]).described["IpAddressType"] = params["IpAddressType"]
        return {"IpAddressType": params["IpAddressType"]}

    # Target groups

    def create_target_group(self, params: Params) -> Params:
        name, region = params["Name"], wire.CALL.get().region
        if params.get("Protocol", "HTTP") not in ("HTTP", "HTTPS") or params.get("TargetType", "instance") not in (
            "instance",
            "ip",
        ):
            raise unsupported(self.service, "target groups other than HTTP(S) to instances or addresses")
        if any(group.name == name for group in self._groups()):
            raise ServiceError(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{name}' exists, but with different settings",
            )
        mark = hashlib.sha256(uuid.uuid4().bytes).hexdigest()[:16]
        arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/{name}/{mark}"
        described: dict[str, Any] = {
            "TargetGroupArn": arn,
            "TargetGroupName": name,
            "Protocol": params.get("Protocol", "HTTP"),
            "ProtocolVersion": params.get("ProtocolVersion", "HTTP1"),
            "Port": params.get("Port", 80),
            "VpcId": params.get("VpcId", ""),
            "TargetType": params.get("TargetType", "instance"),
            "IpAddressType": params.get("IpAddressType", "ipv4"),
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckEnabled": True,
            "HealthCheckPath": "/",
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 5,
            "UnhealthyThresholdCount": 2,
            "Matcher": {"HttpCode": "200"},
            "LoadBalancerArns": [],
        }
        if described["ProtocolVersion"] != "HTTP1":
            raise unsupported(self.service, f"the protocol version {described['ProtocolVersion']}")
        described.update({key: params[key] for key in _HEALTH_KEYS if key in params})
        _check_health(described)
        group = TargetGroup(arn, region, described, tags=_tags(params))
        self.traffic.groups[arn] = group
        return {"TargetGroups": [self._described(group)]}

    def describe_target_groups(self, params: Params) -> Params:
        found = self._groups()
        if params.get("TargetGroupArns"):
            found = [self._group(arn) for arn in params["TargetGroupArns"]]
        if params.get("LoadBalancerArn"):
            found = [group for group in found if params["LoadBalancerArn"] in self.traffic.load_balancers_of(group)]
        if params.get("Names"):
            found = [group for group in found if group.name in params["Names"]]
            if len(found) < len(params["Names"]):
                raise ServiceError("TargetGroupNotFound", "One or more target groups not found")
        shown, marker = page([self._described(group) for group in found], params, "PageSize", "Marker", 400)
        return {"TargetGroups": shown, **({"NextMarker": marker} if marker else {})}

    def modify_target_group(self, params: Params) -> Params:
        group = self._group(params["TargetGroupArn"])
        changed = {**group.described, **{key: params[key] for key in _HEALTH_KEYS if key in params}}
        _check_health(changed)
        group.described = changed
        if self.traffic.used(group):
            self.traffic.group_changed(group)
        return {"TargetGroups": [self._described(group)]}

    def delete_target_group(self, params: Params) -> Params:
        group = self.traffic.groups.get(params["TargetGroupArn"])
        if group is None:
            return {}
        if self.traffic.used(group):
            raise ServiceError(
                "ResourceInUse", f"Target group '{group.arn}' is currently in use by a listener or a rule"
            )
        self.traffic.forget(group)
        del self.traffic.groups[group.arn]
        return {}

    def describe_target_group_attributes(self, params: Params) -> Params:
        return {"Attributes": _pairs(self._group(params["TargetGroupArn"]).attributes)}

    def modify_target_group_attributes(self, params: Params) -> Params:
        group = self._group(params["TargetGroupArn"])
        _merge(group.attributes, params["Attributes"], "Target group")
        if self.traffic.used(group):
            self.traffic.group_changed(group)
        return {"Attributes": _pairs(group.attributes)}

    def register_targets(self, params: Params) -> Params:
        group = self._group(params["TargetGroupArn"])
        for given in params["Targets"]:
            target = self._target(group, given)
            if group.described["TargetType"] == "instance" and target.id not in self.traffic.fleet.instances:
                raise ServiceError(
                    "InvalidTarget",
                    f"The following targets are not in a running state and cannot be registered: '{target.id}'",
                )
            if group.described["TargetType"] == "ip" and not target.id.startswith("127."):
                raise unsupported(self.service, "addresses outside 127.0.0.0/8 as targets")
            self.traffic.register(group, target)
        return {}

    def deregister_targets(self, params: Params) -> Params:
        group = self._group(params["TargetGroupArn"])
        for given in params["Targets"]:
            keys = (
                [self._target(group, given).key]
                if "Port" in given
                else [k for k, t in group.targets.items() if t.id == given["Id"]]
            )
            for key in keys:
                self.traffic.deregister(group, key)
        return {}

    def describe_target_health(self, params: Params) -> Params:
        group = self._group(params["TargetGroupArn"])
        targets = list(group.targets.values())
        if params.get("Targets"):
            targets = []
            for given in params["Targets"]:
                wanted = self._target(group, given)
                missing = Target(wanted.id, wanted.port, state="unused", reason="Target.NotRegistered")
                targets.append(group.targets.get(wanted.key, missing))
        return {
            "TargetHealthDescriptions": [
                {
                    "Target": {"Id": target.id, "Port": target.port},
                    "HealthCheckPort": str(target.port if group.described["HealthCheckPort"] == "traffic-port" else group.described["HealthCheckPort"]),
                    "TargetHealth": target.health(),
                    "AdministrativeOverride": {
                        "State": "no_override", "Reason": "AdministrativeOverride.NoOverride",
                        "Description": "No override is currently active on target",
                    },
                }
                for target in targets
            ]
        }  # fmt: skip

    # Tags and limits

    def add_tags(self, params: Params) -> Params:
        for arn in params["ResourceArns"]:
            self._tagged(arn).update({tag["Key"]: tag.get("Value", "") for tag in params["Tags"]})
        return {}

    def remove_tags(self, params: Params) -> Params:
        for arn in params["ResourceArns"]:
            for key in params["TagKeys"]:
                self._tagged(arn).pop(key, None)
        return {}

    def describe_tags(self, params: Params) -> Params:
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in self._tagged(arn).items()]}
                for arn in params["ResourceArns"]
            ]
        }

    def describe_account_limits(self, _params: Params) -> Params:
        limits = {
            "application-load-balancers": 50,
            "target-groups": 3000,
            "targets-per-application-load-balancer": 1000,
        }
        return {"Limits": [{"Name": name, "Max": str(value)} for name, value in limits.items()]}

    # Lookups

    def _now(self) -> Any:
        return self.traffic.scheduler.clock.now()

    def _balancers(self) -> list[LoadBalancer]:
        return [one for one in self.traffic.load_balancers.values() if one.region == wire.CALL.get().region]

    def _groups(self) -> list[TargetGroup]:
        return [one for one in self.traffic.groups.values() if one.region == wire.CALL.get().region]

    def _balancer(self, arn: str) -> LoadBalancer:
        if arn not in self.traffic.load_balancers:
            raise ServiceError("LoadBalancerNotFound", "One or more load balancers not found")
        return self.traffic.load_balancers[arn]

    def _group(self, arn: str) -> TargetGroup:
        if arn not in self.traffic.groups:
            raise ServiceError("TargetGroupNotFound", "One or more target groups not found")
        return self.traffic.groups[arn]

    def _target(self, group: TargetGroup, given: Params) -> Target:
        return Target(given["Id"], int(given.get("Port") or group.port))

    def _described(self, group: TargetGroup) -> Params:
        return {**group.described, "LoadBalancerArns": self.traffic.load_balancers_of(group)}

    def _tagged(self, arn: str) -> dict[str, str]:
        traffic = self.traffic
        for kind in (traffic.load_balancers, traffic.groups, traffic.listeners):
            if arn in kind:
                tags: dict[str, str] = kind[arn].tags
                return tags
        for listener in traffic.listeners.values():
            for rule in listener.rules:
                if rule.arn == arn:
                    return rule.tags
        raise ServiceError(
            "TargetGroupNotFound" if ":targetgroup/" in arn else "LoadBalancerNotFound", f"'{arn}' not found"
        )

    def _zones(self, params: Params, region: str) -> tuple[list[Params], str]:
        ids = params.get("Subnets") or [mapping["SubnetId"] for mapping in params.get("SubnetMappings", [])]
        if not ids:
            raise ServiceError("ValidationError", "You must specify subnets")
        ec2 = self.clients("ec2", region, OWN)
        try:
            subnets = ec2.describe_subnets(SubnetIds=ids)["Subnets"]
        except ec2.exceptions.ClientError:
            raise ServiceError("SubnetNotFound", f"The subnet ID '{', '.join(ids)}' is not valid") from None
        zones = [
            {"ZoneName": s["AvailabilityZone"], "SubnetId": s["SubnetId"], "LoadBalancerAddresses": []} for s in subnets
        ]
        return zones, str(subnets[0]["VpcId"])


def _tags(params: Params) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}


def _pairs(attributes: dict[str, str]) -> list[Params]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def _merge(attributes: dict[str, str], given: list[Params], what: str) -> None:
    for item in given:
        if REFUSED_ATTRIBUTES.get(item["Key"]) == item.get("Value"):
            raise unsupported("elbv2", f"{item['Key']} = {item['Value']}")
        if item["Key"] not in attributes:
            raise ServiceError("ValidationError", f"{what} attribute key '{item['Key']}' is not recognized")
    merged = {**attributes, **{item["Key"]: str(item.get("Value", "")) for item in given}}
    problem = attribute_problem(merged)
    if problem:
        raise ServiceError("ValidationError", problem)
    attributes.update(merged)


def _check_health(described: Params) -> None:
    """Limits of CreateTargetGroup (API reference)."""
    limits = {
        "HealthCheckIntervalSeconds": (5, 300), "HealthCheckTimeoutSeconds": (2, 120),
        "HealthyThresholdCount": (2, 10), "UnhealthyThresholdCount": (2, 10),
    }  # fmt: skip
    for key, (least, most) in limits.items():
        if not least <= int(described[key]) <= most:
            raise ServiceError("ValidationError", f"{key} must be between {least} and {most}")
    if described["HealthCheckTimeoutSeconds"] >= described["HealthCheckIntervalSeconds"]:
        raise ServiceError("ValidationError", "Health check interval must be greater than the timeout")
