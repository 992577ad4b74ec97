"""Each forecast: the fact that makes it, and that what is well makes none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.checks import forecast, several
from hermes_cfn.checks.facts import Facts, ImageFacts
from hermes_cfn.checks.observed import CertificateSeen
from hermes_cfn.config import parse
from hermes_cfn.errors import Severity

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ARN = "arn:aws:acm:eu-south-2:123456789012:certificate/one"
SEEN = CertificateSeen(ARN, "ISSUED", ("hermes.yourdomain.com",), NOW + timedelta(days=300))
WELL = Facts(
    now=NOW,
    account="123456789012",
    region="eu-south-2",
    first=True,
    offered=frozenset({"eu-south-2a", "eu-south-2b", "eu-south-2c"}),
    key_pair=True,
    addresses=0,
    addresses_quota=5,
    nat_gateways=0,
    nat_gateways_quota=5,
    vcpus=0,
    vcpus_quota=32,
    buckets={"b": "free"},
    provider=False,
    certificate_arn=ARN,
    certificate=SEEN,
    image=ImageFacts("sha256:1", ("arm64",)),
    image_wanted="v1",
    stacks={"network": "CREATE_COMPLETE"},
    denied={},
)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

FORECASTS = [
    ("account-wrong", ERROR, {"account": "999999999999"}),
    ("type-not-offered", ERROR, {"offered": frozenset({"eu-south-2a"})}),
    ("key-pair-missing", ERROR, {"key_pair": False}),
    ("quota-addresses", ERROR, {"addresses": 5}),
    ("quota-nat-gateways", WARNING, {"nat_gateways": 5}),
    ("quota-vcpus", ERROR, {"vcpus": 30}),
    ("quota-vcpus", ERROR, {"vcpus": 31, "fleet": (1, "t4g.small")}),
    ("image-architecture", ERROR, {"image": ImageFacts("sha256:1", ("amd64",))}),
    ("bucket-taken", ERROR, {"buckets": {"b": "taken"}}),
    ("bucket-retained", INFO, {"buckets": {"b": "ours"}}),
    ("role-taken", ERROR, {"roles": ("hermes-production-plan",)}),
    ("names-clash", ERROR, {"neighbours": ("hermes-production-eu", "other-production")}),
    ("provider-taken", ERROR, {"provider": True}),
    ("record-taken", ERROR, {"records": (("hermes.yourdomain.com", "[edge] dns", ("CNAME",)),)}),
    ("certificate-missing", ERROR, {"certificate": None}),
    ("certificate-region", ERROR, {"certificate_arn": ARN.replace("eu-south-2", "us-east-1")}),
    ("certificate-pending", ERROR, {"certificate": replace(SEEN, status="PENDING_VALIDATION")}),
    ("certificate-not-issued", ERROR, {"certificate": replace(SEEN, status="FAILED")}),
    ("certificate-name", ERROR, {"certificate": replace(SEEN, names=("other.example.com",))}),
    ("certificate-expires", WARNING, {"certificate": replace(SEEN, expires=NOW + timedelta(days=10))}),
    ("secret-missing", WARNING, {"missing_secrets": ("DATABASE_URL",)}),
    ("secret-missing", ERROR, {"missing_secrets": ("DATABASE_URL",), "first": False}),
    ("stack-busy", WARNING, {"stacks": {"network": "UPDATE_IN_PROGRESS"}}),
    ("stack-dead", WARNING, {"stacks": {"network": "ROLLBACK_COMPLETE"}}),
    ("stack-stuck", WARNING, {"stacks": {"network": "UPDATE_ROLLBACK_FAILED"}}),
    ("stack-paused", WARNING, {"stacks": {"network": "UPDATE_FAILED"}}),
    ("stack-drifted", WARNING, {"drifted": ("network",)}),
    ("parameter-stale", WARNING, {"stale": (("service", "VpcId", "vpc-1", "vpc-2"),)}),
    ("permission-missing", WARNING, {"denied": {"cloudformation:CreateChangeSet": "implicitDeny"}}),
]


@pytest.fixture(scope="module")
def settings():
    return parse('[account]\nid = "123456789012"\n[compute]\nkey_name = "ops"')


def test_nothing_is_forecast_of_what_is_well_or_may_not_be_asked(settings) -> None:
    assert forecast.of(settings, WELL) == []
    assert forecast.of(settings, Facts(now=NOW)) == []


@pytest.mark.parametrize(("code", "severity", "fact"), FORECASTS, ids=[row[0] for row in FORECASTS])
def test_each_fact_makes_its_forecast_with_the_way_on(settings, code, severity, fact) -> None:
    (finding,) = forecast.of(settings, replace(WELL, **fact))
    assert (finding.code, finding.severity) == (code, severity)
    assert finding.what
    assert finding.next or severity is not ERROR


@pytest.mark.parametrize(
    ("text", "fleet", "running", "short"),
    [
        ("", (2, "t4g.small"), 40, False),
        ("compute.count = 1", (2, "t4g.small"), 31, False),
        ("compute.instance_type = 'm7g.xlarge'", (2, "t4g.nano"), 28, False),
        ("compute.instance_type = 'm7g.xlarge'", (2, "t4g.nano"), 29, True),
        ("compute.instance_type = 'm7g.2xlarge'", (2, "t4g.nano"), 20, False),
        ("compute.instance_type = 'm7g.2xlarge'", (2, "t4g.nano"), 21, True),
        ("release.strategy = 'surge'", (2, "t4g.small"), 30, False),
        ("release.strategy = 'surge'", (2, "t4g.small"), 31, True),
    ],
)
def test_a_quota_is_asked_for_what_is_more_than_now(text, fleet, running, short) -> None:
    facts = Facts(now=NOW, vcpus=running, vcpus_quota=32, fleet=fleet)
    assert [one.code for one in forecast.of(parse(text), facts)] == (["quota-vcpus"] if short else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "stickiness = true keeps a user on one"),
        ("service.stickiness = true", "cluster = true connects them"),
        ("service.cluster = true", ""),
        ("compute.count = 1", ""),
    ],
)
def test_several_instances_are_told_what_of_phoenix_ends_at_each(text, told) -> None:
    found = list(several.alone(parse(text)))
    assert [one.severity for one in found] == ([INFO] if told else [])
    assert all(told in str(one.next) and "Presence" in one.why for one in found)
    assert all(("long poll" in one.why) is (text == "") for one in found)
