from decimal import Decimal

import pytest

from analysis.options import fly, homes, variants
from analysis.options import table as options
from analysis.options.table import Options
from hermes_cfn import bill, config, stacks
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books
from hermes_cfn.pricing.prices import PriceBook


@pytest.fixture(scope="module")
def book():
    return books.load("eu-south-2", "snapshot")


@pytest.fixture(scope="module")
def rows(book):
    return {row.key: row for row in Options(Settings(), book).rows()}


def test_staying_is_the_first_row_and_says_what_it_lacks(book):
    first = Options(Settings(), book).rows()[0]
    assert first.key == "stay"
    assert "current_monthly" in first.lacks
    stated = config.parse('[planning]\ncurrent_name = "a server"\ncurrent_monthly = 30\ncurrent_p50_ms = 200\n')
    row = Options(stated, book).stay()
    assert (row.expected, row.p50_ms, row.lacks) == (Decimal(30), 200, "")
    there = config.parse('[planning]\ncurrent_monthly = 30\ncurrent_place = "frankfurt"\n')
    placed = Options(there, book).stay()
    assert placed.p50_ms > Options(there, book).rows()[1].p50_ms
    assert placed.lacks == ""


def test_as_is_is_the_bill_to_the_last_digit(rows, book):
    full = bill.compute(stacks.build(Settings()), book)
    assert (rows["as-is"].low, rows["as-is"].expected, rows["as-is"].high) == (full.low, full.expected, full.high)


@pytest.mark.parametrize("key", ["reserved", "savings-plan", "one-instance", "micro"])
def test_the_guides_four_options_are_cheaper_and_never_at_its_totals(rows, key):
    said = rows[key].guide_says.split("-")
    assert rows[key].expected < rows["as-is"].expected
    assert rows[key].expected > Decimal(said[1])


@pytest.mark.parametrize(
    "key", ["private-ingress", "flat-pro", "fargate", "move-database", "fly-cdg-1x", "fly-fra-2x", "spot"]
)
def test_what_cannot_be_deployed_is_marked(rows, key):
    assert not rows[key].deployable
    assert rows[key].gives_up


@pytest.mark.parametrize("key", ["one-instance", "nat-instance", "public-subnets", "ipv6", "two-zones"])
def test_the_lines_shown_select_the_option(rows, key, book):
    made = config.parse(rows[key].toml + ("" if "database" in rows[key].toml else "\n"))
    assert variants.bill_of(made, book).expected == rows[key].expected


def test_a_region_without_prices_has_no_cost_and_says_so(rows, book):
    kept = [price for price in book if price.region != "eu-west-3"]
    few = PriceBook("few", kept)
    missing = {row.key: row for row in Options(Settings(), few).rows()}["region-eu-west-3"]
    assert missing.expected is None
    assert "no price" in missing.lacks
    assert rows["region-eu-west-3"].expected is not None


def test_one_instance_is_interrupted_and_less_available(rows):
    assert rows["one-instance"].interruption_s > 0
    assert rows["as-is"].interruption_s == 0
    assert rows["one-instance"].availability < rows["as-is"].availability


def test_a_database_beside_the_instances_is_faster_and_priced(rows):
    assert rows["move-database"].p50_ms < rows["as-is"].p50_ms
    assert rows["move-database"].expected > rows["as-is"].expected


def test_a_far_database_turns_the_answer_around(book):
    far = config.parse('[planning]\ndatabase = "frankfurt"\n')
    here = {row.key: row for row in Options(far, book).rows()}
    assert here["fly-fra-2x"].p50_ms < here["as-is"].p50_ms
    assert here["fly-by-database"].home == "fly-fra"


def test_fly_is_the_published_formula():
    month = Decimal(2_592_000)
    known = {(1, "1", "fra"): "7.73", (2, "2", "cdg"): "15.20", (2, "0.5", "ams"): "4.56", (1, "0.25", "fra"): "2.53"}
    for (vcpu, memory, region), usd in known.items():
        assert fly.machine_month(fly.FlyMachine(vcpu, Decimal(memory)), region, month).quantize(
            Decimal("0.01")
        ) == Decimal(usd)
    with pytest.raises(HermesError):
        fly.machine_month(fly.FlyMachine(1, Decimal(1)), "mad")


def test_other_shapes_are_priced_by_the_bill_engine(book):
    base = stacks.build(Settings())
    plain = bill.compute(base, book)
    private = bill.compute(homes.private_ingress(base, distribution=False), book)
    assert not variants.lines_of(private, what="one in each")
    assert not variants.lines_of(private, what="transfer to users")
    assert round(plain.total - private.total, 9) == Decimal("10.95") + Decimal("8.685")
    tasks = bill.compute(homes.fargate(base, 2), book)
    assert variants.lines_of(tasks, what="tasks, vCPU")[0].monthly > 0
    assert not options.fleet_lines(tasks)
    moved = bill.compute(homes.with_database(base), book)
    assert variants.lines_of(moved, what="db.t4g.micro")[0].monthly == Decimal("13.14")


def test_a_plan_that_the_traffic_exceeds_has_no_price(rows):
    assert rows["flat-free"].expected is None
    assert "more than the plan allows" in rows["flat-free"].lacks
    assert rows["flat-pro"].expected is not None


def test_groups_hold_every_line_once(book):
    full = bill.compute(stacks.build(Settings()), book)
    groups = variants.grouped(full)
    assert sum(len(lines) for lines in groups.values()) == len(full.lines)
    assert sum((line.monthly for lines in groups.values() for line in lines), Decimal(0)) == full.total


def test_a_choice_that_the_configuration_refuses_is_an_error():
    with pytest.raises(HermesError):
        variants.changed(Settings(), (("compute.count", 0),))
    with pytest.raises(HermesError, match="known addresses"):
        variants.changed(Settings(), (("network.egress", "public-subnets"),))


def test_twelve_months_and_the_first(rows):
    row = rows["as-is"]
    assert row.twelve_months == row.expected * 12
    assert row.first_month == row.expected
    assert rows["stay"].twelve_months is None
    at_once = rows["reserved-upfront"]
    assert at_once.expected < rows["reserved"].expected
    assert at_once.one_off > at_once.first_month / 2
    rest = at_once.expected - at_once.one_off / 12
    assert at_once.first_month == at_once.one_off + rest
    assert at_once.twelve_months == at_once.one_off + rest * 12


def test_a_shared_machine_over_its_baseline_is_throttled_and_says_so(book):
    busy = config.parse("[planning]\npeak_requests_per_s = 20\n")
    one, two = (Options(busy, book).fly("fra", vcpu, "") for vcpu in (1, 2))
    assert "throttled" in one.lacks and one.p50_ms is None
    assert one.expected is not None
    assert Options(Settings(), book).fly("fra", 1, "").lacks == ""
    assert two.high - two.expected > Decimal("5"), "volumes as large as the instances' disks"


def test_every_dimension_of_the_choice_is_there(rows):
    assert {
        *("stay", "as-is", "one-instance", "three-instances", "micro", "larger"),
        *("reserved", "reserved-upfront", "savings-plan", "spot"),
        *("nat-regional", "nat-per-zone", "nat-instance", "public-subnets", "ipv6"),
        *("two-zones", "private-ingress", "flat-free", "flat-pro", "assets", "no-flow-logs", "access-logs"),
        *("fargate", "fly-cdg-1x", "fly-cdg-2x", "fly-fra-1x", "fly-fra-2x"),
        *("region-eu-west-1", "region-eu-west-3", "region-eu-central-1", "move-database", "fly-by-database"),
    } == set(rows)
    for row in rows.values():
        assert row.effort and row.gives_up
        assert row.key == "stay" or (row.availability and row.interruption_s is not None)


def test_a_row_of_a_size_gives_up_what_this_deployment_has_more_of(book):
    large = config.parse('[compute]\ninstance_type = "m7g.large"\ncount = 8\n')
    rows = {
        choice.key: Options(large, book)._gives_up(choice, variants.changed(large, choice.change))
        for choice in options.CHOICES[:8]
    }
    assert rows["micro"].startswith("8,192 MiB of memory for 1,024")
    assert rows["larger"].startswith("8,192 MiB of memory for 4,096")
    assert rows["three-instances"] == "8 instances for 3"
    three = next(choice for choice in options.CHOICES if choice.key == "three-instances")
    assert Options(Settings(), book)._gives_up(three, variants.changed(Settings(), three.change)) == "nothing but money"


def test_a_published_plan_of_another_house_is_the_first_row_and_what_is_compared_with(book):
    from analysis.answers import payment, worth

    text = '[planning]\ncurrent_plan = "heroku/standard-2x"\ncurrent_count = 2\ncurrent_place = "dublin"\n'
    settings = config.parse(text)
    row, compared = Options(settings, book).stay(), worth(settings, book)
    assert (row.expected, row.lacks, row.home) == (Decimal(100), "", "dublin")
    assert compared.named and compared.other == "dublin" and compared.name == "2 x Heroku Standard-2X"
    assert compared.monthly_more == payment(settings, book).monthly - 100
    euros = config.parse('[planning]\ncurrent_plan = "hetzner/cx23"\ncurrent_place = "frankfurt"\n')
    assert "EUR" in Options(euros, book).stay().lacks and not worth(euros, book).named
    rated = '[planning]\ncurrency = "EUR"\ncurrency_per_usd = 0.5\ncurrent_plan = "hetzner/cx23"\ncurrent_place = "frankfurt"\n'
    assert Options(config.parse(rated), book).stay().expected == Decimal("7.98")
    with pytest.raises(HermesError, match="heroku/basic") as told:
        Options(config.parse('[planning]\ncurrent_plan = "heroku/huge"\n'), book).stay()
    assert told.value.findings[0].code == "plan-unknown"
