import random
from decimal import Decimal

import numpy as np
import pytest

from analysis.latency.places import EUROPE
from analysis.options import frontier, variants
from analysis.options import table as options
from analysis.options.buying import WAYS, ways
from analysis.options.compiled import compile_variant
from analysis.options.frontier import CLOSE, DISKS, LOGS_GB, Lattice
from hermes_cfn import config
from hermes_cfn.config.settings import Settings
from hermes_cfn.config.usage import Amount
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books


@pytest.fixture(scope="module")
def book():
    return books.load("eu-south-2", "snapshot")


@pytest.fixture(scope="module")
def lattice(book):
    return Lattice(Settings(), book, types=("t4g.micro", "t4g.small", "t4g.large"), counts=range(1, 7))


def in_full(block, settings, place, counts, book):
    """The same configuration rendered and billed by itself."""
    buying, n, disk, logs = place
    change = (*block.change, ("compute.count", counts[n]), ("compute.volume_gib", DISKS[disk]))
    gb = Decimal(str(LOGS_GB[logs]))
    made = variants.changed(settings, change)
    made = made.model_copy(
        update={"usage": made.usage.model_copy(update={"logs_gb": Amount(distribution="fixed", low=gb, high=gb)})}
    )
    found = variants.bill_of(made, book)
    factor = Decimal(repr(float(ways(block.kind, block.region, book)[WAYS[buying]].factor)))
    return found.total - options.fleet_hours(found) * (1 - factor)


def test_two_hundred_random_configurations_equal_the_arrays_to_the_cent(lattice, book):
    draw = random.Random(20)
    for _ in range(200):
        block = draw.choice(lattice.blocks)
        place = tuple(draw.randrange(size) for size in block.monthly.shape)
        full = in_full(block, lattice.settings, place, lattice.counts, book)
        assert abs(full - Decimal(repr(float(block.monthly[place])))) < Decimal("0.005")


def test_what_a_region_cannot_price_or_the_rules_refuse_is_left_out_and_told(lattice):
    assert any("allow" in why or "known addresses" in why for why in lattice.refused.values())
    lacking = {dict(change)["account.region"] for change in lattice.refused if lattice._lacking(change[:4])}
    assert {block.region for block in lattice.blocks} >= {*EUROPE} - lacking


def test_nothing_on_the_frontier_is_beaten(lattice):
    found = lattice.frontier()
    known = lattice.cheapest()
    assert 0 < len(found) < len(known)
    for one in found:
        assert not any(
            other.monthly < one.monthly - 0.005
            and round(other.p99_ms) <= round(one.p99_ms)
            and round(other.availability, 5) >= round(one.availability, 5)
            for other in known
        )


def test_the_answer_meets_its_targets(lattice):
    found = lattice.answer(p99_ms=1000, availability=0.998)
    assert found.p99_ms <= 1000
    assert found.availability >= 0.998
    cheaper = [one for one in lattice.cheapest() if one.monthly < found.monthly and one.deployable]
    assert all(one.p99_ms > 1000 or one.availability < 0.998 for one in cheaper)


def test_a_budget_alone_gives_the_fastest_within_it(lattice):
    assert lattice.answer(budget=120).monthly <= 120


@pytest.mark.parametrize("target", [{"budget": 5}, {"p99_ms": 10}, {"availability": 0.9999999}])
def test_a_target_that_nothing_meets_says_the_closest_and_what_blocks(lattice, target):
    with pytest.raises(HermesError) as told:
        lattice.answer(**target)
    finding = told.value.findings[0]
    assert finding.why and finding.evidence.startswith("closest")


def test_the_feasible_are_distinct_and_no_more_than_all(lattice):
    assert 0 < lattice.feasible <= lattice.evaluated
    changes = [block.change for block in lattice.blocks]
    assert len(changes) == len(set(changes))


def test_too_little_memory_is_not_feasible(book):
    heavy = config.parse("[planning]\napplication_mib = 900\n")
    small = Lattice(heavy, book, types=("t4g.micro",), counts=(2,))
    assert small.feasible == 0
    with pytest.raises(HermesError, match="carries the load"):
        small.answer(budget=1000)


def test_a_bill_that_is_not_linear_is_refused(book, monkeypatch):
    monkeypatch.setattr("analysis.options.compiled._agrees", lambda *parts: False)
    with pytest.raises(HermesError, match="array"):
        compile_variant(Settings(), (), book)


def test_drivers_may_be_arrays(book):
    one = compile_variant(Settings(), (), book)
    count, disk = np.full(3, 2.0), np.full(3, 20.0)
    found = one.totals(count, disk, {"to_database_gb": np.array([0.0, 10.0, 100.0])})
    assert found[0] < found[1] < found[2]


def test_the_answer_can_be_deployed_though_spot_is_on_the_frontier(lattice, book):
    found = lattice.answer(budget=200)
    assert found.deployable
    assert any(not one.deployable for one in lattice.frontier())
    made = config.parse(found.toml)
    assert variants.bill_of(made, book).total > 0
    assert str(found.change[0][1]) in found.toml


def test_the_disks_and_logs_are_those_of_the_settings(book):
    own = config.parse("[compute]\nvolume_gib = 33\n[usage]\nlogs_gb = 4.5\n")
    small = Lattice(own, book, types=("t4g.small",), counts=(2,))
    assert 33 in small.disks and 4.5 in small.logs
    assert all(dict(one.change)["compute.volume_gib"] == 33 and one.logs_gb == 4.5 for one in small.cheapest())


@pytest.fixture(scope="module")
def moved(lattice):
    small = Lattice(lattice.settings, lattice.book, types=("t4g.micro", "t4g.small"), counts=(1, 2, 3))
    return small, frontier.sensitivity(small, p99_ms=1000, availability=0.998)


def test_sensitivity_names_what_would_change_the_winner_and_where(moved):
    small, told = moved
    rows = {row.assumption: row for row in told}
    assert {"peak load", "place of the database", "inferred prices, times"} <= set(rows)
    assert rows["queries a page"].at and rows["queries a page"].factor > 1
    assert rows["open sockets"].at is None and rows["open sockets"].winner == small.answer(800, 1000, 0.998).name


def test_the_winner_changes_there_and_not_before(moved):
    small, told = moved
    base = small.answer(p99_ms=1000, availability=0.998)
    for row in told:
        if row.assumption in ("peak load", "memory of the application") and row.factor:
            key = {name: key for key, name in frontier.KNOBS.items()}[row.assumption]
            now = getattr(small.settings.planning, key)
            for factor, same in ((row.factor, False), (row.factor / CLOSE, True)):
                plan = small.settings.planning.model_copy(update={key: now * factor})
                assert (small.under(plan).answer(p99_ms=1000, availability=0.998).name == base.name) is same
