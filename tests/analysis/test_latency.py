import random
from collections import Counter

import numpy as np
import pytest

from analysis.assumptions import ledger, planning
from analysis.latency import times as latency
from analysis.latency.places import places, rtt
from analysis.latency.times import Home, Interaction
from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import ConfigurationError, HermesError

MADRID_ONLY = {"users": {"madrid": 1.0}, "access": {"fibre": 1.0}, "response_kib": 10}
"""One city, one last mile, and a page that fits into a new connection's first window."""


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


def random_plan(draw):
    """Users, a database, and pages as anybody's may be."""
    cities = [key for key, known in places().items() if known.kind == "city"]
    users = {city: draw.uniform(0.1, 1) for city in draw.sample(cities, draw.randint(1, 3))}
    return planning(
        {
            "users": users,
            "database": draw.choice(cities),
            "asset_rounds": draw.randint(0, 3),
            "queries_per_page": draw.choice([0, 0.8, 1, 3, 8, 20, 60]),
            "transactions_per_page": draw.choice([0, 1, 2]),
            "response_kib": draw.choice([1, 14, 60, 400]),
        }
    )


def test_what_a_break_even_says_is_what_the_totals_beside_it_say():
    draw, seen = random.Random(22), Counter()
    for _ in range(3000):
        plan, interaction = random_plan(draw), draw.choice(list(Interaction))
        near, far = (
            draw.choice(["eu-south-2", "eu-west-1", "eu-central-1"]),
            draw.choice(["fly-cdg", "fly-fra", "fly-ams"]),
        )
        found = latency.break_even(plan, interaction, near, far, plan.database)
        for number in (0.0, 1.0, latency.database_trips(plan, interaction), 300.0):
            here, there = (
                latency.compose(plan, Home.of(home), interaction, plan.service_ms, number).total for home in (near, far)
            )
            if abs(here - there) > 1e-6:
                assert found.wins(number) == (here < there)
                if found.queries is None:
                    assert found.near_wins_below == (here < there)
                else:
                    assert (found.near_wins_below == (number < found.queries)) == (here < there)
        seen[found.cell.partition(" ")[0]] += 1
    assert set(seen) == {"always", "never", "up", "from"}, "every kind of answer has been asked for"


def test_half_a_round_trip_is_not_a_win_and_a_loss():
    plan = planning({"users": {"madrid": 1}, "database": "frankfurt", "queries_per_page": 0.8})
    found = latency.break_even(plan, Interaction.COLD, "eu-south-2", "fly-fra", "frankfurt")
    here, there = (
        latency.compose(plan, Home.of(home), Interaction.COLD, 15).total for home in ("eu-south-2", "fly-fra")
    )
    assert found.wins(2.8) == (here < there)


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


@pytest.mark.parametrize(
    ("kib", "rounds"), [(0, 0), (1, 0), (14.25, 0), (14.3, 1), (42.7, 1), (42.8, 2), (60, 2), (400, 4)]
)
def test_a_page_takes_the_rounds_that_slow_start_needs(kib, rounds):
    """RFC 6928: ten segments of 1,460 bytes, then twice as many each round."""
    assert latency.slow_start_rounds(kib) == rounds
    small, large = planning({**MADRID_ONLY, "dns_ms": 0}), planning({**MADRID_ONLY, "dns_ms": 0, "response_kib": kib})
    for home in (Home("fly-fra"), Home("fly-fra", "cloudfront")):
        setup = latency.compose(small, home, Interaction.COLD, 0, 0).setup / 2
        more = (
            latency.compose(large, home, Interaction.COLD, 0, 0).total
            - latency.compose(small, home, Interaction.COLD, 0, 0).total
        )
        assert more == pytest.approx(rounds * setup), "they end where the connection ends"
    same = [latency.compose(plan, Home("fly-fra"), Interaction.WARM, 0, 0).total for plan in (small, large)]
    assert same[0] == same[1], "a message on an open connection"


def test_the_sum_of_round_trips_lies_between_independent_and_joined_ones():
    """Fault 5 of the planning answers: 732 ms joined, 560 ms apart (with one round for the page)."""
    p99 = [
        latency.users_see(
            planning({"jitter_own": own, "response_kib": 10}), Home("eu-south-2"), Interaction.COLD, still
        ).p99
        for own in (0.0, 0.5, 1.0)
    ]
    assert p99[0] < p99[1] < p99[2] and p99[0] < 0.85 * p99[2]
    p50 = [
        latency.users_see(planning({"jitter_own": own}), Home("eu-south-2"), Interaction.COLD, still).mean
        for own in (0.0, 1.0)
    ]
    assert p50[0] == pytest.approx(p50[1], rel=0.03), "the means do not hang on it"


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
