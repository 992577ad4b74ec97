"""Other shapes of the same deployment that the stacks cannot make, as changes of its rendered templates.

The bill engine prices them like everything else; they are marked as not deployable.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hermes_cfn.deployment import Deployment

Edit = Callable[[dict[str, Any]], None]


def edited(deployment: Deployment, key: str, edit: Edit) -> Deployment:
    """``deployment`` with one stack's resources edited."""
    made = []
    for spec in deployment:
        if spec.key == key:
            template = copy.deepcopy(dict(spec.template))
            edit(template["Resources"])
            spec = replace(spec, template=template)
        made.append(spec)
    return replace(deployment, stacks=tuple(made))


def private_ingress(deployment: Deployment, distribution: bool) -> Deployment:
    """A private load balancer behind CloudFront's VPC origin: no public addresses on it."""

    def edit(resources: dict[str, Any]) -> None:
        for resource in resources.values():
            if resource["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer":
                resource["Properties"]["Scheme"] = "internal"
        if distribution:
            resources["PrivateIngress"] = {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {"DistributionConfig": {"Enabled": True}},
            }

    return edited(deployment, "service", edit)


def fargate(deployment: Deployment, count: int, cpu: int = 512, memory_mib: int = 2048) -> Deployment:
    """Tasks instead of instances; ``cpu`` in 1/1024 of a vCPU."""

    def edit(resources: dict[str, Any]) -> None:
        gone = ("AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate", "AWS::SSM::Document")
        for name in [name for name, resource in resources.items() if resource["Type"] in gone]:
            del resources[name]
        resources["Tasks"] = {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Cpu": str(cpu), "Memory": str(memory_mib), "RequiresCompatibilities": ["FARGATE"]},
        }
        resources["Service"] = {
            "Type": "AWS::ECS::Service",
            "Properties": {"LaunchType": "FARGATE", "DesiredCount": count, "TaskDefinition": {"Ref": "Tasks"}},
        }

    return edited(deployment, "service", edit)


def with_database(deployment: Deployment, instance_class: str = "db.t4g.micro", gib: int = 20) -> Deployment:
    """A managed PostgreSQL beside the instances, one zone."""

    def edit(resources: dict[str, Any]) -> None:
        resources["Database"] = {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "DBInstanceClass": instance_class,
                "Engine": "postgres",
                "AllocatedStorage": str(gib),
                "StorageType": "gp3",
                "MultiAZ": False,
            },
        }

    return edited(deployment, "service", edit)
