"""Alarms by their data: metric math as the user guide has it, and rules over other alarms."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from hermes_cfn.local.services.alarms import Unreadable, composed, judged, math_of, reason, returned

SHARE = "100 * (FILL(app, 0) + FILL(balancer, 0)) / IF(FILL(requests, 0) > 0, FILL(requests, 0), 1)"
KNOWN = {"app": [None, 2.0, 1.0], "balancer": [None, None, 1.0], "requests": [None, 100.0, 0.0]}
NO_TARGETS = {"app": [None], "balancer": [4.0], "requests": [None]}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        (SHARE, [0.0, 2.0, 200.0]),
        ("app + requests", [None, 102.0, 1.0]),
        ("app / requests", [None, 0.02, None]),
        ("SUM([app, balancer])", [None, 2.0, 2.0]),
        ("MAX(METRICS())", [None, 100.0, 1.0]),
        ("FILL(balancer, REPEAT)", [None, None, 1.0]),
        ("FILL(app, 7) ^ 2", [49.0, 4.0, 1.0]),
        ("-ABS(app - requests)", [None, -98.0, -1.0]),
        ("requests > 10 AND app >= 2", [None, 1.0, 0.0]),
        ("requests > 10 || app == 1", [None, 1.0, 1.0]),
        ("CEIL(app / 3)", [None, 1.0, 1.0]),
        ("3", [3.0, 3.0, 3.0]),
    ],
)
def test_metric_math(expression, values):
    assert math_of(expression, KNOWN) == values


def test_a_share_of_errors_is_seen_when_no_request_found_a_target():
    """RequestCount has only what found one (ALB user guide, "CloudWatch metrics for your Application Load Balancer")."""
    assert math_of(SHARE, NO_TARGETS) == [400.0]


@pytest.mark.parametrize(
    "expression", ["ANOMALY_DETECTION_BAND(app)", "nobody + 1", "app +", "SUM(app)", "[app]", "app if 1 else 2", "().x"]
)
def test_what_is_not_known_is_not_guessed(expression):
    with pytest.raises(Unreadable):
        math_of(expression, KNOWN)


def test_an_alarm_on_an_expression_evaluates_what_it_names():
    def metric(name):
        return SimpleNamespace(id=name, expression=None, metric_stat=SimpleNamespace(period="60"), return_data="false")

    def expression(name, text, shown):
        return SimpleNamespace(id=name, expression=text, metric_stat=None, return_data=shown)

    alarm = SimpleNamespace(
        metric_data_queries=[
            expression("share", "errors / requests * 100", "true"),
            expression("errors", "FILL(app, 0) + FILL(balancer, 0)", "false"),
            *(metric(name) for name in KNOWN),
        ],
        comparison_operator="GreaterThanThreshold",
        threshold=1,
        evaluation_periods=2,
        datapoints_to_alarm=1,
        treat_missing_data="notBreaching",
    )
    found = iter(KNOWN.values())
    values = returned(alarm, lambda *_: next(found))
    assert values == [None, 2.0, None]
    assert judged(alarm, values) == "ALARM"
    assert reason(alarm, values, "ALARM") == ("Threshold Crossed: 1 datapoint [2] was greater than the threshold (1).")
    assert not math.isnan(values[1])


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ('ALARM("errors") AND NOT ALARM("slow")', "ALARM"),
        ("ALARM(slow) OR OK('slow')", "ALARM"),
        ("ALARM(arn:aws:cloudwatch:eu-south-2:123456789012:alarm:errors)", "ALARM"),
        ("INSUFFICIENT_DATA(errors) AND TRUE", "OK"),
        ("FALSE", "OK"),
    ],
)
def test_rules_of_composite_alarms(rule, state):
    assert composed(rule, {"errors": "ALARM", "slow": "OK"}) == state


def test_a_rule_that_cannot_be_read():
    with pytest.raises(Unreadable):
        composed("ALARM(errors) XOR TRUE", {"errors": "ALARM"})
