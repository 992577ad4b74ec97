"""Clocks that are wrong: an instance's may say anything, and the deployer's an hour more or less."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.aws import calls
from hermes_cfn.aws.autoscaling import Member
from hermes_cfn.aws.ssm import Invocation
from hermes_cfn.deciders.observed import Lifecycle, Progress, Target
from hermes_cfn.flows.fleet.observer import _instance, older

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
HEADER = "Thu, 01 Jan 2026 12:00:00 GMT"
HOUR = 3600.0
OFF = pytest.mark.parametrize("off_s", [-HOUR, HOUR], ids=["an hour behind", "an hour ahead"])


def report(at: datetime) -> dict[str, object]:
    """What an instance says of itself whose clock shows ``at``."""
    said = {"release": "v2-2", "state": "running", "operation": "confirm-7-3", "outcome": "ok", "prepared": None}
    return json.loads(json.dumps({**said, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}))


@OFF
def test_what_an_instance_says_counts_by_order_and_not_by_its_clock(off_s: float) -> None:
    runs = [Invocation("c", "i-1", "", f"{task}-7-3", Progress.OK, "Success", NOW) for task in ("deploy", "confirm")]
    member = Member("i-1", Lifecycle.IN_SERVICE, "1", "eu-south-2a", True)
    right, wrong = report(NOW), report(NOW + timedelta(seconds=off_s))
    assert older(right, runs) == older(wrong, runs) == ""
    seen = [_instance(member, Target.HEALTHY, "", said, runs) for said in (right, wrong)]
    assert seen[0] == seen[1]
    assert (seen[1].armed, seen[1].behind) == (0, False)


@OFF
def test_a_deployer_counts_by_the_services_time_whatever_its_own_clock_says(monkeypatch, off_s: float) -> None:
    own = NOW.timestamp() + off_s
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: 50.0, time=lambda: own))
    heard = calls.ServiceTime()
    heard.heard(HEADER)
    assert heard.now() == NOW


@OFF
@pytest.mark.parametrize("code", sorted(calls.CLOCK))
def test_a_signature_that_is_refused_for_the_clock_says_so(monkeypatch, off_s: float, code: str) -> None:
    """convox/rack#235: "SignatureDoesNotMatch", and nobody thought of the clock."""
    monkeypatch.setattr(calls, "time", SimpleNamespace(time=lambda: NOW.timestamp() + off_s))
    (finding,) = refused(code, {"date": HEADER}).findings
    assert finding.code == "clock-off"
    assert "3600 s" in finding.what and finding.next


@pytest.mark.parametrize(
    "headers",
    [{"date": HEADER}, {}, {"date": "no date"}, {"date": "Thu, 01 Jan 2026 12:20:00 GMT", calls.SIGNED_BY: HEADER}],
)
def test_a_signature_that_is_refused_for_another_reason_keeps_it(monkeypatch, headers) -> None:
    monkeypatch.setattr(calls, "time", SimpleNamespace(time=lambda: NOW.timestamp() + 60.0))
    (finding,) = refused("SignatureDoesNotMatch", headers).findings
    assert finding.code == "credentials-invalid"


def refused(code: str, headers: dict[str, str]):
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return calls._refused("here", ClientError(answer, "GetCallerIdentity"))
