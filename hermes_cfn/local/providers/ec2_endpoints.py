"""Endpoints and flow logs of a VPC."""

from __future__ import annotations

import json
from typing import Any

from hermes_cfn.local.providers.base import Context, Failure, Gone, Made, Properties, boolean, pick, whole
from hermes_cfn.local.providers.ec2_common import Ec2, quietly


class VpcEndpoint(Ec2):
    kind = "vpc-endpoint"
    known = frozenset(
        {
            "VpcId",
            "ServiceName",
            "VpcEndpointType",
            "RouteTableIds",
            "SubnetIds",
            "SecurityGroupIds",
            "PolicyDocument",
            "PrivateDnsEnabled",
            "Tags",
        }
    )

    def _policy(self, properties: Properties) -> dict[str, str]:
        policy = properties.get("PolicyDocument")
        if policy is None:
            return {}
        return {"PolicyDocument": policy if isinstance(policy, str) else json.dumps(policy)}

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(
            properties, "VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "SecurityGroupIds"
        )
        given.setdefault("VpcEndpointType", "Gateway")
        if "PrivateDnsEnabled" in properties:
            given["PrivateDnsEnabled"] = boolean(properties["PrivateDnsEnabled"])
        made = context.client("ec2").create_vpc_endpoint(
            **given, **self._policy(properties), **self.specification(context, properties)
        )
        context.took(made["VpcEndpoint"]["VpcEndpointId"])
        return self.describe(context, made["VpcEndpoint"]["VpcEndpointId"], properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        given: dict[str, Any] = dict(self._policy(after))
        pairs = (
            ("RouteTableIds", "AddRouteTableIds", "RemoveRouteTableIds"),
            ("SubnetIds", "AddSubnetIds", "RemoveSubnetIds"),
            ("SecurityGroupIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"),
        )
        for key, add, remove in pairs:
            old, new = set(before.get(key) or []), set(after.get(key) or [])
            given.update({add: sorted(new - old)} if new - old else {})
            given.update({remove: sorted(old - new)} if old - new else {})
        if given:
            context.client("ec2").modify_vpc_endpoint(VpcEndpointId=physical_id, **given)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_vpc_endpoints, VpcEndpointIds=[physical_id])

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self.one(context, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[physical_id])
        if found is None:
            raise Gone(physical_id)
        return Made(
            physical_id,
            {
                "Id": physical_id,
                "CreationTimestamp": str(found.get("CreationTimestamp", "")),
                "NetworkInterfaceIds": found.get("NetworkInterfaceIds", []),
                "DnsEntries": [f"{e.get('HostedZoneId', '')}:{e['DnsName']}" for e in found.get("DnsEntries", [])],
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[physical_id])
        if found is None or str(found.get("State", "")).startswith("delet"):
            return None
        shown = pick(found, "VpcId", "ServiceName", "VpcEndpointType")
        return {**shown, "Tags": self.tags_of(found)}


class FlowLog(Ec2):
    kind = "vpc-flow-log"
    known = frozenset(
        {
            "ResourceId",
            "ResourceType",
            "TrafficType",
            "LogDestination",
            "LogDestinationType",
            "LogGroupName",
            "DeliverLogsPermissionArn",
            "LogFormat",
            "MaxAggregationInterval",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(
            properties,
            "ResourceType",
            "TrafficType",
            "LogDestination",
            "LogDestinationType",
            "LogGroupName",
            "DeliverLogsPermissionArn",
            "LogFormat",
        )
        if "MaxAggregationInterval" in properties:
            given["MaxAggregationInterval"] = whole(properties["MaxAggregationInterval"])
        made = context.client("ec2").create_flow_logs(
            ResourceIds=[properties["ResourceId"]], **given, **self.specification(context, properties)
        )
        if made.get("Unsuccessful"):
            raise Failure(made["Unsuccessful"][0]["Error"]["Message"])
        name = made["FlowLogIds"][0]
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.retag(context, physical_id, before, after)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_flow_logs, FlowLogIds=[physical_id])

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_flow_logs", "FlowLogs", FlowLogIds=[physical_id])
        return None if found is None else {**pick(found, "ResourceId", "TrafficType"), "Tags": self.tags_of(found)}
