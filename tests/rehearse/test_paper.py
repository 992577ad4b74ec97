"""What the deployer adds to a rollout: calls and time, on paper."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from hermes_cfn.config import parse
from hermes_cfn.rehearse import paper

SIZES = (2, 20, 200)


def told(count: int, batch: int | str) -> paper.Told:
    settings = parse("")
    compute = settings.compute.model_copy(update={"count": count})
    release = settings.release.model_copy(update={"batch": batch, "canary": 0})
    return paper.roll(settings.model_copy(update={"compute": compute, "release": release}))


def test_calls_grow_with_the_fleet_by_at_most_six_an_instance() -> None:
    """The same number of batches, so that what a batch needs is the constant."""
    calls = {size: told(size, "50%").total for size in SIZES}
    print(calls)
    for small, large in ((2, 20), (20, 200)):
        assert calls[large] - calls[small] <= 6 * (large - small)


def test_a_batch_needs_as_many_calls_in_a_large_fleet_as_in_a_small_one() -> None:
    few, many = told(4, 1), told(40, 1)
    assert many.total / 40 < 1.2 * few.total / 4


@pytest.mark.parametrize("size", SIZES)
def test_a_rollout_takes_little_longer_than_it_must(size: int) -> None:
    """The limit is what was reached, with a second of Systems Manager's delivery in each batch."""
    seen = told(size, max(1, size // 10))
    print(f"{size}: {seen.duration_s:.0f} s, {seen.overhead:.1%} above the lower bound")
    assert 0 < seen.overhead < 0.1


def test_the_page_on_reliability_says_what_was_seen() -> None:
    """Its rehearsals are kept beside it; what is on paper is computed anew."""
    docs = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("make_reliability", docs / "make_reliability.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    seen = json.loads(made.SEEN.read_text()) if made.SEEN.exists() else {}
    assert made.page(seen) == made.PAGE.read_text()
