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


def told(count: int, batch: int | str, made=paper.Paper) -> paper.Told:
    settings = parse("")
    compute = settings.compute.model_copy(update={"count": count})
    release = settings.release.model_copy(update={"batch": batch, "canary": 0})
    return paper.roll(settings.model_copy(update={"compute": compute, "release": release}), made=made)


@pytest.mark.parametrize("size", SIZES)
def test_a_rollout_makes_at_most_five_calls_an_instance_and_three_hundred(size: int) -> None:
    assert told(size, "50%").total <= 4.8 * size + 300


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_so_it_does_where_what_it_sees_is_late(size: int, seed: int) -> None:
    seen = told(size, "50%", lambda settings: paper.LatePaper(settings, seed))
    assert seen.total <= 4.8 * size + 300


def test_calls_grow_with_the_fleet_by_at_most_six_an_instance() -> None:
    """The same number of batches, so that what a batch needs is the constant."""
    calls = {size: told(size, "50%").total for size in (*SIZES, 110)}
    print(calls)
    for size, count in calls.items():
        assert count <= calls[2] + 6 * (size - 2)
    assert calls[200] - calls[110] < 1.2 * (calls[110] - calls[20]), "faster than the fleet"


def test_a_batch_needs_as_many_calls_in_a_large_fleet_as_in_a_small_one() -> None:
    few, many = told(4, 1), told(40, 1)
    assert many.total / 40 < 1.2 * few.total / 4


@pytest.mark.parametrize("batch", ["50%", "10%"])
@pytest.mark.parametrize("size", SIZES)
def test_a_rollout_takes_at_most_a_fifteenth_longer_than_it_must(size: int, batch: str) -> None:
    seen = told(size, batch)
    print(f"{size} by {batch}: {seen.duration_s:.0f} s, {seen.overhead:.1%} above the lower bound")
    assert 0 < seen.overhead <= 0.067


def test_what_is_looked_at_often_is_what_can_have_changed() -> None:
    """The group is asked while somebody comes or goes, not while a document runs or a check is waited for."""
    seen = told(2, 1)
    assert seen.calls["DescribeAutoScalingGroups"] < 0.5 * seen.calls["GetParameters"]


def test_the_page_on_reliability_says_what_was_seen() -> None:
    """Its rehearsals are kept beside it; what is on paper is computed anew."""
    docs = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("make_reliability", docs / "make_reliability.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    seen = json.loads(made.SEEN.read_text()) if made.SEEN.exists() else {}
    assert made.page(seen) == made.PAGE.read_text()
