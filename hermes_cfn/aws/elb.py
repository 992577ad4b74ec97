"""Elastic Load Balancing: target health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.deciders.observed import Target


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """A target's health with the load balancer's own words."""

    health: Target
    reason: str
    description: str


class Elb:
    """Load balancers of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def health(self, target_group: str) -> Mapping[str, TargetSeen]:
        """Target id to health; an instance with several ports shows its last."""
        found = self._calls.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
        return {
            item["Target"]["Id"]: TargetSeen(
                Target.of(item["TargetHealth"]["State"]),
                str(item["TargetHealth"].get("Reason", "")),
                str(item["TargetHealth"].get("Description", "")),
            )
            for item in found
        }

    def register(self, target_group: str, instances: Sequence[str]) -> None:
        """Makes instances targets, on the group's port."""
        self._calls.register_targets(TargetGroupArn=target_group, Targets=[{"Id": name} for name in instances])

    def load_balancer(self, name: str) -> dict[str, Any] | None:
        """The load balancer's description, or None."""
        try:
            return dict(self._calls.describe_load_balancers(Names=[name])["LoadBalancers"][0])
        except AwsError as error:
            if error.code.startswith("LoadBalancerNotFound"):
                return None
            raise

    def protected(self, balancer: str) -> bool:
        """Whether deletion protection is on."""
        found = self._calls.describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"]
        return any(item["Key"] == "deletion_protection.enabled" and item["Value"] == "true" for item in found)

    def unprotect(self, arn: str) -> None:
        """Turns the load balancer's deletion protection off."""
        self._calls.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
        )

    def certificates(self, load_balancer: str) -> tuple[str, ...]:
        """ARNs of the certificates of its HTTPS listeners; empty when it has none."""
        found = self._calls.pages("describe_listeners", "Listeners", LoadBalancerArn=load_balancer)
        return tuple(
            certificate["CertificateArn"]
            for listener in found
            if listener.get("Protocol") == "HTTPS"
            for certificate in listener.get("Certificates", ())
        )

    def of_listener(self, listener: str) -> Mapping[str, str]:
        """What a rule of a listener needs of its load balancer, by the names of the service stack's parameters; nothing
        where there is no such HTTPS listener."""
        try:
            seen = self._calls.describe_listeners(ListenerArns=[listener])["Listeners"][0]
            arn = str(seen["LoadBalancerArn"])
            balancer = self._calls.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
        except AwsError as error:
            if error.code.startswith(("ListenerNotFound", "LoadBalancerNotFound")):
                return {}
            raise
        if seen.get("Protocol") != "HTTPS":
            return {}
        return {
            "ListenerArn": listener,
            "LoadBalancerSecurityGroupId": str(next(iter(balancer.get("SecurityGroups", ())), "")),
            "LoadBalancerDnsName": str(balancer["DNSName"]),
            "LoadBalancerZone": str(balancer["CanonicalHostedZoneId"]),
            "LoadBalancerArn": arn,
            "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
            "VpcId": str(balancer.get("VpcId", "")),
        }

    def rules(self, listener: str) -> Mapping[int, str]:
        """Priority -> ARN of every rule of a listener but its default."""
        found = self._calls.pages("describe_rules", "Rules", ListenerArn=listener)
        return {int(rule["Priority"]): str(rule["RuleArn"]) for rule in found if rule["Priority"] != "default"}
