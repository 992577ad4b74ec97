"""Lease arithmetic, canary verdicts, what follows a stopped rollout, and root causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.deciders.cause import root_cause
from hermes_cfn.deciders.lease import TERM_S, Lease, free, locked, until
from hermes_cfn.deciders.observed import Canary, Counts, LeaseSeen
from hermes_cfn.deciders.release import (
    Aftermath,
    CanaryRules,
    SchemaStep,
    Verdict,
    aftermath,
    judge,
    schema_between,
)
from hermes_cfn.errors import ExitCode

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_lease_is_free_when_nobody_has_it_it_is_mine_or_it_is_over() -> None:
    held = LeaseSeen("a", "deploy", NOW + timedelta(seconds=1), 3)
    assert free(None, NOW, "b")
    assert free(held, NOW, "a")
    assert not free(held, NOW, "b")
    assert free(held, NOW + timedelta(seconds=1), "b")


def test_a_lease_is_renewed_after_a_third_of_its_term() -> None:
    lease = Lease("a", "deploy", 1, until(NOW))
    assert not lease.due(NOW + timedelta(seconds=TERM_S / 3 - 1))
    assert lease.due(NOW + timedelta(seconds=TERM_S / 3 + 1))


def test_a_refused_lock_says_who_what_for_and_until_when() -> None:
    error = locked(LeaseSeen("maria@ci", "release v2", NOW + timedelta(seconds=90), 7), NOW, "production")
    text = str(error)
    assert "maria@ci" in text
    assert "release v2" in text
    assert "2026-01-01 00:01:30" in text
    assert error.exit_code is ExitCode.LOCKED


RULES = CanaryRules(periods=3, requests=300)


def counts(requests: int, errors: int, periods: int = 3) -> tuple[Counts, ...]:
    return tuple(Counts(requests // periods, errors // periods) for _ in range(periods))


@pytest.mark.parametrize(
    ("canary", "others", "verdict"),
    [
        (counts(600, 0), counts(600, 0), Verdict.GOOD),
        (counts(600, 60), counts(600, 0), Verdict.BAD),
        (counts(600, 60), counts(600, 60), Verdict.GOOD),
        (counts(30, 0), counts(30, 0), Verdict.TOO_LITTLE),
        (counts(0, 0), counts(0, 0), Verdict.TOO_LITTLE),
        (counts(600, 0, 3)[:2], counts(600, 0), Verdict.BAKING),
        (counts(60, 60), counts(600, 0), Verdict.BAD),
        (counts(600, 3), counts(600, 0), Verdict.GOOD),
    ],
)
def test_a_canary_is_judged_on_counts_and_never_taken_for_good_on_too_few(canary, others, verdict) -> None:
    found, evidence = judge(Canary(canary, others), RULES)
    assert found is verdict, evidence


@pytest.mark.parametrize(("errors", "verdict"), [(0, Verdict.GOOD), (1, Verdict.GOOD), (200, Verdict.BAD)])
def test_a_canary_with_nobody_to_compare_with_is_held_against_the_tolerance(errors: int, verdict: Verdict) -> None:
    """The others may run a release that writes no request log, or another one."""
    nobody = (Counts(0, 0),) * RULES.periods
    mine = (Counts(RULES.requests, errors), *(Counts(RULES.requests, 0),) * (RULES.periods - 1))
    assert judge(Canary(mine, nobody), RULES)[0] is verdict


@pytest.mark.parametrize(
    ("previous", "touched", "barred", "expected"),
    [
        ("v1", True, False, Aftermath.ROLL_BACK),
        ("v1", False, False, Aftermath.ROLL_BACK),
        ("v1", True, True, Aftermath.HOLD),
        ("v1", False, True, Aftermath.HOLD),
        (None, True, False, Aftermath.HOLD),
        (None, False, False, Aftermath.NOTHING),
        ("v2", True, False, Aftermath.HOLD),
    ],
)
def test_what_follows_a_stopped_rollout(previous, touched, barred, expected) -> None:
    assert aftermath(previous=previous, goal="v2", touched=touched, barred=barred) is expected


def step(hour: int, release: str, changed: bool | None = True, compatible: bool = False) -> SchemaStep:
    return SchemaStep(f"2026-01-01T{hour:02}:00:00+00:00", release, "1", "2", changed, compatible)


@pytest.mark.parametrize(
    ("steps", "ran_last", "expected"),
    [
        ([step(2, "s2")], 1, ["s2"]),
        ([step(2, "s2"), step(3, "s3", changed=False)], 1, ["s2"]),
        ([step(2, "s2", compatible=True), step(3, "s3", changed=False)], 1, []),
        ([step(3, "s3"), step(2, "s2")], 1, ["s2", "s3"]),
        ([step(2, "s2")], 3, []),
        ([step(2, "s2", changed=None)], 1, ["s2"]),
        ([step(2, "s2", changed=None, compatible=True)], 1, []),
        ([step(2, "v1")], 1, []),
        ([step(2, "s2")], None, ["s2"]),
    ],
    ids=["neighbour", "two", "compatible", "in-order", "since", "unknown", "unknown-compatible", "its-own", "never"],
)
def test_every_migration_since_a_release_ran_last_counts_on_the_way_back_to_it(steps, ran_last, expected) -> None:
    since = f"2026-01-01T{ran_last:02}:00:00+00:00" if ran_last is not None else ""
    assert [one.release for one in schema_between(steps, since, "v1")] == expected


@dataclass
class Line:
    logical_id: str
    status: str
    reason: str = ""
    stack: str = "network"
    resource_type: str = "AWS::EC2::Thing"


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("hermes-assets already exists in stack arn:aws:…", "taken"),
        ("The maximum number of addresses has been reached. (AddressLimitExceeded)", "quota"),
        ("User: arn:… is not authorized to perform: ec2:CreateVpc", "permission"),
        ("The key pair 'x' does not exist (InvalidKeyPair.NotFound)", "key pair"),
        ("Your requested instance type is not supported in your requested Availability Zone", "zone"),
        ("Certificate ARN is not valid: CertificateNotFound", "certificate"),
        ("The CIDR '10.0.0.0/24' conflicts with another subnet (InvalidSubnet.Conflict)", "range"),
        ("Exceeded attempts to wait; resource did not stabilize", "waiting"),
        ("Failed to receive 1 resource signal(s) within the specified duration", "report"),
        ("Rate exceeded (Throttling)", "slow down"),
        ("Request limit exceeded. (Service: Ec2, Error Code: RequestLimitExceeded)", "slow down"),
        ("The security token included in the request is expired (ExpiredToken)", "credentials"),
        ("S3 error: Access Denied For more information check http://docs.aws.amazon.com/…", "permission"),
        (
            "Encountered a permissions error performing a tagging operation, please add required permissions",
            "permission",
        ),
        ("The certificate 'arn:…' is not valid (Error Code: UnsupportedCertificate)", "certificate"),
        ("DNS Record Set is not available. Certificate is in FAILED status.", "certificate"),
        ("The image id '[ami-0123]' does not exist (Error Code: InvalidAMIID.NotFound)", "machine image"),
        ("Resource of type 'AWS::EC2::SecurityGroup' with identifier 'sg-1' was not found.", "by hand"),
        ("Connection pool shut down (HandlerErrorCode: InternalFailure)", "AWS failed by itself"),
        ("The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].", "before it acts"),
        ("The bucket you tried to delete is not empty", "objects"),
        ("Properties validation failed for resource X: extraneous key", "value"),
    ],
)
def test_the_root_cause_is_the_first_failure_that_is_no_consequence(message: str, meaning: str) -> None:
    events = [
        Line("A", "CREATE_IN_PROGRESS"),
        Line("C", "CREATE_FAILED", "Resource creation cancelled"),
        Line("B", "CREATE_FAILED", message),
        Line("network", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [B, C]."),
        Line("D", "DELETE_FAILED", "something else"),
    ]
    cause = root_cause(events)
    assert cause is not None
    assert "B" in cause.where
    assert cause.what == message
    assert meaning in cause.why
    assert cause.next


def test_no_failure_has_no_cause() -> None:
    assert root_cause([Line("A", "CREATE_COMPLETE")]) is None
