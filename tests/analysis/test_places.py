import math

import pytest

from analysis.latency import places
from hermes_cfn.errors import HermesError


def test_madrid_is_not_in_the_region_named_spain():
    floor = places.floor_ms(places.place("madrid"), places.place("eu-south-2"))
    assert 2.5 < floor < 3.2
    assert places.rtt("madrid", "eu-south-2").ms > floor > 1


def test_a_measured_pair_wins_over_the_fit_in_either_direction():
    there, back = places.rtt("Madrid", "Frankfurt"), places.rtt("fly-fra", "madrid")
    assert there.basis == back.basis == "measured"
    assert there.ms == back.ms == 29
    assert "ibm-cloud-docs" in there.source


def test_the_fit_is_within_the_observed_stretch_and_its_pairs():
    fit = places.fit()
    assert fit.low < fit.stretch < fit.high
    assert fit.stretch == pytest.approx(2.04, abs=0.01)
    for pair in places.measured():
        modelled = places.floor_ms(places.place(pair.a), places.place(pair.b)) * fit.stretch
        assert abs(modelled / pair.ms - 1) < 0.12


def test_nothing_is_extrapolated_silently():
    near, far = places.rtt("madrid", "eu-south-2"), places.rtt("las-palmas", "eu-south-2")
    for trip in (near, far):
        assert trip.basis == "extrapolated"
        assert "outside the fitted" in trip.source
    assert places.rtt("madrid", "paris").basis == "fitted"


def test_a_probe_wins_over_everything():
    assert places.rtt("madrid", "frankfurt", {("frankfurt", "madrid"): 31.5}).ms == 31.5


def test_an_unknown_city_offers_the_nearest_known_ones():
    with pytest.raises(HermesError) as told:
        places.place("Sevila")
    assert "seville" in told.value.findings[0].next


def test_the_great_circle_is_symmetric_and_right():
    madrid, paris = places.place("madrid"), places.place("paris")
    assert places.distance_km(madrid, paris) == pytest.approx(1053, abs=5)
    assert places.distance_km(madrid, paris) == places.distance_km(paris, madrid)
    assert places.distance_km(madrid, madrid) == 0


def test_every_place_and_access_has_a_source():
    assert all(known.source for known in places.places().values())
    assert all(
        known.source and known.rtt_ms > 0 and math.isfinite(known.spread) for known in places.access_networks().values()
    )
    with pytest.raises(HermesError, match="fibre"):
        places.access("carrier pigeon")
