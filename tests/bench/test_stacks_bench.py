"""How long all stacks take over the critical path of the published durations."""

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("stack_speed", Path(__file__).parents[2] / "docs/stack_speed.py")
stack_speed = importlib.util.module_from_spec(_spec)
sys.modules["stack_speed"] = stack_speed
_spec.loader.exec_module(stack_speed)


@pytest.mark.bench
def test_all_stacks_take_at_most_a_tenth_longer_than_their_critical_path() -> None:
    found = stack_speed.measure()
    print(f"bound {found.bound_s:.0f} s, took {found.took_s:.0f} s, {found.overhead:.1%} above, {found.calls} calls")
    assert 0 <= found.overhead <= 0.10
