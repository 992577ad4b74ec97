"""When a scheduled action happens: cron's fields, and the last time before a moment by looking at every minute."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_cfn.cfn import recurrence

NOW = datetime(2026, 6, 3, 9, 30)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("0 22 * * *", datetime(2026, 6, 2, 22)),
        ("30 9 * * 3", NOW),
        ("0 0 * * 0", datetime(2026, 5, 31)),
        ("0 0 * * 7", datetime(2026, 5, 31)),
        ("*/20 8-10 * * 1-5", datetime(2026, 6, 3, 9, 20)),
        ("0 12 1 * 2", datetime(2026, 6, 2, 12)),
        ("0 12 1 * *", datetime(2026, 6, 1, 12)),
    ],
)
def test_the_last_time(text, last):
    assert recurrence.parse(text).last(NOW) == last


@pytest.mark.parametrize("text", ["", "0 22 * *", "60 0 * * *", "x 0 * * *", "0 5-2 * * *", "*/0 * * * *", "0 0 0 * *"])
def test_what_is_no_recurrence(text):
    assert recurrence.parse(text) is None


FIELD = st.one_of(st.just("*"), st.sets(st.integers(0, 6), min_size=1).map(lambda days: ",".join(map(str, days))))


@given(st.integers(0, 59), st.integers(0, 23), FIELD, st.integers(0, 7 * 24 * 60))
def test_the_last_time_is_the_one_found_minute_by_minute(minute, hour, weekdays, later):
    found, now = recurrence.parse(f"{minute} {hour} * * {weekdays}"), NOW + timedelta(minutes=later)
    last = found.last(now)
    assert found.on(last) and last <= now
    moment = now
    while moment > last:
        assert not found.on(moment)
        moment -= timedelta(minutes=1)


def test_an_unknown_time_zone_is_none():
    assert recurrence.zone("Europe/Atlantis") is None and recurrence.zone("UTC") is not None
