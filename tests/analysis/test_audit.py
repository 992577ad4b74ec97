import json
from dataclasses import replace

import pytest

from analysis.audit import CLAIMS, audit, summary
from analysis.audit.claims import Verdict, judge
from analysis.audit.figures import Figures
from hermes_cfn.pricing import books

VERDICTS = {
    "image-fits": "contradictory",
    "priced-type": "contradictory",
    "one-instance-gap": "contradictory",
    "two-instances-gap": "right",
    "emergency": "missing",
    "database-test": "wrong",
    "power-user": "wrong",
    "output-names": "contradictory",
    "zones": "missing",
    "ec2-price": "wrong",
    "ec2-price-virginia": "right",
    "ec2-sum": "right",
    "ec2-month": "wrong",
    "alb-fixed": "wrong",
    "alb-sum": "right",
    "lcu-month": "unsupported",
    "lcu-hours": "unsupported",
    "lcu-own": "unsupported",
    "lcu-gb": "unsupported",
    "lcu-connections": "unsupported",
    "lcu-sockets": "unsupported",
    "lcu-rules": "unsupported",
    "alb-addresses": "missing",
    "nat-price": "wrong",
    "nat-sum": "right",
    "nat-month": "wrong",
    "nat-gb": "missing",
    "nat-database": "missing",
    "nat-address": "missing",
    "disks": "missing",
    "transfer": "right",
    "transfer-price": "right",
    "transfer-free": "right",
    "logs": "right",
    "state": "right",
    "total-sum-low": "right",
    "total-sum-high": "right",
    "total-own-prices": "unsupported",
    "total": "wrong",
    "blue-green": "unsupported",
    "table-total": "contradictory",
    "reserved-saving": "right",
    "reserved-sum": "right",
    "reserved-total": "wrong",
    "reserved-start": "contradictory",
    "savings-plan": "right",
    "savings-plan-sum": "right",
    "savings-plan-total": "wrong",
    "savings-plan-start": "contradictory",
    "one-instance": "wrong",
    "one-instance-total": "wrong",
    "micro-saving": "wrong",
    "micro-half": "right",
    "micro-total": "wrong",
    "micro-memory": "wrong",
    "share-sum": "right",
    "share-base": "contradictory",
    "share-nat": "right",
    "share-alb": "right",
    "share-ec2": "right",
    "share-rank": "contradictory",
    "share-rank-true": "right",
    "nat-one": "right",
    "nat-instance": "wrong",
    "nat-required": "wrong",
    "arm": "right",
    "fly-frankfurt-cost": "wrong",
    "fly-paris-cost": "wrong",
    "fly-memory": "wrong",
    "fly-frankfurt-rtt": "right",
    "fly-paris-rtt": "right",
    "spain-rtt": "wrong",
    "madrid-1ms": "wrong",
    "difference": "right",
    "extra": "contradictory",
    "extra-again": "contradictory",
    "extra-true": "right",
    "per-ms": "right",
    "lowest-latency": "missing",
    "database-place": "missing",
    "database-page": "missing",
    "no-madrid": "right",
    "closest": "wrong",
    "region-name": "wrong",
    "right-choice": "unsupported",
}


@pytest.fixture(scope="module")
def figures():
    return Figures()


@pytest.fixture(scope="module")
def found(figures):
    return {row.id: row for row in audit(figures)}


def test_at_least_forty_claims_each_once_and_each_with_a_test():
    ids = [claim.id for claim in CLAIMS]
    assert len(ids) == len(set(ids)) >= 40
    assert set(ids) == set(VERDICTS)


@pytest.mark.parametrize(("claim", "verdict"), VERDICTS.items())
def test_the_verdict_of(claim, verdict, found):
    assert found[claim].verdict == verdict, found[claim]


def test_every_row_is_complete_and_json(found):
    for row in found.values():
        said = json.loads(json.dumps(row.as_dict()))
        assert all(said[key] for key in ("id", "section", "claim", "figure", "verdict", "reason", "source"))


def test_it_also_says_where_the_guide_is_right(found):
    counts = summary(list(found.values()))
    assert counts["right"] >= 20
    assert sum(counts.values()) == len(CLAIMS)
    assert found["difference"].verdict is Verdict.RIGHT


def test_a_changed_model_changes_a_verdict(figures):
    claim = next(claim for claim in CLAIMS if claim.id == "ec2-price")
    assert judge(claim, figures).verdict is Verdict.WRONG
    assert judge(replace(claim, figure=lambda known: 0.0168), figures).verdict is Verdict.RIGHT


def test_the_guides_own_prices_do_not_give_its_total(figures):
    assert float(figures.guide_bill.total) < 86
    assert figures.guide_bill.book == books.guide().name


def test_what_has_no_line_is_an_error_and_not_zero(figures):
    with pytest.raises(LookupError):
        figures.line("a line that nobody bills")


@pytest.mark.parametrize(
    ("claim", "figure"),
    [
        ("lcu-gb", "875"),
        ("lcu-connections", "29.97"),
        ("lcu-sockets", "3,595.89"),
        ("lcu-rules", "1,198.63"),
        ("lcu-own", "0.2788"),
        ("extra", "66 to 82"),
        ("micro-memory", "1,024"),
        ("fly-memory", "0.25 to 0.5"),
        ("share-base", "88.89"),
        ("arm", "19.3"),
    ],
)
def test_the_figure_of(claim, figure, found):
    assert found[claim].figure == figure
