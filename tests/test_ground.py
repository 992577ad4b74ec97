"""Findings, money and time as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hermes_cfn.clock import patience
from hermes_cfn.errors import ConfigurationError, ExitCode, Finding, HermesError
from hermes_cfn.units import dollars, duration, rounded


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0.005", "$0.01"), ("0.0049", "$0.00"), ("-0.005", "-$0.01"), ("1234.5", "$1,234.50"), ("2.675", "$2.68")],
)
def test_money_is_rounded_half_up(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown


def test_rounding_can_be_finer_than_cents() -> None:
    assert rounded(Decimal("0.00925"), Decimal("0.0001")) == Decimal("0.0093")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(4.21, "4.2 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_patience_is_a_tenth_of_the_wait_within_bounds() -> None:
    assert [patience(waited) for waited in (0.0, 2.0, 20.0, 500.0)] == [0.1, 0.2, 2.0, 5.0]


def test_an_error_says_what_where_and_what_next() -> None:
    error = HermesError(Finding("x", "hermes.toml: network.cidr", "too small", next="use a /20 or larger"))
    assert str(error) == "hermes.toml: network.cidr: too small — next: use a /20 or larger"
    assert error.exit_code is ExitCode.FAILED
    assert ConfigurationError().exit_code is ExitCode.USAGE
    assert HermesError(exit_code=ExitCode.LOCKED).exit_code is ExitCode.LOCKED
