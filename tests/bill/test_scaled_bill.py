"""The bill of a group that scales: by the planned day, between minimum and maximum, against figures computed by hand."""

from decimal import Decimal

import pytest

from hermes_cfn import bill, stacks
from hermes_cfn.bill.scaled import between, hours_above
from hermes_cfn.config import parse
from hermes_cfn.pricing import books
from hermes_cfn.units import HOURS_PER_MONTH

RANGE = "[scaling]\nminimum = 2\nmaximum = 6\nrequests_per_target = 30\n"
BOX, GB = Decimal("0.0184"), Decimal("0.088")
"""USD an hour of t4g.small, and a month of a gigabyte of gp3, in eu-south-2."""

BEYOND_TWO = 1 + 2 + 2 + 2 + 2 + 1 + 1 + 2 + 2 + 2 + 2 + 2 + 1 + 1
"""At 120 requests a minute in the busiest hour, 30 an instance, the hours 8 to 21 of the default day ask for
3 4 4 4 4 3 3 4 4 4 4 4 3 3 instances, all others for two or fewer."""


def total(text):
    deployment = stacks.build(parse(text))
    return bill.compute(deployment, books.load("eu-south-2", "snapshot")).total


def instance(hours):
    """What so many hours of one instance cost, with a disk of 20 GiB."""
    return Decimal(hours) * (BOX + 20 * GB / HOURS_PER_MONTH)


def test_the_expected_bill_is_that_of_the_planned_day():
    hours = round(BEYOND_TWO * HOURS_PER_MONTH / 24, 2)
    assert total(RANGE) - total("") == pytest.approx(instance(hours), abs=Decimal("0.001"))


def test_the_bill_lies_between_the_least_and_the_most():
    settings = parse(RANGE)
    assert hours_above(stacks.build(settings)) == (0, 4 * 730)
    low, high = between(stacks.build(settings), books.load("eu-south-2", "snapshot"))
    assert low == total("") and high - low == pytest.approx(instance(4 * 730), abs=Decimal("0.001"))


def test_a_schedule_alone_costs_what_its_hours_cost():
    """Nights of nine hours at two, days of fifteen at four: the least is two."""
    night = '[scaling.windows.night]\nbegin = "22:00"\nend = "07:00"\nminimum = 2\nmaximum = 2\n'
    text = f"[scaling]\nminimum = 4\nmaximum = 4\n{night}"
    assert total(text) - total("") == pytest.approx(instance(2 * 15 * 730 / Decimal(24)), abs=Decimal("0.001"))


def test_the_template_says_the_same_hours_as_the_settings():
    night = '[scaling.windows.night]\ndays = ["fri", "sat"]\nbegin = "22:00"\nend = "07:00"\nminimum = 3\nmaximum = 5\n'
    settings = parse(RANGE + night)
    told = settings.scaling.hours_at_most(HOURS_PER_MONTH)
    assert tuple(map(float, hours_above(stacks.build(settings)))) == pytest.approx(told)
    assert hours_above(stacks.build(parse(""))) is None


def test_whoever_measures_says_so():
    assert total(RANGE + "[usage]\nscaled_hours = 100\n") - total("") == pytest.approx(
        instance(100), abs=Decimal("0.001")
    )


def test_without_scaling_nothing_is_said_of_it():
    assert "scaled_hours" not in stacks.build(parse("")).usage
