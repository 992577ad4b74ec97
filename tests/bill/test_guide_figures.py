"""The guide's cost section, to the cent before its own rounding."""

import importlib.util
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn.bill import guide
from hermes_cfn.bill.guide import Verdict
from hermes_cfn.pricing import books
from hermes_cfn.units import rounded

FIGURES = {figure.name: figure for figure in guide.figures()}
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("EC2, 2 × t4g.small", "24.53", "24.53"),
        ("NAT gateway", "32.85", "32.85"),
        ("Application Load Balancer, fixed", "16.43", "16.43"),
        ("Application Load Balancer", "23.43", "23.43"),
        ("Total", "87.81", "96.81"),
        ("Blue-green", "24.53", "24.53"),
        ("One instance", "75.54", "84.54"),
        ("2 × t4g.micro", "75.54", "84.54"),
        ("Reserved instances, 1 year", "79.23", "88.23"),
        ("Compute savings plan", "81.68", "90.68"),
    ],
)
def test_what_has_inputs_comes_out_to_the_cent(name, low, high):
    assert tuple(map(rounded, FIGURES[name].ours)) == (D(low), D(high))


@pytest.mark.parametrize(
    ("says", "ours", "verdict"),
    [
        (24, "24.528", Verdict.TRUNCATED),
        (16, "16.425", Verdict.ROUNDED),
        (66, "66", Verdict.REPRODUCED),
        (3, "4.38", Verdict.CONTRADICTS),
    ],
)
def test_a_verdict_follows_from_the_two_figures(says, ours, verdict):
    assert guide.judged(says, D(ours)) is verdict


def test_every_verdict_is_given_and_the_total_is_the_sum_of_truncated_parts():
    assert {figure.verdict for figure in FIGURES.values()} == set(Verdict)
    ec2, balancer, nat = (int(part(books.guide())) for part in (guide.ec2, guide.balancer, guide.nat))
    low, high = FIGURES["Total"].says.strip("~$").split("-")
    assert ec2 + balancer + 7 + nat + 5 + 2 == int(low)
    assert ec2 + balancer + 7 + nat + 10 + 5 + 1 == int(high)


def test_what_has_no_inputs_is_inverted():
    assert rounded(guide.lcu(D(7)), D("0.1")) == D("1.2")
    assert [rounded(guide.transfer_gb(D(usd)), D(1)) for usd in (5, 10)] == [156, 211]
    assert FIGURES["CloudWatch Logs"].implies == "4 to 10 GB a month"
    assert FIGURES["Fly.io Frankfurt"].ours == (D("12.12"), D("19.06"))
    # 2 x 5.06 x 730 / 720 + 2 and 2 x 8.53 x 730 / 720 + 2
    assert FIGURES["Fly.io Frankfurt"].why.endswith("of 730 hours it is $12.26 to $19.30")


def test_madrid_is_dearer_than_the_guide_says():
    assert FIGURES["Total"].madrid[0] > FIGURES["Total"].ours[0]
    assert rounded(FIGURES["EC2, 2 × t4g.small"].madrid[0]) == D("26.86")


def test_what_it_left_out_is_priced():
    left_out = [figure for figure in FIGURES.values() if figure.verdict is Verdict.LEFT_OUT]
    assert {rounded(figure.madrid[0]) for figure in left_out} == {D("14.60"), D("3.52"), D("2.40")}


def test_the_book_knows_nothing_but_the_guide():
    assert {price.basis for price in books.guide()} == {"guide"}
    assert {price.region for price in books.guide()} == {"eu-south-2"}


def test_the_pages_on_costs_and_prices_are_fresh():
    spec = importlib.util.spec_from_file_location("make_costs", ROOT / "docs/make_costs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, page in module.PAGES.items():
        assert path.read_text(encoding="utf-8") == page(), "next: python docs/make_costs.py"
