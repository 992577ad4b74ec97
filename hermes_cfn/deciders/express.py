"""Which stacks may be deleted in CloudFormation's express mode: those for whose end nothing else waits.

In express mode a stack is gone as soon as its resources have been asked to go; "delete operations might still be in
progress" (CloudFormation user guide, "Deploy AWS CloudFormation stacks faster with express mode").  What is still
going holds what it stands on: an instance or a load balancer holds its subnets, a log group's writer makes the group
anew.  So a stack goes so where every other stack can be deleted beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

STANDS_IN_A_NETWORK = frozenset(
    {
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::EC2::Instance",
        "AWS::EC2::NatGateway",
        "AWS::EC2::NetworkInterface",
        "AWS::EC2::VPCEndpoint",
        "AWS::ECS::Service",
        "AWS::EKS::Cluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::Lambda::Function",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
    }
)
"""Types that have network interfaces in subnets until they are gone."""

NETWORK = frozenset({"AWS::EC2::Subnet", "AWS::EC2::VPC"})


def may(key: str, templates: Mapping[str, Mapping[str, Any]], precursors: Mapping[str, Set[str]]) -> bool:
    """Whether the stack ``key`` may go in express mode, of those whose ``templates`` are to go, by key.

    ``precursors``: what each stack was built on, so that it goes after it.  A stack with a network goes last and holds
    nothing up; one that stands in a network that goes too does.
    """
    types = _types(templates[key])
    if not types & STANDS_IN_A_NETWORK:
        return True
    after = precursors.get(key, frozenset()) & templates.keys()
    return not any(_types(templates[other]) & NETWORK for other in after)


def _types(template: Mapping[str, Any]) -> set[str]:
    return {str(one.get("Type", "")) for one in template.get("Resources", {}).values() if isinstance(one, Mapping)}
