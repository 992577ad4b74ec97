"""The sampled evaluation: the same sum as the exact one, one load factor, seeded."""

import importlib.util
from decimal import Decimal as D
from pathlib import Path

import numpy as np
import pytest

from hermes_cfn.bill import compute_template, drivers, exact, sampled
from hermes_cfn.bill.compute import charges
from hermes_cfn.bill.surroundings import of_template
from hermes_cfn.cfn.template import Template
from hermes_cfn.config.usage import DRIVERS, TRAFFIC, Amount, Usage
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("properties", Path(__file__).with_name("test_bill_properties.py"))
properties = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(properties)

RANGES = Usage.model_validate(
    {
        "to_users_gb": [50, 30_000],
        "logs_gb": {"distribution": "lognormal", "low": 2, "high": 20},
        "requests": {"distribution": "triangular", "low": 0, "mode": 10**7, "high": 10**9},
        "new_connections": [0, 10**7],
        "cpu_percent": [5, 60],
        "releases": [0, 60],
        "assets_to_users_gb": [0, 20_000],
        "s3_gb": [0, 100_000],
        "allowances_used": {"internet_out_gb": 30},
        "trials": ["t4g.small"],
    }
)


def known(usage=RANGES):
    template = Template.parse({"Resources": properties.EVERYTHING})
    return charges(of_template(template, "eu-south-2", usage), books.snapshot()).known


BUSY_BY_DAY = RANGES.model_copy(
    update={
        "daily_profile": (D(1),) * 8 + (D(5),) * 10 + (D(2),) * 6,
        "connections_profile": (D(3),) * 12 + (D(1),) * 12,
    }
)


@pytest.mark.parametrize("usage", [RANGES, BUSY_BY_DAY], ids=["flat", "by the hour"])
def test_it_equals_the_exact_bill_to_the_cent_on_samples(usage):
    priced = known(usage)
    values = sampled.draws(usage, 40)
    totals = sampled.totals(priced, values, usage)
    for index in range(40):
        at = {name: value if not isinstance(value, np.ndarray) else value[index] for name, value in values.items()}
        decimals = {name: None if value is None else D(repr(float(value))) for name, value in at.items()}
        lines = exact.lines(
            priced,
            drivers.derive(decimals, lambda number: number),
            {"internet_out_gb": D(30)},
            {"BoxUsage:t4g.small": D(750)},
        )
        assert abs(float(sum(line.monthly for line in lines)) - totals[index]) < 0.005


def test_all_that_traffic_drives_shares_one_load_factor():
    values = sampled.draws(RANGES)
    low = np.argmin(values["to_users_gb"])
    assert values["new_connections"][low] == min(values["new_connections"])
    assert values["cpu_percent"][low] == min(values["cpu_percent"])
    assert np.corrcoef(values["to_users_gb"], values["releases"])[0, 1] == pytest.approx(0, abs=0.05)
    assert set(DRIVERS) >= TRAFFIC


def test_draws_are_seeded_and_ten_thousand():
    first, second = sampled.draws(RANGES), sampled.draws(RANGES)
    assert len(first["to_users_gb"]) == 10_000
    assert (first["releases"] == second["releases"]).all()


def test_low_expected_and_high_are_p10_mean_and_p90():
    usage = Usage.model_validate({**dict.fromkeys(DRIVERS), "s3_gb": [0, 1000], "s3_puts": 0, "s3_gets": 0})
    template = Template.parse({"Resources": {"Bucket": properties.resource("AWS::S3::Bucket")}})
    made = compute_template(template, "eu-south-2", books.snapshot(), usage)
    assert float(made.low) == pytest.approx(100 * 0.023, rel=1e-3)
    assert float(made.expected) == pytest.approx(500 * 0.023, rel=1e-6)
    assert float(made.high) == pytest.approx(900 * 0.023, rel=1e-3)
    assert made.total == D("11.5")


def test_a_certain_usage_needs_no_draws():
    usage = Usage.model_validate({**dict.fromkeys(DRIVERS), "s3_gb": 100})
    template = Template.parse({"Resources": {"Bucket": properties.resource("AWS::S3::Bucket")}})
    made = compute_template(template, "eu-south-2", books.snapshot(), usage)
    assert made.low == made.expected == made.high == made.total == D("2.3")


@pytest.mark.parametrize(
    "said",
    [
        {"distribution": "uniform", "low": 2, "high": 8},
        {"distribution": "triangular", "low": 2, "mode": 3, "high": 8},
        {"distribution": "lognormal", "low": 2, "high": 8},
    ],
)
def test_the_mean_of_a_distribution_is_that_of_its_quantiles(said):
    amount = Amount.model_validate(said)
    shares = (np.arange(20_000) + 0.5) / 20_000
    assert np.mean([amount.quantile(share) for share in shares]) == pytest.approx(float(amount.expected), rel=2e-3)


def test_a_lognormal_is_given_by_its_p10_and_p90():
    amount = Amount.model_validate({"distribution": "lognormal", "low": 2, "high": 8})
    assert amount.quantile(0.1) == pytest.approx(2)
    assert amount.quantile(0.9) == pytest.approx(8)


@pytest.mark.parametrize(
    "said",
    [
        {"requests": -1},
        {"requests": [5, 1]},
        {"requests": [1]},
        {"requests": "many"},
        {"requests": True},
        {"requests": float("nan")},
        {"requests": {"distribution": "normal", "low": 1, "high": 2}},
        {"requests": {"distribution": "triangular", "low": 1, "high": 2}},
        {"requests": {"distribution": "lognormal", "low": 0, "high": 2}},
        {"daily_profile": [1, 2]},
        {"daily_profile": [0] * 24},
        {"unheard_of": 1},
        {"database_path": "pigeon"},
        {"trials": ["t3.small"]},
    ],
)
def test_usage_that_makes_no_sense_is_refused(said):
    with pytest.raises(ValueError):
        Usage.model_validate(said)


def test_usage_goes_to_json_and_back():
    assert Usage.model_validate(RANGES.model_dump(mode="json")) == RANGES
    assert RANGES.model_dump(mode="json")["to_users_gb"] == [50, 30_000]
    assert Usage().model_dump(mode="json")["image_gb"] == 0.15
