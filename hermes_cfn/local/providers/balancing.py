"""Elastic Load Balancing v2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Failure,
    Gone,
    Handler,
    Made,
    Properties,
    boolean,
    changed,
    missing,
    pick,
    tag_changes,
    whole,
)
from hermes_cfn.local.providers.ec2_common import asked, quietly


class Elb(Handler):
    """What the handlers share."""

    def client(self, context: Context) -> Any:
        return context.client("elbv2")

    def one(self, context: Context, call: str, key: str, **arguments: Any) -> Any:
        try:
            found = getattr(self.client(context), call)(**arguments)[key]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return found[0] if found else None

    def retag(self, context: Context, arn: str, before: Properties, after: Properties) -> None:
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            self.client(context).add_tags(ResourceArns=[arn], Tags=put)
        if gone:
            self.client(context).remove_tags(ResourceArns=[arn], TagKeys=gone)


def tagged(context: Context, properties: Properties) -> dict[str, Any]:
    """Tags as an argument; the API refuses an empty list."""
    tags = context.tags(properties)
    return {"Tags": tags} if tags else {}


def pairs(given: Any) -> list[dict[str, str]]:
    """Attributes as Key and Value text."""
    return [{"Key": str(item["Key"]), "Value": _text(item["Value"])} for item in given or []]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown_attributes(wanted: Any, live: list[dict[str, str]]) -> list[dict[str, str]]:
    """The live values of those attributes that the template sets, in its order."""
    values = {item["Key"]: item["Value"] for item in live}
    return [{"Key": item["Key"], "Value": values.get(item["Key"], "")} for item in pairs(wanted)]


class LoadBalancer(Elb):
    known = frozenset(
        {
            "Name",
            "Type",
            "Scheme",
            "IpAddressType",
            "Subnets",
            "SubnetMappings",
            "SecurityGroups",
            "LoadBalancerAttributes",
            "Tags",
        }
    )

    def refuses(self, properties: Properties) -> str:
        kind = properties.get("Type", "application")
        return "" if kind in ("application", "") or not isinstance(kind, str) else f"load balancers of type {kind}"

    def create(self, context: Context, properties: Properties) -> Made:
        made = self.client(context).create_load_balancer(
            Name=properties.get("Name") or context.name(32),
            **tagged(context, properties),
            **pick(properties, "Type", "Scheme", "IpAddressType", "Subnets", "SubnetMappings", "SecurityGroups"),
        )
        arn = made["LoadBalancers"][0]["LoadBalancerArn"]
        context.took(arn)
        if properties.get("LoadBalancerAttributes"):
            self.client(context).modify_load_balancer_attributes(
                LoadBalancerArn=arn, Attributes=pairs(properties["LoadBalancerAttributes"])
            )
        return self.describe(context, arn, properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        elb = self.client(context)
        if changed(before, after, "LoadBalancerAttributes") and after.get("LoadBalancerAttributes"):
            elb.modify_load_balancer_attributes(
                LoadBalancerArn=physical_id, Attributes=pairs(after["LoadBalancerAttributes"])
            )
        if changed(before, after, "SecurityGroups"):
            elb.set_security_groups(LoadBalancerArn=physical_id, SecurityGroups=after["SecurityGroups"])
        if changed(before, after, "Subnets", "SubnetMappings"):
            elb.set_subnets(LoadBalancerArn=physical_id, **pick(after, "Subnets", "SubnetMappings"))
        if changed(before, after, "IpAddressType"):
            elb.set_ip_address_type(LoadBalancerArn=physical_id, IpAddressType=after.get("IpAddressType", "ipv4"))
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(self.client(context).delete_load_balancer, LoadBalancerArn=physical_id)

    def _find(self, context: Context, arn: str) -> Any:
        return self.one(context, "describe_load_balancers", "LoadBalancers", LoadBalancerArns=[arn])

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        found = self._find(context, physical_id)
        state = found["State"]["Code"] if found else "gone"
        if state in ("gone", "failed"):
            raise Failure(f"Load balancer {physical_id} did not stabilize: {state}.")
        return bool(state in ("active", "active_impaired"))

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(
            physical_id,
            {
                "LoadBalancerArn": physical_id,
                "DNSName": found["DNSName"],
                "CanonicalHostedZoneID": found["CanonicalHostedZoneId"],
                "LoadBalancerName": found["LoadBalancerName"],
                "LoadBalancerFullName": physical_id.partition(":loadbalancer/")[2],
                "SecurityGroups": found.get("SecurityGroups", []),
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        live = self.client(context).describe_load_balancer_attributes(LoadBalancerArn=physical_id)["Attributes"]
        wanted = properties.get("SecurityGroups") or []
        groups = found.get("SecurityGroups", [])
        return {
            **pick(found, "Type", "Scheme"),
            "SecurityGroups": wanted if sorted(wanted) == sorted(groups) else groups,
            "LoadBalancerAttributes": shown_attributes(properties.get("LoadBalancerAttributes"), live),
        }

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("Name")
        found = self.one(context, "describe_load_balancers", "LoadBalancers", Names=[name]) if name else None
        return found["LoadBalancerArn"] if found else None


_HEALTH = (
    "HealthCheckPath",
    "HealthCheckProtocol",
    "HealthCheckPort",
)
_HEALTH_NUMBERS = (
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
)


class TargetGroup(Elb):
    lively = True
    known = frozenset(
        {
            "Name",
            "Port",
            "Protocol",
            "ProtocolVersion",
            "VpcId",
            "TargetType",
            "Matcher",
            "HealthCheckEnabled",
            "TargetGroupAttributes",
            "Targets",
            "IpAddressType",
            "Tags",
            *_HEALTH,
            *_HEALTH_NUMBERS,
        }
    )

    def _health(self, properties: Properties) -> dict[str, Any]:
        made = pick(properties, *_HEALTH, "Matcher")
        made.update({key: whole(properties[key]) for key in _HEALTH_NUMBERS if key in properties})
        if "HealthCheckPort" in made:
            made["HealthCheckPort"] = str(made["HealthCheckPort"])
        if "HealthCheckEnabled" in properties:
            made["HealthCheckEnabled"] = boolean(properties["HealthCheckEnabled"])
        return made

    def refuses(self, properties: Properties) -> str:
        for key, known in (
            ("Protocol", ("HTTP", "HTTPS")),
            ("ProtocolVersion", ("HTTP1",)),
            ("TargetType", ("instance", "ip")),
        ):
            value = properties.get(key, known[0])
            if isinstance(value, str) and value not in known:
                return f"target groups with {key} {value}"
        return ""

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "Protocol", "ProtocolVersion", "VpcId", "TargetType", "IpAddressType")
        if "Port" in properties:
            given["Port"] = whole(properties["Port"])
        made = self.client(context).create_target_group(
            Name=properties.get("Name") or context.name(32),
            **tagged(context, properties),
            **given,
            **self._health(properties),
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        context.took(arn)
        self._rest(context, arn, {}, properties)
        return self.describe(context, arn, properties)

    def _rest(self, context: Context, arn: str, before: Properties, after: Properties) -> None:
        elb = self.client(context)
        if changed(before, after, "TargetGroupAttributes") and after.get("TargetGroupAttributes"):
            elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs(after["TargetGroupAttributes"]))
        old = [_target(each) for each in before.get("Targets") or []]
        new = [_target(each) for each in after.get("Targets") or []]
        gone, fresh = [t for t in old if t not in new], [t for t in new if t not in old]
        if gone:
            elb.deregister_targets(TargetGroupArn=arn, Targets=gone)
        if fresh:
            elb.register_targets(TargetGroupArn=arn, Targets=fresh)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        if self._health(before) != self._health(after):
            self.client(context).modify_target_group(TargetGroupArn=physical_id, **self._health(after))
        self._rest(context, physical_id, before, after)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(self.client(context).delete_target_group, TargetGroupArn=physical_id)

    def _find(self, context: Context, arn: str) -> Any:
        return self.one(context, "describe_target_groups", "TargetGroups", TargetGroupArns=[arn])

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(
            physical_id,
            {
                "TargetGroupArn": physical_id,
                "TargetGroupName": found["TargetGroupName"],
                "TargetGroupFullName": physical_id.split(":")[-1],
                "LoadBalancerArns": found.get("LoadBalancerArns", []),
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        live = self.client(context).describe_target_group_attributes(TargetGroupArn=physical_id)["Attributes"]
        return {
            **pick(found, "Port", "Protocol", "VpcId", "TargetType", "Matcher", *_HEALTH, *_HEALTH_NUMBERS),
            "TargetGroupAttributes": shown_attributes(properties.get("TargetGroupAttributes"), live),
        }

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("Name")
        found = self.one(context, "describe_target_groups", "TargetGroups", Names=[name]) if name else None
        return found["TargetGroupArn"] if found else None


def _target(given: Mapping[str, Any]) -> dict[str, Any]:
    made = pick(given, "Id", "AvailabilityZone")
    if "Port" in given:
        made["Port"] = whole(given["Port"])
    return made


def actions(given: Any) -> list[dict[str, Any]]:
    """Listener actions with the types that the API asks for."""
    made = []
    for each in given:
        action = dict(each)
        if "Order" in action:
            action["Order"] = whole(action["Order"])
        made.append(action)
    return made


class Listener(Elb):
    known = frozenset(
        {
            "LoadBalancerArn",
            "Port",
            "Protocol",
            "SslPolicy",
            "Certificates",
            "DefaultActions",
            "AlpnPolicy",
            "ListenerAttributes",
        }
    )

    def _given(self, properties: Properties) -> dict[str, Any]:
        given = pick(properties, "Protocol", "SslPolicy", "Certificates", "AlpnPolicy")
        if "Port" in properties:
            given["Port"] = whole(properties["Port"])
        return {**given, "DefaultActions": actions(properties["DefaultActions"])}

    def create(self, context: Context, properties: Properties) -> Made:
        made = self.client(context).create_listener(
            LoadBalancerArn=properties["LoadBalancerArn"], **self._given(properties)
        )
        arn = made["Listeners"][0]["ListenerArn"]
        context.took(arn)
        self._attributes(context, arn, {}, properties)
        return Made(arn, {"ListenerArn": arn})

    def _attributes(self, context: Context, arn: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "ListenerAttributes") and after.get("ListenerAttributes"):
            self.client(context).modify_listener_attributes(
                ListenerArn=arn, Attributes=pairs(after["ListenerAttributes"])
            )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.client(context).modify_listener(ListenerArn=physical_id, **self._given(after))
        self._attributes(context, physical_id, before, after)
        return Made(physical_id, {"ListenerArn": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(self.client(context).delete_listener, ListenerArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_listeners", "Listeners", ListenerArns=[physical_id])
        return None if found is None else pick(found, "LoadBalancerArn", "Port", "Protocol", "SslPolicy")

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return Made(physical_id, {"ListenerArn": physical_id})


class ListenerRule(Elb):
    known = frozenset({"ListenerArn", "Priority", "Conditions", "Actions"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = self.client(context).create_rule(
            ListenerArn=properties["ListenerArn"],
            Priority=whole(properties["Priority"]),
            Conditions=properties["Conditions"],
            Actions=actions(properties["Actions"]),
        )
        arn = made["Rules"][0]["RuleArn"]
        return Made(arn, {"RuleArn": arn, "IsDefault": "false"})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        elb = self.client(context)
        if changed(before, after, "Priority"):
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": physical_id, "Priority": whole(after["Priority"])}])
        elb.modify_rule(RuleArn=physical_id, Conditions=after["Conditions"], Actions=actions(after["Actions"]))
        return Made(physical_id, {"RuleArn": physical_id, "IsDefault": "false"})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(self.client(context).delete_rule, RuleArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = asked(self.client(context).describe_rules, RuleArns=[physical_id])
        rules = found.get("Rules", [])
        return {"Priority": rules[0]["Priority"]} if rules else None


class ListenerCertificate(Elb):
    """Certificates of a listener beside its first one; a physical ID of CloudFormation's own."""

    known = frozenset({"ListenerArn", "Certificates"})

    def create(self, context: Context, properties: Properties) -> Made:
        self.client(context).add_listener_certificates(
            ListenerArn=properties["ListenerArn"], Certificates=properties["Certificates"]
        )
        return Made(context.name(64), {})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        elb, gone = (
            self.client(context),
            [one for one in before["Certificates"] if one not in after["Certificates"]],
        )
        elb.add_listener_certificates(ListenerArn=after["ListenerArn"], Certificates=after["Certificates"])
        if gone:
            elb.remove_listener_certificates(ListenerArn=after["ListenerArn"], Certificates=gone)
        return Made(physical_id, {})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            self.client(context).remove_listener_certificates,
            ListenerArn=properties["ListenerArn"],
            Certificates=properties["Certificates"],
        )
