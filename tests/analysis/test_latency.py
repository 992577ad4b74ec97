import numpy as np
import pytest

from analysis.assumptions import ledger, planning
from analysis.latency import times as latency
from analysis.latency.places import rtt
from analysis.latency.times import Home, Interaction
from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import ConfigurationError, HermesError

MADRID_ONLY = {"users": {"madrid": 1.0}, "access": {"fibre": 1.0}}


def still(draw, count):
    return np.full(count, 15.0)


def test_a_composition_is_the_sum_of_its_parts():
    parts = latency.compose(Planning(), Home("eu-south-2"), Interaction.COLD, 15.0)
    said = parts.as_dict()
    assert said.pop("total") == pytest.approx(sum(said.values()))
    assert parts.database == pytest.approx(10 * (rtt("eu-south-2", "madrid").ms + 1))


def test_a_warm_message_takes_one_round_trip_and_a_cold_page_three():
    known = planning({**MADRID_ONLY, "dns_ms": 0})
    far = {kind: latency.compose(known, Home("fly-fra"), kind, 0, 0) for kind in Interaction}
    one = far[Interaction.WARM].exchange
    assert far[Interaction.COLD].setup + far[Interaction.COLD].exchange == pytest.approx(3 * one)
    assert far[Interaction.LIVE].setup + far[Interaction.LIVE].exchange == pytest.approx(7 * one)


def test_the_first_live_load_mounts_twice():
    known = Planning()
    assert latency.database_trips(known, Interaction.LIVE) - latency.database_trips(known, Interaction.COLD) == 8


@pytest.mark.parametrize("trips", [1, 3, 7])
def test_break_even_is_where_both_regions_take_equally_long(trips):
    found = latency.break_even(trips, "eu-south-2", "fly-fra", "frankfurt", {"madrid": 1.0})
    near = trips * rtt("madrid", "eu-south-2").ms + found.queries * rtt("eu-south-2", "frankfurt").ms
    far = trips * rtt("madrid", "fly-fra").ms + found.queries * rtt("fly-fra", "frankfurt").ms
    assert near == pytest.approx(far)


def test_a_warm_message_breaks_even_before_its_first_query():
    found = latency.break_even(1, "eu-south-2", "fly-fra", "frankfurt", {"madrid": 1.0})
    assert 0.5 < found.queries < 1.0


def test_a_database_near_madrid_never_breaks_even():
    found = latency.break_even(1, "eu-south-2", "fly-cdg", "madrid", {"madrid": 1.0})
    assert found.queries is None
    assert "any number" in str(found)


def test_no_round_trip_is_refused():
    with pytest.raises(HermesError):
        latency.break_even(0, "eu-south-2", "fly-cdg", "paris", {"madrid": 1.0})


def test_an_edge_shortens_the_set_up_but_never_the_exchange():
    known = planning(MADRID_ONLY)
    plain = latency.compose(known, Home("fly-fra"), Interaction.COLD, 15)
    edged = latency.compose(known, Home("fly-fra", "cloudfront"), Interaction.COLD, 15)
    assert edged.setup < plain.setup
    assert edged.exchange >= plain.exchange


def test_the_edge_of_fly_for_madrid_is_paris():
    assert latency.nearest_edge("madrid", "fly") == "fly-cdg"
    with pytest.raises(HermesError):
        latency.nearest_edge("madrid", "akamai")


def test_percentiles_are_ordered_seeded_and_near_the_mean_composition():
    known = Planning()
    seen = latency.users_see(known, Home("eu-south-2"), Interaction.COLD, still)
    again = latency.users_see(known, Home("eu-south-2"), Interaction.COLD, still)
    assert seen == again
    assert seen.p50 < seen.mean < seen.p99
    pure = latency.compose(known, Home("eu-south-2"), Interaction.COLD, 15.0, queries=0).total
    assert seen.mean == pytest.approx(pure, rel=0.03)


def test_static_files_come_over_the_open_connection_from_the_cache_or_from_an_edge_of_their_own():
    known = planning({**MADRID_ONLY, "dns_ms": 0, "balancer_ms": 0})
    own, cached, apart = (
        latency.compose(known, home, Interaction.COLD, 0, 0).assets
        for home in (Home("fly-fra"), Home("fly-fra", "cloudfront"), Home("fly-fra", assets="cloudfront"))
    )
    mile = latency._mean_access("fibre")
    assert own == pytest.approx(rtt("madrid", "frankfurt").ms + mile)
    assert cached == pytest.approx(1.0 + mile), "an edge in the user's own city"
    assert apart == pytest.approx(3 * (1.0 + mile) + mile), "a name, a connection and the files"
    assert latency.compose(known, Home("fly-fra"), Interaction.WARM, 0, 0).assets == 0
    none = planning({**MADRID_ONLY, "asset_rounds": 0})
    assert latency.compose(none, Home("fly-fra"), Interaction.LIVE, 0, 0).assets == 0
    for home in (
        Home("fly-fra"),
        Home("fly-fra", "cloudfront"),
        Home("fly-fra", assets="cloudfront"),
        Home.of("fly-fra"),
    ):
        seen = latency.users_see(known, home, Interaction.COLD, still)
        pure = latency.compose(known, home, Interaction.COLD, 15.0, queries=0).total
        assert seen.mean == pytest.approx(pure, rel=0.03)


def test_the_users_mix_matters():
    canaries = planning({"users": {"las-palmas": 1}, "access": {"fibre": 1}})
    here = latency.compose(planning(MADRID_ONLY), Home("eu-south-2"), Interaction.WARM, 0)
    there = latency.compose(canaries, Home("eu-south-2"), Interaction.WARM, 0)
    assert there.exchange > here.exchange + 25


def test_a_wrong_plan_says_what_to_mend():
    with pytest.raises(ConfigurationError) as told:
        planning({"peak_requests_per_s": -1, "day": [1, 2], "nonsense": 3})
    assert len(told.value.findings) == 3
    with pytest.raises(HermesError, match="madrid"):
        planning({"database": "Madird"})


def test_the_ledger_names_every_figure_and_its_origin():
    rows = {row.name: row for row in ledger(planning({"queries_per_page": 3}))}
    assert rows["queries_per_page"].basis == "stated"
    assert rows["pool_size"].basis == "default"
    assert set(Planning.model_fields) <= set(rows)
    assert all(row.source for row in rows.values())
