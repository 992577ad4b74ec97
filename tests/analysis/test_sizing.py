from decimal import Decimal

import pytest

from analysis.answers import enough
from analysis.assumptions import planning
from analysis.latency.places import rtt
from analysis.sizing import credits
from analysis.sizing import fleet as sizing
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books


def test_ten_connections_29_ms_away_saturate_at_345_queries_a_second():
    known = planning({"database": "frankfurt", "query_ms": 0.0001})
    pool = sizing.stations(known, credits.machine("t4g.small"), 1, "madrid")[1]
    assert pool.capacity == pytest.approx(345, abs=1)


def test_a_query_far_away_takes_nearly_the_same_time_always():
    far, near = (
        sizing.stations(planning({"database": city}), credits.machine("t4g.small"), 1, "eu-south-2")[1]
        for city in ("frankfurt", "zaragoza")
    )
    assert far.scv < 0.02 < near.scv < 1


def test_the_guides_two_instances_carry_the_default_load():
    sized = sizing.size(Planning(), "t4g.small", 2)
    assert sized.holds
    assert sized.page_p50_ms < sized.page_p99_ms < sized.one_out_p99_ms * 1.05
    assert sized.method in ("approximation", "simulation")


def test_the_page_pays_every_query():
    near, far = (
        sizing.size(planning({"database": city}), "t4g.small", 2).page_p50_ms for city in ("zaragoza", "frankfurt")
    )
    assert far - near == pytest.approx(10 * (rtt("eu-south-2", "frankfurt").ms - 1), rel=0.1)


def test_the_first_thing_to_break_is_named():
    tight = sizing.size(planning({"database_connections": 31}), "t4g.small", 2)
    assert tight.first_to_break.what == "database connections"
    assert not tight.holds
    many = sizing.size(planning({"sockets": 20_000}), "t4g.micro", 2)
    assert many.first_to_break.what == "memory"


def test_saturated_says_so():
    sized = sizing.size(planning({"peak_requests_per_s": 5000}), "t4g.small", 2)
    assert sized.method == "saturated"
    assert not sized.holds
    # the station breaks; that pages wait without end is what follows
    assert sized.first_to_break.what == "database pool"
    told = enough(Settings(planning=planning({"peak_requests_per_s": 5000})), "t4g.small", 2, books.snapshot())
    assert "pages wait without end. First to break: database pool" in told.sentence
    assert "inf" not in told.sentence


def test_smallest_holds_and_one_fewer_would_not_be_asked():
    found = sizing.smallest(Planning())
    assert found.holds
    assert found.count >= 2


def test_no_type_that_holds_says_the_closest_and_what_blocks():
    with pytest.raises(HermesError) as told:
        sizing.smallest(planning({"target_p99_ms": 20}), most=4)
    assert "p99" in told.value.findings[0].why


@pytest.mark.parametrize("count", [0, -1])
def test_no_instances_carry_nothing(count):
    with pytest.raises(HermesError):
        sizing.size(Planning(), "t4g.small", count)


def test_an_unknown_type_offers_known_ones():
    with pytest.raises(HermesError, match=r"t4g\.micro"):
        sizing.size(Planning(), "t9.huge", 2)


def test_t4g_micro_has_a_whole_gibibyte():
    assert credits.machine("t4g.micro").memory_mib == 1024
    assert credits.machine("t4g.nano").memory_mib == 512


def test_credits_at_the_baseline_neither_grow_nor_shrink():
    kind = credits.machine("t4g.micro")
    day = credits.over_a_day(kind, [0.10] * 24, "standard", start=100)
    assert day.balance[-1] == pytest.approx(100)
    assert day.throttled == pytest.approx(0)


def test_credits_stop_at_a_days_earnings():
    kind = credits.machine("t4g.micro")
    day = credits.over_a_day(kind, [0.0] * 24, "standard", start=200)
    assert max(day.balance) == 288


def test_micro_runs_dry_when_the_load_says_and_standard_throttles():
    kind = credits.machine("t4g.micro")
    day = credits.over_a_day(kind, [0.30] * 24, "standard", start=288)
    assert day.dry_at == pytest.approx(288 / 24, abs=0.1)
    assert day.throttled == pytest.approx(0.5 * 2 / 3, abs=0.01)


def test_unlimited_charges_what_is_above_the_baseline():
    kind = credits.machine("t4g.micro")
    _, usual = credits.settled(kind, [0.12] * 24, "unlimited")
    assert usual.charged_vcpu_hours == pytest.approx(0.02 * 2 * 24)
    assert usual.surplus_month(Decimal("0.04")) == pytest.approx(Decimal("1.168"))
    assert usual.throttled == 0


def test_a_new_instance_starts_with_nothing():
    kind = credits.machine("t4g.micro")
    new, usual = credits.settled(kind, [0.30, *[0.02] * 23], "standard")
    assert new.dry_at == 0
    assert usual.dry_at is None


def test_a_day_is_24_hours_between_nothing_and_all():
    for wrong in ([0.5] * 23, [1.5] * 24, [-0.1] * 24):
        with pytest.raises(HermesError):
            credits.over_a_day(credits.machine("t4g.micro"), wrong, "standard")


def test_a_start_borrows_or_takes_longer():
    kind = credits.machine("t4g.micro")
    unlimited, standard = (
        credits.settled(kind, [0.0] * 24, mode, boot_cpu_s=120)[0] for mode in ("unlimited", "standard")
    )
    assert unlimited.balance[0] == pytest.approx(standard.balance[0] - 2)
    assert credits.boot_s(kind, 120, "standard") == 600
    assert credits.boot_s(kind, 120, "unlimited") == 60
    assert sizing.size(planning({"credits": "standard"}), "t4g.micro", 2).boot_s == 600


def test_where_the_credits_run_dry_is_where_the_day_says_so():
    kind, known = credits.machine("t4g.micro"), Planning()
    rate = sizing.dry_from(known, kind, 2)
    for factor, dry in ((1.0, True), (0.9, False)):
        at = planning({"peak_requests_per_s": rate * factor})
        day = credits.settled(kind, sizing.hourly_utilisation(at, kind, 2), "unlimited")[1]
        assert (day.dry_at is not None) is dry
    assert sizing.dry_from(known, credits.machine("m7g.large"), 2) is None


def test_what_does_not_burst_has_no_credits_to_lose():
    kind = credits.machine("m7g.medium")
    assert not kind.bursts
    assert all(day.dry_at is None and day.throttled == 0 for day in credits.settled(kind, [1.0] * 24, "standard"))


def test_load_implies_traffic():
    known = planning({"peak_requests_per_s": 10, "day": [1] * 24, "response_kib": 100})
    assert sizing.requests_month(known) == pytest.approx(10 * 730 * 3600)
    assert sizing.transfer_gb_month(known) == pytest.approx(10 * 730 * 3600 * 102400 / 1e9)
