"""The stacks of this project, in every kind that the configuration can ask for, made, checked for drift, deleted."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import defaultdict
from fnmatch import fnmatch

import boto3
import pytest
from moto import mock_aws

from hermes_cfn import config
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.deployment import FromOutput, FromSetting
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.cloudformation.service import CloudFormation
from hermes_cfn.local.services.authorisation import iam_action
from hermes_cfn.local.wire import CALL, Call
from hermes_cfn.service_role import ADDITIONS
from hermes_cfn.stacks import build

ARCHIVE = "template-archive"
PLAIN = {
    "application": {"name": "hermes"},
    "certificate": {"domain": "hermes.example.com"},
    "github": {"repository": "acme/hermes"},
}
ALL = {
    **PLAIN,
    "watch": {"enabled": True, "emails": ["ops@example.com"], "audit_trail": True},
    "edge": {"assets": True, "dns": "alias", "hosted_zone_id": "ZONE"},
    "worldwide": {"cloudfront": True, "assets_domain": "assets.example.com", "waf": True, "hosted_zone_id": "ZONE"},
    "service": {"waf": True, "access_logs": True, "cluster": True},
    "network": {"interface_endpoints": ["ssm", "ecr.api"]},
    "budget": {"ceiling_usd": 100, "emails": ["ops@example.com"]},
}
EGRESSES = ("nat-gateway-per-zone", "nat-gateway-regional", "nat-instance", "public-subnets", "ipv6")


def toml(sections) -> str:
    return "\n".join(
        f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in section.items())
        for name, section in sections.items()
    )


def fed(source, outputs) -> str:
    """What a stack's parameter is given where ``outputs`` has the outputs of the stacks before it."""
    if isinstance(source, FromSetting):
        return source.value
    if isinstance(source, FromOutput):
        return outputs[source.stack][source.output]
    return {"machine-image": "ami-12c6146b", "commit": "abc"}.get(source.lookup, "100")


class Recorded:
    """A client that writes down which operations are asked of it."""

    def __init__(self, client, heard) -> None:
        self.client, self.heard = client, heard

    def __getattr__(self, name):
        if name == "get_paginator":
            return lambda operation: (self.heard(operation), self.client.get_paginator(operation))[1]
        if name not in ("meta", "exceptions"):
            self.heard(name)
        return getattr(self.client, name)


class World:
    """CloudFormation in process, every region; ``called`` has the IAM actions that each type's handler needed."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], object] = {}
        self.called: dict[str, set[str]] = defaultdict(set)
        self.service = CloudFormation(lambda service, region, _: self.client(service, region), ServiceClock(20))
        plain = self.service.engine.context
        self.service.engine.context = lambda stack, resource, session: self.listening(
            plain(stack, resource, session), resource.type
        )
        self.service.engine.scheduler.clock.speed = 20
        self.outputs: dict[str, dict[str, str]] = {}

    def client(self, service, region="eu-south-2"):
        if (service, region) not in self.made:
            self.made[service, region] = boto3.client(
                service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
            )
        return self.made[service, region]

    def listening(self, context, kind):
        def clients(service, region):
            client = self.client(service, region)
            names = client.meta.method_to_api_mapping
            return Recorded(client, lambda name: self.called[kind].add(iam_action(service, names[name])))

        return dataclasses.replace(context, clients=clients)

    def __call__(self, spec, action, **params):
        token = CALL.set(Call("cloudformation", spec.region, "a"))
        try:
            return self.service.handle(action, {"StackName": spec.name, **params})
        finally:
            CALL.reset(token)

    def deploy(self, spec) -> None:
        body = json.dumps(spec.template)
        where = {"TemplateBody": body}
        if len(body) > 51_200:
            self.client("s3", "us-east-1").put_object(Bucket=ARCHIVE, Key=spec.key, Body=body.encode())
            where = {"TemplateURL": f"https://{ARCHIVE}.s3.amazonaws.com/{spec.key}"}
        given = [
            {"ParameterKey": name, "ParameterValue": fed(source, self.outputs)}
            for name, source in spec.parameters.items()
        ]
        tags = [{"Key": key, "Value": value} for key, value in spec.tags.items()]
        self(spec, "CreateStack", **where, Parameters=given, Tags=tags, Capabilities=["CAPABILITY_NAMED_IAM"])
        issue_certificates()
        assert self.service.engine.scheduler.settle(180)
        stack = self(spec, "DescribeStacks")["Stacks"][0]
        events = self(spec, "DescribeStackEvents")["StackEvents"]
        why = [e.get("ResourceStatusReason") for e in events if e["ResourceStatus"].endswith("FAILED")]
        assert stack["StackStatus"] == "CREATE_COMPLETE", (spec.key, why)
        self.outputs[spec.key] = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def drifted(self, spec) -> dict[str, object]:
        self(spec, "DetectStackDrift")
        assert self.service.engine.scheduler.settle(180)
        found = self(spec, "DescribeStackResourceDrifts", StackResourceDriftStatusFilters=["MODIFIED", "DELETED"])
        return {each["LogicalResourceId"]: each["PropertyDifferences"] for each in found["StackResourceDrifts"]}

    def delete(self, spec) -> str:
        arn = self(spec, "DescribeStacks")["Stacks"][0]["StackId"]
        self(spec, "DeleteStack")
        assert self.service.engine.scheduler.settle(180)
        return self.service.engine.stacks[arn].status


def issue_certificates() -> None:
    """The person who enters the DNS records."""
    import time

    from moto.backends import get_backend

    for _ in range(40):
        for backend in get_backend("acm")["123456789012"].values():
            for certificate in backend._certificates.values():
                certificate.status = "ISSUED"
        time.sleep(0.005)


def strange(called) -> list[tuple[str, str]]:
    """Calls that AWS's handler of the type does not make, so that no role needs leave for them."""
    found = []
    for kind, actions in called.items():
        known = schema(kind, "us-east-1")
        verbs = ("create", "read", "update", "delete", "list")
        named = {action.lower() for verb in verbs for action in known.handler_permissions(verb)}
        named |= {action.lower() for action, _ in ADDITIONS.get(kind, ())}
        found += [(kind, one) for one in actions if not any(fnmatch(one.lower(), pattern) for pattern in named)]
    return sorted(found)


def deployment(tmp_path, sections):
    path = tmp_path / "hermes.toml"
    path.write_text(toml(sections))
    return build(config.load(path))


@pytest.mark.parametrize("kind", ["plain", "all", *EGRESSES])
def test_every_stack_is_made_has_not_drifted_and_goes(tmp_path, kind, monkeypatch):
    numbers = itertools.count(1)
    monkeypatch.setattr("moto.route53.models.create_route53_zone_id", lambda **_: f"Z{next(numbers):015d}")
    with mock_aws():
        world = World()
        world.client("s3", "us-east-1").create_bucket(Bucket=ARCHIVE)
        zone = world.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
        sections = json.loads(json.dumps(ALL if kind == "all" else PLAIN).replace("ZONE", zone.rpartition("/")[2]))
        if kind in EGRESSES:
            sections["network"] = {"egress": kind}
            sections["database"] = {"allow_list": kind not in ("public-subnets", "ipv6")}
            if kind == "ipv6":
                sections["database"]["addresses"] = ["ipv6"]
        plan = deployment(tmp_path, sections)
        specs = [spec for wave in plan.waves() for spec in wave]
        for spec in specs:
            world.deploy(spec)
        assert {spec.key: world.drifted(spec) for spec in specs} == {spec.key: {} for spec in specs}
        unprotect(world)
        for spec in reversed(specs):
            assert world.delete(spec) == "DELETE_COMPLETE", spec.key
        assert world.called and strange(world.called) == []
        world.service.stop()


def unprotect(world) -> None:
    """What a person does before the load balancer may go."""
    elb = world.client("elbv2")
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=off)
