import math

import numpy as np
import pytest

from analysis.assumptions import planning
from analysis.sizing import fleet, queueing, simulation
from analysis.sizing.credits import machine
from analysis.sizing.queueing import Station
from hermes_cfn.errors import HermesError


def test_erlang_c_is_the_textbook_value():
    assert queueing.erlang_c(1, 0.7) == pytest.approx(0.7)
    assert queueing.erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert queueing.erlang_c(2, 2.0) == 1.0
    assert queueing.erlang_c(5, 0.0) == 0.0


def test_one_server_with_exponential_service_is_exact():
    station = Station(1, 80, 10, 1.0)
    assert queueing.analytic_quantile(station) == pytest.approx(math.log(100) * 10 / 0.2, rel=0.005)


def test_service_has_the_mean_and_variation_that_were_asked_for():
    for scv in (0.25, 1.0, 4.0):
        times = queueing.service_quantiles(10, scv)
        assert times.mean() == pytest.approx(10, rel=0.02)
        assert times.var() / times.mean() ** 2 == pytest.approx(scv, rel=0.06)
        for shape in ("gamma", "lognormal"):
            drawn = simulation.draws(Station(1, 10, 10, scv, shape=shape), 400_000, seed=5)[1]
            assert drawn.mean() == pytest.approx(10, rel=0.02)
            assert drawn.var() / drawn.mean() ** 2 == pytest.approx(scv, rel=0.15)
            for share in (0.5, 0.99):
                said = np.quantile(queueing.service_quantiles(10, scv, shape), share)
                assert np.quantile(drawn, share) == pytest.approx(said, rel=0.03)


def test_a_heavier_tail_is_not_claimed_where_it_breaks_the_approximation():
    assert queueing.claimed(Station(2, 140, 10, 4.0))
    assert not queueing.claimed(Station(2, 140, 10, 4.0, shape="lognormal"))
    assert queueing.claimed(Station(2, 140, 10, 1.0, shape="lognormal"))
    for shape in ("gamma", "lognormal"):
        assert {cell.shape for cell in queueing.grid()} >= {shape}


def test_the_recursion_is_simpy_customer_by_customer():
    gaps, services = simulation.draws(Station(3, 250, 10, 2.0), 3000, seed=3)
    assert np.allclose(simulation.by_events(3, gaps, services), simulation.by_recursion(3, gaps, services))


@pytest.mark.parametrize(
    ("shape", "servers", "utilisation", "scv"),
    [("gamma", 2, 0.7, 1.0), ("gamma", 10, 0.8, 0.5), ("lognormal", 2, 0.5, 0.5), ("lognormal", 2, 0.5, 2.0)],
)
def test_the_carried_grid_is_what_simulation_says(shape, servers, utilisation, scv):
    carried = next(
        cell
        for cell in queueing.grid()
        if (cell.shape, cell.servers, cell.utilisation, cell.scv) == (shape, servers, utilisation, scv)
    )
    fresh = simulation.compare(servers, utilisation, scv, customers=400_000, seed=99, shape=shape)
    assert fresh.approximation_ms == pytest.approx(carried.approximation_ms, rel=1e-3)
    assert fresh.simulation_ms == pytest.approx(carried.simulation_ms, rel=0.06)


def test_the_approximation_is_claimed_only_where_the_grid_allows():
    assert queueing.claimed(Station(2, 140, 10, 1.0))
    assert not queueing.claimed(Station(2, 140, 10, 9.0))
    assert not queueing.claimed(Station(64, 140, 10, 1.0))
    assert not queueing.claimed(Station(2, 198, 10, 1.0))
    for cell in queueing.grid():
        station = Station(cell.servers, cell.utilisation * cell.servers * 100, 10, cell.scv, shape=cell.shape)
        assert not queueing.claimed(station) or abs(cell.error) <= queueing.WITHIN + 1e-9


def test_saturation_is_infinite_and_an_idle_station_only_serves():
    assert queueing.analytic_quantile(Station(2, 300, 10, 1)) == math.inf
    assert simulation.simulated_quantile(Station(2, 300, 10, 1)) == math.inf
    assert queueing.analytic_quantile(Station(2, 0, 10, 0)) == 10
    assert simulation.simulated_quantile(Station(2, 0, 10, 0)) == 10


def test_draws_follow_the_approximation():
    station = Station(2, 140, 10, 1.0)
    times = queueing.draws(station, np.random.default_rng(1), 100_000)
    assert np.quantile(times, 0.99) == pytest.approx(queueing.analytic_quantile(station), rel=0.03)


@pytest.mark.parametrize("wrong", [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, float("nan"), 1), (1, 1, 1, -0.1)])
def test_impossible_loads_are_refused(wrong):
    with pytest.raises(HermesError, match="negative"):
        Station(*wrong)


def test_the_grid_is_written_as_it_is_read():
    text = simulation.as_csv(queueing.grid()[:2])
    assert text.splitlines()[0] == "shape,servers,utilisation,scv,approximation_ms,simulation_ms,error"
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize(("servers", "utilisation"), [(2, 0.09), (4, 0.2), (10, 0.3)])
def test_where_visits_are_taken_as_independent_whole_pages_say_the_same(servers, utilisation):
    processors, pool = of_pages(servers, utilisation)
    assert queueing.erlang_c(pool.servers, pool.offered) <= fleet.INDEPENDENT
    found = fleet.page_times(processors, pool, 10)
    times, method = found.ms, found.method
    assert method == "approximation"
    whole = simulation.pages(processors, pool, 10, 1, count=20_000, seed=3)
    for share in (0.5, 0.99):
        assert np.quantile(times, share) == pytest.approx(np.quantile(whole, share), rel=0.10)


def test_where_a_pool_is_busy_whole_pages_are_slower_and_are_what_answers():
    processors, pool = of_pages(4, 0.7)
    found = fleet.page_times(processors, pool, 10)
    times, method = found.ms, found.method
    assert method == "simulation"
    apart = 10 * queueing.draws(pool, np.random.default_rng(1), 20_000).mean()
    assert np.quantile(times, 0.99) > 1.5 * apart


def of_pages(servers, utilisation, trips=10, trip_ms=30.0):
    """Processors that hardly wait, and a pool at a utilisation by pages of ``trips`` queries."""
    rate = utilisation * servers * 1000 / (trips * trip_ms)
    return Station(2, rate, 15, 1.0, shape="lognormal"), Station(servers, rate * trips, trip_ms, 0.01)


def test_a_shorter_and_a_longer_visit_meet_the_same_pool():
    processors, pool = of_pages(4, 0.6)
    short, page, long = (simulation.pages(processors, pool, trips, 1, seed=5).mean() for trips in (2, 10, 20))
    assert short < page < long
    assert (page - 15) / 10 == pytest.approx((short - 15) / 2, rel=0.25)
    assert (long - 15) / 20 == pytest.approx((page - 15) / 10, rel=0.25)


def test_a_page_without_queries_only_meets_the_processors():
    processors = Station(2, 90, 15, 1.0)
    twice = simulation.pages(processors, Station(10, 0, 30, 0.0), 0, 2, seed=4)
    assert twice.mean() > 2 * 15 and np.isfinite(twice).all()


@pytest.mark.parametrize(
    ("kind", "count", "given", "busy", "known"),
    [
        ("c7g.large", 4, {"service_shape": "gamma", "service_scv": 4, "service_ms": 5, "queries_per_page": 2, "pool_size": 3}, 0.80, 270),
        ("m7g.medium", 1, {"service_scv": 2, "database": "paris", "queries_per_page": 2.4, "pool_size": 4}, 0.67, None),
    ],
)  # fmt: skip
def test_a_simulation_tells_its_error_and_a_longer_run_lies_within_twice_of_it(kind, count, given, busy, known):
    """270 ms by an independent event simulation of 8 million customers; seed 11 of before said 352."""
    plan = planning({"transactions_per_page": 1, "peak_requests_per_s": 1, **given})
    at_one = fleet.stations(plan, machine(kind), count, "eu-south-2")
    plan = plan.model_copy(update={"peak_requests_per_s": busy / max(one.utilisation for one in at_one)})
    stations, trips = fleet.stations(plan, machine(kind), count, "eu-south-2"), fleet.page_trips(plan)
    short = simulation.simulated_pages(*stations, trips, 1, most=40_000)
    long = simulation.simulated_pages(*stations, trips, 1, most=120_000, seed=3)
    said, right = (float(np.quantile(one.times, 0.99)) for one in (short, long))
    assert 0 < short.error < 0.4 and abs(said / right - 1) <= 2 * (short.error + long.error)
    assert known is None or right == pytest.approx(known, rel=0.15)
    assert long.error <= simulation.WITHIN or len(long.times) >= 120_000


def test_a_simulation_ends_when_it_is_sure():
    easy = simulation.simulated(Station(8, 240, 10, 1.0), most=10_000_000)
    assert easy.error <= simulation.WITHIN and len(easy.times) < 10_000_000
    assert np.quantile(easy.times, 0.99) == pytest.approx(
        queueing.analytic_quantile(Station(8, 240, 10, 1.0)), rel=0.08
    )


def test_a_page_of_one_query_is_the_station():
    processors, pool = Station(64, 50, 0.0, 0.0), Station(2, 50, 30, 1.0)
    assert np.quantile(simulation.pages(processors, pool, 1, 1, count=60_000, seed=2), 0.99) == pytest.approx(
        queueing.analytic_quantile(pool), rel=0.08
    )
