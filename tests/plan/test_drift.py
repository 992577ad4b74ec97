"""Changes by hand: three columns, their price, and the setting that would say them."""

from __future__ import annotations

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import edit, parse
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.stacks import drifted as flow
from hermes_cfn.plan import drift
from hermes_cfn.plan.drift import Drifted, Row
from hermes_cfn.pricing import books
from tests.plan.deployments import ACCOUNT, as_there, built

GROUP, LOGS = "AWS::AutoScaling::AutoScalingGroup", "AWS::Logs::LogGroup"


def named(kind: str) -> str:
    resources = built().stack("service").template["Resources"]
    return next(name for name, one in resources.items() if one["Type"] == kind)


def by_hand(kind: str, path: str, deployed: str, real: str) -> Drifted:
    return Drifted("service", named(kind), kind, path, deployed, real)


def test_each_of_the_three_columns_says_its_own():
    deployment, there = built("[service]\nlog_days = 60\n"), as_there(built())
    found = by_hand(LOGS, "/RetentionInDays", "30", "90")
    (row,) = drift.report(deployment, there, [found], {}, ACCOUNT).rows
    assert (row.template, row.drifted.deployed, row.drifted.real) == ("60", "30", "90")


@pytest.mark.parametrize(("real", "sign"), [("4", 1), ("1", -1)])
def test_what_was_changed_by_hand_has_a_price(real, sign):
    deployment = built()
    found = by_hand(GROUP, "/DesiredCapacity", "2", real)
    told = drift.report(deployment, as_there(deployment), [found], {}, ACCOUNT, books.load("eu-south-2"))
    assert told.bill is not None
    assert sign * told.bill.monthly > 0
    lines = {change.logical_id for change in told.bill.changes}
    assert lines


def test_nothing_by_hand_costs_nothing_and_what_is_gone_is_said():
    deployment, there = built(), as_there(built())
    assert drift.report(deployment, there, [], {}, ACCOUNT, books.load("eu-south-2")).bill is None
    gone = Drifted("service", named(LOGS), LOGS)
    told = drift.report(deployment, there, [gone], {}, ACCOUNT, books.load("eu-south-2"))
    assert (told.rows[0].template, told.rows[0].drifted.real) == ("is there", drift.GONE)
    assert told.bill is not None


@pytest.mark.parametrize(
    ("kind", "path", "deployed", "real", "setting"),
    [
        (LOGS, "/RetentionInDays", "30", "90", "service.log_days"),
        (GROUP, "/DesiredCapacity", "2", "3", "compute.count"),
        (GROUP, "/HealthCheckType", "EC2", "ELB", ""),
        (GROUP, "", "", drift.GONE, ""),
    ],
)
def test_the_setting_that_says_it_is_found_by_trying(kind, path, deployed, real, setting):
    row = Row(by_hand(kind, path, deployed, real) if path else Drifted("service", named(kind), kind), "")
    assert flow.setting_of(parse(""), row, as_there(built()), {}, stacks.build) == setting


def test_what_is_kept_is_written_and_what_no_setting_says_writes_nothing():
    says = Row(by_hand(LOGS, "/RetentionInDays", "30", "90"), "30", "service.log_days")
    unsaid = Row(by_hand(GROUP, "/HealthCheckType", "EC2", "ELB"), "EC2")
    text = "# mine\n[service]\nlog_days = 30  # a month\n"
    kept = flow.kept(text, None, drift.DriftReport((says,)))
    assert kept == edit.replace(text, "service", "log_days", 90)
    with pytest.raises(HermesError) as caught:
        flow.kept(text, None, drift.DriftReport((says, unsaid)))
    assert [finding.code for finding in caught.value.findings] == ["drift-unsaid"]


@pytest.mark.parametrize(
    ("text", "value"), [("30", 30), ("true", True), ('["a"]', ["a"]), ("EC2", "EC2"), ("null", "null"), ("", "")]
)
def test_a_text_of_drift_detection_stands_for_a_value(text, value):
    assert drift.value(text) == value
