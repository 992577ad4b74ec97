"""One notion of feasible: what sizing refuses is recommended by no other answer."""

import random
from decimal import Decimal

import pytest

from analysis.answers import enough, payment, worth
from analysis.assumptions import planning
from analysis.latency.times import Interaction
from analysis.options import frontier
from analysis.options.frontier import Lattice
from analysis.options.surplus import unbilled
from analysis.options.table import CHOICES, Options
from analysis.sizing import credits, fleet
from hermes_cfn import config
from hermes_cfn.config.planning import Planning
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books


@pytest.fixture(scope="module")
def book():
    return books.load("eu-south-2", "snapshot")


@pytest.fixture(scope="module")
def lattice(book):
    """Few enough variants to render."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontier, "EGRESS", ("nat-gateway",))
        patch.setattr(frontier, "neighbours", lambda region: ())
        small = Lattice(config.parse(""), book, types=("t4g.micro", "t4g.small"), counts=(2, 3))
        assert small.blocks
    return small


def own(text):
    return config.parse(f"[planning]\n{text}\n")


def random_plan(draw):
    """Loads that break each of the limits."""
    return planning(
        {
            "peak_requests_per_s": draw.choice([0, 2, 22, 60, 150]),
            "pool_size": draw.choice([2, 10, 30]),
            "database": draw.choice(["madrid", "paris", "frankfurt"]),
            "database_connections": draw.choice([60, 100, 400]),
            "sockets": draw.choice([0, 400, 6000]),
            "response_kib": draw.choice([1, 60, 400]),
            "service_ms": draw.choice([5, 15, 60]),
            "credits": draw.choice(["unlimited", "standard"]),
            "target_p99_ms": draw.choice([100, 500]),
        }
    )


def test_what_broken_says_is_what_sizing_says():
    draw, stopped = random.Random(22), set()
    for _ in range(30):
        plan, kind, count = random_plan(draw), draw.choice(["t4g.micro", "t3.small", "m7g.large"]), draw.randint(1, 4)
        surge = draw.randint(0, 2)
        sized = fleet.size(plan, kind, count, "eu-south-2", surge)
        first = fleet.broken(plan, credits.machine(kind), count, "eu-south-2", surge)
        assert sized.holds is (first is None)
        if first is not None:
            assert first in [limit for limit in sized.limits if not limit.holds]
            stopped.add(first.what)
    assert len(stopped) >= 4, stopped


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('credits = "standard"\npeak_requests_per_s = 60', "CPU credits"),
        ("sockets = 6000", "memory"),
        ("peak_requests_per_s = 60\nresponse_kib = 400", "network baseline"),
        ("database_connections = 31", "database connections"),
    ],
)
def test_the_frontiers_answer_is_one_that_sizing_accepts(lattice, text, what):
    settings = own(text)
    assert fleet.broken(settings.planning, credits.machine("t4g.micro"), 2, "eu-south-2").what == what
    whole = lattice.under(settings.planning)
    found = whole.find(p99_ms=1500)
    assert found is None or found in whole.cheapest()
    for one in whole.cheapest():
        made = dict(one.change)
        assert fleet.size(
            settings.planning, made["compute.instance_type"], made["compute.count"], made["account.region"]
        ).holds
    assert not any("2 x t4g.micro" in one.name for one in whole.cheapest())


def test_the_cheapest_is_the_cheapest_with_the_credits_that_its_load_is_charged(lattice, book):
    settings = own("peak_requests_per_s = 100\npool_size = 15\ndatabase_connections = 400")
    whole = lattice.under(settings.planning)
    by_type = {dict(one.change)["compute.instance_type"]: one for one in reversed(whole.cheapest()) if one.deployable}
    said = enough(settings, "t4g.micro", 2, book)
    assert said.surplus_monthly > 10
    assert whole.answer(p99_ms=1500).name == min(by_type.values(), key=lambda one: one.monthly).name
    block = next(one for one in whole.blocks if one.kind == "t4g.micro")
    assert whole.surplus(block, 2) == pytest.approx(float(said.surplus_monthly), abs=0.01)
    rows = {row.key: row for row in map(Options(settings, book).own, CHOICES[:5])}
    assert rows["as-is"].expected == payment(settings, book).monthly
    made = settings.model_copy(update={"compute": settings.compute.model_copy(update={"instance_type": "t4g.micro"})})
    assert rows["micro"].expected == payment(made, book).monthly


def test_the_surplus_is_what_thirty_and_more_equal_days_come_to():
    draw = random.Random(5)
    for _ in range(6):
        kind = credits.machine(draw.choice(["t4g.micro", "t3.small", "t4g.xlarge"]))
        day = [min(1.0, draw.uniform(0, 3) * kind.baseline) for _ in range(24)]
        settled = credits.settled(kind, day, "unlimited", days=120)[1]
        assert credits.surplus_day(kind, day, "unlimited") == pytest.approx(settled.charged_vcpu_hours, abs=0.02)
        assert credits.surplus_day(kind, day, "standard") == 0


def test_a_bill_that_already_has_more_cpu_use_is_not_charged_twice(book):
    from hermes_cfn import bill, stacks

    settings = config.parse("[usage]\ncpu_percent = 60\n[planning]\npeak_requests_per_s = 5\n")
    found = bill.compute(stacks.build(settings), book, settings.usage)
    assert unbilled(found, settings.planning, credits.machine("t4g.small"), 2) == Decimal(0)


def test_no_answer_sends_one_to_a_home_that_the_options_call_throttled(book):
    settings = own('database = "frankfurt"\npeak_requests_per_s = 22')
    found = worth(settings, book)
    row = Options(settings, book).fly(found.other.removeprefix("fly-"), 2, "")
    assert "throttled" in row.lacks and row.p50_ms is None
    assert not found.there_carries and found.gained_ms > 0
    assert "does not carry" in found.sentence and "inf" not in found.sentence


def test_a_pool_that_saturates_far_away_says_so_and_never_infinity(book):
    found = worth(own("pool_size = 2\npeak_requests_per_s = 20"), book)
    assert "inf" not in found.sentence and "does not carry" in found.sentence
    assert found.per_millisecond(Interaction.COLD) == (None, None)


def test_the_smallest_is_of_the_images_architecture_and_counts_the_surge():
    for architecture in ("arm64", "x86_64"):
        found = fleet.smallest(Planning(), families=credits.families(architecture))
        assert found.kind.architecture == architecture
    with pytest.raises(HermesError):
        fleet.smallest(planning({"pool_size": 30}), surge=2)
    assert fleet.smallest(planning({"pool_size": 30}), surge=1).count == 2


def test_an_x86_image_has_a_frontier_of_x86_types(book):
    settings = config.parse('[application]\narchitecture = "x86_64"\n[compute]\ninstance_type = "t3.small"\n')
    whole = Lattice(settings, book)
    assert set(whole.types) == {name for name in credits.machines() if name.startswith("t3.")}
    assert credits.candidates("arm64", "c7g.large") == tuple(
        name for name in credits.machines() if name.startswith(("t4g.", "c7g."))
    )
