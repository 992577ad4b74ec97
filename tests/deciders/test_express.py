"""Which stacks may be deleted without waiting for their end."""

from __future__ import annotations

import pytest

from hermes_cfn.config import parse
from hermes_cfn.deciders import express
from hermes_cfn.stacks import build


def of(*types: str) -> dict:
    return {"Resources": {f"R{n}": {"Type": kind} for n, kind in enumerate(types)}}


NET = of("AWS::EC2::VPC", "AWS::EC2::Subnet")


@pytest.mark.parametrize(
    ("key", "template", "precursors", "may"),
    [
        ("service", of("AWS::AutoScaling::AutoScalingGroup"), {"network"}, False),
        ("service", of("AWS::AutoScaling::AutoScalingGroup"), set(), True),
        ("edge", of("AWS::CloudFront::Distribution"), {"network"}, True),
        ("network", of("AWS::EC2::NatGateway", "AWS::EC2::Subnet"), set(), True),
    ],
)
def test_what_holds_up_a_network_that_goes_too_is_waited_for(key, template, precursors, may):
    templates = {"network": NET, key: template}
    assert express.may(key, templates, {key: frozenset(precursors)}) is may


def test_a_network_that_stays_holds_nothing_up():
    service = of("AWS::AutoScaling::AutoScalingGroup")
    assert express.may("service", {"service": service}, {"service": frozenset({"network"})})


def test_of_the_default_deployment_only_the_service_is_waited_for():
    specs = {spec.key: spec for spec in build(parse(""))}
    templates = {key: spec.template for key, spec in specs.items()}
    precursors = {key: frozenset(spec.precursors) for key, spec in specs.items()}
    assert {key for key in specs if not express.may(key, templates, precursors)} == {"service"}
