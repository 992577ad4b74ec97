"""Measurements of the planning half; ``make bench`` runs them.  Processor time, so that a busy machine counts less."""

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

REPORT_BILLS = 6000
"""How many bills in full the whole report may take, its million configurations and pictures included."""


@pytest.fixture(scope="module")
def lattice():
    made = Lattice(Settings(), books.load("eu-south-2", "snapshot"))
    begun = time.process_time()
    made.compiled  # noqa: B018
    made.compile_s = time.process_time() - begun
    return made


@pytest.fixture(scope="module")
def scalar_s(lattice):
    """One configuration rendered and billed in full."""
    took = []
    for count in range(1, 21):
        begun = time.process_time()
        variants.bill_of(variants.changed(lattice.settings, (("compute.count", count),)), lattice.book)
        took.append(time.process_time() - begun)
    return float(np.median(took))


def test_a_million_configurations_a_thousand_times_as_fast_as_in_full(lattice, scalar_s, record_property):
    begun = time.process_time()
    evaluated = lattice.evaluated
    arrays_s = time.process_time() - begun
    whole_s = lattice.compile_s + arrays_s
    for name, value in (
        ("configurations", evaluated),
        ("compile_s", lattice.compile_s),
        ("evaluate_s", arrays_s),
        ("scalar_s", scalar_s),
    ):
        record_property(name, round(value, 4))
    print(
        f"{evaluated:,} configurations: {lattice.compile_s:.1f} s rendering, {arrays_s:.1f} s evaluating, "
        f"{evaluated * scalar_s / arrays_s:,.0f} times as fast as in full ({scalar_s * 1000:.1f} ms each), "
        f"{evaluated * scalar_s / whole_s:,.0f} times with the rendering"
    )
    assert evaluated >= 1_000_000
    page = (Path(__file__).parents[2] / "docs/planning.md").read_text(encoding="utf-8")
    assert f"{evaluated:,} configurations, {lattice.feasible:,} of them distinct and feasible" in page.replace(
        "\n", " "
    )
    assert evaluated * scalar_s / arrays_s >= 1000
    assert evaluated * scalar_s / whole_s >= 200


def test_the_whole_report(lattice, scalar_s, record_property):
    begun, began = time.process_time(), time.perf_counter()
    report.render(Settings(), lattice.book)
    took = time.process_time() - begun
    record_property("report_s", round(took, 1))
    print(
        f"report: {took:.1f} s of a processor ({time.perf_counter() - began:.1f} s), {took / scalar_s:,.0f} bills in full"
    )
    assert took < REPORT_BILLS * scalar_s
