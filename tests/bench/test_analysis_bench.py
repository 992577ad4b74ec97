"""Measurements of the planning half; ``make bench`` runs them."""

import time
from pathlib import Path

import numpy as np
import pytest

from analysis import report
from analysis.options import variants
from analysis.options.frontier import Lattice
from hermes_cfn.config.settings import Settings
from hermes_cfn.pricing import books

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def lattice():
    made = Lattice(Settings(), books.load("eu-south-2", "snapshot"))
    begun = time.perf_counter()
    made.compiled  # noqa: B018
    made.compile_s = time.perf_counter() - begun
    return made


def test_a_million_configurations_in_seconds_and_a_thousand_times_the_scalar_path(lattice, record_property):
    begun = time.perf_counter()
    evaluated = lattice.evaluated
    arrays_s = time.perf_counter() - begun
    scalar = []
    for count in range(1, 21):
        begun = time.perf_counter()
        variants.bill_of(variants.changed(lattice.settings, (("compute.count", count),)), lattice.book)
        scalar.append(time.perf_counter() - begun)
    each = float(np.median(scalar))
    whole_s = lattice.compile_s + arrays_s
    record_property("configurations", evaluated)
    record_property("compile_s", round(lattice.compile_s, 2))
    record_property("evaluate_s", round(arrays_s, 2))
    record_property("scalar_ms", round(each * 1000, 1))
    print(
        f"{evaluated:,} configurations: {lattice.compile_s:.1f} s rendering, {arrays_s:.1f} s evaluating; scalar {each * 1000:.1f} ms each"
    )
    assert evaluated >= 1_000_000
    page = (Path(__file__).parents[2] / "docs/planning.md").read_text(encoding="utf-8")
    assert f"{evaluated:,} configurations, {lattice.feasible:,} of them distinct and feasible" in page.replace(
        "\n", " "
    )
    assert arrays_s < 10
    assert evaluated * each / arrays_s >= 1000
    assert whole_s < 60


def test_the_whole_report_in_well_under_a_minute(lattice, record_property):
    begun = time.perf_counter()
    report.render(Settings(), lattice.book)
    took = time.perf_counter() - begun
    record_property("report_s", round(took, 1))
    print(f"report: {took:.1f} s")
    assert took < 45
