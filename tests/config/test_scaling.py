"""``[scaling]``: what may be said, and what becomes of the hours of a week."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_cfn.config import parse
from hermes_cfn.config.scaling import DAY, DAYS, WEEK, Scaling, Window
from hermes_cfn.errors import ConfigurationError

RANGE = "minimum = 2\nmaximum = 6\ncpu_percent = 50\n"
NIGHT = '[scaling.windows.night]\nbegin = "22:00"\nend = "07:00"\nminimum = 2\nmaximum = 3\n'
SURGE = '[release]\nstrategy = "surge"\n'

BAD = {
    "no maximum": ("[scaling]\nminimum = 2\n", "scaling.maximum"),
    "no minimum": ("[scaling]\nmaximum = 2\ncpu_percent = 50\n", "scaling.minimum"),
    "maximum below minimum": ("[scaling]\nminimum = 4\nmaximum = 2\ncpu_percent = 50\n", "scaling.minimum"),
    "in place with one": ("[scaling]\nminimum = 1\nmaximum = 2\ncpu_percent = 50\n", "scaling.minimum"),
    "below batch and one": (f"[release]\nbatch = 2\n[scaling]\n{RANGE}", "scaling.minimum"),
    "below the floor": (f"[release]\nminimum = 2\n[scaling]\n{RANGE}", "release.minimum"),
    "two counts": (f"[compute]\ncount = 3\n[scaling]\n{RANGE}", "compute.count"),
    "no target": ("[scaling]\nminimum = 2\nmaximum = 6\n", "scaling.maximum"),
    "target too low": ("[scaling]\nminimum = 2\nmaximum = 6\ncpu_percent = 5\n", "scaling.cpu_percent"),
    "target too high": ("[scaling]\nminimum = 2\nmaximum = 6\ncpu_percent = 95\n", "scaling.cpu_percent"),
    "no such zone": (f'[scaling]\n{RANGE}time_zone = "Europe/Atlantis"\n', "scaling.time_zone"),
    "overlap": (f"[scaling]\n{RANGE}{NIGHT}{NIGHT.replace('night', 'late').replace('22:', '23:')}", "scaling.windows"),
    "a window that ends as it begins": (f"[scaling]\n{RANGE}{NIGHT.replace('07:', '22:')}", "scaling.windows"),
    "a window upside down": (f"[scaling]\n{RANGE}{NIGHT.replace('maximum = 3', 'maximum = 1')}", "scaling.windows"),
    "a window in place with one": (
        f"[scaling]\n{RANGE}{NIGHT.replace('minimum = 2', 'minimum = 1')}",
        "scaling.windows",
    ),
    "load of nobody": (f"{SURGE}[scaling]\n{RANGE}{NIGHT.replace('minimum = 2', 'minimum = 0')}", "scaling.windows"),
    "no such day": (f'[scaling]\n{RANGE}{NIGHT}days = ["someday"]\n', "scaling.windows"),
    "a queue": (f'[scaling]\n{RANGE}queue = "orders"\n', "scaling.queue"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_kept_is_one_finding(case):
    text, where = BAD[case]
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    (finding,) = caught.value.findings
    assert finding.where.endswith(where) and finding.next


def test_off_by_default_and_the_minimum_is_the_count():
    assert not parse("").scaling.on and parse("").compute.count == 2
    assert parse("[scaling]\nminimum = 3\nmaximum = 6\ncpu_percent = 50\n").compute.count == 3
    assert parse(f"{SURGE}[scaling]\nminimum = 1\nmaximum = 6\ncpu_percent = 50\n").compute.count == 1
    asleep = NIGHT.replace("minimum = 2", "minimum = 0").replace("maximum = 3", "maximum = 0")
    assert parse(f"[scaling]\n{RANGE}{asleep}").scaling.least == 0


def test_nights_and_weekends_make_one_step_a_change():
    window = {"minimum": 1, "maximum": 2}
    scaling = Scaling(
        minimum=2,
        maximum=6,
        windows={
            "nights": Window(days=("mon", "tue", "wed", "thu"), begin="22:00", end="07:00", **window),
            "friday": Window(days=("fri",), begin="22:00", end="24:00", **window),
            "weekend": Window(days=("sat", "sun"), begin="00:00", end="24:00", **window),
        },
    )
    told = [(step.title, step.recurrence, step.minimum, step.maximum) for step in scaling.steps()]
    assert told == [
        ("At0000Mon", "0 0 * * 1", 2, 6),
        ("At0700TueWedThuFri", "0 7 * * 2,3,4,5", 2, 6),
        ("At2200MonTueWedThuFri", "0 22 * * 1,2,3,4,5", 1, 2),
    ]


TIMES = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(DAYS), min_size=1), TIMES, TIMES, st.integers(0, 3)).filter(
            lambda one: one[1] != one[2]
        ),
        max_size=3,
    )
)
def test_the_steps_of_a_week_say_the_week(drawn):
    """Whoever carries out the steps, from any of them on, has at every minute what the windows say."""
    windows = {
        f"w{at}": Window(days=tuple(sorted(days)), begin=begin, end=end, minimum=size, maximum=size + 2)
        for at, (days, begin, end, size) in enumerate(drawn)
    }
    scaling = Scaling(minimum=2, maximum=9, windows=windows)
    at = {day * DAY + step.at: (step.minimum, step.maximum) for step in scaling.steps() for day in step.days}
    assert len(at) == sum(len(step.days) for step in scaling.steps())
    week = scaling.week()
    now = week[-1]
    for minute in range(WEEK):
        now = at.get(minute, now)
        assert now == week[minute]


def test_a_window_of_the_night_before_is_on_the_next_day():
    window = Window(days=("sun",), begin="23:00", end="01:00", minimum=1, maximum=1)
    monday = datetime(2026, 6, 1)
    told = {monday + timedelta(minutes=minute) for minute in window.minutes()}
    assert {(one.strftime("%a"), one.hour) for one in told} == {("Sun", 23), ("Mon", 0)}
